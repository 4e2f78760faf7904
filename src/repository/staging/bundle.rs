//! A bundle in the staging area, hashed and opened once, however often somebody asks what it is.
//!
//! Takes bytes that nobody has looked at; gives their digest, and what is in them. Who copies it shares it.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::bundle::{Bundle, BundleError};
use crate::role::wire::Hex;

/// The bytes of a staged bundle.
#[derive(Clone, Debug)]
pub struct StagedBundle(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    bytes: Bytes,
    sha256: OnceLock<Hex>,
    opened: OnceLock<Result<Bundle, BundleError>>,
}

impl StagedBundle {
    /// The file.
    pub fn bytes(&self) -> &Bytes {
        &self.0.bytes
    }

    /// Its SHA-256.
    pub fn sha256(&self) -> Hex {
        *self.0.sha256.get_or_init(|| Hex::sha256(&self.0.bytes))
    }

    /// What is in it, if it holds.
    pub fn open(&self) -> Result<&Bundle, BundleError> {
        let open = || Bundle::of(self.0.bytes.clone());
        self.0
            .opened
            .get_or_init(open)
            .as_ref()
            .map_err(Clone::clone)
    }
}

impl From<Vec<u8>> for StagedBundle {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Inside {
            bytes: bytes.into(),
            sha256: OnceLock::new(),
            opened: OnceLock::new(),
        }))
    }
}

impl PartialEq for StagedBundle {
    fn eq(&self, other: &Self) -> bool {
        self.0.bytes == other.0.bytes
    }
}

impl Eq for StagedBundle {}
