//! The station log: one line for everything that was promised or done to a unit, chained and signed.
//!
//! Takes entries, gives a file in which no line can be changed, dropped or moved without it showing; a line is on the disk
//! before what it promises is done. A file beside it remembers the last line, so that lines missing at the end show too.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cuff_verifier::digest::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::serials::Range;
use crate::durable::{self, Lock, LockError, WriteError};
use crate::key::{PublicKey, SignError, Signer};

/// One line's contents.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Way of writing records.
    pub format: u32,
    /// Counts lines, from 1.
    pub sequence: u64,
    /// SHA-256 of the line before, zeros for the first.
    pub previous: String,
    /// Which station.
    pub station: String,
    /// When, by the station's clock.
    pub at: String,
    /// What.
    pub entry: Entry,
}

/// What a line is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Entry {
    /// The log begins: who signs it, and which serials are this station's.
    Opened {
        /// The station's public key, in hex.
        key: String,
        /// Its range, where it has one.
        range: Option<Range>,
    },
    /// A serial is promised to a chip. No other chip gets it, whatever happens.
    Reserved {
        /// The serial.
        serial: String,
        /// The chip.
        uid: String,
        /// The slot.
        slot: String,
    },
    /// A chip was erased as a whole.
    Erased {
        /// The chip, as it named itself after the erase.
        uid: String,
        /// The unit it was, where the operator said so.
        unit: Option<String>,
        /// The ticket it came back with.
        ticket: Option<String>,
        /// Who.
        operator: String,
    },
    /// One attempt at a unit.
    Attempt(Box<Attempt>),
    /// A slot has another probe from now on.
    Slot {
        /// The slot.
        slot: String,
        /// The probe, as a target.
        probe: String,
    },
}

/// One attempt at a unit.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Who stood at the bench.
    pub operator: String,
    /// The slot.
    pub slot: String,
    /// The probe, as a target.
    pub probe: String,
    /// The chip; absent when it was never reached.
    pub uid: Option<String>,
    /// The unit's serial; absent when none was promised yet.
    pub serial: Option<String>,
    /// Whether everything was done and proven.
    pub passed: bool,
    /// The step that failed.
    pub step: Option<String>,
    /// Why, outermost first.
    pub error: Vec<String>,
    /// The exit code of this unit.
    pub exit: u8,
    /// The steps that were gone, with their times.
    pub steps: Vec<StepTime>,
    /// SHA-256 of the sealed bundle.
    pub bundle_sha256: String,
    /// SHA-256 of the root the unit trusts.
    pub root_sha256: String,
    /// The release and the SHA-256 of its image.
    pub release: String,
    /// See `release`.
    pub release_sha256: String,
    /// The bootloader and the SHA-256 of its image.
    pub bootloader: String,
    /// See `bootloader`.
    pub bootloader_sha256: String,
    /// The unit's security counter at the end.
    pub counter: Option<u64>,
    /// The unit's time floor at the end, in seconds of 1970.
    pub floor: Option<u64>,
    /// Whether its debug port was locked, and proven to be.
    pub locked: bool,
}

/// A step and how long it took.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StepTime {
    /// The step, named as in bars and JSON.
    pub step: String,
    /// Thousandths of a second.
    pub milliseconds: u64,
}

/// What a log says, once every line was checked.
#[derive(Clone, Debug)]
pub struct Told {
    /// Line by line.
    pub records: Vec<Record>,
    /// Who signs it.
    pub key: PublicKey,
    /// SHA-256 of the last line.
    pub head: String,
    /// Bytes of whole lines; what follows is a line whose writing was cut.
    pub whole: u64,
}

impl Told {
    /// Checks every line: number, chain, signature. `expected` is the key that must have signed; without one the log's own
    /// first line is believed.
    pub fn read(path: &Path, expected: Option<&PublicKey>) -> Result<Self, RecordsError> {
        let text = fs::read(path).map_err(|source| RecordsError::Io {
            path: path.to_owned(),
            source,
        })?;
        Self::check(&text, path, expected)
    }

    fn check(
        bytes: &[u8],
        path: &Path,
        expected: Option<&PublicKey>,
    ) -> Result<Self, RecordsError> {
        let mut told: Option<Self> = None;
        let mut whole = 0;
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let number = index as u64 + 1;
            let broken = |why: &str| RecordsError::Broken {
                path: path.to_owned(),
                line: number,
                why: why.to_owned(),
            };
            let Some(line) = line.strip_suffix(b"\n") else {
                break;
            };
            whole += line.len() as u64 + 1;
            let (record, said, signature) =
                open(line).ok_or_else(|| broken("it is no record as a station writes it"))?;
            let (key, head) = if let Some(told) = &told {
                (told.key, told.head.clone())
            } else {
                let key = first_key(&record)
                    .ok_or_else(|| broken("a log must begin with who signs it"))?;
                if expected.is_some_and(|expected| *expected != key) {
                    return Err(broken("it names another key than the station's"));
                }
                (key, NOTHING.to_owned())
            };
            if record.format != FORMAT || record.sequence != number {
                return Err(broken(&format!(
                    "it is numbered {}, expected {number}: lines are missing or were moved",
                    record.sequence
                )));
            }
            if record.previous != head {
                return Err(broken("it does not continue the line before it"));
            }
            if !key.verifies(said, &signature) {
                return Err(broken("the station's key did not sign it: it was changed"));
            }
            let head = Digest::of(line).to_string();
            let told = told.get_or_insert(Self {
                records: Vec::new(),
                key,
                head: String::new(),
                whole: 0,
            });
            told.head = head;
            told.whole = whole;
            told.records.push(record);
        }
        told.ok_or_else(|| RecordsError::Broken {
            path: path.to_owned(),
            line: 1,
            why: "there is no record in it".to_owned(),
        })
    }

    /// The chip a serial was promised to.
    pub fn holder(&self, serial: &str) -> Option<&str> {
        self.records.iter().find_map(|record| match &record.entry {
            Entry::Reserved {
                serial: promised,
                uid,
                ..
            } if promised == serial => Some(uid.as_str()),
            _ => None,
        })
    }

    /// The serial promised to a chip.
    pub fn promised(&self, chip: &str) -> Option<&str> {
        self.records
            .iter()
            .rev()
            .find_map(|record| match &record.entry {
                Entry::Reserved { serial, uid, .. } if uid == chip => Some(serial.as_str()),
                _ => None,
            })
    }

    /// The last attempt at a chip that passed.
    pub fn passed(&self, chip: &str) -> Option<&Attempt> {
        self.attempts()
            .rfind(|attempt| attempt.passed && attempt.uid.as_deref() == Some(chip))
    }

    /// The last attempt at a unit that passed.
    pub fn passed_unit(&self, unit: &str) -> Option<&Attempt> {
        self.attempts()
            .rfind(|attempt| attempt.passed && attempt.serial.as_deref() == Some(unit))
    }

    /// Whether a chip is on record at all.
    pub fn knows(&self, chip: &str) -> bool {
        self.promised(chip).is_some()
    }

    /// All attempts, in order.
    pub fn attempts(&self) -> impl DoubleEndedIterator<Item = &Attempt> {
        self.records
            .iter()
            .filter_map(|record| match &record.entry {
                Entry::Attempt(attempt) => Some(attempt.as_ref()),
                _ => None,
            })
    }

    /// The station's range.
    pub fn range(&self) -> Option<&Range> {
        self.records.iter().find_map(|record| match &record.entry {
            Entry::Opened { range, .. } => range.as_ref(),
            _ => None,
        })
    }

    /// The probe that was last assigned to a slot.
    pub fn probe_of(&self, label: &str) -> Option<&str> {
        self.records
            .iter()
            .rev()
            .find_map(|record| match &record.entry {
                Entry::Slot { slot, probe } if slot == label => Some(probe.as_str()),
                _ => None,
            })
    }

    /// Serials that two logs both promised, or could.
    pub fn overlap(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if let (Some(one), Some(two)) = (self.range(), other.range())
            && one.overlaps(two)
        {
            found.push(format!(
                "both ranges hold {}{} to {}{}",
                one.prefix,
                one.first.max(two.first),
                one.prefix,
                one.last.min(two.last)
            ));
        }
        let promised = |told: &Self| -> BTreeMap<String, String> {
            let pairs = told
                .records
                .iter()
                .filter_map(|record| match &record.entry {
                    Entry::Reserved { serial, uid, .. } => Some((serial.clone(), uid.clone())),
                    _ => None,
                });
            pairs.collect()
        };
        let (one, two) = (promised(self), promised(other));
        for (serial, uid) in &one {
            if two.contains_key(serial) {
                found.push(format!("serial {serial} was promised by both"));
            }
            if two.values().any(|other| other == uid) {
                found.push(format!("chip {uid} was provisioned by both"));
            }
        }
        found
    }
}

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
            Told {
                records: Vec::new(),
                key: public,
                head: NOTHING.to_owned(),
                whole: 0,
            }
        };
        let last = told.records.len() as u64;
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
        let said = serde_json::to_string(&record).map_err(|error| io(error.into()))?;
        let signature = hex::encode(self.key.sign(said.as_bytes())?);
        let line = format!("{OPENING}{said}{MIDDLE}{signature}{CLOSING}");
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .and_then(|()| self.file.sync_all())
            .map_err(io)?;
        self.told.head = Digest::of(line.as_bytes()).to_string();
        self.told.whole += line.len() as u64 + 1;
        self.told.records.push(record);
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

/// A line's record, the bytes that were signed, and the signature.
fn open(line: &[u8]) -> Option<(Record, &[u8], [u8; 64])> {
    let inner = line
        .strip_prefix(OPENING.as_bytes())?
        .strip_suffix(CLOSING.as_bytes())?;
    let (rest, digits) = inner.split_at_checked(inner.len().checked_sub(128)?)?;
    let said = rest.strip_suffix(MIDDLE.as_bytes())?;
    let mut signature = [0; 64];
    hex::decode_to_slice(digits, &mut signature).ok()?;
    Some((serde_json::from_slice(said).ok()?, said, signature))
}

fn first_key(record: &Record) -> Option<PublicKey> {
    let Entry::Opened { key, .. } = &record.entry else {
        return None;
    };
    let mut bytes = [0; 32];
    hex::decode_to_slice(key, &mut bytes).ok()?;
    Some(PublicKey(bytes))
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

const FORMAT: u32 = 1;
const OPENING: &str = "{\"record\":";
const MIDDLE: &str = ",\"signature\":\"";
const CLOSING: &str = "\"}";
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[cfg(test)]
mod tests {
    use super::*;
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
