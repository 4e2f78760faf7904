//! The root to begin with: named by the user, or the one this working directory trusts.
//!
//! Takes a path or a working directory; gives the bytes of a root file. What a clone trusts is pinned as a fingerprint; the
//! file itself is in its mirror, `metadata/`, and is believed only if it has that fingerprint.

use std::path::{Path, PathBuf};

use cuff_verifier::profile::Profile;
use cuff_verifier::threshold::{Document, unauthenticated};

use super::client::MAX_ROOT;
use super::desk::{Desk, DeskError};
use crate::intake::{self, IntakeError};
use crate::role::wire::Hex;

/// A root to begin with, and where a client may remember what it led to.
#[derive(Clone, Debug)]
pub struct Anchor {
    /// The root file.
    pub root: Vec<u8>,
    /// Where it came from.
    pub from: PathBuf,
    /// The metadata directory that belongs to it, if any.
    pub memory: Option<PathBuf>,
}

/// Reads the root file that the user names.
pub fn named(path: &Path) -> Result<Anchor, AnchorError> {
    Ok(Anchor {
        root: intake::read(path, MAX_ROOT)?,
        from: path.to_owned(),
        memory: None,
    })
}

/// Finds the root that this clone of a working directory trusts.
pub fn pinned(desk: &Desk) -> Result<Anchor, AnchorError> {
    let pin = desk
        .pin()?
        .ok_or_else(|| AnchorError::NoPin(desk.root().to_owned()))?;
    let path = desk.metadata().join(format!("{}.root.json", pin.version));
    let root = intake::read(&path, MAX_ROOT)?;
    let signed = unauthenticated(Document::canonical(&root), Profile::Device)
        .map(|unproven| Hex::sha256(unproven.signed()));
    match signed {
        Ok(found) if found == pin.sha256 => Ok(Anchor {
            root,
            from: path,
            memory: Some(desk.root().join(".cuff/trusted")),
        }),
        found => Err(AnchorError::NotPinned {
            path,
            expected: pin.sha256,
            found: found.map_or_else(|error| error.to_string(), |found| found.to_string()),
        }),
    }
}

/// Why there is nothing to begin with.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// A clone that was never told what to trust.
    #[error("the working directory `{}` does not trust any root yet", .0.display())]
    NoPin(PathBuf),
    /// The working directory itself.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Another root than the pinned one.
    #[error("`{}` is not the root this clone trusts: expected SHA-256 {expected} of its signed part, found {found}", path.display())]
    NotPinned {
        /// The file.
        path: PathBuf,
        /// The pinned fingerprint.
        expected: Hex,
        /// What the file has.
        found: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] IntakeError),
}
