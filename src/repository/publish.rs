//! Publishing: the candidate is judged, then written, objects first and the timestamp last.
//!
//! ```text
//! judge                                    nothing was written; any refusal ends here
//! put  targets/PRODUCT/HASH.NAME           nobody asks for it yet
//! put  metadata/N.PRODUCT.json ...         nobody asks for it yet
//! put  metadata/N.snapshot.json            nobody asks for it yet
//! put  metadata/N.root.json                clients follow it at once: only where the old timestamp holds under it
//! swap metadata/timestamp.json             the new repository
//! mirror, then empty staged/               ours alone; made up for by the next run
//! ```
//!
//! A crash after any line leaves the old repository or the new one. Where the old timestamp does not hold under the new
//! root (its key was replaced) the last two lines change places, if the new timestamp holds under the old root; if neither
//! holds, clients wait for the few milliseconds between them, and [`Report::gap`] says so and why.

mod live;
mod mirror;
mod plan;

use super::audit::{Audit, AuditError};
use super::bench::{Bench, BenchError};
use super::bins::edits::EditError;
use super::bins::{self, BinsError, Work};
use super::candidate::{Around, Candidate, CandidateError, Offline};
use super::capacity::{self, CapacityError, Need};
use super::fleet::replay::Replay;
use super::fleet::{Cohort, Fleet, FleetError};
use super::papers::PapersError;
use super::people::{People, PeopleError};
use super::preflight::{PreflightError, View};
use super::published::{Published, PublishedError, object};
use super::review::{Review, ReviewError};
use super::staging::{Staging, StagingError};
use crate::durable::WriteError;
use crate::key::Signer;
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::{Draft, Signed, Staged};
use crate::role::wire::{Hex, Utc};
use crate::store::{Store, StoreError};
use cuff_verifier::time::Clock;
use live::Live;

/// Whether what is staged is published, or what is published is only signed afresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `publish`
    Staged,
    /// `refresh`
    OnlineOnly,
    /// `bins add` and `bins remove`
    Bins,
}

/// What is to be published, and by whom.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    /// How much.
    pub scope: Scope,
    /// Make and judge everything, write nothing.
    pub dry_run: bool,
    /// The keys of snapshot and timestamp.
    pub online: &'a [&'a dyn Signer],
    /// What is done to hashed bins.
    pub bins: Option<Work<'a>>,
    /// Begin a fleet where there is a history without one.
    pub begin_fleet: bool,
}

/// Why neither the old metadata holds under the new root nor the new under the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The new root takes an online key away; signing with both closes the gap.
    OnlineKey,
    /// It takes keys of targets away: who signed before may no longer sign what comes.
    OfflineKeys,
}

/// What publishing did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Objects written, in order.
    pub written: Vec<String>,
    /// Roles that are new, with their versions.
    pub roles: Vec<(String, u64)>,
    /// The snapshot and its expiry.
    pub snapshot: Option<(u64, Utc)>,
    /// The timestamp and its expiry.
    pub timestamp: Option<(u64, Utc)>,
    /// Targets in bins that were added, replaced and taken out.
    pub bins: (u64, u64, u64),
    /// Until when the timestamp was valid that is replaced.
    pub replaced: Option<Utc>,
    /// The role people sign that expires first, and when: no machine can renew it.
    pub first_to_expire: Option<(String, Utc)>,
    /// Evidence every product needs.
    pub needs: Vec<Need>,
    /// Clients could see a new root with an old timestamp for a moment.
    pub gap: Option<Gap>,
    /// The store held what only a thief of the old online key can have made; clients forget it with the new root.
    pub set_aside: bool,
    /// Devices that hold to what is published, and find nothing in it to install.
    pub idle: Vec<String>,
    /// The repository is older than its fleet, which begins with this publication.
    pub fleet_begins: bool,
}

/// Publishes. `told` hears how many bytes of how many have been written.
pub fn publish(
    bench: &mut Bench<'_>,
    store: &dyn Store,
    order: &Order<'_>,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Report, PublishError> {
    let Order {
        scope,
        dry_run,
        online,
        bins: work,
        begin_fleet,
    } = *order;
    if scope == Scope::Staged {
        if is_published(bench) {
            // By a run that was killed when it had only `staged/` left to empty.
            if !dry_run {
                Staging::clear(&bench.desk().staged())?;
            }
            return Ok(Report::default());
        }
        bench.refuse_stale()?;
    }
    let found = live::read(bench, store);
    let offline = match scope {
        Scope::OnlineOnly | Scope::Bins => {
            Offline::unchanged(bench.published().ok_or(PublishError::NothingPublished)?)
        }
        Scope::Staged => {
            Review::of(bench, &People::load(bench.desk())?)?;
            Offline::seal(bench, store)?
        }
    };
    refuse_examples(bench, &offline)?;
    let state = Live::of(found, bench, store, &offline)?;
    state.refuse_strange(bench, store, &offline)?;
    let live = state.published.as_ref();
    if scope == Scope::Staged
        && let Some(live) = live.filter(|live| offline.is_what(live))
    {
        // Published already, by a run that was cut off or by somebody else: only this clone must catch up.
        if !dry_run {
            mirror::update(bench, live)?;
        }
        return Ok(Report::default());
    }
    let targets = offline.targets().ok_or(CandidateError::NoRepository)?;
    let bins = bins::make(store, live, targets, work)?;
    if scope == Scope::Bins && bins.files.is_empty() {
        return Ok(Report::default());
    }
    let fleet = Fleet::read(store, live, bench.published())?;
    let has_history = live.is_some() && !targets.has_bins();
    if has_history && fleet.is_empty() && scope == Scope::Staged && !begin_fleet {
        return Err(FleetError::NoFleet(store.describe()).into());
    }
    let around = Around {
        fleet: &fleet,
        bins,
        audit: note_publishing(bench, online, &offline, dry_run)?,
    };
    let mut candidate = Candidate::make(offline, bench, live, store, online, around)?;
    add_older_roots(bench, store, &mut candidate.view)?;
    let needs = judge(bench, live, &candidate)?;
    let idle = fleet.replay(&Replay {
        view: &candidate.view,
        offline: &candidate.offline,
        live,
        desk: bench.desk(),
        store,
    })?;
    let plan = plan::Plan::of(bench, &state, &candidate)?;
    let written = if dry_run {
        plan.names()
    } else {
        carry_out(store, &plan, work, told)?
    };
    let report = Report {
        written,
        roles: candidate
            .offline
            .fresh
            .iter()
            .map(|(role, signed)| (role.to_string(), signed.draft().version()))
            .collect(),
        snapshot: Some(dated(&candidate.snapshot)),
        timestamp: Some(dated(&candidate.timestamp)),
        bins: (
            candidate.bins.added,
            candidate.bins.replaced,
            candidate.bins.removed,
        ),
        replaced: live.map(|live| live.timestamp().expires),
        first_to_expire: first_to_expire(&candidate.offline),
        needs,
        gap: plan.gap,
        idle: idle.iter().map(Cohort::to_string).collect(),
        set_aside: state.set_aside,
        fleet_begins: live.is_some() && fleet.is_empty() && candidate.fleet.is_some(),
    };
    if !dry_run {
        let published = read_back(bench, store, candidate)?;
        match scope {
            Scope::Staged => mirror::update(bench, &published)?,
            Scope::OnlineOnly | Scope::Bins => mirror::write(&bench.desk().metadata(), &published)?,
        }
    }
    Ok(report)
}

/// Writes, once the store has proven itself: files that are put into bins, then the plan.
fn carry_out(
    store: &dyn Store,
    plan: &plan::Plan,
    work: Option<Work<'_>>,
    told: &mut dyn FnMut(u64, u64),
) -> Result<Vec<String>, PublishError> {
    store.prove()?;
    let (uploads, rest) = (work.map_or(0, |work| work.edits.weight()), plan.weight());
    if let Some(work) = work {
        work.edits
            .upload(store, &mut |done| told(done, uploads + rest))?;
    }
    plan.run(store, &mut |done, _| told(uploads + done, uploads + rest))
}

/// Says in the online key's audit log what is about to be published, before the snapshot vouches for all logs. A publication
/// that is refused after all is an entry too, and one that no snapshot names.
fn note_publishing(
    bench: &Bench<'_>,
    online: &[&dyn Signer],
    offline: &Offline,
    dry_run: bool,
) -> Result<Hex, PublishError> {
    let audit = Audit::of(bench.desk());
    // Where two keys sign, the first is the one that stays.
    let Some(online) = online.first().filter(|_| !dry_run) else {
        return Ok(audit.foretold()?);
    };
    let roles = offline
        .fresh
        .iter()
        .map(|(role, signed)| format!("{role} v{}", signed.draft().version()));
    let key = Hex::from(online.public().id());
    Ok(audit.publishing(&key, bench.now(), &online.describe(), roles.collect())?)
}

/// Everything that can stop a publication before the first byte is written.
fn judge(
    bench: &Bench<'_>,
    live: Option<&Published>,
    candidate: &Candidate,
) -> Result<Vec<Need>, PublishError> {
    let view = &candidate.view;
    let anchor = bench
        .published()
        .map_or(1, |published| published.root().version);
    let seen = live.map(Published::seen).unwrap_or_default();
    view.judge_as_client(anchor, seen, Clock::Exact(bench.now()))?;
    let mut needs = Vec::new();
    for signed in candidate.offline.roles.values() {
        if let Draft::Product(name, product) = signed.draft() {
            let before = live.and_then(|live| live.product(name));
            needs.push(capacity::check(view, bench.desk(), name, product, before)?);
        }
    }
    Ok(needs)
}

/// Whether all that is staged is what the mirror says is published.
fn is_published(bench: &Bench<'_>) -> bool {
    let (staging, Some(published)) = (bench.staging(), bench.published()) else {
        return false;
    };
    let role = |(role, staged): (&RoleName, &Staged)| {
        let there = published.signed(role);
        there.is_some_and(|there| there.signed() == staged.signed())
    };
    let bundle = |release: &ReleaseName| {
        let role = published.product(release.product());
        role.is_some_and(|role| role.targets.contains_key(release))
    };
    !staging.is_empty() && staging.roles.iter().all(role) && staging.bundles.keys().all(bundle)
}

/// What the store holds now: byte for byte the candidate, which was judged, or what somebody has published since.
fn read_back(
    bench: &Bench<'_>,
    store: &dyn Store,
    candidate: Candidate,
) -> Result<Published, PublishError> {
    if let Some(ours) = candidate.into_published(bench.published())
        && ours.is_in(store)?
    {
        return Ok(ours);
    }
    let pin = bench.published().map(Published::as_pin);
    Published::read(store, pin.as_ref())?.ok_or(PublishError::Vanished(store.describe()))
}

fn refuse_examples(bench: &Bench<'_>, offline: &Offline) -> Result<(), PublishError> {
    let examples = offline.example_keys();
    if bench.settings().demo || examples.is_empty() {
        Ok(())
    } else {
        Err(PublishError::ExampleKeys(examples.join("; ")))
    }
}

/// Roots below the pinned one: devices may still stand there, so the judge must see them.
fn add_older_roots(
    bench: &Bench<'_>,
    store: &dyn Store,
    view: &mut View,
) -> Result<(), PublishError> {
    let first = view.roots.keys().next().copied().unwrap_or(1);
    let oldest = bench
        .settings()
        .products
        .values()
        .map(|product| product.oldest_root)
        .min()
        .unwrap_or(first);
    for version in oldest..first {
        if let Some(file) = store.get(&object(&RoleName::Root.file(version))?)? {
            view.roots.insert(version, file);
        }
    }
    Ok(())
}

fn first_to_expire(offline: &Offline) -> Option<(String, Utc)> {
    let root = (RoleName::Root.to_string(), offline.root.expires);
    let roles = offline.roles.iter();
    roles
        .map(|(role, signed)| (role.to_string(), signed.draft().expires()))
        .chain([root])
        .min_by_key(|(_, expires)| *expires)
}

fn dated(signed: &Signed) -> (u64, Utc) {
    (signed.draft().version(), signed.draft().expires())
}

/// A publication that is refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// `refresh` before the first `publish`.
    #[error("nothing is published yet, so there is nothing to refresh")]
    NothingPublished,
    /// Example keys on a real repository.
    #[error("this repository would trust published example keys ({0}): anyone could sign for it")]
    ExampleKeys(String),
    /// Nothing there.
    #[error(
        "half a repository: this working directory mirrors a published repository, but {0} holds none"
    )]
    Empty(String),
    /// Something else there.
    #[error("{0} holds a repository already, and it is not the one staged here")]
    Taken(String),
    /// Rolled back.
    #[error("{store} has gone back: {role} is v{theirs} there, but v{ours} was published before")]
    Behind {
        /// The role.
        role: RoleName,
        /// Version in the mirror.
        ours: u64,
        /// Version in the store.
        theirs: u64,
        /// The store.
        store: String,
    },
    /// Somebody else published.
    #[error("{store} is ahead of this working directory: {role} is v{theirs} there, v{ours} here")]
    Ahead {
        /// The role.
        role: RoleName,
        /// Version in the mirror.
        ours: u64,
        /// Version in the store.
        theirs: u64,
        /// The store.
        store: String,
    },
    /// Nobody published that often.
    #[error(
        "{store} holds {role} v{theirs}, and v{ours} was the last that is known here: nobody published that often in between"
    )]
    RanAhead {
        /// The role.
        role: RoleName,
        /// Version in the mirror.
        ours: u64,
        /// Version in the store.
        theirs: u64,
        /// The store.
        store: String,
    },
    /// Somebody else published at the same moment.
    #[error(
        "somebody published {} meanwhile; nothing of ours became visible",
        version.map_or_else(|| "something".to_owned(), |version| format!("version {version}"))
    )]
    Raced {
        /// Version of the timestamp in the store, as the store tells it.
        version: Option<u64>,
    },
    /// The fleet, or a part of it that would be left behind.
    #[error(transparent)]
    Fleet(Box<FleetError>),
    /// The store lost it.
    #[error("{0} does not hold what was just written")]
    Vanished(String),
    /// The mirror.
    #[error("cannot update the mirror `{path}`")]
    Mirror {
        /// The directory.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// What lies beside the mirror.
    #[error(transparent)]
    Papers(#[from] PapersError),
    /// The mirror.
    #[error(transparent)]
    Durable(#[from] WriteError),
    /// Stale and the like.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// Not complete.
    #[error(transparent)]
    Candidate(#[from] CandidateError),
    /// Judged and refused.
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    /// Too large.
    #[error(transparent)]
    Capacity(#[from] CapacityError),
    /// What the store holds does not hold.
    #[error("what is published in the store does not hold")]
    Published(#[from] PublishedError),
    /// Bundles.
    #[error(transparent)]
    Review(#[from] ReviewError),
    /// Names.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// The audit logs.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The staging area.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// Files that are put into bins.
    #[error(transparent)]
    Edits(EditError),
}

impl From<EditError> for PublishError {
    fn from(error: EditError) -> Self {
        match error {
            EditError::Store(error) => Self::Store(error),
            other => Self::Edits(other),
        }
    }
}

impl From<BinsError> for PublishError {
    fn from(error: BinsError) -> Self {
        Self::Candidate(error.into())
    }
}

impl From<FleetError> for PublishError {
    fn from(error: FleetError) -> Self {
        match error {
            FleetError::Store(error) => Self::Store(error),
            other => Self::Fleet(Box::new(other)),
        }
    }
}

#[cfg(test)]
mod tests;
