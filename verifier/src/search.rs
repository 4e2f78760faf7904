//! The target search (TUF 5.6.7): a pre-order walk through the delegations, one role at a time.
//!
//! [`Search::step`] says which file it needs next; the caller brings it to [`Search::supply`], which judges it by the keys
//! of the role that delegated to it in *this* walk. Terminating delegations end the walk, cycles and width are bounded.

use crate::json::Text;
use crate::key::Schemes;
use crate::refusal::{Refusal, Rule};
use crate::role::Role;
use crate::role::delegation::{Delegation, Delegations, digest_of};
use crate::role::metafile::MetaFile;
use crate::role::snapshot::Snapshot;
use crate::role::targets::{Target, Targets};
use crate::threshold::Document;
use crate::trusted::{Dates, Policy, Trusted, targets_role};

/// Most delegated roles one search visits.
pub const MAX_ROLES: usize = 32;

/// Deepest chain of delegations one search follows.
pub const MAX_DEPTH: usize = 8;

/// A search under way.
#[derive(Debug)]
pub struct Search<'a, 'r, 'p, S> {
    policy: Policy<'r, S>,
    snapshot: Snapshot<'a>,
    path: Text<'p>,
    found: Option<Found<'a>>,
    pending: Option<Needed<'a>>,
    visited: [Option<Text<'a>>; MAX_ROLES],
    frames: [Option<Frame<'a>>; MAX_DEPTH],
    dates: Dates,
}

/// A role whose delegations are being walked, and how many of them are done.
#[derive(Clone, Copy, Debug)]
struct Frame<'a> {
    delegations: Delegations<'a>,
    done: usize,
}

/// What to do next.
#[derive(Debug)]
pub enum Step<'s, 'a> {
    /// The target, and who speaks for it.
    Found(Found<'a>),
    /// Bring this file to [`Search::supply`].
    Needs(&'s Needed<'a>),
    /// Nobody who may speak for this path knows it.
    Absent,
}

/// A target that was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// What is said of it.
    pub target: Target<'a>,
    /// The delegated role that says so; `None` for the top-level role.
    pub role: Option<Text<'a>>,
}

/// A delegated role that must be looked into.
#[derive(Clone, Copy, Debug)]
pub struct Needed<'a> {
    /// The delegation that leads to it.
    pub delegation: Delegation<'a>,
    /// What snapshot says of its file.
    pub file: MetaFile<'a>,
}

impl<'a, 'r, 'p, S: Schemes> Search<'a, 'r, 'p, S> {
    /// Begins in the top-level targets role.
    pub fn new(trusted: &Trusted<'a, 'r, S>, path: Text<'p>) -> Self {
        let mut search = Self {
            policy: trusted.policy,
            snapshot: trusted.snapshot,
            path,
            found: trusted
                .targets
                .target(path)
                .map(|target| Found { target, role: None }),
            pending: None,
            visited: [None; MAX_ROLES],
            frames: [None; MAX_DEPTH],
            dates: trusted.dates,
        };
        if let (Some(delegations), [first, ..]) =
            (trusted.targets.delegations(), &mut search.frames)
        {
            *first = Some(Frame {
                delegations,
                done: 0,
            });
        }
        search
    }

    /// The dates of all metadata used so far.
    pub const fn dates(&self) -> Dates {
        self.dates
    }

    /// Says what is needed, or how the search ended.
    pub fn step(&mut self) -> Result<Step<'_, 'a>, Refusal> {
        if let Some(found) = self.found {
            return Ok(Step::Found(found));
        }
        if self.pending.is_none() {
            self.pending = self.next_role()?;
        }
        Ok(self.pending.as_ref().map_or(Step::Absent, Step::Needs))
    }

    /// The next role in pre-order that may speak for the path and was not visited.
    #[inline(never)]
    fn next_role(&mut self) -> Result<Option<Needed<'a>>, Refusal> {
        while let Some(slot) = self.frames.iter_mut().rfind(|slot| slot.is_some()) {
            let Some(frame) = slot.as_mut() else { break };
            let Some(delegation) = frame.next_covering::<S>(self.path, &self.snapshot)? else {
                *slot = None;
                continue;
            };
            if delegation.is_terminating() {
                self.frames = [None; MAX_DEPTH];
            }
            let name = delegation.name();
            if self.visited.contains(&Some(name)) {
                continue;
            }
            let room = self.visited.iter_mut().find(|slot| slot.is_none());
            *room.ok_or(refuse(Rule::TooManyDelegations))? = Some(name);
            let file = self
                .snapshot
                .file(name.raw())
                .ok_or(refuse(Rule::NotInSnapshot))?;
            return Ok(Some(Needed { delegation, file }));
        }
        Ok(None)
    }

    /// Judges the file that [`step`](Self::step) asked for, and goes on inside it. Without an open question it does nothing.
    #[inline(never)]
    pub fn supply(&mut self, document: Document<'a>) -> Result<Option<Targets<'a>>, Refusal> {
        let Some(Needed { delegation, file }) = self.pending else {
            return Ok(None);
        };
        let authority = delegation
            .authority()
            .map_err(Refusal::malformed(Role::Delegated))?;
        let targets = targets_role(&self.policy, Role::Delegated, document, &file, &authority)?;
        self.pending = None;
        self.dates = self.dates.and(Role::Delegated, &targets.head);
        self.found = targets.target(self.path).map(|target| Found {
            target,
            role: Some(delegation.name()),
        });
        if let Some(delegations) = targets.delegations() {
            let room = self.frames.iter_mut().find(|slot| slot.is_none());
            *room.ok_or(refuse(Rule::DelegationsTooDeep))? = Some(Frame {
                delegations,
                done: 0,
            });
        }
        Ok(Some(targets))
    }
}

impl<'a> Frame<'a> {
    /// The next delegation that covers `path`.
    fn next_covering<S: Schemes>(
        &mut self,
        path: Text<'_>,
        snapshot: &Snapshot<'a>,
    ) -> Result<Option<Delegation<'a>>, Refusal> {
        if S::HASHED_PATHS
            && let Some(bins) = self.delegations.bins()
        {
            // A bin ends the search: nobody comes back here.
            let listed = snapshot.names().find(|name| bins.is_for(name.raw(), path));
            let bin = listed.ok_or(refuse(Rule::NotInSnapshot))?;
            return Ok(Some(self.delegations.bin_named(bin)));
        }
        let digest = S::HASHED_PATHS.then(|| digest_of(path));
        let by_hash = |delegation: &Delegation<'_>| {
            digest.is_some_and(|digest| delegation.covers_by_hash(&digest))
        };
        for delegation in self.delegations.iter().skip(self.done) {
            self.done += 1;
            if delegation.covers(path) || by_hash(&delegation) {
                return Ok(Some(delegation));
            }
        }
        Ok(None)
    }
}

const fn refuse(rule: Rule) -> Refusal {
    Refusal {
        role: Role::Delegated,
        rule,
    }
}
