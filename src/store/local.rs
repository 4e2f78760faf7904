//! A store in a local directory, to be served by any static web server.
//!
//! Every object is written whole beside its place and renamed into it. A lock file serialises writers on this machine:
//! a directory has no compare-and-swap of its own.

use super::{Keeper, Listed, Object, ObjectName, Put, Replace, Store, StoreError};
use crate::durable::{self, Lock, LockError, WriteError};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use cuff_verifier::time::Instant as At;

/// A directory.
#[derive(Debug)]
pub struct LocalStore {
    root: PathBuf,
}

impl LocalStore {
    /// A directory that exists already.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let store = Self {
            root: root.to_owned(),
        };
        if root.is_dir() {
            Ok(store)
        } else {
            Err(StoreError::Missing {
                store: store.describe(),
            })
        }
    }

    /// A directory that is not there, and is not made by reading from it.
    pub fn absent(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// A directory that is made if need be.
    pub fn create(root: &Path) -> Result<Self, StoreError> {
        let store = Self {
            root: root.to_owned(),
        };
        fs::create_dir_all(root).map_err(|source| store.write_error("anything", source))?;
        Ok(store)
    }

    fn path(&self, name: &ObjectName) -> PathBuf {
        name.as_str()
            .split('/')
            .fold(self.root.clone(), |path, part| path.join(part))
    }

    /// Holds off other writers for one write. They hold it for one as well, so it is worth a short wait.
    fn lock(&self) -> Result<Lock, StoreError> {
        let patience = Instant::now() + PATIENCE;
        loop {
            match Lock::take(&self.root.join(LOCK)) {
                Ok(lock) => return Ok(lock),
                Err(LockError::Held(_)) if Instant::now() < patience => {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(LockError::Held(_)) => {
                    return Err(StoreError::Busy {
                        store: self.describe(),
                    });
                }
                Err(LockError::Io { source, .. }) => return Err(self.write_error(LOCK, source)),
            }
        }
    }

    fn prepare(&self, name: &ObjectName) -> Result<PathBuf, StoreError> {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|source| self.write_error(name.as_str(), source))?;
            sweep(parent);
        }
        Ok(path)
    }

    /// Many at a time: what takes time is waiting for the disk, which settles the files of several writers together.
    fn put_many(&self, objects: &[Object<'_>]) -> Result<Vec<Put>, StoreError> {
        let _lock = self.lock()?;
        let mut folders = BTreeMap::new();
        for object in objects {
            let path = self.path(object.name);
            let folder = path.parent().map(Path::to_owned).unwrap_or_default();
            folders.entry(folder).or_insert(object.name);
        }
        for name in folders.values() {
            self.prepare(name)?;
        }
        let put = |object: &Object<'_>| match durable::create_new_unsettled(
            &self.path(object.name),
            object.bytes,
        ) {
            Ok(()) => Ok(Put::Written),
            Err(WriteError::Exists(_)) => Ok(Put::Present),
            Err(error) => Err(self.failed(object.name, error)),
        };
        let share = objects.len().div_ceil(WRITERS);
        let puts: Result<Vec<Vec<Put>>, StoreError> = thread::scope(|scope| {
            let writers: Vec<_> = objects
                .chunks(share)
                .map(|share| scope.spawn(move || share.iter().map(put).collect()))
                .collect();
            let joined = writers.into_iter().map(|writer| {
                let ended = io::Error::other("a writer ended early");
                writer
                    .join()
                    .unwrap_or_else(|_| Err(self.write_error("several objects", ended)))
            });
            joined.collect()
        });
        for name in folders.values() {
            durable::settle(&self.path(name)).map_err(|error| self.failed(name, error))?;
        }
        Ok(puts?.concat())
    }

    fn write_error(&self, name: &str, source: io::Error) -> StoreError {
        StoreError::Write {
            store: self.describe(),
            name: name.to_owned(),
            source,
        }
    }

    fn failed(&self, name: &ObjectName, error: WriteError) -> StoreError {
        match error {
            WriteError::Exists(_) => {
                self.write_error(name.as_str(), io::ErrorKind::AlreadyExists.into())
            }
            WriteError::Io { source, .. } => self.write_error(name.as_str(), source),
        }
    }
}

impl Store for LocalStore {
    fn describe(&self) -> String {
        format!("directory `{}`", self.root.display())
    }

    fn get(&self, name: &ObjectName) -> Result<Option<Vec<u8>>, StoreError> {
        match fs::read(self.path(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Read {
                store: self.describe(),
                name: name.as_str().to_owned(),
                source,
            }),
        }
    }

    fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        let _lock = self.lock()?;
        match durable::create_new(&self.prepare(name)?, bytes) {
            Ok(()) => Ok(Put::Written),
            Err(WriteError::Exists(_)) => Ok(Put::Present),
            Err(error) => Err(self.failed(name, error)),
        }
    }

    fn put_all(
        &self,
        objects: &[Object<'_>],
        done: &mut dyn FnMut(u64),
    ) -> Result<Vec<Put>, StoreError> {
        let mut puts = Vec::new();
        for batch in objects.chunks(BATCH) {
            if batch.len() < MANY {
                for object in batch {
                    puts.push(self.put_if_absent(object.name, object.bytes)?);
                    done(object.bytes.len() as u64);
                }
            } else {
                puts.extend(self.put_many(batch)?);
                done(batch.iter().map(|object| object.bytes.len() as u64).sum());
            }
        }
        Ok(puts)
    }

    fn replace_if_unchanged(
        &self,
        name: &ObjectName,
        read: Option<&[u8]>,
        bytes: &[u8],
    ) -> Result<Replace, StoreError> {
        let _lock = self.lock()?;
        if self.get(name)?.as_deref() != read {
            return Ok(Replace::Changed);
        }
        durable::write(&self.prepare(name)?, bytes).map_err(|error| self.failed(name, error))?;
        Ok(Replace::Written)
    }
}

impl Keeper for LocalStore {
    fn list(&self) -> Result<Vec<Listed>, StoreError> {
        let failed = |path: &Path, source: io::Error| StoreError::Read {
            store: self.describe(),
            name: path.display().to_string(),
            source,
        };
        let (mut folders, mut listed) = (vec![self.root.clone()], Vec::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| failed(&folder, error))? {
                let entry = entry.map_err(|error| failed(&folder, error))?;
                let path = entry.path();
                // A link is not followed, and is none of ours.
                let meta = fs::symlink_metadata(&path).map_err(|error| failed(&path, error))?;
                if meta.is_dir() {
                    folders.push(path);
                    continue;
                }
                let below = path.strip_prefix(&self.root).unwrap_or(&path);
                let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
                let written = meta.modified().ok();
                let written = written.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
                listed.push(Listed {
                    name: parts.join("/"),
                    length: meta.len(),
                    // What has no date is taken for new.
                    written: At(written.map_or(u64::MAX, |since| since.as_secs())),
                });
            }
        }
        listed.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(listed)
    }

    fn remove(&self, name: &ObjectName) -> Result<(), StoreError> {
        let _lock = self.lock()?;
        match fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.write_error(name.as_str(), error))
            }
            _ => Ok(()),
        }
    }
}

const LOCK: &str = ".cuff-lock";
/// Objects that are written under one lock.
const BATCH: usize = 256;
/// From so many on they are written side by side.
const MANY: usize = 32;
/// How many write.
const WRITERS: usize = 16;
/// A writer that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// Removes what a writer that was killed left beside its target. We hold the lock, so nobody is using it.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(".tmp") {
            // What cannot be removed is hidden and harmless.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ObjectName {
        ObjectName::new(text).unwrap()
    }

    #[test]
    fn an_object_is_written_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::create(&folder.path().join("a/b")).unwrap();
        let object = name("metadata/1.root.json");
        assert_eq!(store.get(&object).unwrap(), None);
        assert_eq!(store.put_if_absent(&object, b"one").unwrap(), Put::Written);
        assert_eq!(store.put_if_absent(&object, b"two").unwrap(), Put::Present);
        assert_eq!(store.get(&object).unwrap().unwrap(), b"one");
    }

    #[test]
    fn many_objects_are_written_side_by_side_and_each_of_them_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        let names: Vec<_> = (0..600)
            .map(|n| name(&format!("m/{}/{n}", n % 3)))
            .collect();
        store.put_if_absent(&names[70], b"first").unwrap();
        let objects: Vec<_> = names
            .iter()
            .map(|name| Object {
                name,
                bytes: b"later",
            })
            .collect();
        let mut told = 0;
        let puts = store.put_all(&objects, &mut |more| told += more).unwrap();
        assert_eq!((puts.len(), told), (600, 3000));
        for (index, (put, name)) in puts.iter().zip(&names).enumerate() {
            let (wanted, bytes) = if index == 70 {
                (Put::Present, &b"first"[..])
            } else {
                (Put::Written, &b"later"[..])
            };
            assert_eq!(*put, wanted, "{name}");
            assert_eq!(store.get(name).unwrap().unwrap(), bytes);
        }
        assert!(!folder.path().join("m/0/.tmp").exists());
    }

    #[test]
    fn a_replacement_loses_against_a_faster_one() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        let object = name("metadata/timestamp.json");
        assert_eq!(
            store
                .replace_if_unchanged(&object, Some(b"zero"), b"one")
                .unwrap(),
            Replace::Changed
        );
        assert_eq!(
            store.replace_if_unchanged(&object, None, b"one").unwrap(),
            Replace::Written
        );
        assert_eq!(
            store.replace_if_unchanged(&object, None, b"two").unwrap(),
            Replace::Changed
        );
        assert_eq!(
            store
                .replace_if_unchanged(&object, Some(b"one"), b"two")
                .unwrap(),
            Replace::Written
        );
        assert_eq!(store.get(&object).unwrap().unwrap(), b"two");
    }

    #[test]
    fn of_many_writers_exactly_one_wins() {
        let folder = tempfile::tempdir().unwrap();
        let object = name("timestamp.json");
        let won = thread::scope(|scope| {
            let writers: Vec<_> = (0_u8..8)
                .map(|writer| {
                    let (folder, object) = (folder.path(), &object);
                    scope.spawn(move || {
                        let store = LocalStore::open(folder).unwrap();
                        matches!(
                            store.replace_if_unchanged(object, None, &[writer]),
                            Ok(Replace::Written)
                        )
                    })
                })
                .collect();
            writers
                .into_iter()
                .map(|writer| usize::from(writer.join().unwrap()))
                .sum::<usize>()
        });
        assert_eq!(won, 1);
    }

    #[test]
    fn litter_of_a_killed_writer_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        fs::write(folder.path().join(".tmpAbCdEf"), b"half").unwrap();
        store.put_if_absent(&name("a"), b"whole").unwrap();
        assert!(!folder.path().join(".tmpAbCdEf").exists());
    }

    #[test]
    fn a_store_that_is_busy_or_missing_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::open(folder.path()).unwrap();
        let lock = store.lock().unwrap();
        assert!(matches!(
            store.put_if_absent(&name("a"), b""),
            Err(StoreError::Busy { .. })
        ));
        drop(lock);
        assert!(matches!(
            LocalStore::open(&folder.path().join("no")),
            Err(StoreError::Missing { .. })
        ));
    }
}
