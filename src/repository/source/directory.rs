//! A repository in a directory: the embedded store, a mirror, or a mounted stick.
//!
//! Takes paths made of safe names only, so that no metadata can lead out of the directory.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::site::{Caching, Entry, START, Site};
use super::{Sink, Source, SourceError};
use crate::name::is_safe_file_name;

/// A directory that holds `metadata/` and `targets/`.
#[derive(Clone, Debug)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// A repository at `root`. That there is one shows when it is read.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

impl Source for Directory {
    fn describe(&self) -> String {
        format!("`{}`", self.root.display())
    }

    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let mut bytes = Vec::new();
        let there = self.pour(path, limit, &mut bytes)?;
        Ok(there.then_some(bytes))
    }

    fn pour(&self, path: &str, limit: u64, into: &mut dyn Sink) -> Result<bool, SourceError> {
        if !path.split('/').all(is_safe_file_name) {
            return Err(SourceError::Path {
                path: path.to_owned(),
            });
        }
        let failed = |source: io::Error| SourceError::Read {
            path: path.to_owned(),
            place: self.describe(),
            source: Box::new(source),
        };
        let full = self.root.join(path);
        // Asked before it is opened: opening a pipe would wait for a writer.
        match full.metadata() {
            Ok(found) if found.is_file() => {}
            Ok(_) => {
                return Err(SourceError::NotAFile {
                    path: path.to_owned(),
                    place: self.describe(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        }
        let mut file = File::open(&full)
            .map_err(failed)?
            .take(limit.saturating_add(1));
        let mut length = 0;
        let mut piece = vec![0; PIECE];
        loop {
            let read = file.read(&mut piece).map_err(failed)?;
            length += read as u64;
            if length > limit {
                return Err(SourceError::TooLong {
                    path: path.to_owned(),
                    place: self.describe(),
                    limit,
                });
            }
            if read == 0 {
                return Ok(true);
            }
            into.add(piece.get(..read).unwrap_or_default())
                .map_err(|error| self.not_taken(path, error))?;
        }
    }
}

impl Site for Directory {
    fn list(&self) -> Result<Option<Vec<Entry>>, SourceError> {
        let mut entries = Vec::new();
        self.walk("", 0, &mut entries)?;
        Ok(Some(entries))
    }

    fn start(&self, name: &str) -> Vec<u8> {
        let mut start = Vec::new();
        let read = File::open(self.root.join(name))
            .and_then(|file| file.take(START).read_to_end(&mut start));
        read.map_or_else(|_| Vec::new(), |_| start)
    }

    fn caching(&self, _: &str) -> Caching {
        Caching::NotAsked
    }
}

impl Directory {
    fn walk(&self, folder: &str, depth: usize, found: &mut Vec<Entry>) -> Result<(), SourceError> {
        let broken = |path: &str, source: io::Error| SourceError::Read {
            path: path.to_owned(),
            place: self.describe(),
            source: Box::new(source),
        };
        let full = self.root.join(folder);
        let mut entries = Vec::new();
        for entry in fs::read_dir(&full).map_err(|error| broken(folder, error))? {
            entries.push(entry.map_err(|error| broken(folder, error))?);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            let kind = entry.file_type().map_err(|error| broken(&path, error))?;
            if kind.is_dir() && depth < MAX_DEPTH {
                self.walk(&path, depth + 1, found)?;
            } else {
                found.push(Entry {
                    name: path,
                    is_link: kind.is_symlink(),
                });
            }
        }
        Ok(())
    }
}

/// How much is read at a time.
const PIECE: usize = 64 << 10;

/// Deeper than any target path of ours.
const MAX_DEPTH: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("metadata")).unwrap();
        fs::write(folder.path().join("metadata/timestamp.json"), b"12345").unwrap();
        let source = Directory::new(folder.path());
        let get = |path, limit| source.get(path, limit);
        assert_eq!(
            get("metadata/timestamp.json", 5).unwrap().unwrap(),
            b"12345"
        );
        assert!(matches!(
            get("metadata/timestamp.json", 4),
            Err(SourceError::TooLong { limit: 4, .. })
        ));
        assert!(get("metadata/2.root.json", 4).unwrap().is_none());
        assert!(get("nowhere/2.root.json", 4).unwrap().is_none());
        assert!(matches!(
            get("metadata", 9),
            Err(SourceError::NotAFile { .. })
        ));
        // A file where a folder should be is a broken disk, not an absent file.
        assert!(matches!(
            get("metadata/timestamp.json/x", 9),
            Err(SourceError::Read { .. })
        ));
    }

    #[test]
    fn no_path_leads_out_of_the_directory() {
        let folder = tempfile::tempdir().unwrap();
        let source = Directory::new(folder.path());
        for path in [
            "../x",
            "metadata/../x",
            "/etc/passwd",
            "",
            "a//b",
            "a\\b",
            ".x",
        ] {
            assert!(
                matches!(source.get(path, 9), Err(SourceError::Path { .. })),
                "{path}"
            );
        }
    }
}
