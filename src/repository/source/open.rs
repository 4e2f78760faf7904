//! From what a person typed to a source: a directory, a sealed bundle, a web address, or a bucket.
//!
//! The one place that knows the kinds of sources there are; a new kind is one more arm here.

use std::io;
use std::path::Path;

use super::Source;
use super::bucket::Bucket;
use super::directory::Directory;
use super::http::{Http, HttpError, Patience};
use super::sealed::Sealed;
use super::site::Site;
use crate::bundle::seal::{MAX_SEAL, Seal, SealError};
use crate::intake::{self, IntakeError};
use crate::store::StoreError;
use crate::store::address::{Address, AddressError};
use crate::store::cloud::CloudStore;

/// Opens `place`; a web server or a bucket only where the network may be used.
pub fn open(place: &str, offline: bool) -> Result<Box<dyn Source>, OpenError> {
    if let Some(site) = open_site(place, offline)? {
        return Ok(site);
    }
    let seal = Seal::open(intake::read(Path::new(place), MAX_SEAL)?).map_err(|source| {
        OpenError::Seal {
            place: place.to_owned(),
            source,
        }
    })?;
    Ok(Box::new(Sealed::new(place, seal)))
}

/// Opens `place` to be looked at from outside; nothing when it is a single file.
pub fn open_site(place: &str, offline: bool) -> Result<Option<Box<dyn Site>>, OpenError> {
    let refuse_network = || {
        if offline {
            return Err(OpenError::Offline {
                place: place.to_owned(),
            });
        }
        Ok(())
    };
    let path = match place.split_once("://") {
        None => Path::new(place).to_owned(),
        Some(("file" | "s3" | "gs" | "az", _)) => match Address::read(place, Path::new(""))? {
            Address::Folder(path) => path,
            Address::Bucket(bucket) => {
                refuse_network()?;
                return Ok(Some(Box::new(Bucket::new(CloudStore::open(bucket)?))));
            }
        },
        Some(_) => {
            refuse_network()?;
            return Ok(Some(Box::new(Http::new(place, Patience::default())?)));
        }
    };
    let found = path.metadata().map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => OpenError::Missing {
            place: place.to_owned(),
        },
        _ => OpenError::Io {
            place: place.to_owned(),
            source,
        },
    })?;
    Ok(found
        .is_dir()
        .then(|| Box::new(Directory::new(path)) as Box<dyn Site>))
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
    /// The address of no bucket.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A bucket that cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
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
