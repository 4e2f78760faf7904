//! What the store holds, as far as a publication goes on from it.
//!
//! Takes the store, the mirror and what is about to be published. A store that has gone back, was published to by somebody else
//! or holds another repository is refused. Where a new root takes the online keys away, because somebody else has them, what
//! that somebody made of snapshot and timestamp is set aside: clients and devices forget it with that root (TUF 5.3.11).

use super::PublishError;
use crate::repository::bench::Bench;
use crate::repository::candidate::Offline;
use crate::repository::preflight::View;
use crate::repository::published::{Published, PublishedError, object};
use crate::role::name::RoleName;
use crate::role::pipeline::Signed;
use crate::store::Store;

/// More versions than anybody makes between two pulls: one a minute, for a year.
const LEAP: u64 = 60 * 24 * 365;

/// The state of the store that a publication goes on from.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// The repository: that in the store, or the mirror where that in the store is set aside.
    pub(super) published: Option<Published>,
    /// The timestamp that lies there, whoever made it.
    pub(super) timestamp: Option<Vec<u8>>,
    /// Whether what lies there is set aside.
    pub(super) set_aside: bool,
}

/// What was found in the store.
pub(super) type Found = Result<Option<Published>, PublishedError>;

/// Reads the store. After an interrupted rotation of the online key the old timestamp does not hold under the new root; then the
/// repository as it was before counts.
pub(super) fn read(bench: &Bench<'_>, store: &dyn Store) -> Found {
    if let Some(mirror) = bench.published()
        && mirror.is_in(store)?
    {
        // Byte for byte what was judged when the mirror was opened.
        return Ok(Some(mirror.clone()));
    }
    let pin = bench.published().map(Published::as_pin);
    Published::read(store, pin.as_ref()).or_else(|error| match pin {
        Some(pin) => Published::read_at(store, &pin).map_err(|_| error),
        None => Err(error),
    })
}

impl Live {
    /// Holds what was found against the mirror and what is about to be published.
    pub(super) fn of(
        found: Found,
        bench: &Bench<'_>,
        store: &dyn Store,
        offline: &Offline,
    ) -> Result<Self, PublishError> {
        if let Some(mirror) = bench.published()
            && Strange::is(mirror, &found, store, offline)?.is_some()
        {
            // What is replaced is what was judged, even if somebody is at work there.
            let timestamp = store.get(&object("timestamp.json")?)?;
            let again = read(bench, store);
            match Strange::is(mirror, &again, store, offline)? {
                Some(_) if forgotten(mirror, offline)? => {
                    return Ok(Self {
                        published: Some(mirror.clone()),
                        timestamp,
                        set_aside: true,
                    });
                }
                Some(Strange::Leap(role, theirs)) => {
                    return Err(PublishError::RanAhead {
                        ours: mirror.version(&role),
                        role,
                        theirs,
                        store: store.describe(),
                    });
                }
                _ => return Ok(Self::as_found(again?)),
            }
        }
        Ok(Self::as_found(found?))
    }

    fn as_found(published: Option<Published>) -> Self {
        let timestamp = published
            .as_ref()
            .and_then(|live| live.signed(&RoleName::Timestamp))
            .map(|signed| signed.file().to_owned());
        Self {
            published,
            timestamp,
            set_aside: false,
        }
    }

    /// The store must hold what the mirror says, or what is about to be published.
    pub(super) fn refuse_strange(
        &self,
        bench: &Bench<'_>,
        store: &dyn Store,
        offline: &Offline,
    ) -> Result<(), PublishError> {
        let store = || store.describe();
        let (mirror, live) = match (bench.published(), &self.published) {
            (None, None) => return Ok(()),
            (Some(_), None) => return Err(PublishError::Empty(store())),
            (None, Some(live)) if offline.is_what(live) => return Ok(()),
            (None, Some(_)) => return Err(PublishError::Taken(store())),
            (Some(mirror), Some(live)) => (mirror, live),
        };
        for role in live
            .offline_roles()
            .chain([RoleName::Snapshot, RoleName::Timestamp])
        {
            let (ours, theirs) = (mirror.version(&role), live.version(&role));
            let staged = offline.fresh.get(&role).is_some_and(|signed| {
                live.signed(&role)
                    .is_some_and(|there| there.signed() == signed.signed())
            });
            if theirs < ours {
                return Err(PublishError::Behind {
                    role,
                    ours,
                    theirs,
                    store: store(),
                });
            }
            if theirs > ours && role.is_offline() && !staged {
                return Err(PublishError::Ahead {
                    role,
                    ours,
                    theirs,
                    store: store(),
                });
            }
        }
        Ok(())
    }
}

/// Whether whoever follows the new root forgets which versions of snapshot and timestamp they saw: the verifier says so.
fn forgotten(mirror: &Published, offline: &Offline) -> Result<bool, PublishError> {
    let Some(root) = offline.fresh.get(&RoleName::Root) else {
        return Ok(false);
    };
    let mut roots = mirror.view().roots;
    roots.retain(|version, _| *version >= mirror.root().version);
    roots.insert(root.draft().version(), root.file().to_owned());
    let view = View {
        roots,
        ..View::default()
    };
    Ok(view.forgets(mirror.root().version)?)
}

/// What only somebody else with the online key can have made of a store.
enum Strange {
    /// A version that nobody here can have come to.
    Leap(RoleName, u64),
    /// A repository that does not hold, or a snapshot with files that nobody ever delegated.
    Broken,
}

impl Strange {
    /// Where people went on from the mirror in the usual way it is theirs, and not strange.
    fn is(
        mirror: &Published,
        found: &Found,
        store: &dyn Store,
        offline: &Offline,
    ) -> Result<Option<Self>, PublishError> {
        let live = match found {
            Err(PublishedError::Store(_)) | Ok(None) => return Ok(None),
            Err(_) if went_on(mirror, store, offline)? => return Ok(None),
            Err(_) => return Ok(Some(Self::Broken)),
            Ok(Some(live)) => live,
        };
        let beyond = |role: &RoleName, step: u64| {
            let theirs = live.version(role);
            theirs > mirror.version(role).saturating_add(step)
        };
        let published_since = |role: &RoleName| {
            beyond(role, 0) && !beyond(role, LEAP) && !offline.fresh.contains_key(role)
        };
        if live.offline_roles().any(|role| published_since(&role)) {
            return Ok(None);
        }
        let leap = live
            .offline_roles()
            .chain([RoleName::Snapshot, RoleName::Timestamp])
            .find(|role| beyond(role, LEAP));
        if let Some(role) = leap {
            let theirs = live.version(&role);
            return Ok(Some(Self::Leap(role, theirs)));
        }
        let known = |file: &String| {
            mirror.snapshot().meta.contains_key(file)
                || live
                    .offline_roles()
                    .any(|role| *file == format!("{role}.json"))
        };
        // Bins are the online key's own business.
        let bins = live.targets().has_bins();
        let stranger = !bins && live.snapshot().meta.keys().any(|file| !known(file));
        Ok(stranger.then_some(Self::Broken))
    }
}

/// Whether the store holds the next version of a role that people sign, other than what is about to be published.
fn went_on(mirror: &Published, store: &dyn Store, offline: &Offline) -> Result<bool, PublishError> {
    for role in mirror.offline_roles() {
        let next = object(&role.file(mirror.version(&role) + 1))?;
        let ours = offline.fresh.get(&role).map(Signed::file);
        if store.get(&next)?.is_some_and(|there| ours != Some(&there)) {
            return Ok(true);
        }
    }
    Ok(false)
}
