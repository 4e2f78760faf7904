//! The trust store: one record and one root, held in two banks.
//!
//! Takes and gives a [`Record`]; a commit writes bank B whole, reads it back, and only then writes bank A, so at rest both
//! hold the same sequence and neither a torn write nor a cleared bit reads as an older value. It never judges.

use cuff_verifier::sure::Sure;

use crate::{
    flash::{Chip, Fault, Flash},
    layout::Region,
    record::{Change, RECORD, Record},
};

/// One of the two banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bank {
    /// Written second.
    A,
    /// Written first.
    B,
}

/// What the two banks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "no alloc: there is nowhere else to put the record"
)]
pub enum Banks {
    /// Both hold the same: the only state at rest.
    Equal(Record),
    /// One is unreadable or torn; the other one counts.
    Single {
        /// The good one.
        good: Bank,
        /// What it holds.
        record: Record,
    },
    /// A commit was interrupted after its first half; the newer one counts.
    Window {
        /// The newer one.
        good: Bank,
        /// What it holds.
        record: Record,
    },
    /// Neither can be trusted.
    Lost,
}

impl Banks {
    /// The record that counts, if any.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Equal(record) | Self::Single { record, .. } | Self::Window { record, .. } => {
                Some(record)
            }
            Self::Lost => None,
        }
    }
}

/// Where the bytes of a root are copied from.
#[derive(Clone, Copy, Debug)]
pub enum RootAt<'r> {
    /// The bank that counts: the root stays.
    Kept,
    /// A place in flash, inside evidence that was judged.
    Flash(Region),
    /// Memory: provisioning.
    Memory(&'r [u8]),
}

/// Reads both banks.
#[inline(never)]
pub fn look<F: Flash>(chip: &mut Chip<'_, F>) -> Banks {
    match (read(chip, Bank::A), read(chip, Bank::B)) {
        (Some(a), Some(b)) if a == b => Banks::Equal(a),
        (Some(a), Some(b)) if a.sequence > b.sequence => Banks::Window {
            good: Bank::A,
            record: a,
        },
        (Some(a), Some(b)) if a.sequence < b.sequence => Banks::Window {
            good: Bank::B,
            record: b,
        },
        // Two stories under one sequence: nobody honest writes that.
        (Some(_), Some(_)) | (None, None) => Banks::Lost,
        (Some(record), None) => Banks::Single {
            good: Bank::A,
            record,
        },
        (None, Some(record)) => Banks::Single {
            good: Bank::B,
            record,
        },
    }
}

/// Makes both banks equal again from the good one.
pub fn repair<F: Flash>(chip: &mut Chip<'_, F>, good: Bank) -> Result<(), Fault> {
    let record = read(chip, good).ok_or(Fault::Lost)?;
    let from = root_region(chip, good, record.root.length);
    let bad = match good {
        Bank::A => Bank::B,
        Bank::B => Bank::A,
    };
    write(chip, bad, &record, None, RootAt::Flash(from))
}

/// Commits the next state, and gives it the next sequence where it lies: a copy is what a disturbance could spoil unseen. It must
/// be the present one, as flash has it, but for what the change is about.
///
/// Syscalls of flash, in order: erase B, program root, program record, read back B; the same for A.
pub fn commit<F: Flash>(
    chip: &mut Chip<'_, F>,
    next: &mut Record,
    change: Change,
    root: RootAt<'_>,
) -> Result<(), Fault> {
    let Banks::Equal(now) = look(chip) else {
        return Err(Fault::Lost);
    };
    if next.sequence != now.sequence {
        return Err(Fault::Lost);
    }
    next.sequence = now.sequence.checked_add(1).ok_or(Fault::Outside)?;
    let root = match root {
        RootAt::Kept => RootAt::Flash(root_region(chip, Bank::A, now.root.length)),
        other => other,
    };
    write(chip, Bank::B, next, Some(change), root)?;
    repair(chip, Bank::B)
}

/// Writes the first record of a unit: for provisioning, and for devices in memory.
pub fn found<F: Flash>(chip: &mut Chip<'_, F>, first: &Record, root: &[u8]) -> Result<(), Fault> {
    chip.erase(chip.layout().trust)?;
    write(chip, Bank::B, first, None, RootAt::Memory(root))?;
    repair(chip, Bank::B)
}

/// Where the trusted root lies, once both banks are equal.
pub fn trusted_root<F: Flash>(chip: &Chip<'_, F>, record: &Record) -> Region {
    root_region(chip, Bank::A, record.root.length)
}

fn read<F: Flash>(chip: &mut Chip<'_, F>, bank: Bank) -> Option<Record> {
    let mut bytes = [0; RECORD as usize];
    chip.read(chip.layout().bank(bank), 0, &mut bytes).ok()?;
    let record = Record::decode(&bytes)?;
    let region = root_region(chip, bank, record.root.length);
    let digest = chip.digest(region, record.root.length).ok()?;
    Sure::equal(&digest.0, &record.root.sha256.0)
        .holds()
        .then_some(record)
}

fn write<F: Flash>(
    chip: &mut Chip<'_, F>,
    bank: Bank,
    record: &Record,
    change: Option<Change>,
    root: RootAt<'_>,
) -> Result<(), Fault> {
    let region = chip.layout().bank(bank);
    let bytes = record.encode().ok_or(Fault::Outside)?;
    if let Some(change) = change {
        let now = chip.mapped(chip.layout().bank(Bank::A));
        if !now.is_some_and(|now| change.keeps(now, &bytes)) {
            return Err(Fault::Lost);
        }
    }
    if RECORD
        .checked_add(record.root.length)
        .is_none_or(|end| end > region.length)
    {
        return Err(Fault::Outside);
    }
    chip.erase(region)?;
    match root {
        RootAt::Flash(from) => chip.copy(from, region, RECORD, record.root.length)?,
        RootAt::Memory(root) => chip.program(region, RECORD, root)?,
        RootAt::Kept => return Err(Fault::Lost),
    }
    chip.program(region, 0, &bytes)?;
    match read(chip, bank) {
        Some(seen) if seen == *record => Ok(()),
        _ => Err(Fault::ReadBack),
    }
}

fn root_region<F: Flash>(chip: &Chip<'_, F>, bank: Bank, length: u32) -> Region {
    chip.layout().bank(bank).part(RECORD, length)
}
