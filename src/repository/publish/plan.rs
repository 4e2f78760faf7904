//! The order of writes, so that a crash between any two leaves a repository that holds.
//!
//! Takes a candidate that was judged; asks the verifier which half-way states would hold.

use super::live::Live;
use super::{Gap, PublishError};
use crate::repository::bench::Bench;
use crate::repository::candidate::{Candidate, CandidateError};
use crate::repository::preflight::View;
use crate::repository::published::object;
use crate::role::name::RoleName;
use crate::role::root::Root;
use crate::role::wire::Hex;
use crate::store::{Object, ObjectName, Put, Replace, Store, StoreError};
use bytes::Bytes;
use cuff_verifier::time::Clock;
use cuff_verifier::trusted::Seen;

/// The order of writes.
pub(super) struct Plan {
    puts: Vec<(ObjectName, Bytes)>,
    root: Option<(ObjectName, Bytes)>,
    root_last: bool,
    swap: (ObjectName, Option<Vec<u8>>, Vec<u8>),
    /// Clients could see a new root with an old timestamp for a moment.
    pub(super) gap: Option<Gap>,
}

impl Plan {
    pub(super) fn of(
        bench: &Bench<'_>,
        state: &Live,
        candidate: &Candidate,
    ) -> Result<Self, PublishError> {
        let live = state.published.as_ref();
        let mut puts: Vec<_> = candidate.offline.bundles.clone().into_iter().collect();
        for (role, signed) in &candidate.offline.fresh {
            if *role != RoleName::Root {
                puts.push((
                    object(&role.file(signed.draft().version()))?,
                    Bytes::copy_from_slice(signed.file()),
                ));
            }
        }
        puts.extend(candidate.bins.files.clone());
        if let Some(fleet) = &candidate.fleet {
            puts.push((fleet.name.clone(), Bytes::copy_from_slice(&fleet.bytes)));
        }
        let snapshot = &candidate.snapshot;
        puts.push((
            object(&RoleName::Snapshot.file(snapshot.draft().version()))?,
            Bytes::copy_from_slice(snapshot.file()),
        ));
        let root = candidate.offline.fresh.get(&RoleName::Root);
        let root_object = root
            .map(|signed| object(&RoleName::Root.file(signed.draft().version())))
            .transpose()?;
        let swap = (
            object("timestamp.json")?,
            state.timestamp.clone(),
            candidate.timestamp.file().to_owned(),
        );
        let (mut root_last, mut gap) = (false, None);
        if let (Some(live), Some(root)) = (live, root) {
            let (clock, anchor) = (Clock::Exact(bench.now()), live.root().version);
            let mut early = live.view();
            early
                .roots
                .insert(root.draft().version(), root.file().to_owned());
            let mut late = candidate.view.clone();
            late.roots.remove(&root.draft().version());
            let holds = |view: &View| view.judge_as_client(anchor, Seen::default(), clock).is_ok();
            if root.draft().version() > live.root().version && !holds(&early) {
                root_last = holds(&late);
                gap = (!root_last).then(|| Gap::between(live.root(), &candidate.offline.root));
            }
        }
        Ok(Self {
            puts,
            root: root_object.zip(root.map(|signed| Bytes::copy_from_slice(signed.file()))),
            root_last,
            swap,
            gap,
        })
    }

    pub(super) fn names(&self) -> Vec<String> {
        let puts = self.puts.iter().map(|(name, _)| name.to_string());
        let root = || self.root.iter().map(|(name, _)| name.to_string());
        let (first, last) = (
            root().filter(|_| !self.root_last),
            root().filter(|_| self.root_last),
        );
        puts.chain(first)
            .chain([self.swap.0.to_string()])
            .chain(last)
            .collect()
    }

    /// Bytes to be written before anything becomes visible.
    pub(super) fn weight(&self) -> u64 {
        self.puts.iter().map(|(_, bytes)| bytes.len() as u64).sum()
    }

    /// Writes: what nobody asks for yet as many at a time as the store takes, and read back; then what clients follow.
    /// `told` hears how many bytes of how many are there.
    pub(super) fn run(
        &self,
        store: &dyn Store,
        told: &mut dyn FnMut(u64, u64),
    ) -> Result<Vec<String>, PublishError> {
        let (mut there, all) = (0, self.weight());
        let objects: Vec<_> = self.puts.iter().map(object_of).collect();
        let puts = store.put_all(&objects, &mut |more| {
            there += more;
            told(there, all);
        })?;
        let names: Vec<_> = self.puts.iter().map(|(name, _)| name).collect();
        let mut written = Vec::new();
        for ((object, put), found) in objects.iter().zip(puts).zip(store.get_all(&names)?) {
            confirm(store, object, put, found.as_deref())?;
            if put == Put::Written {
                written.push(object.name.to_string());
            }
        }
        let root = || self.root.as_ref().map(object_of);
        if let Some(root) = root().filter(|_| !self.root_last) {
            written.extend(put_root(store, root)?);
        }
        let (name, read, bytes) = &self.swap;
        match store.replace_if_unchanged(name, read.as_deref(), bytes)? {
            Replace::Written => written.push(name.to_string()),
            Replace::Changed => return Err(raced(store)),
        }
        if let Some(root) = root().filter(|_| self.root_last) {
            written.extend(put_root(store, root)?);
        }
        Ok(written)
    }
}

impl Gap {
    fn between(before: &Root, now: &Root) -> Self {
        let online = |root: &Root| (root.roles.snapshot.clone(), root.roles.timestamp.clone());
        if online(before) == online(now) {
            Self::OfflineKeys
        } else {
            Self::OnlineKey
        }
    }
}

fn object_of((name, bytes): &(ObjectName, Bytes)) -> Object<'_> {
    Object { name, bytes }
}

fn put_root(store: &dyn Store, root: Object<'_>) -> Result<Option<String>, PublishError> {
    let put = store.put_if_absent(root.name, root.bytes)?;
    confirm(store, &root, put, store.get(root.name)?.as_deref())?;
    Ok((put == Put::Written).then(|| root.name.to_string()))
}

/// What landed must be what was sent.
fn confirm(
    store: &dyn Store,
    object: &Object<'_>,
    put: Put,
    found: Option<&[u8]>,
) -> Result<(), PublishError> {
    if found == Some(object.bytes) {
        return Ok(());
    }
    let name = object.name.to_string();
    match put {
        Put::Written => Err(StoreError::Corrupt {
            store: store.describe(),
            name,
        }
        .into()),
        // A name with a version in it: somebody else has just made that version. Running again tells who.
        Put::Present if name.starts_with("metadata/") => Err(raced(store)),
        Put::Present => Err(CandidateError::Taken {
            name,
            expected: Hex::sha256(object.bytes),
            found: Hex::sha256(found.unwrap_or_default()),
        }
        .into()),
    }
}

/// Somebody was faster. What they published is named as the store tells it; nothing hangs on that.
fn raced(store: &dyn Store) -> PublishError {
    let timestamp = object("timestamp.json").and_then(|name| store.get(&name));
    let version = timestamp.ok().flatten().and_then(|bytes| {
        let json: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
        json.pointer("/signed/version")?.as_u64()
    });
    PublishError::Raced { version }
}
