//! What is to be added to bins and taken out of them: single files, a whole tree, or a list of files that lie in the store already.
//!
//! Takes names and files; gives lengths and digests. Reads each file once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::bundle::MAX_BUNDLE;
use crate::intake::{self, IntakeError};
use crate::repository::target::file_of;
use crate::role::bin::{Listed, PathError, TargetPath};
use crate::role::wire::{Hex, HexError};
use crate::store::{Object, ObjectName, Store, StoreError};

/// Changes to the bins.
#[derive(Clone, Debug, Default)]
pub struct Edits {
    /// Targets that are to be there.
    pub add: BTreeMap<TargetPath, Listed>,
    /// Targets that are to be there no more.
    pub remove: BTreeSet<TargetPath>,
    /// Files that must be brought to the store.
    files: BTreeMap<TargetPath, PathBuf>,
}

impl Edits {
    /// A file is to be there under this path.
    pub fn add_file(&mut self, path: TargetPath, file: &Path) -> Result<(), EditError> {
        let bytes = read(file)?;
        let listed = Listed {
            length: bytes.len() as u64,
            sha256: Hex::sha256(&bytes),
        };
        self.list(path.clone(), listed)?;
        self.files.insert(path, file.to_owned());
        Ok(())
    }

    /// Every file below a folder, under its path from there.
    pub fn add_tree(&mut self, folder: &Path) -> Result<(), EditError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| EditError::Io { path, source }
        };
        let mut folders = vec![folder.to_owned()];
        while let Some(below) = folders.pop() {
            for entry in fs::read_dir(&below).map_err(io(&below))? {
                let entry = entry.map_err(io(&below))?;
                let (full, kind) = (entry.path(), entry.file_type().map_err(io(&below))?);
                if kind.is_dir() {
                    folders.push(full);
                    continue;
                }
                let path = full.strip_prefix(folder).unwrap_or(&full);
                let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
                self.add_file(parts.join("/").parse()?, &full)?;
            }
        }
        Ok(())
    }

    /// Lines of `SHA256 LENGTH PATH`: files that somebody else brings to the store.
    pub fn add_list(&mut self, text: &str) -> Result<(), EditError> {
        for (index, line) in text.lines().enumerate() {
            let wrong = |why: String| EditError::Line {
                line: index + 1,
                why,
            };
            let mut words = line.split_ascii_whitespace();
            let (Some(digest), Some(length), Some(path), None) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(wrong("expected SHA256 LENGTH PATH".to_owned()));
            };
            let listed = Listed {
                sha256: digest
                    .parse()
                    .map_err(|error: HexError| wrong(error.to_string()))?,
                length: length
                    .parse()
                    .map_err(|_| wrong(format!("expected a length in bytes, found {length:?}")))?,
            };
            let path = path
                .parse()
                .map_err(|error: PathError| wrong(error.to_string()))?;
            self.list(path, listed)?;
        }
        Ok(())
    }

    /// Whether nothing is to be done.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty()
    }

    /// Bytes to be brought to the store.
    pub fn weight(&self) -> u64 {
        let lengths = self.files.keys().filter_map(|path| self.add.get(path));
        lengths.map(|listed| listed.length).sum()
    }

    /// Brings the files to the store, under names nobody asks for yet, a few at a time in memory, and reads them back. `told` hears
    /// how many bytes are there.
    pub fn upload(&self, store: &dyn Store, told: &mut dyn FnMut(u64)) -> Result<(), EditError> {
        let files: Vec<_> = self.files.iter().collect();
        let mut done = 0;
        for batch in files.chunks(BATCH) {
            let mut objects = Vec::new();
            for (path, file) in batch {
                let bytes = read(file)?;
                let sha256 = Hex::sha256(&bytes);
                if self
                    .add
                    .get(path)
                    .is_none_or(|listed| listed.sha256 != sha256)
                {
                    return Err(EditError::Changed((*file).clone()));
                }
                let name = file_of(path.as_str(), &sha256.to_string(), true);
                objects.push((ObjectName::new(name)?, bytes));
            }
            let put = objects.iter().map(|(name, bytes)| Object { name, bytes });
            store.put_all(&put.collect::<Vec<_>>(), &mut |more| {
                done += more;
                told(done);
            })?;
            let names: Vec<&ObjectName> = objects.iter().map(|(name, _)| name).collect();
            for ((name, bytes), found) in objects.iter().zip(store.get_all(&names)?) {
                if found.as_deref() != Some(bytes) {
                    return Err(StoreError::Corrupt {
                        store: store.describe(),
                        name: name.to_string(),
                    }
                    .into());
                }
            }
        }
        Ok(())
    }

    fn list(&mut self, path: TargetPath, listed: Listed) -> Result<(), EditError> {
        match self.add.insert(path.clone(), listed) {
            Some(before) if before != listed => Err(EditError::Twice(path)),
            _ => Ok(()),
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, EditError> {
    Ok(intake::read(file, MAX_BUNDLE)?)
}

/// Changes that cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// A name.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A line of a list.
    #[error("line {line} of the list: {why}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// Two files for one path.
    #[error("`{0}` is named twice, with different content")]
    Twice(TargetPath),
    /// A file that changed under our hands.
    #[error("`{}` changed while it was read", .0.display())]
    Changed(PathBuf),
    /// A folder.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Files in memory at a time.
const BATCH: usize = 64;
