//! Files on this machine: brought as they lie there, written whole or not at all.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

use crate::chip::Answer;

/// A folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Held as long as the value.
    _lock: Option<File>,
}

impl Folder {
    /// It, made where it is missing.
    pub fn open(path: &Path) -> Result<Self> {
        let made = fs::create_dir_all(path);
        made.with_context(|| format!("could not make the folder {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: None,
        })
    }

    /// The same, once nobody else is at work there.
    pub fn locked(path: &Path) -> Result<Self> {
        let folder = Self::open(path)?;
        let lock = File::create(path.join(".lock")).and_then(|file| file.lock().map(|()| file));
        let lock = lock.with_context(|| format!("could not lock {}", path.display()))?;
        Ok(Self {
            _lock: Some(lock),
            ..folder
        })
    }

    /// A file of at most so many bytes.
    pub fn bring(&self, name: &str, most: u64) -> Answer {
        self.inside(name)
            .map_or(Answer::Failed, |path| bring(&path, most))
    }

    /// Writes a file.
    pub fn keep(&self, name: &str, bytes: &[u8]) -> Answer {
        done(|| {
            let path = self.inside(name)?;
            fs::create_dir_all(path.parent()?).ok()?;
            let new = path.with_added_extension("new");
            fs::write(&new, bytes).ok()?;
            fs::rename(&new, &path).ok()
        })
    }

    /// Removes a file.
    pub fn forget(&self, name: &str) -> Answer {
        done(|| match fs::remove_file(self.inside(name)?) {
            Err(error) if error.kind() != ErrorKind::NotFound => None,
            _ => Some(()),
        })
    }

    /// Nothing that the chip names lies elsewhere.
    fn inside(&self, name: &str) -> Option<PathBuf> {
        let name = Path::new(name);
        let plain = |part| matches!(part, Component::Normal(_));
        name.components().all(plain).then(|| self.path.join(name))
    }
}

/// A file, wherever it is.
pub fn bring(path: &Path, most: u64) -> Answer {
    match File::open(path) {
        Ok(file) => read(file, most),
        Err(error) if error.kind() == ErrorKind::NotFound => Answer::Absent,
        Err(_) => Answer::Failed,
    }
}

/// What comes, as long as it is no more than so many bytes.
pub fn read(from: impl Read, most: u64) -> Answer {
    let mut bytes = Vec::new();
    match from.take(most + 1).read_to_end(&mut bytes) {
        Ok(length) if length as u64 > most => Answer::Longer,
        Ok(_) => Answer::Here(bytes),
        Err(_) => Answer::Failed,
    }
}

fn done(work: impl FnOnce() -> Option<()>) -> Answer {
    work().map_or(Answer::Failed, |()| Answer::Here(Vec::new()))
}
