//! The serial that a chip is promised, on disk before anything is written to it.
//!
//! Takes the records and a source of serials, gives the serial this chip was promised before, or the next that nobody has.

use std::fs;

use crate::device::station::records::record::Entry;
use crate::device::station::records::{Records, RecordsError};
use crate::device::station::serials::{Serials, fits};

/// Who asks for a serial.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The chip.
    pub uid: &'a str,
    /// Its slot.
    pub slot: &'a str,
    /// The label that was scanned, where labels are.
    pub scanned: Option<&'a str>,
    /// Nothing is written.
    pub rehearse: bool,
    /// The time, for the records.
    pub now: &'a (dyn Fn() -> String + Sync),
}

/// Promises the chip a serial, or finds the one it was promised.
pub fn promise(
    records: &mut Records,
    serials: &Serials,
    asked: Asked<'_>,
) -> Result<String, Unpromised> {
    let promised = records.told().promised(asked.uid).map(str::to_owned);
    if let Some(scanned) = asked.scanned {
        let told = records.told();
        check(scanned)?;
        if let Some(promised) = promised.as_ref().filter(|one| *one != scanned) {
            return Err(Unpromised::OtherLabel {
                scanned: scanned.to_owned(),
                promised: promised.clone(),
                uid: asked.uid.to_owned(),
            });
        }
        if let Some(holder) = told.holder(scanned).filter(|one| *one != asked.uid) {
            return Err(Unpromised::SerialTaken {
                serial: scanned.to_owned(),
                uid: holder.to_owned(),
            });
        }
    }
    if let Some(promised) = promised {
        return Ok(promised);
    }
    let serial = match asked.scanned {
        Some(scanned) => scanned.to_owned(),
        None => next(records, serials)?,
    };
    if !asked.rehearse {
        records.append(
            (asked.now)(),
            Entry::Reserved {
                serial: serial.clone(),
                uid: asked.uid.to_owned(),
                slot: asked.slot.to_owned(),
            },
        )?;
    }
    Ok(serial)
}

/// The first serial that nobody has.
fn next(records: &Records, serials: &Serials) -> Result<String, Unpromised> {
    let is_free = |serial: &str| records.told().holder(serial).is_none();
    match serials {
        Serials::Range(range) => {
            range
                .all()
                .find(|serial| is_free(serial))
                .ok_or_else(|| Unpromised::Exhausted {
                    why: format!("the range ends at {}{}", range.prefix, range.last),
                })
        }
        Serials::List(path) => {
            let text = fs::read_to_string(path).map_err(|error| Unpromised::List {
                why: format!("{}: {error}", path.display()),
            })?;
            let free = text
                .lines()
                .map(str::trim)
                .find(|line| !line.is_empty() && is_free(line));
            let serial = free.ok_or_else(|| Unpromised::Exhausted {
                why: format!("every line of {} was used", path.display()),
            })?;
            check(serial)?;
            Ok(serial.to_owned())
        }
        Serials::Scan => Err(Unpromised::Exhausted {
            why: "no line came from the scanner".to_owned(),
        }),
    }
}

fn check(serial: &str) -> Result<(), Unpromised> {
    if fits(serial) {
        return Ok(());
    }
    Err(Unpromised::NoSerial {
        scanned: serial.to_owned(),
    })
}

/// Why a chip gets no serial.
#[derive(Debug, thiserror::Error)]
pub enum Unpromised {
    /// The promise could not be written down.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The label was used.
    #[error("serial {serial} was given to another unit before, chip {uid}")]
    SerialTaken {
        /// The serial.
        serial: String,
        /// The chip that has it.
        uid: String,
    },
    /// The label does not belong to this chip.
    #[error("serial {scanned} was scanned, and chip {uid} was promised {promised} before")]
    OtherLabel {
        /// What was scanned.
        scanned: String,
        /// What was promised.
        promised: String,
        /// The chip.
        uid: String,
    },
    /// The label is none.
    #[error("\"{}\" cannot be a serial: expected 1 to 31 printable ASCII characters", scanned.escape_debug())]
    NoSerial {
        /// What was scanned.
        scanned: String,
    },
    /// None left.
    #[error("no serial is left: {why}")]
    Exhausted {
        /// Which source.
        why: String,
    },
    /// The list cannot be read.
    #[error("the list of serials cannot be read: {why}")]
    List {
        /// Why.
        why: String,
    },
}
