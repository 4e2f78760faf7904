//! One entry: who, when, what, over which digest, and after which entry.
//!
//! An entry is one line of canonical JSON, so that its digest has one spelling. It holds nothing secret.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::role::canonical;
use crate::role::wire::{Hex, Utc};

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The log it belongs to: a key id, or the name of a clone.
    pub log: String,
    /// Counted from 1.
    pub number: u64,
    /// Digest of the entry before, or of the log's name.
    pub previous: Hex,
    /// When, by the clock of the machine.
    pub time: Utc,
    /// What.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// Roles were staged, changed or taken off.
    Staged {
        /// `ROLE vN`, or `ROLE off`.
        roles: Vec<String>,
        /// SHA-256 over all staged bytes, as `review` makes it.
        digest: Hex,
    },
    /// Someone was shown what is staged.
    Reviewed {
        /// The review's digest.
        digest: Hex,
    },
    /// A key signed.
    Signed {
        /// What signed: the file, or token and serial.
        signer: String,
        /// `ROLE vN`.
        roles: Vec<String>,
        /// The review that was approved.
        digest: Hex,
    },
    /// A publication was about to be judged and written; the snapshot names it if it went through.
    Publishing {
        /// What signed.
        signer: String,
        /// `ROLE vN` of what was new.
        roles: Vec<String>,
        /// Where the other logs stood.
        heads: BTreeMap<String, Head>,
    },
    /// A command said no.
    Refused {
        /// The command.
        command: String,
        /// The rule.
        rule: String,
        /// Its words.
        message: String,
    },
}

impl Event {
    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Staged { .. } => "staged",
            Self::Reviewed { .. } => "reviewed",
            Self::Signed { .. } => "signed",
            Self::Publishing { .. } => "publishing",
            Self::Refused { .. } => "refused",
        }
    }
}

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Number of the last entry.
    pub number: u64,
    /// Its digest.
    pub entry: Hex,
}

impl Entry {
    /// Reads a line and insists that we would write the very same.
    pub fn read(line: &[u8]) -> Result<Self, EntryError> {
        let entry: Self =
            serde_json::from_slice(line).map_err(|error| EntryError::NoEntry(error.to_string()))?;
        if entry.line().as_deref() == Some(line) {
            Ok(entry)
        } else {
            Err(EntryError::Spelling)
        }
    }

    /// The line, without its line feed. Nothing if it holds what canonical JSON cannot.
    pub fn line(&self) -> Option<Vec<u8>> {
        canonical::encode(&serde_json::to_value(self).ok()?).ok()
    }

    /// What the first entry of a log follows.
    pub fn before_first(log: &str) -> Hex {
        Hex::sha256(format!("cuff audit 1\n{log}\n").as_bytes())
    }
}

/// A line that is no entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not JSON, or not of this form.
    #[error("it is no entry of an audit log: {0}")]
    NoEntry(String),
    /// Not as we write it.
    #[error("it was not written by cuff, or edited: cuff would spell it differently")]
    Spelling,
    /// Taken from another log.
    #[error("it belongs to the log `{0}`")]
    OtherLog(String),
    /// Something is missing before it.
    #[error("it is entry {found}, expected {expected}: entries were removed or added")]
    Number {
        /// One more than the entry before.
        expected: u64,
        /// What stands there.
        found: u64,
    },
    /// It follows something else.
    #[error("it does not follow the entry before it: that one was edited, or exchanged")]
    Previous,
    /// The last line is cut off.
    #[error("it has no line feed at its end: it was cut off")]
    CutOff,
    /// Not to be written.
    #[error("it cannot be written as canonical JSON")]
    Unwritable,
}

/// Text as an entry may hold it: what is not printable ASCII is escaped, and a novel is cut short.
pub fn printable(text: &str) -> String {
    let escaped = text.chars().map(|character| match character {
        ' '..='~' => character.to_string(),
        other => other.escape_default().to_string(),
    });
    let mut out = String::new();
    for part in escaped {
        if out.len() + part.len() > LONGEST {
            return out + "...";
        }
        out += &part;
    }
    out
}

const LONGEST: usize = 1000;
