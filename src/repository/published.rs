//! What is published: the mirror in the working directory, or the store itself, read back and checked.
//!
//! Takes a place to read from and the root to trust, gives every current role once the verifier has judged the whole, as a
//! client without a clock does: an expired repository is exactly what the desk must be able to repair.

use super::desk::Pin;
use super::preflight::{PreflightError, View};
use crate::name::Product as ProductName;
use crate::role::authority::Authority;
use crate::role::name::RoleName;
use crate::role::pipeline::{Draft, ReadError, Signed};
use crate::role::product::Product;
use crate::role::root::Root;
use crate::role::snapshot::Snapshot;
use crate::role::targets::Targets;
use crate::role::timestamp::Timestamp;
use crate::role::wire::{FileMeta, Hex};
use crate::store::{ObjectName, Store, StoreError};
use cuff_verifier::digest::Digest;
use cuff_verifier::time::Clock;
use cuff_verifier::trusted::Seen;
use cuff_verifier::version::Version;
use std::collections::BTreeMap;

/// A published repository.
#[derive(Clone, Debug)]
pub struct Published {
    roots: BTreeMap<u64, Signed>,
    root: Root,
    timestamp: (Signed, Timestamp),
    snapshot: (Signed, Snapshot),
    targets: (Signed, Targets),
    products: BTreeMap<ProductName, Signed>,
}

impl Published {
    /// Reads a repository from the pinned root on; `None` when nothing was ever published there.
    pub fn read(store: &dyn Store, pin: Option<&Pin>) -> Result<Option<Self>, PublishedError> {
        Self::read_until(store, pin, u64::MAX)
    }

    /// Reads a repository as a client sees it that has not heard of any newer root than the pinned one.
    pub fn read_at(store: &dyn Store, pin: &Pin) -> Result<Option<Self>, PublishedError> {
        Self::read_until(store, Some(pin), pin.version)
    }

    /// Whether the store holds these very files and no newer root: then it need not be judged again.
    pub fn is_in(&self, store: &dyn Store) -> Result<bool, PublishedError> {
        let roots = self.roots.iter();
        let roots = roots.map(|(version, root)| (RoleName::Root.file(*version), root));
        let below = self
            .offline_roles()
            .filter(|role| *role != RoleName::Root)
            .chain([RoleName::Snapshot, RoleName::Timestamp]);
        let below = below.filter_map(|role| {
            let signed = self.signed(&role)?;
            Some((role.file(signed.draft().version()), signed))
        });
        for (file, signed) in roots.chain(below) {
            if get(store, &file)?.as_deref() != Some(signed.file()) {
                return Ok(false);
            }
        }
        Ok(get(store, &RoleName::Root.file(self.root.version + 1))?.is_none())
    }

    fn read_until(
        store: &dyn Store,
        pin: Option<&Pin>,
        last: u64,
    ) -> Result<Option<Self>, PublishedError> {
        let Some(timestamp_file) = get(store, "timestamp.json")? else {
            return Ok(None);
        };
        let (roots, root) = read_roots(store, pin, last)?;
        let open = |role: &RoleName, file: &[u8]| {
            let authorities: Vec<_> = Authority::of_top_level(&root, role).into_iter().collect();
            Signed::open(role, file, &authorities)
        };
        let timestamp = open(&RoleName::Timestamp, &timestamp_file)?;
        let Draft::Timestamp(stamp) = timestamp.draft().clone() else {
            return Err(PublishedError::Missing("timestamp.json".to_owned()));
        };
        let snapshot_file = pinned(store, &RoleName::Snapshot, &stamp.meta.snapshot)?;
        let snapshot = open(&RoleName::Snapshot, &snapshot_file)?;
        let Draft::Snapshot(lists) = snapshot.draft().clone() else {
            return Err(PublishedError::Missing("snapshot.json".to_owned()));
        };
        let meta = lists.pinned(&RoleName::Targets);
        let meta = meta.ok_or_else(|| PublishedError::Missing("targets.json".to_owned()))?;
        let signed = open(
            &RoleName::Targets,
            &pinned(store, &RoleName::Targets, meta)?,
        )?;
        let Draft::Targets(targets) = signed.draft().clone() else {
            return Err(PublishedError::Missing("targets.json".to_owned()));
        };
        let mut products = BTreeMap::new();
        for delegation in &targets.delegations.roles {
            let role = RoleName::Product(delegation.name.clone());
            let meta = lists
                .pinned(&role)
                .ok_or_else(|| PublishedError::Missing(format!("{role}.json")))?;
            let file = pinned(store, &role, meta)?;
            let authorities: Vec<_> = Authority::of_product(&targets, &delegation.name)
                .into_iter()
                .collect();
            let signed = Signed::open(&role, &file, &authorities)?;
            products.insert(delegation.name.clone(), signed);
        }
        let published = Self {
            roots,
            root,
            timestamp: (timestamp, stamp),
            snapshot: (snapshot, lists),
            targets: (signed, targets),
            products,
        };
        let anchor = published.roots.keys().next().copied().unwrap_or(1);
        let view = published.view();
        view.judge_as_client(anchor, Seen::default(), Clock::Absent)?;
        Ok(Some(published))
    }

    /// What was made from these files, which were judged, and lies in a store.
    pub fn made(
        roots: BTreeMap<u64, Signed>,
        timestamp: Signed,
        snapshot: Signed,
        mut roles: BTreeMap<RoleName, Signed>,
    ) -> Option<Self> {
        let targets = roles.remove(&RoleName::Targets)?;
        let drafts = (
            roots.values().next_back()?.draft().clone(),
            timestamp.draft().clone(),
            snapshot.draft().clone(),
            targets.draft().clone(),
        );
        let (
            Draft::Root(root),
            Draft::Timestamp(stamp),
            Draft::Snapshot(lists),
            Draft::Targets(delegations),
        ) = drafts
        else {
            return None;
        };
        let products = roles.into_iter().filter_map(|(role, signed)| match role {
            RoleName::Product(name) => Some((name, signed)),
            _ => None,
        });
        Some(Self {
            roots,
            root,
            timestamp: (timestamp, stamp),
            snapshot: (snapshot, lists),
            targets: (targets, delegations),
            products: products.collect(),
        })
    }

    /// Its files, for the verifier; the roots from the pinned one on.
    pub fn view(&self) -> View {
        let file = |role: &RoleName| self.signed(role).map(|signed| signed.file().to_owned());
        let roots = self.roots.iter();
        let below = self.offline_roles().filter(|role| *role != RoleName::Root);
        View {
            roots: roots
                .map(|(version, root)| (*version, root.file().to_owned()))
                .collect(),
            timestamp: file(&RoleName::Timestamp).unwrap_or_default(),
            snapshot: file(&RoleName::Snapshot).unwrap_or_default(),
            roles: below
                .filter_map(|role| file(&role).map(|file| (role, file)))
                .collect(),
            for_hosts: self.targets().has_bins(),
        }
    }

    /// What a client remembers that has seen this.
    pub fn seen(&self) -> Seen<'static> {
        Seen {
            timestamp: Version::new(self.timestamp().version)
                .zip(Some(Digest::of(self.timestamp.0.file()))),
            snapshot: Version::new(self.snapshot().version),
            ..Seen::default()
        }
    }

    /// The current root.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Every root from the pinned one on.
    pub fn roots(&self) -> &BTreeMap<u64, Signed> {
        &self.roots
    }

    /// The current root, as something to pin.
    pub fn as_pin(&self) -> Pin {
        let signed = self
            .roots
            .get(&self.root.version)
            .map_or(&[][..], Signed::signed);
        Pin {
            version: self.root.version,
            sha256: Hex::sha256(signed),
        }
    }

    /// The current targets role.
    pub fn targets(&self) -> &Targets {
        &self.targets.1
    }

    /// A product role.
    pub fn product(&self, name: &ProductName) -> Option<&Product> {
        product_in(self.products.get(name)?)
    }

    /// All products.
    pub fn products(&self) -> impl Iterator<Item = (&ProductName, &Product)> {
        self.products
            .iter()
            .filter_map(|(name, signed)| Some((name, product_in(signed)?)))
    }

    /// The current snapshot.
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot.1
    }

    /// The current timestamp.
    pub fn timestamp(&self) -> &Timestamp {
        &self.timestamp.1
    }

    /// The current file of a role.
    pub fn signed(&self, role: &RoleName) -> Option<&Signed> {
        match role {
            RoleName::Root => self.roots.get(&self.root.version),
            RoleName::Timestamp => Some(&self.timestamp.0),
            RoleName::Snapshot => Some(&self.snapshot.0),
            RoleName::Targets => Some(&self.targets.0),
            RoleName::Product(name) => self.products.get(name),
        }
    }

    /// The current version of a role, or the last one of a product that is no longer delegated; 0 when it was never
    /// published.
    pub fn version(&self, role: &RoleName) -> u64 {
        let retired = || self.snapshot().pinned(role).map_or(0, |meta| meta.version);
        self.signed(role)
            .map_or_else(retired, |signed| signed.draft().version())
    }

    /// The roles people sign.
    pub fn offline_roles(&self) -> impl Iterator<Item = RoleName> {
        let products = self
            .products
            .keys()
            .map(|name| RoleName::Product(name.clone()));
        [RoleName::Root, RoleName::Targets]
            .into_iter()
            .chain(products)
    }
}

/// A repository that cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum PublishedError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A role does not hold.
    #[error(transparent)]
    Role(#[from] ReadError),
    /// The verifier says no.
    #[error(transparent)]
    Refused(#[from] PreflightError),
    /// Half a repository.
    #[error("half a repository: `metadata/{0}` is missing")]
    Missing(String),
    /// A file is not the one that was pinned.
    #[error("half a repository: `metadata/{file}` is not the file that {by} names")]
    NotPinned {
        /// The file.
        file: String,
        /// Who names it.
        by: &'static str,
    },
    /// The root is not the one this clone trusts.
    #[error(
        "root v{version} is not the root this clone trusts: expected {expected}, found {found}"
    )]
    NotTrusted {
        /// Version of the pinned root.
        version: u64,
        /// The pinned fingerprint.
        expected: Hex,
        /// The fingerprint of what is there.
        found: Hex,
    },
    /// A root under the wrong name.
    #[error("`metadata/{expected}.root.json` holds root v{found}")]
    WrongVersion {
        /// The version in the file name.
        expected: u64,
        /// The version in the file.
        found: u64,
    },
}

/// Where a metadata file lies in a store.
pub fn object(file: &str) -> Result<ObjectName, StoreError> {
    ObjectName::new(format!("metadata/{file}"))
}

/// Reads the root chain: the first link must be the pinned one, every next is signed by the one before and by itself.
fn read_roots(
    store: &dyn Store,
    pin: Option<&Pin>,
    last: u64,
) -> Result<(BTreeMap<u64, Signed>, Root), PublishedError> {
    let first = pin.map_or(1, |pin| pin.version);
    let file = RoleName::Root.file(first);
    let bytes = get(store, &file)?.ok_or(PublishedError::Missing(file))?;
    let (signed, mut root) = Signed::open_root(&bytes, None)?;
    let found = Hex::sha256(signed.signed());
    if let Some(pin) = pin.filter(|pin| pin.sha256 != found) {
        return Err(PublishedError::NotTrusted {
            version: first,
            expected: pin.sha256,
            found,
        });
    }
    let mut version = first;
    let mut roots = BTreeMap::from([(first, signed)]);
    loop {
        if root.version != version {
            return Err(PublishedError::WrongVersion {
                expected: version,
                found: root.version,
            });
        }
        version += 1;
        let next = if version > last {
            None
        } else {
            get(store, &RoleName::Root.file(version))?
        };
        let Some(bytes) = next else {
            return Ok((roots, root));
        };
        let (signed, next) = Signed::open_root(&bytes, Some(&root))?;
        roots.insert(version, signed);
        root = next;
    }
}

fn product_in(signed: &Signed) -> Option<&Product> {
    match signed.draft() {
        Draft::Product(_, product) => Some(product),
        _ => None,
    }
}

fn get(store: &dyn Store, file: &str) -> Result<Option<Vec<u8>>, PublishedError> {
    Ok(store.get(&object(file)?)?)
}

fn pinned(store: &dyn Store, role: &RoleName, meta: &FileMeta) -> Result<Vec<u8>, PublishedError> {
    let file = role.file(meta.version);
    let bytes = get(store, &file)?.ok_or_else(|| PublishedError::Missing(file.clone()))?;
    if FileMeta::of(&bytes, meta.version) == *meta {
        Ok(bytes)
    } else {
        let by = if *role == RoleName::Snapshot {
            "the timestamp"
        } else {
            "the snapshot"
        };
        Err(PublishedError::NotPinned { file, by })
    }
}
