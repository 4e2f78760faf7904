//! The root to begin with: named by the user, or the one this working directory trusts.
//!
//! Takes a path; gives the bytes of a root file. What a clone of the working directory trusts stands in `.cuff/pin.json` as a
//! fingerprint; the file itself is in its mirror, `metadata/`, and is believed only if it has that fingerprint.

use std::path::{Path, PathBuf};

use cuff_verifier::digest::Digest;
use cuff_verifier::profile::Profile;
use cuff_verifier::threshold::{Document, unauthenticated};
use serde::Deserialize;

use super::client::MAX_ROOT;
use crate::intake::{self, IntakeError};

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

/// Finds the working directory at or above `start`, and the root it trusts.
pub fn pinned(start: &Path) -> Result<Anchor, AnchorError> {
    let desk = start
        .ancestors()
        .find(|folder| folder.join("cuff.toml").is_file())
        .ok_or(AnchorError::None)?;
    let pin_path = desk.join(".cuff/pin.json");
    if !pin_path.is_file() {
        return Err(AnchorError::NoPin(desk.to_owned()));
    }
    let pin = intake::read(&pin_path, MAX_PIN)?;
    let pin: Pin = serde_json::from_slice(&pin).map_err(|_| AnchorError::Pin(pin_path.clone()))?;
    let path = desk.join(format!("metadata/{}.root.json", pin.version));
    let root = intake::read(&path, MAX_ROOT)?;
    let signed = unauthenticated(Document::canonical(&root), Profile::Device)
        .map(|unproven| Digest::of(unproven.signed()).to_string());
    match signed {
        Ok(found) if found == pin.sha256 => Ok(Anchor {
            root,
            from: path,
            memory: Some(desk.join(".cuff/trusted")),
        }),
        found => Err(AnchorError::NotPinned {
            path,
            expected: pin.sha256,
            found: found.unwrap_or_else(|error| error.to_string()),
        }),
    }
}

/// Why there is nothing to begin with.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// Neither named nor pinned.
    #[error("no root to begin with: none was named, and this is no working directory")]
    None,
    /// A clone that was never told what to trust.
    #[error("the working directory `{}` does not trust any root yet", .0.display())]
    NoPin(PathBuf),
    /// The pin was damaged.
    #[error("`{}` does not hold a pinned root", .0.display())]
    Pin(PathBuf),
    /// Another root than the pinned one.
    #[error("`{}` is not the root this clone trusts: expected SHA-256 {expected} of its signed part, found {found}", path.display())]
    NotPinned {
        /// The file.
        path: PathBuf,
        /// The pinned fingerprint.
        expected: String,
        /// What the file has.
        found: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    Read(#[from] IntakeError),
}

/// What a clone keeps of the root it trusts.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    version: u64,
    sha256: String,
}

const MAX_PIN: u64 = 4096;
