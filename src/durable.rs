//! Files written whole or not at all.
//!
//! It takes a path and bytes; after `Ok` the bytes survive a power cut, after `Err` the old file is untouched (or, if
//! only the last fsync failed, old or new, never half). Nothing but [`append`] writes in place.
//!
//! ```text
//! openat(dir, ".tmpXXXXXX", O_CREAT|O_EXCL, mode)     a new name beside the target: same file system, so rename works
//! write(tmp, bytes)
//! fsync(tmp)                                          the bytes, before any name points at them
//! renameat(tmp, path)                                 `write`: readers see the old file or the new one
//! renameat2(tmp, path, RENAME_NOREPLACE)              `create_new`: fails if the name is taken
//! fsync(dir)                                          the name
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Seek as _, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::{NamedTempFile, PersistError};

/// Puts the bytes at `path`, replacing what is there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    Draft::of(path, bytes, Access::Everyone)?.finish()
}

/// A file that comes in pieces, and has no name until it is whole and somebody has found it good. Dropped before, it leaves
/// nothing.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    temporary: NamedTempFile,
}

impl Draft {
    /// Of what shall lie at `path`.
    pub fn begin(path: &Path) -> Result<Self, WriteError> {
        Self::of(path, &[], Access::Everyone)
    }

    /// The bytes, under a name of their own until they have their real one.
    fn of(path: &Path, bytes: &[u8], access: Access) -> Result<Self, WriteError> {
        let mut draft = Self {
            path: path.to_owned(),
            temporary: unnamed(path, access).map_err(failed(path))?,
        };
        draft.add(bytes).map_err(failed(path))?;
        Ok(draft)
    }

    /// Adds a piece.
    pub fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.temporary.write_all(piece)
    }

    /// Takes all pieces back.
    pub fn clear(&mut self) -> io::Result<()> {
        self.temporary.as_file().set_len(0)?;
        self.temporary.rewind()
    }

    /// Gives it its name, in place of what is there, as [`write()`] does.
    pub fn finish(self) -> Result<(), WriteError> {
        let path = self.path.clone();
        let temporary = self.on_disk()?;
        temporary
            .persist(&path)
            .map_err(|PersistError { error, .. }| failed(&path)(error))?;
        sync_folder(&path)
    }

    /// What there is, on the disk, and still without its name.
    fn on_disk(self) -> Result<NamedTempFile, WriteError> {
        let synced = self.temporary.as_file().sync_all();
        synced.map_err(failed(&self.path))?;
        Ok(self.temporary)
    }
}

/// Puts the bytes at `path` if nothing is there; refuses otherwise.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    create(path, bytes, Access::Everyone)
}

/// Like [`create_new`], but for the name: [`settle`] puts the names of a whole folder on the disk at once.
pub fn create_new_unsettled(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    place(path, bytes, Access::Everyone)
}

/// Puts the names in the folder of `path` on the disk.
pub fn settle(path: &Path) -> Result<(), WriteError> {
    sync_folder(path)
}

/// Like [`create_new`], readable by the owner alone from the first moment (mode 0600).
pub fn create_new_private(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    create(path, bytes, Access::Owner)
}

/// Puts the bytes at the end of a file, after its first `keep` bytes; makes the file if it is not there.
///
/// ```text
/// openat(path, O_CREAT|O_APPEND)
/// ftruncate(keep)                                     what a power cut left of an earlier try
/// write(bytes)
/// fdatasync                                           the bytes, and the length
/// fsync(dir)                                          the name, of a new file
/// ```
///
/// After `Ok` the bytes survive a power cut; a power cut before may leave a part of them, and never touches what is kept. A
/// disk that is full leaves the file as it was.
pub fn append(path: &Path, keep: u64, bytes: &[u8]) -> Result<(), WriteError> {
    let fresh = !path.exists();
    let grow = || {
        let mut file = File::options().create(true).append(true).open(path)?;
        file.set_len(keep)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_data());
        if written.is_err() {
            // As far as it goes: whoever appends next takes off what is left.
            let _ = file.set_len(keep);
        }
        written
    };
    grow().map_err(failed(path))?;
    if fresh { sync_folder(path) } else { Ok(()) }
}

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// `create_new` never overwrites.
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
    /// The disk, the folder or the permissions.
    #[error("cannot write `{}`", path.display())]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An exclusive lock on a file that exists for nothing else; released when dropped or when the process dies.
#[derive(Debug)]
pub struct Lock {
    // Held for its lock. The file stays: removing it would let two processes lock two files of one name.
    _file: File,
}

impl Lock {
    /// Takes the lock as soon as it is free, or says after `patience` that another process still has it.
    pub fn wait(path: &Path, patience: Duration) -> Result<Self, LockError> {
        let begun = Instant::now();
        loop {
            match Self::take(path) {
                Err(LockError::Held(_)) if begun.elapsed() < patience => {
                    thread::sleep(Duration::from_millis(50));
                }
                taken => return taken,
            }
        }
    }

    /// Takes the lock, or says that another process has it. Never waits.
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let io = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path.to_owned())),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Someone else is at work.
    #[error("another process holds the lock `{}`", .0.display())]
    Held(PathBuf),
    /// The disk, the folder or the permissions.
    #[error("cannot lock `{}`", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

#[derive(Clone, Copy)]
enum Access {
    Everyone,
    Owner,
}

fn create(path: &Path, bytes: &[u8], access: Access) -> Result<(), WriteError> {
    place(path, bytes, access)?;
    sync_folder(path)
}

fn place(path: &Path, bytes: &[u8], access: Access) -> Result<(), WriteError> {
    let temporary = Draft::of(path, bytes, access)?.on_disk()?;
    temporary
        .persist_noclobber(path)
        .map_err(|PersistError { error, .. }| match error.kind() {
            io::ErrorKind::AlreadyExists => WriteError::Exists(path.to_owned()),
            _ => failed(path)(error),
        })?;
    Ok(())
}

/// An empty file beside the one at `path`.
fn unnamed(path: &Path, access: Access) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // The umask still applies to what everyone may read.
        let mode = match access {
            Access::Everyone => 0o666,
            Access::Owner => 0o600,
        };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = access;
    builder.tempfile_in(folder(path))
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> WriteError {
    move |source| WriteError::Io {
        path: path.to_owned(),
        source,
    }
}

fn sync_folder(path: &Path) -> Result<(), WriteError> {
    // Windows cannot open a folder for this, and needs no such step.
    if cfg!(unix) {
        let sync = || File::open(folder(path))?.sync_all();
        sync().map_err(failed(path))?;
    }
    Ok(())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn write_replaces_and_leaves_no_litter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"one").unwrap();
        write(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_draft_has_no_name_until_it_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"before").unwrap();
        let mut draft = Draft::begin(&path).unwrap();
        draft.add(b"another version").unwrap();
        draft.clear().unwrap();
        draft.add(b"af").unwrap();
        draft.add(b"ter").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"before");
        draft.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"after");
        Draft::begin(&path).unwrap().add(b"never").unwrap();
        assert_eq!(names(folder.path()), ["a"]);
        assert_eq!(fs::read(&path).unwrap(), b"after");
    }

    #[test]
    fn create_new_keeps_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create_new(&path, b"one").unwrap();
        assert!(matches!(
            create_new(&path, b"two"),
            Err(WriteError::Exists(_))
        ));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn append_keeps_what_is_before_and_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        append(&path, 0, b"one").unwrap();
        append(&path, 3, b"two").unwrap();
        append(&path, 4, b"!").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"onet!");
        assert!(append(&folder.path().join("no/a"), 0, b"").is_err());
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no/a");
        let error = write(&path, b"one").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot write `{}`", path.display())
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        create_new_private(&path, b"one").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_lock_is_waited_for_so_long() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take(&path).unwrap();
        let refused = Lock::wait(&path, Duration::from_millis(120));
        assert!(matches!(refused, Err(LockError::Held(_))));
        thread::scope(|scope| {
            let second = scope.spawn(|| Lock::wait(&path, Duration::from_mins(1)));
            thread::sleep(Duration::from_millis(100));
            drop(first);
            assert!(second.join().unwrap().is_ok());
        });
    }

    #[test]
    fn a_lock_is_held_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let lock = Lock::take(&path).unwrap();
        assert!(matches!(Lock::take(&path), Err(LockError::Held(_))));
        drop(lock);
        Lock::take(&path).unwrap();
    }
}
