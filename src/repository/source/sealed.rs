//! A repository in one file: a sealed bundle, read the way a directory is.
//!
//! Takes the container apart and believes nothing in it.

use super::{Source, SourceError};
use crate::bundle::seal::Seal;

/// A sealed bundle as a source.
#[derive(Clone, Debug)]
pub struct Sealed {
    name: String,
    seal: Seal,
}

impl Sealed {
    /// A sealed bundle; `name` is used in messages only.
    pub fn new(name: impl Into<String>, seal: Seal) -> Self {
        Self {
            name: name.into(),
            seal,
        }
    }
}

impl Source for Sealed {
    fn describe(&self) -> String {
        format!("the sealed bundle `{}`", self.name)
    }

    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        match self.seal.get(path) {
            Some(bytes) if bytes.len() as u64 > limit => Err(SourceError::TooLong {
                path: path.to_owned(),
                place: self.describe(),
                limit,
            }),
            found => Ok(found.map(<[u8]>::to_vec)),
        }
    }
}
