//! What a person should look at twice before they sign. Warnings never decide anything.

use super::{EVIDENCE_NEAR_LIMIT, Warning};
use crate::instant::{self, Span};
use crate::key::{KeyId, example};
use crate::name::Product as ProductName;
use crate::repository::bench::Bench;
use crate::repository::capacity::{self, CapacityError};
use crate::repository::people::People;
use crate::role::name::RoleName;
use crate::role::pipeline::Draft;
use crate::role::product::Product;
use crate::role::root::Root;
use crate::role::wire::{Hex, Utc};
use cuff_verifier::digest::Digest;
use std::collections::{BTreeMap, BTreeSet};

/// People need this long to gather and sign again.
const NEAR: Span = Span::days(14);
/// Clocks that are looked after agree better than this.
const SKEW: Span = Span::from_seconds(60 * 60);
/// Longer than this nobody remembers where the keys are.
const FAR: Span = Span::days(730);

pub(super) fn all(bench: &Bench<'_>, people: &People) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for staged in bench.staging().roles.values() {
        expiry(bench, staged.draft(), &mut warnings);
        clock(bench, staged.draft(), &mut warnings);
        match staged.draft() {
            Draft::Root(root) => of_root(root, people, &mut warnings),
            Draft::Targets(targets) => {
                for role in &targets.delegations.roles {
                    threshold(role.name.as_str(), role.threshold, &mut warnings);
                    strangers(role.name.as_str(), &role.keyids, people, &mut warnings);
                }
            }
            Draft::Product(name, product) => {
                counters(bench, name, product, &mut warnings);
                evidence(bench, name, &mut warnings);
            }
            Draft::Snapshot(_) | Draft::Timestamp(_) => {}
        }
    }
    for outdated in &bench.staging().outdated {
        let who = people.show(&outdated.keyid);
        let message = format!(
            "the signature of {who} was made for other bytes and does not count; they must sign again"
        );
        warn(&mut warnings, "outdated-signature", &outdated.role, message);
    }
    for stale in bench.stale() {
        let message = format!(
            "staged v{} is stale: v{} is published",
            stale.staged, stale.published
        );
        warn(&mut warnings, "stale", &stale.role, message);
    }
    warnings
}

fn warn(warnings: &mut Vec<Warning>, rule: &str, about: &dyn ToString, message: String) {
    warnings.push(Warning {
        rule: rule.to_owned(),
        about: about.to_string(),
        message,
    });
}

fn expiry(bench: &Bench<'_>, draft: &Draft, warnings: &mut Vec<Warning>) {
    let (role, expires) = (draft.name(), draft.expires());
    match instant::between(bench.now(), expires.0) {
        None => warn(
            warnings,
            "expired",
            &role,
            format!("it expired already, on {expires}"),
        ),
        Some(left) if left < NEAR => {
            warn(
                warnings,
                "expiry-near",
                &role,
                format!("it expires on {expires}, in less than {NEAR}"),
            );
        }
        Some(left) if left > FAR => {
            let message = format!(
                "it expires on {expires}, more than {FAR} from now: lost keys go unnoticed until then"
            );
            warn(warnings, "expiry-far", &role, message);
        }
        Some(_) => {}
    }
}

/// Whoever staged it and whoever reads it have clocks of their own.
fn clock(bench: &Bench<'_>, draft: &Draft, warnings: &mut Vec<Warning>) {
    let Some(issued) = draft.issued() else {
        return;
    };
    if instant::between(bench.now(), issued.0).is_some_and(|ahead| ahead > SKEW) {
        let message = format!(
            "it says it was made at {issued}, and here it is {}: one of the two clocks is wrong, and devices never forget a date that was signed",
            Utc(bench.now())
        );
        warn(warnings, "clock", &draft.name(), message);
    }
}

fn of_root(root: &Root, people: &People, warnings: &mut Vec<Warning>) {
    let roles = &root.roles;
    for (name, who) in [("root", &roles.root), ("targets", &roles.targets)] {
        threshold(name, who.threshold, warnings);
        strangers(name, &who.keyids, people, warnings);
    }
    let online: BTreeSet<&Hex> = roles
        .snapshot
        .keyids
        .iter()
        .chain(&roles.timestamp.keyids)
        .collect();
    for (name, who) in [("root", &roles.root), ("targets", &roles.targets)] {
        for key in people.sorted(who.keyids.iter().filter(|key| online.contains(key))) {
            let message = format!(
                "{} is an online key too: whoever takes the server holds a vote here",
                people.show(key)
            );
            warn(warnings, "online-key-offline", &name, message);
        }
    }
    examples("snapshot and timestamp", online.into_iter(), warnings);
}

fn threshold(role: &str, threshold: u64, warnings: &mut Vec<Warning>) {
    if threshold == 1 {
        let message = "a threshold of 1: one stolen key is enough to sign this role".to_owned();
        warn(warnings, "threshold-one", &role, message);
    }
}

fn strangers(role: &str, keyids: &[Hex], people: &People, warnings: &mut Vec<Warning>) {
    examples(role, keyids.iter(), warnings);
    let mut by_person: BTreeMap<&str, Vec<&Hex>> = BTreeMap::new();
    for key in keyids {
        if let Some(person) = people.person(key) {
            by_person.entry(person).or_default().push(key);
        }
    }
    for (person, keys) in by_person.into_iter().filter(|(_, keys)| keys.len() > 1) {
        let keys: Vec<String> = people
            .sorted(keys)
            .into_iter()
            .map(|key| people.show(key))
            .collect();
        let message = format!(
            "{person} holds {} of its keys, {}, and counts as often",
            keys.len(),
            keys.join(" and ")
        );
        warn(warnings, "same-person", &role, message);
    }
    for key in keyids {
        if people.name(key).is_none() {
            let message =
                format!("key {key} has no `.pub` file in `keys/`: nobody here can say whose it is");
            warn(warnings, "key-without-name", &role, message);
        }
    }
}

fn examples<'k>(role: &str, keys: impl Iterator<Item = &'k Hex>, warnings: &mut Vec<Warning>) {
    let mut names: Vec<&str> = keys
        .filter_map(|key| example::holder(&KeyId(Digest(key.0))))
        .collect();
    names.sort_unstable();
    if !names.is_empty() {
        let message = format!(
            "anyone can sign with these published example keys: {}",
            names.join(", ")
        );
        warn(warnings, "example-key", &role, message);
    }
}

/// Wrong settings are not the signers' business; `stage` and `publish` refuse them.
fn evidence(bench: &Bench<'_>, name: &ProductName, warnings: &mut Vec<Warning>) {
    let (rule, message) = match capacity::foresee(bench, name) {
        Ok(need) => (EVIDENCE_NEAR_LIMIT, need.warning()),
        Err(error @ CapacityError::TooLarge { .. }) => {
            ("evidence-too-large", Some(error.to_string()))
        }
        Err(_) => return,
    };
    if let Some(message) = message {
        warn(warnings, rule, name, message);
    }
}

fn counters(bench: &Bench<'_>, name: &ProductName, product: &Product, warnings: &mut Vec<Warning>) {
    let published = bench
        .published()
        .and_then(|published| published.product(name));
    let Some(highest) = published.and_then(Product::highest_counter) else {
        return;
    };
    let step = bench.settings().max_counter_step;
    for (release, entry) in &product.targets {
        if published.is_some_and(|published| published.targets.contains_key(release)) {
            continue;
        }
        let counter = entry.record().counter.0;
        if counter == highest {
            let message = format!(
                "the security counter stays {counter}: devices can go back to what is published now"
            );
            warn(warnings, "counter-not-raised", release, message);
        }
        if counter > highest.saturating_add(step) {
            let message = format!(
                "the security counter jumps from {highest} to {counter}, more than max-counter-step = {step}: devices have room for few steps"
            );
            warn(warnings, "counter-jump", release, message);
        }
    }
    for (release, entry) in &product.targets {
        let counter = entry.record().counter.0;
        if counter < product.minimum_counter {
            let message = format!(
                "its security counter {counter} is below the minimum {}: every device refuses it",
                product.minimum_counter
            );
            warn(warnings, "below-minimum", release, message);
        }
    }
    for (release, advisory) in &product.withdrawn {
        let before = published.and_then(|published| published.targets.get(release));
        let counter = before.map(|entry| entry.record().counter.0);
        if let Some(counter) = counter.filter(|counter| *counter >= product.minimum_counter) {
            let message = format!(
                "it is withdrawn ({}), but the minimum counter stays {}: devices still take it, counter {counter}, from a sealed bundle made before, until they see this",
                advisory.severity, product.minimum_counter
            );
            warn(warnings, "withdrawn-installable", release, message);
        }
    }
    let role = RoleName::Product(name.clone());
    if published.is_some_and(|published| published.minimum_counter > product.minimum_counter) {
        warn(
            warnings,
            "minimum-falls",
            &role,
            "the minimum counter falls; devices keep the higher one".to_owned(),
        );
    }
}
