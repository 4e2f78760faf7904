//! What a client remembers between runs: the files it last trusted, so that versions only rise.
//!
//! Takes files the client has verified, one at a time, and gives them back next time. On disk each file is written whole or
//! not at all, by one process at a time; in memory nothing outlives the run.
//!
//! ```text
//! DIR/root.json  timestamp.json  snapshot.json  targets.json  ROLE.json     what is trusted now, as served
//! DIR/root_history/N.root.json                                              every root that was trusted
//! DIR/.lock                                                                 held while a client is at work
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cuff_verifier::profile::Profile;
use cuff_verifier::role::root::Root;
use cuff_verifier::threshold::{Document, unauthenticated};

use crate::durable::{self, Lock, LockError, WriteError};
use crate::intake::{self, IntakeError};
use crate::repository::foreign;

/// Largest file that is read back.
const MAX_FILE: u64 = 4 << 20;

/// A client's memory.
#[derive(Debug)]
pub struct Trust {
    folder: Option<Folder>,
    files: BTreeMap<String, Vec<u8>>,
    history: BTreeMap<u64, Vec<u8>>,
    anchor: Vec<u8>,
    /// A root the caller vouches for that is newer than anything remembered.
    promised: Option<(u64, Vec<u8>)>,
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    // Held until the client is done.
    _lock: Lock,
}

impl Trust {
    /// Remembers nothing, and begins with a root file that the caller vouches for.
    pub fn in_memory(root: Vec<u8>) -> Self {
        Self {
            folder: None,
            files: BTreeMap::new(),
            history: BTreeMap::new(),
            anchor: root,
            promised: None,
        }
    }

    /// Remembers in the directory `path`, which is made if it is missing. A new one begins with `root`; in one that was used
    /// before, `root` must be among the roots it trusted or will come to trust.
    pub fn in_folder(path: &Path, root: Option<Vec<u8>>) -> Result<Self, TrustError> {
        let history_path = path.join(HISTORY);
        fs::create_dir_all(&history_path).map_err(|source| TrustError::Make {
            path: path.to_owned(),
            source,
        })?;
        let lock = Lock::wait(&path.join(".lock"), PATIENCE).map_err(|error| match error {
            LockError::Held(_) => TrustError::Busy(path.to_owned()),
            LockError::Io { .. } => TrustError::Lock(error),
        })?;
        let mut trust = Self {
            folder: Some(Folder {
                path: path.to_owned(),
                _lock: lock,
            }),
            files: BTreeMap::new(),
            history: read_history(&history_path)?,
            anchor: Vec::new(),
            promised: None,
        };
        let Some(kept) = trust.read_back("root.json")? else {
            trust.anchor = root.ok_or_else(|| TrustError::Empty(path.to_owned()))?;
            return Ok(trust);
        };
        let kept_version = version_of(&kept).ok_or_else(|| trust.damaged("root.json"))?;
        trust.history.insert(kept_version, kept.clone());
        trust.anchor = kept;
        let Some(given) = root else {
            return Ok(trust);
        };
        let version = version_of(&given).ok_or(TrustError::NotARoot)?;
        match trust.history.get(&version) {
            Some(known) if signed_of(known) == signed_of(&given) => Ok(trust),
            None if version > kept_version => {
                trust.promised = Some((version, given));
                Ok(trust)
            }
            _ => Err(TrustError::OtherRoot {
                path: path.to_owned(),
                version,
            }),
        }
    }

    /// Like [`in_folder`](Self::in_folder), but nothing is written: what is there is looked at, and the rest is forgotten.
    pub fn looking_at(path: &Path, root: Option<Vec<u8>>) -> Result<Self, TrustError> {
        if !path.join("root.json").exists() {
            let root = root.ok_or_else(|| TrustError::Empty(path.to_owned()))?;
            return Ok(Self::in_memory(root));
        }
        let mut trust = Self::in_folder(path, root)?;
        for name in TOP_LEVEL {
            trust.read_back(name)?;
        }
        trust.folder = None;
        Ok(trust)
    }

    /// The root file to begin with.
    pub fn anchor(&self) -> &[u8] {
        &self.anchor
    }

    /// Every root that was trusted, by version.
    pub fn history(&self) -> &BTreeMap<u64, Vec<u8>> {
        &self.history
    }

    /// The file that was trusted last for this role; `None` where none was.
    pub fn recall(&mut self, role: &str) -> Result<Option<Vec<u8>>, TrustError> {
        self.read_back(&file_name(role))
    }

    /// Remembers a root that the chain has led to. `resets` says that it took online keys away, so that what was seen under
    /// them is forgotten (TUF 5.3.11): before the root is written, because a run that is cut short between the two must not
    /// leave versions behind that nobody can go below again.
    pub fn accept_root(
        &mut self,
        version: u64,
        file: &[u8],
        resets: bool,
    ) -> Result<(), TrustError> {
        if resets {
            for name in ["timestamp.json", "snapshot.json"] {
                self.forget(name)?;
            }
        }
        let known = self.history.get(&version);
        if known.is_none_or(|known| known != file) {
            self.write(&format!("{HISTORY}/{version}.root.json"), file)?;
            self.history.insert(version, file.to_vec());
        }
        self.remember("root.json", file)
    }

    /// Remembers a verified file of a role below root.
    pub fn accept(&mut self, role: &str, file: &[u8]) -> Result<(), TrustError> {
        self.remember(&file_name(role), file)
    }

    /// Refuses when the chain did not lead over the root that the caller vouched for.
    pub fn settle(&self) -> Result<(), TrustError> {
        match &self.promised {
            Some((version, given))
                if self.history.get(version).map(|known| signed_of(known))
                    != Some(signed_of(given)) =>
            {
                Err(TrustError::NotReached { version: *version })
            }
            _ => Ok(()),
        }
    }

    /// What a damaged file means, for whoever found it so.
    pub fn damaged(&self, name: &str) -> TrustError {
        TrustError::Damaged {
            path: self
                .folder
                .as_ref()
                .map_or_else(|| PathBuf::from(name), |folder| folder.path.join(name)),
        }
    }

    fn remember(&mut self, name: &str, file: &[u8]) -> Result<(), TrustError> {
        if self.read_back(name)?.as_deref() != Some(file) {
            self.write(name, file)?;
            self.files.insert(name.to_owned(), file.to_vec());
        }
        Ok(())
    }

    fn read_back(&mut self, name: &str) -> Result<Option<Vec<u8>>, TrustError> {
        if let (None, Some(folder)) = (self.files.get(name), &self.folder) {
            let path = folder.path.join(name);
            if path.symlink_metadata().is_ok() {
                self.files
                    .insert(name.to_owned(), intake::read(&path, MAX_FILE)?);
            }
        }
        Ok(self.files.get(name).cloned())
    }

    fn write(&self, name: &str, file: &[u8]) -> Result<(), TrustError> {
        if let Some(folder) = &self.folder {
            durable::write(&folder.path.join(name), file)?;
        }
        Ok(())
    }

    fn forget(&mut self, name: &str) -> Result<(), TrustError> {
        self.files.remove(name);
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        let path = folder.path.join(name);
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(TrustError::Remove { path, source })
            }
            _ => Ok(()),
        }
    }
}

/// Why trusted metadata could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A second client.
    #[error("another cuff has been at work in the metadata directory `{}` for 30 s", .0.display())]
    Busy(PathBuf),
    /// Nothing to begin with.
    #[error("the metadata directory `{}` is new, and no root was given to begin with", .0.display())]
    Empty(PathBuf),
    /// The given root contradicts what was trusted before.
    #[error("the metadata directory `{}` does not trust the root v{version} that was given: it began with another one, or with a later one", path.display())]
    OtherRoot {
        /// The directory.
        path: PathBuf,
        /// Version of the given root.
        version: u64,
    },
    /// The repository never got there.
    #[error("the root v{version} that was given is not in the repository's chain of roots")]
    NotReached {
        /// Version of the given root.
        version: u64,
    },
    /// The given file.
    #[error("the root that was given is not a root file")]
    NotARoot,
    /// Somebody else wrote there.
    #[error("`{}` is not what a client left there", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The directory cannot be made.
    #[error("cannot make the metadata directory `{}`", path.display())]
    Make {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The lock cannot be taken.
    #[error(transparent)]
    Lock(LockError),
    /// A file cannot be read.
    #[error(transparent)]
    Read(#[from] IntakeError),
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A file cannot be removed.
    #[error("cannot remove `{}`", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// How long a second client waits for the first.
const PATIENCE: Duration = Duration::from_secs(30);

const TOP_LEVEL: [&str; 3] = ["timestamp.json", "snapshot.json", "targets.json"];
const HISTORY: &str = "root_history";

fn read_history(folder: &Path) -> Result<BTreeMap<u64, Vec<u8>>, TrustError> {
    let failed = |source| TrustError::Make {
        path: folder.to_owned(),
        source,
    };
    let mut history = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let version = name
            .to_str()
            .and_then(|name| name.strip_suffix(".root.json")?.parse().ok());
        if let Some(version) = version {
            history.insert(version, intake::read(&entry.path(), MAX_FILE)?);
        }
    }
    Ok(history)
}

/// A role's file. Names of foreign roles may hold anything; here they stay inside the directory.
fn file_name(role: &str) -> String {
    format!("{}.json", super::files::local(role))
}

fn signed_of(file: &[u8]) -> Option<Vec<u8>> {
    let canonical = foreign::canonical(file).ok()?;
    let unproven = unauthenticated(Document::canonical(&canonical), Profile::Foreign).ok()?;
    Some(unproven.signed().to_vec())
}

fn version_of(file: &[u8]) -> Option<u64> {
    let canonical = foreign::canonical(file).ok()?;
    let unproven = unauthenticated(Document::canonical(&canonical), Profile::Foreign).ok()?;
    Some(Root::parse(&unproven).ok()?.head.version.get())
}
