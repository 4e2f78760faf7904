//! A source that keeps the targets it was asked for, so that none is fetched twice and what broke off goes on.
//!
//! Takes another source and a directory; gives what that source gives. Targets whose names carry their SHA-256 are kept under
//! it, and what is kept is given only while it still has that digest. One process at a time works there; a second one goes
//! without.
//!
//! ```text
//! DIR/DIGEST        a whole target
//! DIR/DIGEST.part   the beginning of one
//! DIR/.lock         held while a target is fetched
//! ```

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cuff_verifier::digest::Digest;

use super::part::Part;
use super::{Source, SourceError};
use crate::durable::{self, Lock};
use crate::intake;

/// Most bytes that are kept; the oldest go first.
pub const MOST: u64 = 512 << 20;

/// A source with a memory.
pub struct Kept {
    source: Box<dyn Source>,
    folder: PathBuf,
}

impl Kept {
    /// Keeps what `source` gives in `folder`, which is made when there is something to keep.
    pub fn new(source: Box<dyn Source>, folder: PathBuf) -> Self {
        Self { source, folder }
    }

    fn fetch(
        &self,
        path: &str,
        limit: u64,
        digest: Digest,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        let place = self.folder.join(digest.to_string());
        if let Ok(bytes) = intake::read(&place, limit)
            && digest.is_of(&bytes).holds()
        {
            return Ok(Some(bytes));
        }
        let locked = fs::create_dir_all(&self.folder)
            .ok()
            .and_then(|()| Lock::take(&self.folder.join(".lock")).ok());
        let Some(_lock) = locked else {
            return self.source.get(path, limit);
        };
        let mut part = Part::at(self.folder.join(format!("{digest}.part")));
        let begun = part.recall(limit).is_some();
        let mut found = self.source.resume(path, limit, &mut part)?;
        let is_right = |found: &Option<Vec<u8>>| {
            found
                .as_ref()
                .is_some_and(|bytes| digest.is_of(bytes).holds())
        };
        if begun && !is_right(&found) {
            // The beginning may have been the fault, so the whole is asked for once.
            part.remove();
            found = self.source.resume(path, limit, &mut part)?;
        }
        part.remove();
        if let Some(bytes) = found.as_ref().filter(|_| is_right(&found)) {
            // A disk that is full stops nothing: the bytes are here.
            if durable::write(&place, bytes).is_ok() {
                tidy(&self.folder, &place, MOST);
            }
        }
        Ok(found)
    }
}

impl Source for Kept {
    fn describe(&self) -> String {
        self.source.describe()
    }

    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        match digest_in(path) {
            Some(digest) if self.source.is_far() => self.fetch(path, limit, digest),
            _ => self.source.get(path, limit),
        }
    }
}

/// The SHA-256 that the name of a target carries: `targets/band/DIGEST.1.4.0`.
fn digest_in(path: &str) -> Option<Digest> {
    let name = path.strip_prefix("targets/")?.rsplit('/').next()?;
    let (hex, _) = name.split_once('.')?;
    Digest::from_hex(hex.as_bytes())
}

/// Removes what was kept longest until no more than `most` bytes are left; never `newest`.
fn tidy(folder: &Path, newest: &Path, most: u64) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    let mut kept: Vec<(SystemTime, u64, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((about.modified().ok()?, about.len(), entry.path()))
        })
        .collect();
    kept.sort();
    let mut sum: u64 = kept.iter().map(|(_, length, _)| length).sum();
    for (_, length, path) in kept {
        if sum <= most {
            return;
        }
        if path != newest && fs::remove_file(&path).is_ok() {
            sum -= length;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use super::*;

    struct Far {
        bytes: Vec<u8>,
        asked: std::rc::Rc<Cell<u32>>,
    }

    impl Source for Far {
        fn describe(&self) -> String {
            "far".to_owned()
        }

        fn get(&self, _: &str, _: u64) -> Result<Option<Vec<u8>>, SourceError> {
            self.asked.set(self.asked.get() + 1);
            Ok(Some(self.bytes.clone()))
        }

        fn is_far(&self) -> bool {
            true
        }
    }

    #[test]
    fn what_is_kept_is_given_while_it_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let asked = std::rc::Rc::default();
        let far = Far {
            bytes: b"firmware".to_vec(),
            asked: std::rc::Rc::clone(&asked),
        };
        let kept = Kept::new(Box::new(far), folder.path().join("targets"));
        let digest = Digest::of(b"firmware");
        let path = format!("targets/band/{digest}.1.4.0");
        let get = |path: &str| kept.get(path, 8).unwrap().unwrap();
        assert_eq!(get(&path), b"firmware");
        assert_eq!(get(&path), b"firmware");
        assert_eq!(asked.get(), 1);
        // Whoever wrote there is not believed.
        let place = folder.path().join(format!("targets/{digest}"));
        fs::write(&place, b"firmwarf").unwrap();
        assert_eq!(get(&path), b"firmware");
        assert_eq!(asked.get(), 2);
        assert_eq!(fs::read(&place).unwrap(), b"firmware");
        // Nothing is kept under a digest it does not have, nor what carries none.
        let other = format!("targets/band/{}.1.4.0", Digest::of(b"other"));
        get(&other);
        get("targets/band/1.4.0");
        get("metadata/timestamp.json");
        assert_eq!(asked.get(), 5);
        let names = fs::read_dir(folder.path().join("targets")).unwrap();
        assert_eq!(names.count(), 2, "the target and the lock");
    }

    #[test]
    fn a_second_process_goes_without() {
        let folder = tempfile::tempdir().unwrap();
        let asked = std::rc::Rc::default();
        let far = Far {
            bytes: b"firmware".to_vec(),
            asked: std::rc::Rc::clone(&asked),
        };
        let _first = Lock::take(&folder.path().join(".lock")).unwrap();
        let kept = Kept::new(Box::new(far), folder.path().to_owned());
        let path = format!("targets/{}.band", Digest::of(b"firmware"));
        assert_eq!(kept.get(&path, 8).unwrap().unwrap(), b"firmware");
        assert_eq!(kept.get(&path, 8).unwrap().unwrap(), b"firmware");
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn the_oldest_go_first_and_the_newest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        for (age, name) in [(30, "a"), (20, "b"), (10, "c")] {
            let file = fs::File::create(folder.path().join(name)).unwrap();
            file.set_len(10).unwrap();
            file.set_modified(now - Duration::from_secs(age)).unwrap();
        }
        let left = || {
            let mut names: Vec<_> = fs::read_dir(folder.path())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names.concat()
        };
        let newest = folder.path().join("a");
        tidy(folder.path(), &newest, 30);
        assert_eq!(left(), "abc");
        tidy(folder.path(), &newest, 29);
        assert_eq!(left(), "ac");
        tidy(folder.path(), &newest, 0);
        assert_eq!(left(), "a");
    }
}
