//! What came of the skips of a row, counted.

use std::collections::BTreeSet;
use std::fmt;

use crate::outcome::Outcome;

/// A row of the report.
pub struct Tally {
    row: &'static str,
    addresses: BTreeSet<u32>,
    refused: usize,
    recovery: usize,
    crashed: usize,
    hung: usize,
    /// Where, and how.
    pub bypasses: Vec<String>,
}

impl Tally {
    /// What stands above the rows.
    pub const HEAD: &str =
        "row                      addresses   skips refused recovery crashed   hung bypasses";

    /// Nothing skipped yet.
    pub fn new(row: &'static str) -> Self {
        Self {
            row,
            addresses: BTreeSet::new(),
            refused: 0,
            recovery: 0,
            crashed: 0,
            hung: 0,
            bypasses: Vec::new(),
        }
    }

    /// Adds a skip of the instruction at an address.
    pub fn add(&mut self, address: u32, function: &str, outcome: Outcome) {
        self.addresses.insert(address);
        match outcome {
            Outcome::Refused => self.refused += 1,
            Outcome::Recovery => self.recovery += 1,
            Outcome::Crashed => self.crashed += 1,
            Outcome::Hung => self.hung += 1,
            Outcome::Bypassed(how) => {
                self.bypasses
                    .push(format!("{address:08x} in {function}: {how}"));
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bypasses = self.bypasses.len();
        let skips = self.refused + self.recovery + self.crashed + self.hung + bypasses;
        write!(
            f,
            "{:<24} {:>9} {skips:>7} {:>7} {:>8} {:>7} {:>6} {bypasses:>8}",
            self.row,
            self.addresses.len(),
            self.refused,
            self.recovery,
            self.crashed,
            self.hung
        )?;
        self.bypasses
            .iter()
            .try_for_each(|bypass| write!(f, "\n  bypass: {bypass}"))
    }
}
