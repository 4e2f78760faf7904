//! The working directory: where things are, and one writer at a time.
//!
//! Takes a path and finds the directory with `cuff.toml` at or above it. What each place holds is described in
//! docs/working-directory.md.

use super::settings::{Settings, SettingsError};
use crate::durable::{self, Lock, LockError, WriteError};
use crate::role::wire::Hex;
use crate::store::address::{Address, AddressError};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A working directory.
#[derive(Debug)]
pub struct Desk {
    root: PathBuf,
    settings: Settings,
}

impl Desk {
    /// The working directory at or above `start`.
    pub fn discover(start: &Path) -> Result<Self, DeskError> {
        let found = start
            .ancestors()
            .find(|folder| folder.join(SETTINGS).is_file());
        Self::open(found.ok_or_else(|| DeskError::NotFound(start.to_owned()))?)
    }

    /// The working directory whose `cuff.toml` is right here.
    pub fn open(root: &Path) -> Result<Self, DeskError> {
        let path = root.join(SETTINGS);
        let text = fs::read_to_string(&path).map_err(|source| DeskError::Read {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            root: root.to_owned(),
            settings: Settings::read(&path, &text)?,
        })
    }

    /// Makes an empty working directory.
    pub fn create(root: &Path, settings: &str) -> Result<Self, DeskError> {
        let path = root.join(SETTINGS);
        if path.exists() {
            return Err(DeskError::Taken(root.to_owned()));
        }
        Settings::read(&path, settings)?;
        let make = |folder: &Path| {
            fs::create_dir_all(folder).map_err(|source| DeskError::Write {
                path: folder.to_owned(),
                source,
            })
        };
        make(root)?;
        make(&root.join("keys"))?;
        for (path, text) in [
            (root.join(".gitignore"), "/.cuff/\n"),
            (root.join(".gitattributes"), ATTRIBUTES),
        ] {
            // Somebody's own file is left alone; `.cuff/` ignores itself anyway.
            match durable::create_new(&path, text.as_bytes()) {
                Ok(()) | Err(WriteError::Exists(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        durable::create_new(&path, settings.as_bytes())?;
        Self::open(root)
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What `cuff.toml` says.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The mirror of what was last published.
    pub fn metadata(&self) -> PathBuf {
        self.root.join("metadata")
    }

    /// What is being prepared.
    pub fn staged(&self) -> PathBuf {
        self.root.join("staged")
    }

    /// The public keys of people.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The store `cuff.toml` names.
    pub fn store(&self) -> Option<Result<Address, AddressError>> {
        let store = self.settings.store.as_deref()?;
        Some(Address::read(store, &self.root))
    }

    /// Takes the lock every writing command holds from reading to writing.
    pub fn lock(&self) -> Result<Lock, DeskError> {
        Lock::take(&self.private()?.join("lock")).map_err(|error| match error {
            LockError::Held(_) => DeskError::Busy,
            LockError::Io { path, source } => DeskError::Write { path, source },
        })
    }

    /// The root this clone trusts, if it was told.
    pub fn pin(&self) -> Result<Option<Pin>, DeskError> {
        let path = self.root.join(PRIVATE).join("pin.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DeskError::Read { path, source }),
        };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| DeskError::Pin { path, source })
    }

    /// Remembers the root this clone trusts.
    pub fn set_pin(&self, pin: &Pin) -> Result<(), DeskError> {
        self.remember(
            "pin.json",
            serde_json::to_string(pin).unwrap_or_default().as_bytes(),
        )
    }

    /// The digest of the last review in this clone.
    pub fn last_review(&self) -> Option<Hex> {
        let text = fs::read_to_string(self.root.join(PRIVATE).join("review")).ok()?;
        text.trim().parse().ok()
    }

    /// Remembers what was reviewed.
    pub fn set_last_review(&self, digest: Hex) -> Result<(), DeskError> {
        self.remember("review", format!("{digest}\n").as_bytes())
    }

    /// The audit log this clone writes to, if it was ever said.
    pub fn identity(&self) -> Result<Option<String>, DeskError> {
        let path = self.root.join(PRIVATE).join("identity");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(DeskError::Read { path, source }),
        }
    }

    /// Remembers which audit log this clone writes to.
    pub fn set_identity(&self, name: &str) -> Result<(), DeskError> {
        self.remember("identity", format!("{name}\n").as_bytes())
    }

    /// Takes the lock of the audit logs, which is held for one entry only, and so waited for.
    pub fn lock_audit(&self) -> Result<Lock, DeskError> {
        let path = self.private()?.join("audit-lock");
        let mut patience = 100;
        loop {
            match Lock::take(&path) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held(_)) if patience > 0 => {
                    patience -= 1;
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
                Err(LockError::Held(_)) => return Err(DeskError::Busy),
                Err(LockError::Io { path, source }) => {
                    return Err(DeskError::Write { path, source });
                }
            }
        }
    }

    fn remember(&self, name: &str, bytes: &[u8]) -> Result<(), DeskError> {
        Ok(durable::write(&self.private()?.join(name), bytes)?)
    }

    /// `.cuff/`, which belongs to this clone alone and so ignores itself.
    fn private(&self) -> Result<PathBuf, DeskError> {
        let folder = self.root.join(PRIVATE);
        if !folder.is_dir() {
            fs::create_dir_all(&folder).map_err(|source| DeskError::Write {
                path: folder.clone(),
                source,
            })?;
            durable::write(&folder.join(".gitignore"), b"*\n")?;
        }
        Ok(folder)
    }
}

/// The root a clone trusts: the SHA-256 of its signed bytes, which does not change as signatures are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// Version of that root.
    pub version: u64,
    /// Its fingerprint.
    pub sha256: Hex,
}

/// A working directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// No `cuff.toml`.
    #[error("no cuff.toml in `{}` or any directory above it", .0.display())]
    NotFound(PathBuf),
    /// `init` never overwrites.
    #[error("`{}` is a working directory already", .0.display())]
    Taken(PathBuf),
    /// A second command is at work.
    #[error("another cuff command is writing to this working directory")]
    Busy,
    /// `cuff.toml` is wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A file could not be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file could not be written whole.
    #[error(transparent)]
    Durable(#[from] WriteError),
    /// The pin was damaged.
    #[error("`{}` does not hold a pinned root: join again with `cuff init --join`", path.display())]
    Pin {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

const SETTINGS: &str = "cuff.toml";
const PRIVATE: &str = ".cuff";
/// What is signed must not be touched by line-ending conversion.
const ATTRIBUTES: &str = "audit/** -text\nmetadata/** -text\nstaged/** -text\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directory_is_found_from_below_and_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("desk");
        Desk::create(&root, "demo = true\n").unwrap();
        let below = root.join("keys");
        assert!(Desk::discover(&below).unwrap().settings().demo);
        assert!(matches!(Desk::create(&root, ""), Err(DeskError::Taken(_))));
        assert!(matches!(
            Desk::discover(folder.path()),
            Err(DeskError::NotFound(_))
        ));
    }

    #[test]
    fn one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::create(folder.path(), "").unwrap();
        let lock = desk.lock().unwrap();
        assert!(matches!(desk.lock(), Err(DeskError::Busy)));
        drop(lock);
        desk.lock().unwrap();
    }

    #[test]
    fn the_pin_is_kept_out_of_git() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::create(folder.path(), "").unwrap();
        assert_eq!(desk.pin().unwrap(), None);
        let pin = Pin {
            version: 1,
            sha256: Hex::sha256(b"root"),
        };
        desk.set_pin(&pin).unwrap();
        assert_eq!(desk.pin().unwrap(), Some(pin));
        assert_eq!(
            fs::read(folder.path().join(".cuff/.gitignore")).unwrap(),
            b"*\n"
        );
        fs::write(folder.path().join(".cuff/pin.json"), "{}").unwrap();
        assert!(matches!(desk.pin(), Err(DeskError::Pin { .. })));
    }
}
