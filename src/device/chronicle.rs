//! The tamper log, judged: is the chain whole, and does it continue what was seen last time?
//!
//! Takes the lines a device gave and the head that was remembered, gives entries in words and findings. It shows that
//! records were lost or changed; it cannot show that a device which lies from the start tells the truth.

pub mod told;

use std::fmt;

use cuff_bootloader::log::{Head, Line};
use schemars::JsonSchema;
use serde::Serialize;

use super::link::Log;
use told::Told;

/// Something to know about the log as a whole.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// Old records made room for new ones. Nothing is wrong; what stood there is gone.
    Recycled {
        /// The first record that is still there.
        first: u32,
    },
    /// A write was interrupted, by a power cut for instance; the chain goes on behind it.
    Interrupted,
    /// Places that were written and do not continue the chain: records were changed, or flash is failing.
    Unreadable {
        /// How many.
        places: u32,
        /// The last record before them.
        after: u32,
    },
    /// Records are missing in the middle.
    Gap {
        /// The last record before the gap.
        after: u32,
        /// What the next page says came before it.
        expected: u32,
    },
    /// The log is shorter than when it was last seen.
    Truncated {
        /// The last record there is.
        found: u32,
        /// The last record there was.
        remembered: u32,
    },
    /// The record that was last seen is another one now.
    Rewritten {
        /// Which.
        sequence: u32,
    },
    /// So much was written since the log was last seen that the record last seen is gone.
    Unconnected {
        /// The last record that was seen.
        remembered: u32,
        /// The first record that is still there.
        first: u32,
    },
}

impl Finding {
    /// Whether it takes tampering or failing flash.
    pub fn is_broken(&self) -> bool {
        match self {
            Self::Recycled { .. } | Self::Interrupted | Self::Unconnected { .. } => false,
            Self::Unreadable { .. }
            | Self::Gap { .. }
            | Self::Truncated { .. }
            | Self::Rewritten { .. } => true,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Recycled { first } => {
                write!(f, "records before {first} made room for newer ones")
            }
            Self::Interrupted => {
                f.write_str("a write was interrupted; the chain goes on behind it")
            }
            Self::Unreadable { places, after } => write!(
                f,
                "{places} written places behind record {after} do not continue the chain"
            ),
            Self::Gap { after, expected } => write!(
                f,
                "records are missing: record {after} is followed by a page that continues record {expected}"
            ),
            Self::Truncated { found, remembered } => write!(
                f,
                "the log was cut short: it ends at record {found}, and record {remembered} was seen before"
            ),
            Self::Rewritten { sequence } => {
                write!(f, "record {sequence} is another one than was seen before")
            }
            Self::Unconnected { remembered, first } => write!(
                f,
                "record {remembered}, seen last time, made room for newer ones: the log begins at {first}, so nothing ties the two together"
            ),
        }
    }
}

/// Judges a log against the head that was seen last time.
pub fn judge(log: &Log, remembered: Option<Head>) -> (Vec<Told>, Vec<Finding>) {
    let mut reader = Reader {
        remembered: remembered.filter(|head| head.sequence > 0),
        ..Reader::default()
    };
    for line in &log.lines {
        reader.take(*line);
    }
    reader.close(log.head);
    (reader.told, reader.findings)
}

#[derive(Default)]
struct Reader {
    told: Vec<Told>,
    findings: Vec<Finding>,
    remembered: Option<Head>,
    /// The head so far, once the ring has begun.
    head: Option<Head>,
    begins: u32,
    torn: u32,
    /// Whether the remembered head was met.
    met: bool,
}

impl Reader {
    fn take(&mut self, line: Line) {
        match line {
            Line::First(entry) => self.told.push(Told::of(&entry, true)),
            Line::Page { continues, chained } => self.page(continues, chained),
            Line::Entry(entry) => {
                if std::mem::take(&mut self.torn) > 0 {
                    self.findings.push(Finding::Interrupted);
                }
                self.told.push(Told::of(&entry, false));
                self.reach(Head {
                    sequence: entry.sequence,
                    hash: entry.hash,
                });
            }
            Line::Repeated(count) => {
                if let Some(last) = self.told.last_mut().filter(|told| !told.first_of_kind) {
                    last.repeated = last.repeated.saturating_add(u32::from(count));
                }
            }
            // Before the ring begins it is the page of firsts: a copy that was cut.
            Line::Torn if self.head.is_none() => self.findings.push(Finding::Interrupted),
            Line::Torn => self.torn = self.torn.saturating_add(1),
        }
    }

    fn page(&mut self, continues: Head, chained: bool) {
        match self.head {
            None => {
                self.begins = continues.sequence.saturating_add(1);
                if continues.sequence > 0 {
                    self.findings.push(Finding::Recycled { first: self.begins });
                }
            }
            Some(before) => {
                self.trailing(before);
                if !chained {
                    self.findings.push(Finding::Gap {
                        after: before.sequence,
                        expected: continues.sequence,
                    });
                }
            }
        }
        self.reach(continues);
    }

    fn reach(&mut self, head: Head) {
        self.head = Some(head);
        if let Some(remembered) = self.remembered
            && remembered.sequence == head.sequence
            && !self.met
        {
            self.met = true;
            if remembered.hash != head.hash {
                self.findings.push(Finding::Rewritten {
                    sequence: head.sequence,
                });
            }
        }
    }

    /// One torn place at the end may be the last write, interrupted; more are not.
    fn trailing(&mut self, head: Head) {
        match std::mem::take(&mut self.torn) {
            0 => {}
            1 => self.findings.push(Finding::Interrupted),
            places => self.findings.push(Finding::Unreadable {
                places,
                after: head.sequence,
            }),
        }
    }

    fn close(&mut self, head: Head) {
        self.trailing(head);
        self.told
            .sort_by_key(|told| (told.sequence, !told.first_of_kind));
        let Some(remembered) = self.remembered.filter(|_| !self.met) else {
            return;
        };
        self.findings.push(if head.sequence < remembered.sequence {
            Finding::Truncated {
                found: head.sequence,
                remembered: remembered.sequence,
            }
        } else if remembered.sequence < self.begins {
            Finding::Unconnected {
                remembered: remembered.sequence,
                first: self.begins,
            }
        } else {
            Finding::Rewritten {
                sequence: remembered.sequence,
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuff_bootloader::log::{Entry, Kind};
    use cuff_verifier::time::Instant;
    use cuff_verifier::verdict::Reason;

    fn head(sequence: u32) -> Head {
        Head {
            sequence,
            hash: [u8::try_from(sequence).unwrap(); 16],
        }
    }

    fn page(continues: u32, chained: bool) -> Line {
        Line::Page {
            continues: head(continues),
            chained,
        }
    }

    fn entry(sequence: u32) -> Line {
        Line::Entry(Entry {
            sequence,
            kind: Kind::RefusedCandidate as u8,
            argument: u32::from(Reason::CounterRollback.code()),
            floor: Instant(0),
            before_repeated: 0,
            chained: true,
            hash: head(sequence).hash,
        })
    }

    fn findings(lines: &[Line], end: u32, remembered: Option<Head>) -> Vec<Finding> {
        let log = Log {
            lines: lines.to_vec(),
            head: head(end),
        };
        judge(&log, remembered).1
    }

    #[test]
    fn a_whole_log_that_continues_what_was_seen_has_no_findings() {
        let lines = [page(0, true), entry(1), entry(2), page(2, true), entry(3)];
        for seen in [
            None,
            Some(Head::default()),
            Some(head(1)),
            Some(head(2)),
            Some(head(3)),
        ] {
            assert_eq!(findings(&lines, 3, seen), []);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let lines = [page(0, true), entry(1), entry(2)];
        assert_eq!(
            findings(&lines, 2, Some(head(3))),
            [Finding::Truncated {
                found: 2,
                remembered: 3
            }]
        );
        let other = Head {
            sequence: 2,
            hash: [9; 16],
        };
        assert_eq!(
            findings(&lines, 2, Some(other)),
            [Finding::Rewritten { sequence: 2 }]
        );
        assert_eq!(
            findings(
                &[page(0, true), entry(1), page(4, false), entry(5)],
                5,
                None
            ),
            [Finding::Gap {
                after: 1,
                expected: 4
            }]
        );
        assert_eq!(
            findings(
                &[page(0, true), entry(1), page(4, false), entry(5)],
                5,
                Some(head(3))
            ),
            [
                Finding::Gap {
                    after: 1,
                    expected: 4
                },
                Finding::Rewritten { sequence: 3 }
            ]
        );
        assert_eq!(
            findings(&[], 0, Some(head(3))),
            [Finding::Truncated {
                found: 0,
                remembered: 3
            }]
        );
    }

    #[test]
    fn a_ring_that_turned_is_not_broken() {
        let found = findings(&[page(7, true), entry(8)], 8, Some(head(3)));
        assert_eq!(
            found,
            [
                Finding::Recycled { first: 8 },
                Finding::Unconnected {
                    remembered: 3,
                    first: 8
                }
            ]
        );
        assert!(!found.iter().any(Finding::is_broken));
    }

    #[test]
    fn one_torn_place_is_a_cut_and_several_are_not() {
        let cut = [page(0, true), entry(1), Line::Torn, entry(2)];
        assert_eq!(findings(&cut, 2, None), [Finding::Interrupted]);
        let changed = [page(0, true), entry(1), Line::Torn, Line::Torn];
        assert_eq!(
            findings(&changed, 1, None),
            [Finding::Unreadable {
                places: 2,
                after: 1
            }]
        );
    }

    #[test]
    fn records_are_told_in_words_and_counted() {
        let log = Log {
            lines: vec![page(0, true), entry(1), Line::Repeated(4)],
            head: head(1),
        };
        let told = judge(&log, None).0;
        assert_eq!(told[0].repeated, 4);
        assert_eq!(
            told[0].sentence(),
            "candidate refused: the security counter is lower than that of a release confirmed before (reason 317, counter-rollback)"
        );
    }
}
