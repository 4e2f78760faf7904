//! Where serials come from: a range of this station's own, a list, or a label that is scanned.
//!
//! Takes what was used before, gives the next one. It never gives one twice; the station log remembers.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A source of serials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Serials {
    /// Consecutive numbers behind a prefix.
    Range(Range),
    /// A file with one a line, used from its top.
    List(PathBuf),
    /// One line of standard input a unit.
    Scan,
}

/// Consecutive numbers behind a prefix; no other station may have them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// What each begins with.
    pub prefix: String,
    /// The first number.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// How many digits are written at least.
    pub digits: u8,
}

impl Range {
    /// All of them, in order.
    pub fn all(&self) -> impl Iterator<Item = String> + use<'_> {
        let digits = usize::from(self.digits);
        (self.first..=self.last).map(move |number| format!("{}{number:0digits$}", self.prefix))
    }

    /// Whether some serial is in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.prefix == other.prefix
            && self.digits == other.digits
            && self.first <= other.last
            && other.first <= self.last
    }
}

/// As it is written in `station.toml`.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Written {
    Range(Range),
    List(WrittenList),
    Scan(WrittenScan),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenList {
    list: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenScan {
    scan: bool,
}

impl Written {
    pub(super) fn check(self) -> Result<Serials, String> {
        match self {
            Self::Range(range) => {
                let longest = range.prefix.len()
                    + usize::from(range.digits).max(range.last.to_string().len());
                if range.first > range.last {
                    Err("serials: first must not be above last".to_owned())
                } else if !(1..=20).contains(&range.digits) {
                    Err("serials: digits must be between 1 and 20".to_owned())
                } else if longest > MOST || !fits(&range.prefix) && !range.prefix.is_empty() {
                    Err(format!(
                        "serials: a unit keeps at most {MOST} printable characters"
                    ))
                } else {
                    Ok(Serials::Range(range))
                }
            }
            Self::List(list) => Ok(Serials::List(list.list)),
            Self::Scan(WrittenScan { scan: true }) => Ok(Serials::Scan),
            Self::Scan(_) => Err("serials: scan can only be true".to_owned()),
        }
    }
}

/// Whether a unit can keep this as its serial.
pub fn fits(serial: &str) -> bool {
    (1..=MOST).contains(&serial.len()) && serial.bytes().all(|byte| (0x20..0x7f).contains(&byte))
}

const MOST: usize = 31;
