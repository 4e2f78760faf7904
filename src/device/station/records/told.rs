//! What a station log says, once every line was checked.
//!
//! Takes the bytes of a log, gives its records and what follows from them. It writes nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cuff_verifier::digest::Digest;
use cuff_verifier::time::Instant;
use cuff_verifier::version::Counter;

use super::RecordsError;
use super::record::{self, Attempt, Entry, FORMAT, Record};
use crate::device::station::serials::Range;
use crate::key::PublicKey;

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
    /// The chip each serial was promised to.
    holders: BTreeMap<String, String>,
    /// The serial promised to each chip.
    promises: BTreeMap<String, String>,
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

    /// A log that was not begun.
    pub(super) fn nothing(key: PublicKey) -> Self {
        Self {
            records: Vec::new(),
            key,
            head: NOTHING.to_owned(),
            whole: 0,
            holders: BTreeMap::new(),
            promises: BTreeMap::new(),
        }
    }

    /// One more record, whose line this is.
    pub(super) fn take(&mut self, record: Record, line: &[u8]) {
        if let Entry::Reserved { serial, uid, .. } = &record.entry {
            self.holders.entry(serial.clone()).or_insert(uid.clone());
            self.promises.insert(uid.clone(), serial.clone());
        }
        self.head = Digest::of(line).to_string();
        self.whole += line.len() as u64 + 1;
        self.records.push(record);
    }

    fn check(
        bytes: &[u8],
        path: &Path,
        expected: Option<&PublicKey>,
    ) -> Result<Self, RecordsError> {
        let mut told: Option<Self> = None;
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
            let (record, said, signature) = record::open(line)
                .ok_or_else(|| broken("it is no record as a station writes it"))?;
            let so_far = if let Some(told) = &mut told {
                told
            } else {
                let key = record
                    .opens_for()
                    .ok_or_else(|| broken("a log must begin with who signs it"))?;
                if expected.is_some_and(|expected| *expected != key) {
                    return Err(broken("it names another key than the station's"));
                }
                told.insert(Self::nothing(key))
            };
            if record.format != FORMAT || record.sequence != number {
                return Err(broken(&format!(
                    "it is numbered {}, expected {number}: lines are missing or were moved",
                    record.sequence
                )));
            }
            if record.previous != so_far.head {
                return Err(broken("it does not continue the line before it"));
            }
            if !so_far.key.verifies(said, &signature) {
                return Err(broken("the station's key did not sign it: it was changed"));
            }
            so_far.take(record, line);
        }
        told.ok_or_else(|| RecordsError::Broken {
            path: path.to_owned(),
            line: 1,
            why: "there is no record in it".to_owned(),
        })
    }

    /// The chip a serial was promised to.
    pub fn holder(&self, serial: &str) -> Option<&str> {
        self.holders.get(serial).map(String::as_str)
    }

    /// The serial promised to a chip.
    pub fn promised(&self, chip: &str) -> Option<&str> {
        self.promises.get(chip).map(String::as_str)
    }

    /// The last attempt at a chip that passed.
    pub fn passed(&self, chip: &str) -> Option<&Attempt> {
        self.attempts()
            .rfind(|attempt| attempt.passed && attempt.uid.as_deref() == Some(chip))
    }

    /// The counter and the time floor that a chip has reached, by all it ever said: it may not fall below them.
    pub fn least(&self, chip: &str) -> (Counter, Instant) {
        let reached = self
            .records
            .iter()
            .filter_map(|record| match &record.entry {
                Entry::Attempt(attempt) if attempt.uid.as_deref() == Some(chip) => {
                    Some((attempt.counter.unwrap_or(0), attempt.floor.unwrap_or(0)))
                }
                Entry::Erased {
                    uid,
                    said: Some(said),
                    failed: None,
                    ..
                } if uid == chip => Some((said.counter, said.floor)),
                _ => None,
            });
        reached.fold((Counter(0), Instant(0)), |least, (counter, floor)| {
            (least.0.max(Counter(counter)), least.1.max(Instant(floor)))
        })
    }

    /// Whether a chip was erased and may not become a unit before it is erased again, with a ticket.
    pub fn wants_a_ticket(&self, chip: &str) -> bool {
        let erased = self
            .records
            .iter()
            .rev()
            .find_map(|record| match &record.entry {
                Entry::Erased { uid, failed, .. } if uid == chip => Some(failed.is_some()),
                _ => None,
            });
        erased == Some(true)
    }

    /// The unit that was cut off while its debug port was being closed, where that was the last thing done in a slot.
    pub fn cut_off_while_locking(&self, slot: &str) -> Option<&str> {
        let last = self
            .attempts()
            .rfind(|attempt| attempt.slot == slot && attempt.uid.is_some())?;
        let closing = matches!(last.step.as_deref(), Some("lock" | "prove"));
        last.serial.as_deref().filter(|_| closing)
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
        for (serial, uid) in &self.holders {
            if other.holders.contains_key(serial) {
                found.push(format!("serial {serial} was promised by both"));
            }
            if other.promises.contains_key(uid) {
                found.push(format!("chip {uid} was provisioned by both"));
            }
        }
        found
    }
}

const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";
