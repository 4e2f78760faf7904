//! One log: a file of entries, each after the one before.
//!
//! Reading never fails because of what an entry says: [`Log::faults`] lists what is wrong. Adding to a log insists on its end,
//! and touches nothing before it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::AuditError;
use super::entry::{Entry, EntryError, Event, Head};
use crate::durable;
use crate::role::wire::{Hex, Utc};

/// How the files end.
pub const EXTENSION: &str = ".jsonl";
/// How the names of logs begin that belong to no key yet.
pub const CLONE: &str = "clone-";

/// Whether a log may be called this: a key id, or `clone-` and 16 digits.
pub fn is_name(name: &str) -> bool {
    let (digits, length) = name
        .strip_prefix(CLONE)
        .map_or((name, 64), |digits| (digits, 16));
    digits.len() == length
        && digits
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A log as it lies there.
#[derive(Clone, Debug)]
pub struct Log {
    name: String,
    path: PathBuf,
    bytes: Vec<u8>,
}

/// A line of a log, and what is wrong with it.
#[derive(Clone, Debug)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// Its digest.
    pub digest: Hex,
    /// The entry, if it is one.
    pub entry: Result<Entry, EntryError>,
}

impl Line {
    fn read(number: usize, line: &[u8]) -> Self {
        let (text, whole) = match line.strip_suffix(b"\n") {
            Some(text) => (text, true),
            None => (line, false),
        };
        Self {
            number,
            digest: Hex::sha256(text),
            entry: if whole {
                Entry::read(text)
            } else {
                Err(EntryError::CutOff)
            },
        }
    }
}

impl Log {
    /// Reads it; one that is not there is empty.
    pub fn read(folder: &Path, name: &str) -> Result<Self, AuditError> {
        let path = folder.join(format!("{name}{EXTENSION}"));
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(AuditError::Read { path, source }),
        };
        Ok(Self {
            name: name.to_owned(),
            path,
            bytes,
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Every line.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        let lines = self.bytes.split_inclusive(|byte| *byte == b'\n');
        lines
            .enumerate()
            .map(|(index, line)| Line::read(index + 1, line))
    }

    /// Every line that is no entry, or does not follow the one before.
    pub fn faults(&self) -> Vec<(usize, EntryError)> {
        let mut faults = Vec::new();
        let mut previous = Entry::before_first(&self.name);
        for (line, expected) in self.lines().zip(1..) {
            let fault = match &line.entry {
                Err(fault) => Some(fault.clone()),
                Ok(entry) if entry.log != self.name => {
                    Some(EntryError::OtherLog(entry.log.clone()))
                }
                Ok(entry) if entry.number != expected => Some(EntryError::Number {
                    expected,
                    found: entry.number,
                }),
                Ok(entry) if entry.previous != previous => Some(EntryError::Previous),
                Ok(_) => None,
            };
            faults.extend(fault.map(|fault| (line.number, fault)));
            previous = line.digest;
        }
        faults
    }

    /// Where it stands.
    pub fn head(&self) -> Option<Head> {
        Self::last_of(&self.bytes).map(|line| Head {
            number: line.number as u64,
            entry: line.digest,
        })
    }

    fn last_of(bytes: &[u8]) -> Option<Line> {
        let lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let (index, line) = lines.enumerate().last()?;
        Some(Line::read(index + 1, line))
    }

    /// Whether git left both sides of a merge in it.
    pub fn is_in_conflict(&self) -> bool {
        self.bytes
            .split(|byte| *byte == b'\n')
            .any(|line| line.starts_with(b"<<<<<<< ") || line.starts_with(b">>>>>>> "))
    }

    /// Adds an entry at the end. An end that is no entry of ours is not built upon; the beginning of one is what a power cut
    /// leaves of an entry that nobody was told is there, and the new one takes its place.
    pub(super) fn append(self, time: Utc, event: Event) -> Result<Hex, AuditError> {
        if self.is_in_conflict() {
            return Err(AuditError::Conflict(self.path));
        }
        let broken = |line, fault| AuditError::Broken {
            path: self.path.clone(),
            line,
            fault,
        };
        let end = self.bytes.iter().rposition(|byte| *byte == b'\n');
        let (whole, _) = self.bytes.split_at(end.map_or(0, |end| end + 1));
        let (number, previous) = match Self::last_of(whole) {
            None => (1, Entry::before_first(&self.name)),
            Some(line) => match line.entry {
                Ok(entry) if entry.number == line.number as u64 => (entry.number + 1, line.digest),
                Ok(entry) => {
                    let (expected, found) = (line.number as u64, entry.number);
                    return Err(broken(line.number, EntryError::Number { expected, found }));
                }
                Err(fault) => return Err(broken(line.number, fault)),
            },
        };
        let entry = Entry {
            log: self.name.clone(),
            number,
            previous,
            time,
            event,
        };
        let mut line = entry
            .line()
            .ok_or_else(|| broken(self.lines().count() + 1, EntryError::Unwritable))?;
        let digest = Hex::sha256(&line);
        line.push(b'\n');
        durable::append(&self.path, whole.len() as u64, &line)?;
        Ok(digest)
    }
}
