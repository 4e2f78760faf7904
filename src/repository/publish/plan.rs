//! The order of writes, so that a crash between any two leaves a repository that holds.
//!
//! Takes a candidate that was judged; asks the verifier which half-way states would hold.

use super::PublishError;
use crate::repository::bench::Bench;
use crate::repository::candidate::{Candidate, CandidateError};
use crate::repository::preflight::View;
use crate::repository::published::{Published, object};
use crate::role::name::RoleName;
use crate::role::wire::Hex;
use crate::store::{ObjectName, Put, Replace, Store};
use cuff_verifier::time::Clock;
use cuff_verifier::trusted::Seen;

/// The order of writes.
pub(super) struct Plan {
    puts: Vec<(ObjectName, Vec<u8>)>,
    root: Option<(ObjectName, Vec<u8>)>,
    root_last: bool,
    swap: (ObjectName, Option<Vec<u8>>, Vec<u8>),
    /// Clients could see a new root with an old timestamp for a moment.
    pub(super) gap: bool,
}

impl Plan {
    pub(super) fn of(
        bench: &Bench<'_>,
        live: Option<&Published>,
        candidate: &Candidate,
    ) -> Result<Self, PublishError> {
        let mut puts: Vec<_> = candidate.offline.bundles.clone().into_iter().collect();
        for (role, signed) in &candidate.offline.fresh {
            if *role != RoleName::Root {
                puts.push((
                    object(&role.file(signed.draft().version()))?,
                    signed.file().to_owned(),
                ));
            }
        }
        let snapshot = &candidate.snapshot;
        puts.push((
            object(&RoleName::Snapshot.file(snapshot.draft().version()))?,
            snapshot.file().to_owned(),
        ));
        let root = candidate.offline.fresh.get(&RoleName::Root);
        let root_object = root
            .map(|signed| object(&RoleName::Root.file(signed.draft().version())))
            .transpose()?;
        let old_timestamp = live
            .and_then(|live| live.signed(&RoleName::Timestamp))
            .map(|signed| signed.file().to_owned());
        let swap = (
            object("timestamp.json")?,
            old_timestamp,
            candidate.timestamp.file().to_owned(),
        );
        let (mut root_last, mut gap) = (false, false);
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
                gap = !root_last;
            }
        }
        Ok(Self {
            puts,
            root: root_object.zip(root.map(|signed| signed.file().to_owned())),
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

    pub(super) fn run(&self, store: &dyn Store) -> Result<Vec<String>, PublishError> {
        let mut written = Vec::new();
        let mut put = |name: &ObjectName, bytes: &[u8]| -> Result<(), PublishError> {
            match store.put_if_absent(name, bytes)? {
                Put::Written => written.push(name.to_string()),
                Put::Present => {
                    let there = store.get(name)?.unwrap_or_default();
                    if there != bytes {
                        let (expected, found) = (Hex::sha256(bytes), Hex::sha256(&there));
                        return Err(CandidateError::Taken {
                            name: name.to_string(),
                            expected,
                            found,
                        }
                        .into());
                    }
                }
            }
            Ok(())
        };
        for (name, bytes) in &self.puts {
            put(name, bytes)?;
        }
        if let Some((name, bytes)) = self.root.as_ref().filter(|_| !self.root_last) {
            put(name, bytes)?;
        }
        let (name, read, bytes) = &self.swap;
        match store.replace_if_unchanged(name, read.as_deref(), bytes)? {
            Replace::Written => written.push(name.to_string()),
            Replace::Changed => return Err(PublishError::Raced),
        }
        if let Some((name, bytes)) = self.root.as_ref().filter(|_| self.root_last)
            && store.put_if_absent(name, bytes)? == Put::Written
        {
            written.push(name.to_string());
        }
        Ok(written)
    }
}
