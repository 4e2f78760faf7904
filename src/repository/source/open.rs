//! From what a person typed to a source: a directory, a sealed bundle, or the address of a web server.
//!
//! The one place that knows the kinds of sources there are; a new kind is one more arm here.

use std::io;
use std::path::Path;

use super::Source;
use super::directory::Directory;
use super::http::{Http, HttpError, Patience};
use super::sealed::Sealed;
use crate::bundle::seal::{MAX_SEAL, Seal, SealError};
use crate::intake::{self, IntakeError};

/// Opens `place`; a web server only where the network may be used.
pub fn open(place: &str, offline: bool) -> Result<Box<dyn Source>, OpenError> {
    if is_address(place) {
        if offline {
            return Err(OpenError::Offline {
                place: place.to_owned(),
            });
        }
        return Ok(Box::new(Http::new(place, Patience::default())?));
    }
    let path = Path::new(place);
    let found = path.metadata().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => OpenError::Missing {
            place: place.to_owned(),
        },
        _ => OpenError::Io {
            place: place.to_owned(),
            source,
        },
    })?;
    if found.is_dir() {
        return Ok(Box::new(Directory::new(path)));
    }
    let seal = Seal::open(intake::read(path, MAX_SEAL)?).map_err(|source| OpenError::Seal {
        place: place.to_owned(),
        source,
    })?;
    Ok(Box::new(Sealed::new(place, seal)))
}

/// Whether what was typed is an address, not a path.
pub fn is_address(place: &str) -> bool {
    place.contains("://")
}

/// Why there is no source.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither directory nor file.
    #[error("there is no repository at `{place}`")]
    Missing {
        /// What was typed.
        place: String,
    },
    /// A network address that may not be gone to.
    #[error("`{place}` is a network address, and --offline forbids to open a connection")]
    Offline {
        /// What was typed.
        place: String,
    },
    /// A network address that cannot be used.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A file that is no sealed bundle.
    #[error("`{place}` is neither a directory nor a sealed bundle")]
    Seal {
        /// What was typed.
        place: String,
        /// What is wrong with it.
        source: SealError,
    },
    /// Too large, or not readable.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The disk failed.
    #[error("cannot read `{place}`")]
    Io {
        /// What was typed.
        place: String,
        /// Why.
        source: io::Error,
    },
}
