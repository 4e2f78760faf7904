//! The repository that would be published: every staged role sealed, snapshot and timestamp made around them.
//!
//! Takes the bench, what the store holds and the online key. Gives finished bytes; writes nothing.

use super::bench::{Bench, BenchError};
use super::bins::{BinsError, Made, refuse_long_snapshot};
use super::fleet::{Addition, Fleet, FleetError};
use super::preflight::View;
use super::published::{Published, PublishedError, object};
use super::target::file_of;
use crate::instant;
use crate::key::{KeyId, Signer, example};
use crate::role::authority::Authority;
use crate::role::canonical::CanonicalError;
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::{Draft, ReadError, Signed, SigningError};
use crate::role::root::Root;
use crate::role::snapshot::Snapshot;
use crate::role::targets::Targets;
use crate::role::timestamp::Timestamp;
use crate::role::wire::{FileMeta, Hex, Utc};
use crate::store::{ObjectName, Store, StoreError};
use bytes::Bytes;
use cuff_verifier::digest::Digest;
use std::collections::BTreeMap;

/// The offline part: what people have signed.
#[derive(Clone, Debug)]
pub struct Offline {
    /// The root that will hold.
    pub root: Root,
    /// Roles that are new in the store.
    pub fresh: BTreeMap<RoleName, Signed>,
    /// Current files of targets and products, fresh or published before.
    pub roles: BTreeMap<RoleName, Signed>,
    /// Bundles that are new in the store, by their name there.
    pub bundles: BTreeMap<ObjectName, Bytes>,
}

/// A whole candidate.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What people signed.
    pub offline: Offline,
    /// The snapshot.
    pub snapshot: Signed,
    /// The timestamp.
    pub timestamp: Signed,
    /// Bins that are new or signed afresh.
    pub bins: Made,
    /// What is added to the fleet.
    pub fleet: Option<Addition>,
    /// All of it, to be judged.
    pub view: View,
}

/// What snapshot speaks of besides the roles that people sign.
pub struct Around<'a> {
    /// Everything that was made possible so far.
    pub fleet: &'a Fleet,
    /// Bins that are new or signed afresh.
    pub bins: Made,
    /// The digest over the audit logs.
    pub audit: Hex,
}

impl Offline {
    /// Seals everything staged; where the store already holds a role with the same content (an earlier attempt), that file
    /// is taken.
    pub fn seal(bench: &Bench<'_>, store: &dyn Store) -> Result<Self, CandidateError> {
        let mut fresh = BTreeMap::new();
        for (role, staged) in &bench.staging().roles {
            let authorities = bench.authorities(role);
            let sealed = staged.clone().seal(&authorities)?;
            fresh.insert(role.clone(), adopt(store, role, sealed, &authorities)?);
        }
        let published = bench.published();
        let root = bench.root().cloned().ok_or(CandidateError::NoRepository)?;
        let mut roles = BTreeMap::new();
        let targets = bench.targets().ok_or(CandidateError::NoRepository)?;
        let products = targets
            .delegations
            .roles
            .iter()
            .map(|role| RoleName::Product(role.name.clone()));
        for role in [RoleName::Targets].into_iter().chain(products) {
            let kept = || {
                published
                    .and_then(|published| published.signed(&role))
                    .cloned()
            };
            let signed = fresh.get(&role).cloned().or_else(kept);
            roles.insert(role.clone(), signed.ok_or(CandidateError::NotStaged(role))?);
        }
        let mut bundles = BTreeMap::new();
        for (release, bundle) in &bench.staging().bundles {
            let name = bundle_name(release, &bundle.sha256())?;
            bundles.insert(name, bundle.bytes().clone());
        }
        Ok(Self {
            root,
            fresh,
            roles,
            bundles,
        })
    }

    /// What is published, with nothing new: for `refresh`.
    pub fn unchanged(published: &Published) -> Self {
        let offline = published
            .offline_roles()
            .filter(|role| *role != RoleName::Root);
        Self {
            root: published.root().clone(),
            fresh: BTreeMap::new(),
            roles: offline
                .filter_map(|role| {
                    published
                        .signed(&role)
                        .cloned()
                        .map(|signed| (role, signed))
                })
                .collect(),
            bundles: BTreeMap::new(),
        }
    }

    /// The targets role that will hold.
    pub fn targets(&self) -> Option<&Targets> {
        match self.roles.get(&RoleName::Targets).map(Signed::draft) {
            Some(Draft::Targets(targets)) => Some(targets),
            _ => None,
        }
    }

    /// Whether a published repository already says all of this.
    pub fn is_what(&self, live: &Published) -> bool {
        self.root == *live.root()
            && self.roles.len() + 1 == live.offline_roles().count()
            && self.roles.iter().all(|(role, signed)| {
                live.signed(role)
                    .is_some_and(|there| there.signed() == signed.signed())
            })
    }

    /// The example keys this repository would trust, by holder, and where.
    pub fn example_keys(&self) -> Vec<String> {
        let mut keys: Vec<(String, Hex)> = Vec::new();
        let roles = &self.root.roles;
        for (name, who) in [
            ("root", &roles.root),
            ("targets", &roles.targets),
            ("snapshot", &roles.snapshot),
            ("timestamp", &roles.timestamp),
        ] {
            keys.extend(who.keyids.iter().map(|key| (name.to_owned(), *key)));
        }
        if let Some(targets) = self.targets() {
            for role in &targets.delegations.roles {
                keys.extend(role.keyids.iter().map(|key| (role.name.to_string(), *key)));
            }
            let bins = targets.delegations.bins.iter();
            let of_bins = bins.flat_map(|bins| &bins.keyids);
            keys.extend(of_bins.map(|key| ("the bins".to_owned(), *key)));
        }
        let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (role, key) in &keys {
            if let Some(holder) = example::holder(&KeyId(Digest(key.0))) {
                named.entry(holder).or_default().push(role);
            }
        }
        let named = named.into_iter();
        named
            .map(|(holder, roles)| format!("{holder}: {}", roles.join(", ")))
            .collect()
    }
}

impl Candidate {
    /// Makes snapshot and timestamp and signs both with the online keys. Where a root replaces one, and the old one is at
    /// hand too, both sign, so that what is made holds under the old root and under the new one.
    pub fn make(
        offline: Offline,
        bench: &Bench<'_>,
        live: Option<&Published>,
        store: &dyn Store,
        online: &[&dyn Signer],
        Around { fleet, bins, audit }: Around<'_>,
    ) -> Result<Self, CandidateError> {
        let before = live.map(Published::root);
        for role in [RoleName::Snapshot, RoleName::Timestamp] {
            refuse_strangers(&offline.root, before, &role, online)?;
        }
        let sign = |draft: Draft| -> Result<Signed, CandidateError> {
            let role = draft.name();
            let now: Vec<_> = Authority::of_top_level(&offline.root, &role)
                .into_iter()
                .collect();
            let both: Vec<_> = before
                .filter(|before| before.version != offline.root.version)
                .and_then(|before| Authority::of_top_level(before, &role))
                .into_iter()
                .chain(now.clone())
                .collect();
            let mut staged = draft.stage()?;
            for signer in online {
                let key = Hex::from(signer.public().id());
                if both.iter().any(|one| one.keys.contains_key(&key)) {
                    staged.sign(*signer)?;
                }
            }
            let under_both = staged.clone().seal(&both);
            Ok(under_both.or_else(|_| staged.seal(&now))?)
        };
        let expires = |role: &RoleName| {
            instant::later(bench.now(), bench.settings().lifetime(role))
                .map(Utc)
                .ok_or(CandidateError::Forever)
        };
        let (snapshot_version, timestamp_version) = live.map_or((0, 0), |live| {
            (live.snapshot().version, live.timestamp().version)
        });
        let files = offline.roles.iter().map(|(role, signed)| {
            (
                role.clone(),
                FileMeta::of(signed.file(), signed.draft().version()),
            )
        });
        let snapshot_version = free_version(store, snapshot_version + 1)?;
        let mut list = Snapshot::of(files, snapshot_version, expires(&RoleName::Snapshot)?);
        list.meta.extend(bins.metas.clone());
        // TUF 5.5.5: what a snapshot listed once every later one lists, products that are no longer delegated included.
        for (file, meta) in live.iter().flat_map(|live| &live.snapshot().meta) {
            list.meta.entry(file.clone()).or_insert(*meta);
        }
        let addition = fleet.extended(&offline, live, snapshot_version, timestamp_version + 1)?;
        list.fleet = addition
            .as_ref()
            .map(|addition| addition.digest)
            .or(fleet.newest());
        let snapshot = sign(Draft::Snapshot(list.vouching(audit)))?;
        let timestamp = sign(Draft::Timestamp(Timestamp::of(
            FileMeta::of(snapshot.file(), snapshot.draft().version()),
            timestamp_version + 1,
            Utc(bench.now()),
            expires(&RoleName::Timestamp)?,
        )))?;
        refuse_long_snapshot(snapshot.file())?;
        let mut view = View {
            for_hosts: offline.targets().is_some_and(Targets::has_bins),
            timestamp: timestamp.file().to_owned(),
            snapshot: snapshot.file().to_owned(),
            roles: offline
                .roles
                .iter()
                .map(|(role, signed)| (role.clone(), signed.file().to_owned()))
                .collect(),
            ..View::default()
        };
        if let Some(published) = bench.published() {
            view.roots = published.view().roots;
        }
        if let Some(root) = offline.fresh.get(&RoleName::Root) {
            view.roots
                .insert(root.draft().version(), root.file().to_owned());
        }
        Ok(Self {
            offline,
            snapshot,
            timestamp,
            bins,
            fleet: addition,
            view,
        })
    }

    /// What is published when all of this lies in a store, from the root on that was current `before`.
    pub fn into_published(self, before: Option<&Published>) -> Option<Published> {
        let mut roots = BTreeMap::new();
        if let Some((version, root)) = before.and_then(|before| before.roots().last_key_value()) {
            roots.insert(*version, root.clone());
        }
        if let Some(root) = self.offline.fresh.get(&RoleName::Root) {
            roots.insert(root.draft().version(), root.clone());
        }
        Published::made(roots, self.timestamp, self.snapshot, self.offline.roles)
    }
}

/// A candidate that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    /// Nothing was ever staged.
    #[error("there is no repository yet: nothing is published and nothing is staged")]
    NoRepository,
    /// A product without metadata.
    #[error("{0} is delegated but neither staged nor published")]
    NotStaged(RoleName),
    /// Signatures are missing.
    #[error(transparent)]
    Role(#[from] ReadError),
    /// The online key is not the online key.
    #[error("key {key} may not sign {role}: root names {expected}")]
    NotOnline {
        /// The role.
        role: RoleName,
        /// The keys that were brought.
        key: String,
        /// The keys root names.
        expected: String,
    },
    /// An object is taken.
    #[error(
        "the store already holds other bytes under `{name}`: expected {expected}, found {found}"
    )]
    Taken {
        /// The object.
        name: String,
        /// The digest of what should be there.
        expected: Hex,
        /// The digest of what is there.
        found: Hex,
    },
    /// The bins.
    #[error(transparent)]
    Bins(#[from] Box<BinsError>),
    /// The fleet.
    #[error(transparent)]
    Fleet(#[from] Box<FleetError>),
    /// Beyond the year 9999.
    #[error("the expiry lies beyond the year 9999")]
    Forever,
    /// Cannot be written.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The online key failed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mirror does not hold.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// The working directory.
    #[error(transparent)]
    Bench(#[from] BenchError),
}

impl From<BinsError> for CandidateError {
    fn from(error: BinsError) -> Self {
        match error {
            BinsError::Store(error) => Self::Store(error),
            other => Self::Bins(Box::new(other)),
        }
    }
}

impl From<FleetError> for CandidateError {
    fn from(error: FleetError) -> Self {
        match error {
            FleetError::Store(error) => Self::Store(error),
            other => Self::Fleet(Box::new(other)),
        }
    }
}

/// One of the keys must be an online key of the new root, and each of them one of it or of the root before.
fn refuse_strangers(
    root: &Root,
    before: Option<&Root>,
    role: &RoleName,
    online: &[&dyn Signer],
) -> Result<(), CandidateError> {
    let now = Authority::of_top_level(root, role).ok_or(CandidateError::NoRepository)?;
    let before = before.and_then(|before| Authority::of_top_level(before, role));
    let mut signs = false;
    for signer in online {
        let key = Hex::from(signer.public().id());
        let new = now.keys.contains_key(&key);
        signs |= new;
        let old = || {
            before
                .as_ref()
                .is_some_and(|old| old.keys.contains_key(&key))
        };
        if !(new || (online.len() > 1 && old())) {
            signs = false;
            break;
        }
    }
    if signs {
        return Ok(());
    }
    let names = |keys: Vec<Hex>| {
        let names: Vec<_> = keys.iter().map(Hex::to_string).collect();
        names.join(", ")
    };
    Err(CandidateError::NotOnline {
        role: role.clone(),
        key: names(online.iter().map(|s| Hex::from(s.public().id())).collect()),
        expected: names(now.keys.keys().copied().collect()),
    })
}

/// Where a bundle lies in a store.
pub fn bundle_name(release: &ReleaseName, digest: &Hex) -> Result<ObjectName, StoreError> {
    ObjectName::new(file_of(&release.to_string(), &digest.to_string(), true))
}

/// An interrupted attempt may have written this role with one signature more or less: its file is as good as ours.
fn adopt(
    store: &dyn Store,
    role: &RoleName,
    sealed: Signed,
    authorities: &[Authority],
) -> Result<Signed, CandidateError> {
    let name = object(&role.file(sealed.draft().version()))?;
    let Some(there) = store.get(&name)? else {
        return Ok(sealed);
    };
    match Signed::open(role, &there, authorities) {
        Ok(opened) if opened.signed() == sealed.signed() => Ok(opened),
        _ => Err(CandidateError::Taken {
            name: name.to_string(),
            expected: Hex::sha256(sealed.file()),
            found: Hex::sha256(&there),
        }),
    }
}

/// The first snapshot version nobody has used: an interrupted attempt leaves one behind that no timestamp names.
fn free_version(store: &dyn Store, from: u64) -> Result<u64, CandidateError> {
    let mut version = from;
    while store
        .get(&object(&RoleName::Snapshot.file(version))?)?
        .is_some()
    {
        version += 1;
    }
    Ok(version)
}
