//! A repository in a bucket, read with the credentials of whoever looks after it.

use std::fmt;

use super::site::{Caching, Entry, Heard, START, Site};
use super::{Source, SourceError};
use crate::store::cloud::{CloudStore, Peek};
use crate::store::{Keeper, Listed, ObjectName, Store, StoreError};

/// A bucket that holds `metadata/` and `targets/`.
pub struct Bucket {
    store: CloudStore,
    heard: Heard,
}

impl Bucket {
    /// The repository in this store.
    pub fn new(store: CloudStore) -> Self {
        Self {
            store,
            heard: Heard::default(),
        }
    }

    fn failed(&self, path: &str, error: StoreError) -> SourceError {
        SourceError::Read {
            path: path.to_owned(),
            place: self.describe(),
            source: Box::new(error),
        }
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.describe()).finish()
    }
}

impl Source for Bucket {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let name = ObjectName::new(path).map_err(|_| SourceError::Path {
            path: path.to_owned(),
        })?;
        let peek = self.store.peek(&name, limit);
        match peek.map_err(|error| self.failed(path, error))? {
            Peek::Absent => Ok(None),
            Peek::TooLong => Err(SourceError::TooLong {
                path: path.to_owned(),
                place: self.describe(),
                limit,
            }),
            Peek::Whole(bytes, caches) => {
                self.heard.note(path, caches);
                Ok(Some(bytes))
            }
        }
    }

    fn is_far(&self) -> bool {
        true
    }
}

impl Site for Bucket {
    fn list(&self) -> Result<Option<Vec<Entry>>, SourceError> {
        let listed = self.store.list().map_err(|error| self.failed("/", error))?;
        let entry = |listed: Listed| Entry {
            name: listed.name,
            is_link: false,
        };
        Ok(Some(listed.into_iter().map(entry).collect()))
    }

    fn start(&self, name: &str) -> Vec<u8> {
        self.store.start(name, START).unwrap_or_default()
    }

    fn caching(&self, path: &str) -> Caching {
        self.heard.of(path)
    }
}
