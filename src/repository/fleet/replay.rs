//! Every device that may be out there, sent what is about to be published.
//!
//! Takes the fleet and the candidate. First the judge is asked, cheaply, what each device would take; then a device in that state is
//! made in memory, sent the evidence and the release as it would be, and booted: its own plan must come to the same. A device
//! that could never be reached again is a refusal.

use super::wearable::{Wearable, roomy};
use super::{Cohort, Fleet, FleetError, installable};
use crate::bundle::Bundle;
use crate::name::Product as ProductName;
use crate::repository::candidate::{Offline, bundle_name};
use crate::repository::capacity;
use crate::repository::desk::Desk;
use crate::repository::preflight::{PreflightError, View};
use crate::repository::published::Published;
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::{Draft, Signed};
use crate::role::product::Product;
use crate::store::Store;
use bytes::Bytes;
use cuff_bootloader::layout::Layout;
use cuff_verifier::digest::Digest;
use cuff_verifier::judge::{self, Versions};
use cuff_verifier::version::Counter;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// What is about to be published, and where from.
pub struct Replay<'a> {
    /// The candidate's metadata.
    pub view: &'a View,
    /// What people signed.
    pub offline: &'a Offline,
    /// What is published now.
    pub live: Option<&'a Published>,
    /// The working directory.
    pub desk: &'a Desk,
    /// Where bundles lie that were published before.
    pub store: &'a dyn Store,
}

impl Fleet {
    /// Replays every state, and refuses with the first that would be stranded. Gives those that hold, but have nothing to install.
    pub fn replay(&self, replay: &Replay<'_>) -> Result<Vec<Cohort>, FleetError> {
        let mut idle = Vec::new();
        let mut known = Known::default();
        for cohort in self.cohorts() {
            let name = cohort.release.product();
            let of_product = replay.desk.settings().product(name);
            let left = &of_product.left_behind;
            if cohort.root < of_product.oldest_root
                || left.iter().any(|left| left == cohort.release.version())
            {
                continue;
            }
            if !replay.cohort(cohort, &mut known)? {
                idle.push(cohort.clone());
            }
        }
        Ok(idle)
    }
}

/// What was read for one state and serves the next.
#[derive(Default)]
struct Known {
    /// Images of releases.
    images: BTreeMap<ReleaseName, Bytes>,
    /// The boards that products name.
    boards: BTreeMap<ProductName, Vec<Layout>>,
}

impl Replay<'_> {
    /// Whether such a device would install something; an error if it would be stranded.
    fn cohort(&self, cohort: &Cohort, known: &mut Known) -> Result<bool, FleetError> {
        let name = cohort.release.product();
        let role = self.offline.roles.get(&RoleName::Product(name.clone()));
        let Some(Draft::Product(_, role)) = role.map(Signed::draft) else {
            return Err(FleetError::NoProduct(Box::new(cohort.clone())));
        };
        let stranded = |source| FleetError::Stranded {
            cohort: Box::new(cohort.clone()),
            source,
        };
        let alone = format!("{name}/");
        cohort.judge(self.view, name, &alone).map_err(stranded)?;
        let mut offered: Vec<_> = installable(role)
            .filter(|(_, record)| record.hardware.contains(&cohort.hardware))
            .collect();
        offered.sort_by_key(|(_, record)| std::cmp::Reverse(record.counter.0));
        let (mut refused, mut takes) = (None, None);
        for (release, _) in &offered {
            match cohort.judge(self.view, name, &release.to_string()) {
                Ok(()) => {
                    takes = Some(*release);
                    break;
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        let made_up;
        let boards = match self.named(name, &mut known.boards)? {
            [] => {
                made_up = [self.roomy(cohort, role).map_err(stranded)?];
                &made_up[..]
            }
            named => named,
        };
        for layout in boards {
            self.send(cohort, layout, &alone, None).map_err(stranded)?;
        }
        if let Some(release) = takes {
            // What only is signed afresh is offered as it was before.
            if !self.offline.fresh.is_empty() {
                let image = self.image(release, role, &mut known.images)?;
                for layout in boards {
                    let sent = self.send(cohort, layout, &release.to_string(), Some(image));
                    sent.map_err(stranded)?;
                }
            }
            return Ok(true);
        }
        let before = self.live.and_then(|live| live.product(name));
        let brings_one = offered
            .iter()
            .any(|(release, _)| before.is_none_or(|before| !before.targets.contains_key(*release)));
        match refused.filter(|_| brings_one) {
            Some(error) => Err(stranded(error)),
            None => Ok(false),
        }
    }

    /// Sends an offer to a device in memory and boots it.
    fn send(
        &self,
        cohort: &Cohort,
        layout: &Layout,
        offer: &str,
        image: Option<&[u8]>,
    ) -> Result<(), PreflightError> {
        let name = cohort.release.product();
        let refused = |reason| PreflightError::Device {
            product: name.clone(),
            offer: offer.to_owned(),
            reason,
        };
        let inbox = u64::from(layout.inbox_evidence().length);
        let space = image.map_or(inbox, |_| u64::from(layout.evidence));
        let (steps, evidence) = self.view.messages(cohort.root, name, offer, space, inbox)?;
        let root = self.view.root_signed(cohort.root)?;
        let mut device = Wearable::of(cohort, root, layout).map_err(refused)?;
        for step in steps {
            device.take_evidence(&step).map_err(refused)?;
        }
        match image {
            Some(image) => device.take_release(&evidence, image),
            None => device.take_evidence(&evidence),
        }
        .map_err(refused)
    }

    /// The boards of the product.
    fn named<'k>(
        &self,
        name: &ProductName,
        boards: &'k mut BTreeMap<ProductName, Vec<Layout>>,
    ) -> Result<&'k [Layout], FleetError> {
        Ok(match boards.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let named = capacity::layouts(self.desk, name);
                place.insert(named.map_err(|error| FleetError::Board(Box::new(error)))?)
            }
        })
    }

    /// A board with room for all of it, for a product that names none.
    fn roomy(&self, cohort: &Cohort, role: &Product) -> Result<Layout, PreflightError> {
        let name = cohort.release.product();
        let roots = self.view.roots.values().map(|root| root.len() as u64);
        let image = installable(role).map(|(_, record)| record.image.length.0);
        let evidence = self.view.evidence(cohort.root, name, &format!("{name}/"))?;
        // A path is longer than none.
        let evidence = evidence.len() as u64 + 512;
        Ok(roomy(
            evidence,
            image.max().unwrap_or_default(),
            roots.max().unwrap_or_default(),
        ))
    }

    /// The image of a release: staged, or in the store.
    fn image<'k>(
        &self,
        release: &ReleaseName,
        role: &Product,
        images: &'k mut BTreeMap<ReleaseName, Bytes>,
    ) -> Result<&'k [u8], FleetError> {
        let place = match images.entry(release.clone()) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(place) => place,
        };
        let digest = role.targets.get(release).map(|listed| listed.hashes.sha256);
        let missing = || FleetError::NoBundle(release.clone());
        let name = bundle_name(release, &digest.ok_or_else(missing)?)?;
        let bytes = match self.offline.bundles.get(&name) {
            Some(bytes) => bytes.clone(),
            None => self.store.get(&name)?.ok_or_else(missing)?.into(),
        };
        let bundle = Bundle::of(bytes).map_err(|source| FleetError::Bundle {
            release: release.clone(),
            source: Box::new(source),
        })?;
        Ok(place.insert(bundle.into_image()))
    }
}

impl Cohort {
    /// Versions of the roles that such a device has seen.
    pub(super) fn versions(&self) -> Versions {
        Versions {
            timestamp: self.timestamp,
            snapshot: self.snapshot,
            targets: self.targets,
            product: self.product,
        }
    }

    /// What such a device says: to a release, or to evidence alone.
    fn judge(&self, view: &View, product: &ProductName, offer: &str) -> Result<(), PreflightError> {
        view.judge_as_known(self.root, product, offer, |root| judge::Known {
            bootloader: self.bootloader,
            versions: self.versions(),
            // Asked for only when nothing is newer, and what is about to be published is.
            timestamp_digest: Digest([0; 32]),
            floor: self.floor.0,
            minimum_counter: Counter(self.minimum_counter),
            counter: Counter(self.counter),
            ..judge::Known::of_new_unit(product.as_str(), self.hardware.as_str(), 0, root)
        })
    }
}
