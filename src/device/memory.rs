//! What this machine remembers of each device: the head of its tamper log when it was last read.
//!
//! Takes a unit's identity, gives the head it had; kept in the user's state folder, or in a file the user names. It holds
//! no secret and nothing a verdict hangs on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cuff_bootloader::log::Head;
use cuff_verifier::digest::Digest;
use serde::{Deserialize, Serialize};

use crate::durable::{self, WriteError};

/// Where a unit's head is remembered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Memory {
    path: PathBuf,
}

/// The file.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Remembered {
    schema_version: u32,
    product: String,
    serial: String,
    /// The last record.
    sequence: u32,
    /// Its hash, in hex.
    hash: String,
}

impl Memory {
    /// A file the user named.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The unit's own file in the user's state folder (`XDG_STATE_HOME`, else `~/.local/state`; on Windows `LOCALAPPDATA`).
    pub fn of_unit(product: &str, serial: &str) -> Result<Self, MemoryError> {
        let absolute = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let folder = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
            .or_else(|| absolute("LOCALAPPDATA"))
            .ok_or(MemoryError::NoFolder)?;
        // A serial may hold anything; a digest is a file name everywhere.
        let name = Digest::of(format!("{product}\0{serial}").as_bytes());
        Ok(Self {
            path: folder.join("cuff/devices").join(format!("{name}.json")),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The head that was remembered, if any was.
    pub fn recall(&self, product: &str, serial: &str) -> Result<Option<Head>, MemoryError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                return Err(MemoryError::Io {
                    path: self.path.clone(),
                    source,
                });
            }
        };
        let wrong = |why: &str| MemoryError::Wrong {
            path: self.path.clone(),
            why: why.to_owned(),
        };
        let read: Remembered =
            serde_json::from_slice(&bytes).map_err(|error| wrong(&error.to_string()))?;
        if read.schema_version != SCHEMA_VERSION {
            return Err(wrong("another schema_version than 1"));
        }
        if (read.product.as_str(), read.serial.as_str()) != (product, serial) {
            return Err(wrong("it is about another unit"));
        }
        let mut hash = [0; 16];
        hex::decode_to_slice(&read.hash, &mut hash).map_err(|error| wrong(&error.to_string()))?;
        Ok(Some(Head {
            sequence: read.sequence,
            hash,
        }))
    }

    /// Remembers a head.
    pub fn keep(&self, product: &str, serial: &str, head: Head) -> Result<(), MemoryError> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|source| MemoryError::Io {
                path: self.path.clone(),
                source,
            })?;
        }
        let kept = Remembered {
            schema_version: SCHEMA_VERSION,
            product: product.to_owned(),
            serial: serial.to_owned(),
            sequence: head.sequence,
            hash: hex::encode(head.hash),
        };
        // Strings and numbers: nothing here can fail to be JSON.
        let mut text = serde_json::to_string_pretty(&kept).unwrap_or_default();
        text.push('\n');
        Ok(durable::write(&self.path, text.as_bytes())?)
    }
}

/// Why nothing was remembered.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// No home.
    #[error("this user has no state folder: HOME and XDG_STATE_HOME are not set")]
    NoFolder,
    /// The file.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not what was written there.
    #[error("`{}` is not what `cuff device log --save` writes for this unit: {why}", path.display())]
    Wrong {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

const SCHEMA_VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_remembered_for_its_own_unit_alone() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory::at(&folder.path().join("deep/head.json"));
        let head = Head {
            sequence: 7,
            hash: [3; 16],
        };
        assert_eq!(memory.recall("band", "1").unwrap(), None);
        memory.keep("band", "1", head).unwrap();
        assert_eq!(memory.recall("band", "1").unwrap(), Some(head));
        let error = memory.recall("band", "2").unwrap_err();
        assert!(error.to_string().contains("another unit"), "{error}");
        fs::write(memory.path(), "{}").unwrap();
        assert!(matches!(
            memory.recall("band", "1"),
            Err(MemoryError::Wrong { .. })
        ));
    }
}
