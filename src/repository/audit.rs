//! The audit log: who did what in this repository, in files that can be added to and not quietly changed.
//!
//! One log a key, `audit/KEYID.jsonl`, so that two clones merge: what is staged, reviewed and refused goes to the log of the key
//! this clone belongs to, signatures to the log of the key that signed, publications to the online key's. Every entry names the
//! digest of the one before. `publish` folds the heads of all logs into one digest that stands in the signed snapshot: from then
//! on nothing before it can be changed or cut off without [`check`] naming the place.

pub mod check;
pub mod entry;
pub mod log;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use cuff_verifier::time::Instant;

use super::desk::{Desk, DeskError};
use crate::durable::WriteError;
use crate::role::wire::{Hex, Utc};
use entry::{Event, Head};
use log::Log;

/// The logs of a working directory.
#[derive(Clone, Copy, Debug)]
pub struct Audit<'a> {
    desk: &'a Desk,
}

impl<'a> Audit<'a> {
    /// Of this one.
    pub fn of(desk: &'a Desk) -> Self {
        Self { desk }
    }

    /// Where the logs are.
    pub fn folder(&self) -> PathBuf {
        self.desk.root().join(FOLDER)
    }

    /// The name of the log this clone writes to: a key id, or a random name of its own until it belongs to a key.
    pub fn identity(&self) -> Result<String, AuditError> {
        if let Some(name) = self.desk.identity()?
            && log::is_name(&name)
        {
            return Ok(name);
        }
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).map_err(|_| AuditError::Random)?;
        let name = format!("{}{}", log::CLONE, hex::encode(bytes));
        self.desk.set_identity(&name)?;
        Ok(name)
    }

    /// Says which key this clone belongs to.
    pub fn set_identity(&self, key: &Hex) -> Result<(), AuditError> {
        Ok(self.desk.set_identity(&key.to_string())?)
    }

    /// Adds an entry to the log of this clone.
    pub fn note(&self, now: Instant, event: Event) -> Result<(), AuditError> {
        self.append(&self.identity()?, now, event).map(|_| ())
    }

    /// Adds what a key did to its log. The first key that does anything in a clone becomes the one the clone belongs to.
    pub fn note_by(&self, key: &Hex, now: Instant, event: Event) -> Result<Hex, AuditError> {
        if self.identity()?.starts_with(log::CLONE) {
            self.set_identity(key)?;
        }
        self.append(&key.to_string(), now, event)
    }

    /// Adds a publication to the log of the online key, with the heads of all other logs, and folds all of them.
    pub fn publishing(
        &self,
        key: &Hex,
        now: Instant,
        signer: &str,
        roles: Vec<String>,
    ) -> Result<Hex, AuditError> {
        let name = key.to_string();
        let mut heads = self.heads()?;
        heads.remove(&name);
        let event = Event::Publishing {
            signer: entry::printable(signer),
            roles,
            heads: heads.clone(),
        };
        self.note_by(key, now, event)?;
        heads.extend(self.heads()?.remove_entry(&name));
        Ok(fold(&heads))
    }

    /// What the next publication would fold if it were noted: for a dry run, which notes nothing.
    pub fn foretold(&self) -> Result<Hex, AuditError> {
        Ok(fold(&self.heads()?))
    }

    /// Every log, whole.
    pub fn logs(&self) -> Result<BTreeMap<String, Log>, AuditError> {
        let mut logs = BTreeMap::new();
        for name in self.names()? {
            logs.insert(name.clone(), Log::read(&self.folder(), &name)?);
        }
        Ok(logs)
    }

    fn heads(self) -> Result<BTreeMap<String, Head>, AuditError> {
        let logs = self.logs()?;
        Ok(logs
            .into_iter()
            .filter_map(|(name, log)| log.head().map(|head| (name, head)))
            .collect())
    }

    /// Names of all logs, sorted.
    pub fn names(&self) -> Result<Vec<String>, AuditError> {
        let failed = |source| AuditError::Read {
            path: self.folder(),
            source,
        };
        let entries = match fs::read_dir(self.folder()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.map_err(failed)?.file_name();
            let file = file.to_string_lossy();
            if let Some(name) = file
                .strip_suffix(log::EXTENSION)
                .filter(|name| log::is_name(name))
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn append(self, name: &str, now: Instant, event: Event) -> Result<Hex, AuditError> {
        let _lock = self.desk.lock_audit()?;
        let folder = self.folder();
        fs::create_dir_all(&folder).map_err(|source| AuditError::Write {
            path: folder.clone(),
            source,
        })?;
        Log::read(&folder, name)?.append(Utc(now), event)
    }
}

/// One digest over the heads of all logs, sorted by name.
pub fn fold(heads: &BTreeMap<String, Head>) -> Hex {
    let mut text = "cuff audit heads 1\n".to_owned();
    for (name, head) in heads {
        let _ = writeln!(text, "{name} {} {}", head.number, head.entry);
    }
    Hex::sha256(text.as_bytes())
}

/// An audit log that cannot be read or added to.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file or the folder.
    #[error("cannot read the audit log `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder.
    #[error("cannot make `{}`", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file.
    #[error(transparent)]
    Durable(#[from] WriteError),
    /// Git left both sides in it.
    #[error("`{}` holds both sides of a git merge: the same key was used in two clones at once", .0.display())]
    Conflict(PathBuf),
    /// The end of the log is no entry of ours.
    #[error("`{}`, line {line}: {fault}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        fault: entry::EntryError,
    },
    /// The working directory.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// No name for this clone.
    #[error("the operating system gave no randomness")]
    Random,
}

const FOLDER: &str = "audit";

#[cfg(test)]
mod tests;
