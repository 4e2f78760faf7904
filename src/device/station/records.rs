//! The station log: one line for everything that was promised or done to a unit, chained and signed.
//!
//! Takes entries, gives a file in which no line can be changed, dropped or moved without it showing; a line is on the disk
//! before what it promises is done. A file beside it remembers the last line, so that lines missing at the end show too.

pub mod record;
pub mod told;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use self::record::{Entry, FORMAT, Record};
use self::told::Told;
use super::serials::Range;
use crate::durable::{self, Lock, LockError, WriteError};
use crate::key::{SignError, Signer, verified_signature};

/// A log that is being written, by this process alone.
pub struct Records {
    path: PathBuf,
    file: File,
    station: String,
    key: Box<dyn Signer + Send>,
    told: Told,
    _lock: Lock,
}

impl Records {
    /// Opens the station's log, or begins it; every line there is checked first.
    pub fn open(
        path: &Path,
        station: &str,
        key: Box<dyn Signer + Send>,
        range: Option<&Range>,
        at: String,
    ) -> Result<Self, RecordsError> {
        let lock = Lock::take(&path.with_extension("lock"))?;
        let io = |source| RecordsError::Io {
            path: path.to_owned(),
            source,
        };
        let public = key.public();
        let present = match fs::metadata(path) {
            Ok(found) => found.len() > 0,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(source) => return Err(io(source)),
        };
        let remembered = remembered(path)?;
        if !present && let Some(head) = &remembered {
            return Err(RecordsError::Broken {
                path: path.to_owned(),
                line: head.0,
                why: "the log is gone, and was written before".to_owned(),
            });
        }
        let file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .map_err(io)?;
        let told = if present {
            let told = Told::read(path, Some(&public))?;
            // A line whose writing was cut promised nothing: nothing was done before it was whole.
            file.set_len(told.whole).map_err(io)?;
            told
        } else {
            Told::nothing(public)
        };
        let last = told.records.len() as u64;
        if remembered.is_none() && last > 1 {
            return Err(RecordsError::Broken {
                path: head_path(path),
                line: 1,
                why: "the file that remembers the log's end is gone".to_owned(),
            });
        }
        if let Some((sequence, head)) = remembered {
            let same = || {
                told.records
                    .get(usize::try_from(sequence).unwrap_or(usize::MAX))
                    .map_or(&told.head, |next| &next.previous)
                    == &head
            };
            if sequence > last || !same() {
                return Err(RecordsError::Broken {
                    path: path.to_owned(),
                    line: last,
                    why: format!("record {sequence} was written once and is not there any more"),
                });
            }
        }
        if told
            .records
            .first()
            .is_some_and(|first| first.station != station)
        {
            return Err(RecordsError::Broken {
                path: path.to_owned(),
                line: 1,
                why: "it is another station's log".to_owned(),
            });
        }
        let fresh = told.records.is_empty();
        let mut records = Self {
            path: path.to_owned(),
            file,
            station: station.to_owned(),
            key,
            told,
            _lock: lock,
        };
        if fresh {
            records.append(
                at,
                Entry::Opened {
                    key: hex::encode(public.0),
                    range: range.cloned(),
                },
            )?;
        }
        Ok(records)
    }

    /// What it says so far.
    pub fn told(&self) -> &Told {
        &self.told
    }

    /// Adds a line; it is on the disk when this returns.
    pub fn append(&mut self, at: String, entry: Entry) -> Result<(), RecordsError> {
        let record = Record {
            format: FORMAT,
            sequence: self.told.records.len() as u64 + 1,
            previous: self.told.head.clone(),
            station: self.station.clone(),
            at,
            entry,
        };
        let io = |source| RecordsError::Io {
            path: self.path.clone(),
            source,
        };
        let said = record.said().map_err(|error| io(error.into()))?;
        let line = record::line(&said, &verified_signature(&*self.key, said.as_bytes())?);
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| self.file.sync_all())
            .map_err(io)?;
        self.told.take(record, line.as_bytes());
        let head = format!("{} {}\n", self.told.records.len(), self.told.head);
        Ok(durable::write(&head_path(&self.path), head.as_bytes())?)
    }
}

/// Why records cannot be trusted, or not be written.
#[derive(Debug, thiserror::Error)]
pub enum RecordsError {
    /// The file.
    #[error("cannot use the station log `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody changed it.
    #[error("the station log `{}` is broken at line {line}: {why}", path.display())]
    Broken {
        /// Which.
        path: PathBuf,
        /// Where.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// Two processes at one bench.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The key gave no signature.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The head was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

fn head_path(path: &Path) -> PathBuf {
    path.with_extension("head")
}

/// The number and digest of the last line that was written.
fn remembered(path: &Path) -> Result<Option<(u64, String)>, RecordsError> {
    let head = head_path(path);
    match fs::read_to_string(&head) {
        Ok(text) => {
            let pair = text.trim_end().split_once(' ');
            let pair =
                pair.and_then(|(number, digest)| Some((number.parse().ok()?, digest.to_owned())));
            pair.map(Some).ok_or(RecordsError::Broken {
                path: head,
                line: 1,
                why: "it is not what a station writes there".to_owned(),
            })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(RecordsError::Io { path: head, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PublicKey;
    use crate::key::secret::SecretKey;

    struct Held(SecretKey);

    impl Signer for Held {
        fn public(&self) -> PublicKey {
            self.0.public()
        }

        fn describe(&self) -> String {
            "a key in a test".to_owned()
        }

        fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
            Ok(self.0.sign(message))
        }
    }

    fn seeded(seed: u8) -> Box<dyn Signer + Send> {
        Box::new(Held(SecretKey::from_seed(&[seed; 32])))
    }

    fn key() -> Box<dyn Signer + Send> {
        seeded(7)
    }

    fn log(folder: &Path) -> PathBuf {
        let path = folder.join("line.jsonl");
        let mut records = Records::open(&path, "line-1", key(), None, "now".to_owned()).unwrap();
        for number in 1..4 {
            let entry = Entry::Reserved {
                serial: format!("B{number}"),
                uid: format!("0{number}"),
                slot: "A".to_owned(),
            };
            records.append("now".to_owned(), entry).unwrap();
        }
        path
    }

    fn open_again(path: &Path) -> Result<Records, RecordsError> {
        Records::open(path, "line-1", key(), None, "now".to_owned())
    }

    #[test]
    fn what_was_written_reads_back_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = log(folder.path());
        let records = open_again(&path).unwrap();
        assert_eq!(records.told().records.len(), 4);
        assert_eq!(records.told().holder("B2"), Some("02"));
        assert_eq!(records.told().promised("03"), Some("B3"));
        assert!(matches!(open_again(&path), Err(RecordsError::Lock(_))));
    }

    #[test]
    fn no_edit_goes_unseen() {
        let folder = tempfile::tempdir().unwrap();
        let path = log(folder.path());
        let whole = fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.split_inclusive('\n').collect();
        let edits = [
            whole.replace("B2", "B9"),
            [lines[0], lines[2], lines[1], lines[3]].concat(),
            [lines[0], lines[1], lines[3]].concat(),
            lines[..3].concat(),
            lines[1..].concat(),
            String::new(),
            format!("{whole}\n"),
            whole.replace("\"signature\":\"", "\"signature\":\"0"),
        ];
        for edited in edits {
            fs::write(&path, &edited).unwrap();
            assert!(
                matches!(open_again(&path), Err(RecordsError::Broken { .. })),
                "{edited}"
            );
        }
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            open_again(&path),
            Err(RecordsError::Broken { .. })
        ));
        fs::write(&path, lines[..3].concat()).unwrap();
        let head = fs::read(head_path(&path)).unwrap();
        fs::remove_file(head_path(&path)).unwrap();
        assert!(matches!(
            open_again(&path),
            Err(RecordsError::Broken { .. })
        ));
        fs::write(head_path(&path), head).unwrap();
        fs::write(&path, &whole).unwrap();
        let stranger = seeded(8);
        let theirs = Records::open(&path, "line-1", stranger, None, "now".to_owned());
        assert!(matches!(theirs, Err(RecordsError::Broken { .. })));
    }

    #[test]
    fn a_line_whose_writing_was_cut_promised_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = log(folder.path());
        let whole = fs::read(&path).unwrap();
        let mut torn = whole.clone();
        torn.extend_from_slice(b"{\"record\":{\"for");
        fs::write(&path, torn).unwrap();
        drop(open_again(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}
