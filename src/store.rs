//! Where a repository is published: immutable objects and one object that changes in place.
//!
//! A store gives bytes, takes a new object only where none is, and replaces one only if nobody else did in the meantime.
//! It knows nothing of roles or signatures: whoever owns it can stop updates but never change one.

pub mod address;
pub mod cloud;
pub mod local;
pub mod trouble;

use std::fmt;
use std::io;

use cuff_verifier::time::Instant;
use trouble::Trouble;

/// What publishing asks of a store.
pub trait Store {
    /// The store in words, for messages.
    fn describe(&self) -> String;

    /// The whole object, or nothing when there is none.
    fn get(&self, name: &ObjectName) -> Result<Option<Vec<u8>>, StoreError>;

    /// Writes an object where none is. What is there already is never touched.
    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError>;

    /// Replaces an object if it still is what the caller read (`None`: still absent).
    fn replace_if_unchanged(
        &self,
        name: &ObjectName,
        read: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<Replace, StoreError>;

    /// Writes several objects where none are, as many at once as the store likes; `done` hears of each that is through.
    fn put_all(
        &self,
        objects: &[Object<'_>],
        done: &mut dyn FnMut(u64),
    ) -> Result<Vec<Put>, StoreError> {
        objects
            .iter()
            .map(|object| {
                let put = self.put_if_absent(object.name, object.bytes)?;
                done(object.bytes.len() as u64);
                Ok(put)
            })
            .collect()
    }

    /// Several whole objects, in the order asked for.
    fn get_all(&self, names: &[&ObjectName]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        names.iter().map(|name| self.get(name)).collect()
    }

    /// Finds out whether the store keeps what this trait promises, if that is not known yet. Some servers answer yes to a
    /// conditional write and overwrite.
    fn prove(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// What looking after a store asks of it besides.
pub trait Keeper: Store {
    /// Every object, in the order of names.
    fn list(&self) -> Result<Vec<Listed>, StoreError>;

    /// Removes an object; one that is not there is gone already.
    fn remove(&self, name: &ObjectName) -> Result<(), StoreError>;
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name below the prefix; it need not be one of ours.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
    /// When it was written, by the store's clock.
    pub written: Instant,
}

/// An object to be written.
#[derive(Clone, Copy, Debug)]
pub struct Object<'a> {
    /// Its name.
    pub name: &'a ObjectName,
    /// All of it.
    pub bytes: &'a [u8],
}

/// What became of a new object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there now.
    Written,
    /// Something was there before, equal or not.
    Present,
}

/// What became of a replacement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// It is there now.
    Written,
    /// Somebody else wrote in the meantime; nothing changed.
    Changed,
}

/// The name of an object: `/`-separated parts of printable ASCII, none of them hidden, none empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

impl ObjectName {
    /// Accepts a name that is safe as a relative path and in a URL.
    pub fn new(name: impl Into<String>) -> Result<Self, StoreError> {
        let name = name.into();
        let part = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c))
        };
        if name.split('/').all(part) {
            Ok(Self(name))
        } else {
            Err(StoreError::Name(name.escape_debug().to_string()))
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A store that could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Not the name of an object.
    #[error("`{0}` cannot name an object of a store")]
    Name(String),
    /// There is no such store.
    #[error("the store {store} does not exist")]
    Missing {
        /// The store.
        store: String,
    },
    /// Another process is writing.
    #[error("another process is writing to {store}")]
    Busy {
        /// The store.
        store: String,
    },
    /// A remote store said no, or nothing.
    #[error("cannot {action} {store}: {trouble}; {said}")]
    Remote {
        /// The store.
        store: String,
        /// What was tried: `write X to`.
        action: String,
        /// What it means.
        trouble: Trouble,
        /// The store's own words, without secrets.
        said: String,
    },
    /// A remote store cannot even be asked.
    #[error("no credentials for {store}: looked for {looked}")]
    NoCredentials {
        /// The store.
        store: String,
        /// Where they would be.
        looked: &'static str,
    },
    /// Conditional writes are not what they must be.
    #[error("{store} does not keep apart two that publish at once: {found}")]
    Unconditional {
        /// The store.
        store: String,
        /// What it did.
        found: String,
    },
    /// What was written is not what is read.
    #[error("{store} does not give back `{name}` as it was written")]
    Corrupt {
        /// The store.
        store: String,
        /// The object.
        name: String,
    },
    /// Reading failed.
    #[error("cannot read {name} from {store}")]
    Read {
        /// The store.
        store: String,
        /// The object.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// Writing failed; the object is as it was before.
    #[error("cannot write {name} to {store}: {}", hint(source))]
    Write {
        /// The store.
        store: String,
        /// The object.
        name: String,
        /// Why.
        source: io::Error,
    },
}

/// What a failed write means to a person.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "this user may not write there"
        }
        _ => "the write failed",
    }
}

#[cfg(test)]
mod tests {
    use super::ObjectName;

    #[test]
    fn names_stay_inside_the_store() {
        for good in ["metadata/timestamp.json", "targets/band/ab12.1.4.0"] {
            assert!(ObjectName::new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/etc/passwd",
            "metadata/../x",
            "a//b",
            "a/",
            ".lock",
            "a/.lock",
            "a\\b",
            "a b",
            "a\u{1b}",
        ] {
            assert!(ObjectName::new(bad).is_err(), "{bad:?}");
        }
    }
}
