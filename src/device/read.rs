//! What a unit's flash says, whoever reads it: a simulated wearable, or a probe.
//!
//! Takes the bootloader's own view of a chip, gives what the unit knows. It changes nothing, and believes nothing that the
//! bootloader would not believe.

use cuff_bootloader::carry;
use cuff_bootloader::flash::{Chip, Fault, Flash};
use cuff_bootloader::layout::{Layout, Region, Slot};
use cuff_bootloader::record::{RECORD, Record};
use cuff_bootloader::trust::{self, Bank};
use cuff_bootloader::{journal, log};
use cuff_verifier::digest::Digest;

use super::link::Log;
use super::unit::{Knowledge, Standing};

/// Whether the unit is anyone yet, and what it knows.
pub fn standing<F: Flash>(chip: &mut Chip<'_, F>) -> Standing {
    let trust = chip.layout().trust;
    let record = trust::look(chip).record().copied();
    match record.and_then(|record| knowledge(chip, &record)) {
        Some(knowledge) => Standing::Provisioned(Box::new(knowledge)),
        None if chip.blank(trust, 0, trust.length) == Ok(true) => Standing::Blank,
        None => Standing::Damaged,
    }
}

/// The tamper log.
pub fn log<F: Flash>(chip: &mut Chip<'_, F>) -> Result<Log, Fault> {
    let mut lines = Vec::new();
    let head = log::read(chip, |line| lines.push(line))?;
    Ok(Log { lines, head })
}

/// SHA-256 of the first `length` bytes of the active slot, or of all of it.
pub fn active_digest<F: Flash>(chip: &mut Chip<'_, F>, length: u32) -> Result<Digest, Fault> {
    let region = chip.layout().slot(Slot::Active).part(0, length);
    chip.digest(region, region.length)
}

/// The regions that `standing` and `log` read.
pub fn told_by(layout: &Layout) -> [Region; 4] {
    [layout.trust, layout.counter, layout.journal, layout.log]
}

fn knowledge<F: Flash>(chip: &mut Chip<'_, F>, record: &Record) -> Option<Knowledge> {
    let root = root(chip, record)?;
    let trial = record.trial.map(|trial| trial.id(&record.identity).0);
    Some(Knowledge {
        record: *record,
        root,
        counter: carry::counter(chip, record),
        starts: journal::look(chip)
            .filter(|progress| Some(progress.business) == trial)
            .map_or(0, |progress| progress.starts),
        log_head: log::head(chip).unwrap_or_default(),
    })
}

/// The trusted root, from whichever bank holds it whole.
fn root<F: Flash>(chip: &mut Chip<'_, F>, record: &Record) -> Option<Vec<u8>> {
    [Bank::A, Bank::B].into_iter().find_map(|bank| {
        let region = chip.layout().bank(bank).part(RECORD, record.root.length);
        let root = bytes(chip, region).ok()?;
        (Digest::of(&root) == record.root.sha256).then_some(root)
    })
}

/// What a region holds.
pub fn bytes<F: Flash>(chip: &mut Chip<'_, F>, region: Region) -> Result<Vec<u8>, Fault> {
    let mut bytes = vec![0; usize::try_from(region.length).map_err(|_| Fault::Outside)?];
    chip.read(region, 0, &mut bytes)?;
    Ok(bytes)
}
