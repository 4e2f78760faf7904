//! Joining: telling a clone which root to trust.
//!
//! Takes the fingerprint a person got over another channel, finds the root it belongs to, and pins it when everything that
//! is published follows from that root. A clone that was never told trusts nothing enough to sign.

use super::desk::{Desk, DeskError, Pin};
use super::published::{Published, PublishedError, object};
use super::staging::{Staging, StagingError};
use crate::role::name::RoleName;
use crate::role::pipeline::{Signed, Staged};
use crate::role::wire::Hex;
use crate::store::local::LocalStore;
use crate::store::{Store, StoreError};

/// Finds and checks the root with this fingerprint; `published` is the store to hold the mirror against.
pub fn find(
    desk: &Desk,
    fingerprint: Hex,
    published: Option<&dyn Store>,
) -> Result<Pin, JoinError> {
    let mirror = LocalStore::open(desk.root())?;
    let mut seen = Vec::new();
    for store in [Some(&mirror as &dyn Store), published]
        .into_iter()
        .flatten()
    {
        let mut version = 1;
        while let Some(file) = store.get(&object(&RoleName::Root.file(version))?)? {
            if let Ok((signed, _)) = Signed::open_root(&file, None) {
                let sha256 = Hex::sha256(signed.signed());
                if sha256 == fingerprint {
                    let pin = Pin { version, sha256 };
                    check(&mirror, published, &pin)?;
                    return Ok(pin);
                }
                seen.push(format!("v{version} {sha256}"));
            }
            version += 1;
        }
    }
    // Before the first publication the root lies in `staged/`; its signed bytes stay the same when it is published.
    let staged = Staging::load(&desk.staged())?.roles.remove(&RoleName::Root);
    if let Some(staged) = staged
        .as_ref()
        .filter(|staged| staged.draft().version() == 1)
    {
        let sha256 = Hex::sha256(Staged::signed(staged));
        if sha256 == fingerprint {
            return Ok(Pin { version: 1, sha256 });
        }
        seen.push(format!("v1 (staged) {sha256}"));
    }
    Err(JoinError::NoSuchRoot {
        expected: fingerprint,
        found: seen.join(", "),
    })
}

/// The mirror, and the store if there is one, follow from the pinned root, and the store is not behind the mirror.
fn check(mirror: &dyn Store, published: Option<&dyn Store>, pin: &Pin) -> Result<(), JoinError> {
    let here = Published::read(mirror, Some(pin))?;
    let Some(store) = published else {
        return Ok(());
    };
    let there = Published::read(store, Some(pin))?;
    if let (Some(here), Some(there)) = (here, there) {
        for role in here.offline_roles() {
            let (ours, theirs) = (here.version(&role), there.version(&role));
            if ours > theirs {
                return Err(JoinError::Behind { role, ours, theirs });
            }
        }
    }
    Ok(())
}

/// A root that is not pinned.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// The fingerprint fits nothing.
    #[error("no root here has the fingerprint {expected}; found: {}", if found.is_empty() { "none" } else { found })]
    NoSuchRoot {
        /// The fingerprint that was given.
        expected: Hex,
        /// The roots there are.
        found: String,
    },
    /// The store was rolled back.
    #[error(
        "the published repository is behind this working directory: {role} is v{theirs} there, v{ours} here"
    )]
    Behind {
        /// The role.
        role: RoleName,
        /// Version here.
        ours: u64,
        /// Version there.
        theirs: u64,
    },
    /// What is published does not follow from that root.
    #[error(transparent)]
    Published(#[from] PublishedError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The staging area.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// The pin.
    #[error(transparent)]
    Desk(#[from] DeskError),
}
