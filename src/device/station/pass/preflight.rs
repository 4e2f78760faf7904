//! Whether a chip may become a unit at this bench.
//!
//! Takes what is on record about it and what it says of itself, gives the counter and the time floor it may not fall below, or
//! why it is left alone. It writes nothing.

use std::sync::{Mutex, PoisonError};

use cuff_verifier::digest::Digest;
use cuff_verifier::time::Instant;
use cuff_verifier::version::Counter;

use crate::device::link::{Link as _, LinkError};
use crate::device::probe::Probe;
use crate::device::station::order::{Order, Say};
use crate::device::station::records::Records;
use crate::device::unit::Standing;

/// Looks at the chip.
pub fn preflight(
    probe: &mut Probe,
    uid: &str,
    order: &Order,
    say: &Say,
    records: &Mutex<Records>,
) -> Result<(Counter, Instant), Unfit> {
    if uid.bytes().all(|digit| digit == b'0') || uid.bytes().all(|digit| digit == b'f') {
        return Err(Unfit::NoUid {
            uid: uid.to_owned(),
        });
    }
    let records = records.lock().unwrap_or_else(PoisonError::into_inner);
    let told = records.told();
    let promised = told.promised(uid).map(str::to_owned);
    if told.wants_a_ticket(uid) {
        return Err(Unfit::WantsTicket {
            uid: uid.to_owned(),
            was: promised.map_or("nobody".to_owned(), |serial| format!("unit {serial}")),
        });
    }
    if let Some(passed) = told.passed(uid)
        && !say.replace
    {
        return Err(Unfit::PassedBefore {
            uid: uid.to_owned(),
            serial: passed.serial.clone().unwrap_or_default(),
        });
    }
    let least = told.least(uid);
    drop(records);
    match probe.unit()?.standing {
        Standing::Provisioned(knowledge) => {
            let ours = promised.as_deref() == Some(knowledge.serial());
            let root = knowledge.record.root.sha256;
            if !ours && root != Digest::of(&order.root) {
                return Err(Unfit::OtherRoot {
                    product: knowledge.product().to_owned(),
                    serial: knowledge.serial().to_owned(),
                    root: root.to_string(),
                });
            }
            if !ours {
                return Err(Unfit::Somebody {
                    product: knowledge.product().to_owned(),
                    serial: knowledge.serial().to_owned(),
                });
            }
            Ok((
                least.0.max(knowledge.counter),
                least.1.max(knowledge.record.floor),
            ))
        }
        Standing::Blank | Standing::Damaged => {
            let layout = probe.board().layout().map_err(|_| Unfit::Foreign)?;
            let mut held = probe.region(layout.boot.part(0, LOOK))?;
            held.extend(probe.region(layout.active.part(0, LOOK))?);
            let written = held.iter().any(|byte| *byte != 0xff);
            if written && promised.is_none() && !say.overwrite {
                return Err(Unfit::Foreign);
            }
            Ok(least)
        }
    }
}

/// Why a chip is left alone.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// It could not be read.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// A chip whose number is none.
    #[error("the chip's unique number reads {uid}: it names no chip")]
    NoUid {
        /// The number.
        uid: String,
    },
    /// Another chip on the bench has the same number.
    #[error("another slot works on a chip with the same number, {uid}")]
    Twice {
        /// The number.
        uid: String,
    },
    /// It was erased as a virgin part and is none, or as a unit that it is not.
    #[error("chip {uid} was erased as what it is not: on record it is {was}")]
    WantsTicket {
        /// The chip.
        uid: String,
        /// Who it is on record.
        was: String,
    },
    /// It passed before.
    #[error("chip {uid} passed here before, as unit {serial}")]
    PassedBefore {
        /// The chip.
        uid: String,
        /// The unit.
        serial: String,
    },
    /// Somebody made it already, and not this station.
    #[error("the chip is {product} {serial} already, and not on this station's record")]
    Somebody {
        /// The product.
        product: String,
        /// The unit.
        serial: String,
    },
    /// Its trust is another company's.
    #[error("the chip is {product} {serial} already, and trusts another root: {root}")]
    OtherRoot {
        /// The product.
        product: String,
        /// The unit.
        serial: String,
        /// SHA-256 of the root it trusts.
        root: String,
    },
    /// Something is in flash that this station did not write.
    #[error("the chip holds firmware that this station did not write")]
    Foreign,
}

/// How much of a region is looked at to see whether something is in it.
const LOOK: u32 = 4096;
