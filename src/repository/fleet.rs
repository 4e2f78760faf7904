//! The fleet: what devices may be out there, as far as publishing has made them possible.
//!
//! Every publication of a release or a root adds one immutable object under `fleet/` that says which states it leads devices
//! to. Its name is its digest; it lists all objects before it, and snapshot names the newest, so that none can be taken away
//! unnoticed. Before anything is published, a device in each of these states is replayed (docs/store.md).

pub mod replay;
mod wearable;

use super::candidate::Offline;
use super::capacity::CapacityError;
use super::preflight::PreflightError;
use super::published::Published;
use crate::bundle::BundleError;
use crate::name::Hardware;
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::{Draft, Signed};
use crate::role::product::Product;
use crate::role::wire::{Hex, Utc};
use crate::store::{ObjectName, Store, StoreError};
use cuff_verifier::release::Kind;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// Everything that was made possible so far.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    objects: Vec<Hex>,
    cohorts: BTreeSet<Cohort>,
}

/// Devices that took one release when it was current.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cohort {
    /// The release they run.
    pub release: ReleaseName,
    /// Their hardware id.
    pub hardware: Hardware,
    /// The oldest bootloader that takes the release.
    pub bootloader: u64,
    /// Its security counter.
    pub counter: u64,
    /// The least counter they allow.
    pub minimum_counter: u64,
    /// The root they trust.
    pub root: u64,
    /// The timestamp they have seen.
    pub timestamp: u64,
    /// The snapshot they have seen.
    pub snapshot: u64,
    /// The targets role they have seen.
    pub targets: u64,
    /// The product role they have seen.
    pub product: u64,
    /// Their time floor.
    pub floor: Utc,
}

impl fmt::Display for Cohort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on {} (root v{}, counter {})",
            self.release, self.hardware, self.root, self.counter
        )
    }
}

/// A new object of the fleet.
#[derive(Clone, Debug)]
pub struct Addition {
    /// Its name in the store.
    pub name: ObjectName,
    /// All of it.
    pub bytes: Vec<u8>,
    /// What snapshot says of it.
    pub digest: Hex,
}

impl Fleet {
    /// Reads the fleet of a repository. One that lost a part, or was published with one before and has none, is refused;
    /// one from before there were fleets begins with none.
    pub fn read(
        store: &dyn Store,
        live: Option<&Published>,
        mirror: Option<&Published>,
    ) -> Result<Self, FleetError> {
        let named =
            |published: Option<&Published>| published.and_then(|there| there.snapshot().fleet);
        let Some(newest) = named(live) else {
            return match named(mirror) {
                Some(digest) => Err(FleetError::Forgotten(digest)),
                None => Ok(Self::default()),
            };
        };
        let first = store.get(&name(&newest)?)?;
        let page = Page::open(&newest, first)?;
        let before: Vec<_> = page.before.iter().map(name).collect::<Result<_, _>>()?;
        let found = store.get_all(&before.iter().collect::<Vec<_>>())?;
        let mut fleet = Self {
            objects: page.before.clone(),
            cohorts: page.cohorts,
        };
        for (digest, bytes) in page.before.iter().zip(found) {
            fleet.cohorts.extend(Page::open(digest, bytes)?.cohorts);
        }
        fleet.objects.push(newest);
        Ok(fleet)
    }

    /// The digest snapshot goes on naming when nothing is added.
    pub fn newest(&self) -> Option<Hex> {
        self.objects.last().copied()
    }

    /// Every state that was made possible.
    pub fn cohorts(&self) -> impl Iterator<Item = &Cohort> {
        self.cohorts.iter()
    }

    /// Every object, oldest first.
    pub fn objects(&self) -> &[Hex] {
        &self.objects
    }

    /// Whether nothing was ever made possible, as far as anybody wrote down.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Adds what a publication makes possible: nothing, unless it brings a release or a root, or the fleet begins here.
    pub fn extended(
        &self,
        offline: &Offline,
        live: Option<&Published>,
        snapshot: u64,
        timestamp: u64,
    ) -> Result<Option<Addition>, FleetError> {
        if offline.fresh.is_empty() {
            // Nothing that devices could not have before.
            return Ok(None);
        }
        let new_root = offline.fresh.contains_key(&RoleName::Root) || self.objects.is_empty();
        let targets = offline.roles.get(&RoleName::Targets).map(Signed::draft);
        let Some(Draft::Targets(targets)) = targets else {
            return Ok(None);
        };
        if targets.has_bins() {
            return Ok(None);
        }
        let mut cohorts = BTreeSet::new();
        for signed in offline.roles.values() {
            let Draft::Product(product, role) = signed.draft() else {
                continue;
            };
            let before = live.and_then(|live| live.product(product));
            for (release, record) in installable(role) {
                let known = before.is_some_and(|before| before.targets.contains_key(release));
                if known && !new_root {
                    continue;
                }
                cohorts.extend(record.hardware.iter().map(|hardware| Cohort {
                    release: release.clone(),
                    hardware: hardware.clone(),
                    bootloader: record.minimum_bootloader,
                    counter: record.counter.0,
                    minimum_counter: role.minimum_counter,
                    root: offline.root.version,
                    timestamp,
                    snapshot,
                    targets: targets.version,
                    product: role.version,
                    floor: offline.root.issued.max(targets.issued).max(role.issued),
                }));
            }
        }
        if cohorts.is_empty() && !new_root {
            return Ok(None);
        }
        let page = Page {
            before: self.objects.clone(),
            cohorts,
            schema_version: SCHEMA_VERSION,
        };
        let mut bytes = serde_json::to_vec(&page).map_err(FleetError::Write)?;
        bytes.push(b'\n');
        let digest = Hex::sha256(&bytes);
        Ok(Some(Addition {
            name: name(&digest)?,
            bytes,
            digest,
        }))
    }
}

/// One object.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    /// Every object before it, oldest first.
    before: Vec<Hex>,
    /// What this publication made possible.
    cohorts: BTreeSet<Cohort>,
    schema_version: u32,
}

impl Page {
    fn open(digest: &Hex, bytes: Option<Vec<u8>>) -> Result<Self, FleetError> {
        let bytes = bytes.ok_or(FleetError::Gone(*digest))?;
        let found = Hex::sha256(&bytes);
        if found != *digest {
            return Err(FleetError::Changed {
                expected: *digest,
                found,
            });
        }
        let unreadable = |source| FleetError::Unreadable {
            digest: *digest,
            source,
        };
        let page: Self = serde_json::from_slice(&bytes).map_err(unreadable)?;
        if page.schema_version != SCHEMA_VERSION {
            let message = format!("a newer cuff wrote it (format {})", page.schema_version);
            return Err(unreadable(serde::de::Error::custom(message)));
        }
        Ok(page)
    }
}

/// A fleet that is not what it was, or that must not be left behind.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A part is missing.
    #[error("`fleet/{0}.json` is missing: which devices are out there is no longer known")]
    Gone(Hex),
    /// A part was edited.
    #[error("`fleet/{expected}.json` was changed: expected SHA-256 {expected}, found {found}")]
    Changed {
        /// The digest in its name.
        expected: Hex,
        /// The digest of what is there.
        found: Hex,
    },
    /// The repository has a history, and its newest state says nothing of a fleet.
    #[error(
        "the published snapshot names no fleet, but one before it named `fleet/{0}.json`: an older cuff has published, or somebody emptied the fleet"
    )]
    Forgotten(Hex),
    /// A history without a fleet.
    #[error(
        "{0} holds a repository that names no fleet: which devices are out there is not known, and any of them could be stranded"
    )]
    NoFleet(String),
    /// Not written by cuff, or by a newer one.
    #[error("`fleet/{digest}.json` cannot be read")]
    Unreadable {
        /// Its digest.
        digest: Hex,
        /// Why.
        source: serde_json::Error,
    },
    /// It cannot be written.
    #[error("the fleet cannot be written")]
    Write(#[source] serde_json::Error),
    /// A product is gone, and its devices are not.
    #[error("devices that run {0} would be stranded: nobody speaks for their product any more")]
    NoProduct(Box<Cohort>),
    /// Devices that could never be reached again.
    #[error("devices that run {cohort} would be stranded")]
    Stranded {
        /// Which.
        cohort: Box<Cohort>,
        /// What they would say.
        source: PreflightError,
    },
    /// What devices would be offered is not there.
    #[error("the bundle of {0} is not in the store, and no device can be tried with it")]
    NoBundle(ReleaseName),
    /// What devices would be offered is no bundle.
    #[error("the bundle of {release} in the store cannot be opened")]
    Bundle {
        /// The release.
        release: ReleaseName,
        /// Why.
        source: Box<BundleError>,
    },
    /// A board of a product.
    #[error(transparent)]
    Board(#[from] Box<CapacityError>),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The releases devices may install: those not below the minimum, without bootloaders.
fn installable(
    role: &Product,
) -> impl Iterator<Item = (&ReleaseName, &crate::bundle::record::Record)> {
    role.targets
        .iter()
        .map(|(name, release)| (name, release.record()))
        .filter(|(_, record)| {
            record.kind == Kind::Application && record.counter.0 >= role.minimum_counter
        })
}

fn name(digest: &Hex) -> Result<ObjectName, StoreError> {
    ObjectName::new(format!("fleet/{digest}.json"))
}

const SCHEMA_VERSION: u32 = 1;
