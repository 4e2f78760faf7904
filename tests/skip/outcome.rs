//! What came of a boot, told by where it ended and by what it left in flash.

use cuff_bootloader::carry;
use cuff_bootloader::flash::Chip;
use cuff_bootloader::layout::Slot;
use cuff_bootloader::nor::Nor;
use cuff_bootloader::record::Record;
use cuff_bootloader::trust;
use cuff_verifier::digest::Digest;

use crate::row::Case;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The installed application boots; nothing else was kept than without a skip.
    Refused,
    /// The bootloader stays, for somebody to bring what is fit.
    Recovery,
    /// A fault or a reset.
    Crashed,
    /// It did not end within the bound.
    Hung,
    /// What was to be refused is installed, on trial, or trusted.
    Bypassed(&'static str),
}

/// What is wrong with this flash after a boot that was offered a bad update, if anything is. `kept` is what an undisturbed boot
/// keeps of it; `jumps` says that an application boots.
pub fn bypass(case: &Case, kept: &Record, flash: Vec<u8>, jumps: bool) -> Option<&'static str> {
    let before = &case.record;
    let installed = before.installed.expect("a unit from the bench");
    let active = case.layout.image(Slot::Active).offset as usize;
    let runs = Digest::of(&flash[active..active + installed.length as usize]);
    if jumps && runs != installed.sha256 {
        return Some("another image boots");
    }
    let (after, counter) = record(case, flash)?;
    if after.trial.is_some() {
        return Some("a trial is open");
    }
    if (after.installed, after.former) != (before.installed, before.former) {
        return Some("another image is installed");
    }
    if trusted(&after) != trusted(before) && trusted(&after) != trusted(kept) {
        return Some("other trust is kept");
    }
    (counter != before.counter.0 || after.counter != before.counter)
        .then_some("the counter is another")
}

/// The record without its sequence and its images.
fn trusted(record: &Record) -> Record {
    Record {
        sequence: 0,
        counter: cuff_verifier::version::Counter(0),
        installed: None,
        trial: None,
        former: None,
        ..*record
    }
}

/// Trust record and counter in flash; nothing when both banks are damaged.
pub fn record(case: &Case, flash: Vec<u8>) -> Option<(Record, u64)> {
    let layout = &case.layout;
    let mut nor = Nor::new(flash, layout.program, layout.erase);
    let mut chip = Chip::new(&mut nor, layout);
    let record = *trust::look(&mut chip).record()?;
    let counter = carry::counter(&mut chip, &record).0;
    Some((record, counter))
}
