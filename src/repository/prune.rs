//! What of a store no client can need any more.
//!
//! Takes a store and what is published in it, judged; follows every snapshot that a client in the middle of an update may still hold,
//! and gives what none of them leads to. Roots are never among it, nor anything that is not ours. [`Pruning::remove`] takes it away.

use super::published::{Published, object};
use super::target::file_of;
use crate::instant::{self, Span};
use crate::role::wire::FileMeta;
use crate::store::{Keeper, Listed, ObjectName, Store, StoreError};
use cuff_verifier::time::Instant;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::{BTreeMap, BTreeSet};

/// What can go, and what stays.
#[derive(Clone, Debug, Default)]
pub struct Pruning {
    /// Objects that no client can need, with their lengths.
    pub gone: Vec<(ObjectName, u64)>,
    /// Objects that stay because a client may be in the middle of an update, or somebody in the middle of a publication.
    pub young: u64,
    /// Objects that are needed.
    pub needed: u64,
    /// Objects that are not ours, and are left alone.
    pub foreign: Vec<String>,
    /// The timestamp this was found for.
    timestamp: Vec<u8>,
}

impl Pruning {
    /// Finds what can go. `live` is what is published, as the verifier has judged it.
    pub fn of(
        store: &dyn Keeper,
        live: &Published,
        now: Instant,
        grace: Span,
    ) -> Result<Self, PruneError> {
        let timestamp = store.get(&object("timestamp.json")?)?.unwrap_or_default();
        let listed = store.list()?;
        let by_name: BTreeMap<&str, &Listed> = listed
            .iter()
            .map(|listed| (listed.name.as_str(), listed))
            .collect();
        let is_young =
            |listed: &Listed| instant::later(listed.written, grace).is_none_or(|until| until > now);
        let mut needed = Needed::default();
        let (snapshots, current) = (snapshots(&listed), live.snapshot().version);
        for version in snapshots.iter().copied() {
            // It was current until the next one was written; one that never became current is as young as it is.
            let next = snapshots.range(version + 1..).next().copied();
            let last = if version < current {
                next
            } else {
                Some(version)
            };
            let last = last.and_then(|last| by_name.get(&*snapshot_name(last)).copied());
            if version == current || last.is_none_or(is_young) {
                needed.follow(store, version, version == current)?;
            }
        }
        if let Some(newest) = live.snapshot().fleet {
            needed.follow_fleet(store, &newest.to_string())?;
        }
        let mut pruning = Self {
            timestamp,
            ..Self::default()
        };
        for listed in &listed {
            match kind(&listed.name) {
                Kind::Root | Kind::Timestamp | Kind::Word => pruning.needed += 1,
                Kind::Foreign => pruning.foreign.push(listed.name.clone()),
                Kind::Ours if needed.names.contains(&listed.name) => pruning.needed += 1,
                Kind::Ours if is_young(listed) => pruning.young += 1,
                Kind::Ours => {
                    let name = ObjectName::new(&*listed.name)?;
                    pruning.gone.push((name, listed.length));
                }
            }
        }
        Ok(pruning)
    }

    /// Removes what can go, unless somebody has published since. `told` hears of each.
    pub fn remove(&self, store: &dyn Keeper, told: &mut dyn FnMut(u64)) -> Result<(), PruneError> {
        for batch in self.gone.chunks(BATCH) {
            let now = store.get(&object("timestamp.json")?)?;
            if now.as_deref() != Some(&*self.timestamp) {
                return Err(PruneError::Published);
            }
            for (name, length) in batch {
                store.remove(name)?;
                told(*length);
            }
        }
        Ok(())
    }
}

/// Everything that some snapshots lead to.
#[derive(Default)]
struct Needed {
    names: BTreeSet<String>,
}

impl Needed {
    /// Follows one snapshot. What the current one leads to must be there; of an older one something may be gone.
    fn follow(&mut self, store: &dyn Store, version: u64, current: bool) -> Result<(), PruneError> {
        let name = snapshot_name(version);
        let missing = |name: &str| {
            if current {
                Err(PruneError::Missing(name.to_owned()))
            } else {
                Ok(())
            }
        };
        let unreadable = |name: &str| {
            let name = name.to_owned();
            move |source| PruneError::Unreadable { name, source }
        };
        self.names.insert(name.clone());
        let Some(bytes) = store.get(&ObjectName::new(&*name)?)? else {
            return missing(&name);
        };
        let file: SnapshotFile = serde_json::from_slice(&bytes).map_err(unreadable(&name))?;
        let mut roles = Vec::new();
        for (file, meta) in file.signed.meta {
            let name = format!("metadata/{}.{file}", meta.version);
            // One that another snapshot led to was followed before.
            if self.names.insert(name.clone()) {
                roles.push(ObjectName::new(name)?);
            }
        }
        for batch in roles.chunks(BATCH) {
            let names: Vec<&ObjectName> = batch.iter().collect();
            for (name, bytes) in batch.iter().zip(store.get_all(&names)?) {
                let Some(bytes) = bytes else {
                    missing(name.as_str())?;
                    continue;
                };
                let file: TargetsFile =
                    serde_json::from_slice(&bytes).map_err(unreadable(name.as_str()))?;
                for (path, target) in file.signed.targets {
                    self.names
                        .insert(file_of(&path, &target.hashes.sha256, true));
                }
            }
        }
        Ok(())
    }

    fn follow_fleet(&mut self, store: &dyn Store, newest: &str) -> Result<(), PruneError> {
        let name = format!("fleet/{newest}.json");
        let bytes = store.get(&ObjectName::new(&*name)?)?;
        let bytes = bytes.ok_or_else(|| PruneError::Missing(name.clone()))?;
        let page: Page = serde_json::from_slice(&bytes).map_err(|source| {
            let name = name.clone();
            PruneError::Unreadable { name, source }
        })?;
        self.names.insert(name);
        let before = page.before.into_iter();
        self.names
            .extend(before.map(|digest| format!("fleet/{digest}.json")));
        Ok(())
    }
}

/// What an object is, by its name.
enum Kind {
    /// Never goes: devices and clients follow roots one by one, from whichever they trust.
    Root,
    /// Is replaced, never removed.
    Timestamp,
    /// Says that the store was tried out.
    Word,
    /// Ours, and gone when nothing leads to it.
    Ours,
    /// Not ours to remove.
    Foreign,
}

fn kind(name: &str) -> Kind {
    if name == "metadata/timestamp.json" {
        return Kind::Timestamp;
    }
    if ObjectName::new(name).is_err() {
        return Kind::Foreign;
    }
    match name.split_once('/') {
        Some(("metadata", file)) => match versioned(file) {
            Some(("root", _)) => Kind::Root,
            Some(_) => Kind::Ours,
            None => Kind::Foreign,
        },
        Some(("targets", path)) => {
            let base = path.rsplit('/').next().unwrap_or_default();
            let digest = base.split('.').next().unwrap_or_default();
            if is_digest(digest) && base.len() > digest.len() {
                Kind::Ours
            } else {
                Kind::Foreign
            }
        }
        Some(("fleet", file)) if file.strip_suffix(".json").is_some_and(is_digest) => Kind::Ours,
        Some(("probe", file)) if file.strip_suffix(".txt").is_some_and(is_digest) => Kind::Word,
        Some(("probe", _)) => Kind::Ours,
        _ => Kind::Foreign,
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `7.band.json` is version 7 of `band`.
fn versioned(file: &str) -> Option<(&str, u64)> {
    let (version, role) = file.strip_suffix(".json")?.split_once('.')?;
    Some((role, version.parse().ok()?))
}

/// Versions of the snapshots that lie there, in order.
fn snapshots(listed: &[Listed]) -> BTreeSet<u64> {
    let files = listed
        .iter()
        .filter_map(|one| one.name.strip_prefix("metadata/"));
    files
        .filter_map(versioned)
        .filter(|(role, _)| *role == "snapshot")
        .map(|(_, version)| version)
        .collect()
}

fn snapshot_name(version: u64) -> String {
    format!("metadata/{version}.snapshot.json")
}

/// As much of the files as says where they lead. They are not believed: what they name is kept.
#[derive(Deserialize)]
struct SnapshotFile {
    signed: SnapshotPart,
}

#[derive(Deserialize)]
struct SnapshotPart {
    meta: BTreeMap<String, FileMeta>,
}

#[derive(Deserialize)]
struct TargetsFile {
    signed: TargetsPart,
}

#[derive(Deserialize)]
struct TargetsPart {
    targets: BTreeMap<String, Target>,
}

#[derive(Deserialize)]
struct Target {
    hashes: Hashes,
    #[serde(rename = "length")]
    _length: IgnoredAny,
}

#[derive(Deserialize)]
struct Hashes {
    sha256: String,
}

#[derive(Deserialize)]
struct Page {
    before: Vec<String>,
}

/// A store that was not pruned.
#[derive(Debug, thiserror::Error)]
pub enum PruneError {
    /// Half a repository is not made smaller.
    #[error("half a repository: `{0}` is missing")]
    Missing(String),
    /// A file that leads nowhere.
    #[error("`{name}` cannot be read, and what it leads to is not known")]
    Unreadable {
        /// The file.
        name: String,
        /// Why.
        source: serde_json::Error,
    },
    /// The world has moved on.
    #[error("somebody has published meanwhile, and may need what was about to be removed")]
    Published,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Objects between two looks at the timestamp.
const BATCH: usize = 64;
