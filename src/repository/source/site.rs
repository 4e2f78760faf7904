//! A repository as whoever looks after it sees it: what lies there besides, and what caches are told.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Source, SourceError};

/// A source that can be looked at from outside.
pub trait Site: Source {
    /// Every file there; nothing where files can be asked for and not listed.
    fn list(&self) -> Result<Option<Vec<Entry>>, SourceError>;

    /// The first bytes of a file that was listed, at most 256; none where it cannot be read.
    fn start(&self, name: &str) -> Vec<u8>;

    /// What caches were told when a file was last asked for, or its absence.
    fn caching(&self, path: &str) -> Caching;
}

/// A file of a listing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its path, as it is asked for.
    pub name: String,
    /// Whether it is a link: what it leads to can change without the repository.
    pub is_link: bool,
}

/// What caches were told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caching {
    /// Nobody is between this place and its readers.
    NotAsked,
    /// Nothing: each decides for itself how long it keeps the file.
    Silent,
    /// The words of `Cache-Control`.
    Told(String),
}

/// What caches were told with each file, when it was last asked for.
#[derive(Debug, Default)]
pub struct Heard(Mutex<BTreeMap<String, Caching>>);

impl Heard {
    /// Keeps the `Cache-Control` of an answer, if it had one.
    pub fn note(&self, path: &str, words: Option<String>) {
        let told = words.map_or(Caching::Silent, Caching::Told);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(path.to_owned(), told);
    }

    /// What was heard of a file.
    pub fn of(&self, path: &str) -> Caching {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(path).cloned().unwrap_or(Caching::NotAsked)
    }
}

/// Bytes of a file that are looked at to tell what it is.
pub const START: u64 = 256;
