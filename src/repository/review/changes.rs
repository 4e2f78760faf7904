//! What every staged role says that was not said before.

use super::{Change, ReleaseFacts, RoleReview, Warning, papers};
use crate::bundle::Bundle;
use crate::repository::bench::Bench;
use crate::repository::papers::Papers;
use crate::repository::people::People;
use crate::repository::published::Published;
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::{Draft, Staged};
use crate::role::product::{Product, Release};
use crate::role::root::{RoleKeys, Root};
use crate::role::targets::Targets;
use crate::role::wire::{Hex, Utc};
use std::collections::BTreeMap;

pub(super) fn all(
    bench: &Bench<'_>,
    people: &People,
    bundles: &BTreeMap<ReleaseName, &Bundle>,
    warnings: &mut Vec<Warning>,
) -> Vec<RoleReview> {
    let papers = Papers::of(bench.desk());
    let roles = bench.staging().roles.values();
    roles
        .map(|staged| {
            role(bench, people, staged, |facts, name, before| {
                if let Some(bundle) = bundles.get(name) {
                    papers::compare(facts, bundle, before, &papers, warnings);
                }
            })
        })
        .collect()
}

fn role(
    bench: &Bench<'_>,
    people: &People,
    staged: &Staged,
    compare: impl FnMut(&mut ReleaseFacts, &ReleaseName, Option<&Product>),
) -> RoleReview {
    let (draft, published) = (staged.draft(), bench.published());
    let (issued, changes) = match draft {
        Draft::Root(root) => (
            Some(root.issued),
            roots(published.map(Published::root), root, people),
        ),
        Draft::Targets(targets) => (
            Some(targets.issued),
            delegations(published.map(Published::targets), targets, people),
        ),
        Draft::Product(name, product) => (
            Some(product.issued),
            releases(
                published.and_then(|published| published.product(name)),
                product,
                compare,
            ),
        ),
        Draft::Snapshot(_) | Draft::Timestamp(_) => (None, Vec::new()),
    };
    RoleReview {
        role: draft.name().to_string(),
        from_version: published.map_or(0, |published| published.version(&draft.name())),
        to_version: draft.version(),
        issued: issued.as_ref().map(Utc::to_string).unwrap_or_default(),
        expires: draft.expires().to_string(),
        changes,
    }
}

fn roots(before: Option<&Root>, now: &Root, people: &People) -> Vec<Change> {
    let mut changes = Vec::new();
    for (role, pick) in ROLES {
        keys(
            &role.to_string(),
            before.map(pick),
            Some(pick(now)),
            people,
            &mut changes,
        );
    }
    changes
}

/// A role of root, and where it stands.
type Pick = fn(&Root) -> &RoleKeys;

const ROLES: [(RoleName, Pick); 4] = [
    (RoleName::Root, |root| &root.roles.root),
    (RoleName::Targets, |root| &root.roles.targets),
    (RoleName::Snapshot, |root| &root.roles.snapshot),
    (RoleName::Timestamp, |root| &root.roles.timestamp),
];

fn delegations(before: Option<&Targets>, now: &Targets, people: &People) -> Vec<Change> {
    let mut changes = Vec::new();
    let old = before
        .map(|targets| &targets.delegations.roles[..])
        .unwrap_or_default();
    let who = |keyids: &[Hex], threshold| RoleKeys {
        keyids: keyids.to_vec(),
        threshold,
    };
    for delegation in &now.delegations.roles {
        let earlier = old.iter().find(|role| role.name == delegation.name);
        if earlier.is_none() {
            changes.push(Change::ProductAdded {
                product: delegation.name.to_string(),
            });
        }
        let earlier = earlier.map(|role| who(&role.keyids, role.threshold));
        let later = who(&delegation.keyids, delegation.threshold);
        keys(
            delegation.name.as_str(),
            earlier.as_ref(),
            Some(&later),
            people,
            &mut changes,
        );
    }
    let bins = before.and_then(|before| before.delegations.bins.as_ref());
    if let Some(later) = &now.delegations.bins {
        let (from, to) = (
            bins.map_or(0, |bins| bins.count().get()),
            later.count().get(),
        );
        if from != to {
            changes.push(Change::Bins { from, to });
        }
        let earlier = bins.map(|bins| who(&bins.keyids, bins.threshold));
        let later = who(&later.keyids, later.threshold);
        keys(
            "the bins",
            earlier.as_ref(),
            Some(&later),
            people,
            &mut changes,
        );
    }
    for delegation in old
        .iter()
        .filter(|role| now.delegation(&role.name).is_none())
    {
        changes.push(Change::ProductRemoved {
            product: delegation.name.to_string(),
        });
    }
    changes
}

fn keys(
    role: &str,
    before: Option<&RoleKeys>,
    now: Option<&RoleKeys>,
    people: &People,
    changes: &mut Vec<Change>,
) {
    let old = before.map(|who| &who.keyids[..]).unwrap_or_default();
    let new = now.map(|who| &who.keyids[..]).unwrap_or_default();
    for key in people.sorted(new.iter().filter(|key| !old.contains(key))) {
        let (role, person) = (role.to_owned(), people.show(key));
        changes.push(Change::KeyAdded {
            role,
            person,
            key: key.to_string(),
        });
    }
    for key in people.sorted(old.iter().filter(|key| !new.contains(key))) {
        let (role, person) = (role.to_owned(), people.show(key));
        changes.push(Change::KeyRemoved {
            role,
            person,
            key: key.to_string(),
        });
    }
    let (from, to) = (
        before.map_or(0, |who| who.threshold),
        now.map_or(0, |who| who.threshold),
    );
    if from != to {
        changes.push(Change::Threshold {
            role: role.to_owned(),
            from,
            to,
            keys: new.len(),
        });
    }
}

fn releases(
    before: Option<&Product>,
    now: &Product,
    mut compare: impl FnMut(&mut ReleaseFacts, &ReleaseName, Option<&Product>),
) -> Vec<Change> {
    let mut changes = Vec::new();
    let counter_before = before.and_then(Product::highest_counter);
    let mut told = |name: &ReleaseName, release: &Release| {
        let mut facts = facts(name, release, counter_before);
        compare(&mut facts, name, before);
        Box::new(facts)
    };
    for (name, release) in &now.targets {
        match before.and_then(|before| before.targets.get(name)) {
            None => changes.push(Change::ReleaseAdded(told(name, release))),
            Some(old) if old != release => {
                changes.push(Change::ReleaseReplaced(told(name, release)));
            }
            Some(_) => {}
        }
    }
    for (name, release) in before.map(|before| &before.targets).into_iter().flatten() {
        if !now.targets.contains_key(name) {
            changes.push(Change::ReleaseRemoved {
                release: name.to_string(),
                counter: release.record().counter.0,
                advisory: now.withdrawn.get(name).cloned(),
            });
        }
    }
    let from = before.map_or(0, |before| before.minimum_counter);
    if from != now.minimum_counter {
        changes.push(Change::MinimumCounter {
            from,
            to: now.minimum_counter,
        });
    }
    changes
}

fn facts(name: &ReleaseName, release: &Release, counter_before: Option<u64>) -> ReleaseFacts {
    let record = release.record();
    ReleaseFacts {
        release: name.to_string(),
        kind: record.kind.name().to_owned(),
        counter: record.counter.0,
        counter_before,
        hardware: record.hardware.iter().map(ToString::to_string).collect(),
        minimum_bootloader: record.minimum_bootloader,
        image_length: record.image.length.0,
        image_sha256: record.image.sha256.to_string(),
        bundle_length: release.length,
        bundle_sha256: release.hashes.sha256.to_string(),
        compared_with: None,
        sbom: record.sbom.map(|digest| digest.to_string()),
        sbom_components: None,
        sbom_changes: Vec::new(),
        recipients: record.recipients.map(|digest| digest.to_string()),
        recipients_changes: Vec::new(),
    }
}
