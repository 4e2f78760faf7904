//! One line of a station log: what was promised or done, and the form in which it is signed.
//!
//! Takes an entry, gives the line's bytes; takes a line, gives the record and what was signed of it. Whether it belongs where it
//! stands is for the log to say.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::device::station::serials::Range;
use crate::key::PublicKey;

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
        /// What the unit said of itself before, where it could be asked.
        said: Option<Said>,
        /// Why it may not become a unit before it is erased again, with a ticket: the rule that was broken.
        failed: Option<String>,
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

/// What a unit said of itself before it was erased: its own word, which nothing proves.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    /// Its serial.
    pub serial: String,
    /// Its security counter.
    pub counter: u64,
    /// Its time floor, in seconds of 1970.
    pub floor: u64,
    /// Its tamper log, oldest record first, in words.
    pub log: Vec<String>,
    /// Where that ends: the hash of its last record.
    pub log_head: String,
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
    /// The supply in thousandths of a volt, where the probe tells.
    pub millivolts: Option<u32>,
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

impl Record {
    /// The bytes that are signed.
    pub fn said(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Who signs the log, where this record begins one.
    pub fn opens_for(&self) -> Option<PublicKey> {
        let Entry::Opened { key, .. } = &self.entry else {
            return None;
        };
        let mut bytes = [0; 32];
        hex::decode_to_slice(key, &mut bytes).ok()?;
        Some(PublicKey(bytes))
    }
}

/// A line, without its end.
pub fn line(said: &str, signature: &[u8; 64]) -> String {
    let signature = hex::encode(signature);
    format!("{OPENING}{said}{MIDDLE}{signature}{CLOSING}")
}

/// A line's record, the bytes that were signed, and the signature.
pub fn open(line: &[u8]) -> Option<(Record, &[u8], [u8; 64])> {
    let inner = line
        .strip_prefix(OPENING.as_bytes())?
        .strip_suffix(CLOSING.as_bytes())?;
    let (rest, digits) = inner.split_at_checked(inner.len().checked_sub(128)?)?;
    let said = rest.strip_suffix(MIDDLE.as_bytes())?;
    let mut signature = [0; 64];
    hex::decode_to_slice(digits, &mut signature).ok()?;
    Some((serde_json::from_slice(said).ok()?, said, signature))
}

/// Way of writing records.
pub const FORMAT: u32 = 1;
const OPENING: &str = "{\"record\":";
const MIDDLE: &str = ",\"signature\":\"";
const CLOSING: &str = "\"}";
