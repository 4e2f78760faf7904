//! Cuff's own group: who a unit is, what it trusts, and its tamper log.
//!
//! Takes flash, gives numbers and pieces of memory; the trust record and the log are given as they lie in flash, under their
//! own seals and chain, so that a host reads them with the bootloader's own decoder. It never writes, and gives no image away.

use cuff_verifier::verdict::Reason;

use super::{
    Mode, PIECE, Rc, Refusal, Role, Stand,
    cbor::{Arguments, Writer},
};
use crate::{
    carry,
    flash::{Chip, Flash},
    journal,
    layout::{Region, Slot},
    log,
    plan::HandOver,
    record::RECORD,
    trust::{self, Bank, Banks},
};

/// Who it is and how its last boot ended.
#[inline(never)]
pub(super) fn describe<F: Flash, R: Role>(
    chip: &mut Chip<'_, F>,
    stand: &Stand<'_, R>,
    broken: u32,
    out: &mut Writer<'_>,
) {
    let record = trust::look(chip).record().copied();
    out.map(if record.is_some() { 24 } else { 10 });
    out.text("board").text(stand.board);
    out.text("bootloader").uint(stand.bootloader);
    out.text("mode").uint(match stand.mode.mode() {
        Mode::Application => 0,
        Mode::Recovery => 1,
    });
    out.text("nonce").bytes(&stand.nonce);
    let (end, reason) = match stand.ended.hand_over {
        HandOver::Jump { trial: None } => (0, 0),
        HandOver::Jump { trial: Some(_) } => (1, 0),
        HandOver::Recovery(reason) => (2, reason.code()),
    };
    out.text("end").uint(end);
    out.text("reason").uint(u64::from(reason));
    out.text("inbox").uint(answer(stand.ended.inbox));
    out.text("candidate").uint(answer(stand.ended.candidate));
    out.text("broken").uint(u64::from(broken));
    let region = chip.layout().trust;
    out.text("trust").uint(match record {
        Some(_) => 0,
        None if chip.blank(region, 0, region.length) == Ok(true) => 2,
        None => 1,
    });
    let Some(record) = record else { return };
    let identity = &record.identity;
    out.text("product").text(identity.product.as_str());
    out.text("hardware").text(identity.hardware.as_str());
    out.text("serial").text(identity.serial.as_str());
    out.text("root").uint(record.root.version);
    let versions = &record.versions;
    out.text("timestamp").uint(versions.timestamp);
    out.text("snapshot").uint(versions.snapshot);
    out.text("targets").uint(versions.targets);
    out.text("role").uint(versions.product);
    out.text("floor").uint(record.floor.0);
    out.text("minimum").uint(record.minimum_counter.0);
    out.text("counter").uint(carry::counter(chip, &record).0);
    let trial = record.trial.map(|trial| trial.id(identity).0);
    let starts = journal::look(chip)
        .filter(|progress| Some(progress.business) == trial)
        .map_or(0, |progress| progress.starts);
    out.text("starts").uint(u64::from(starts));
    let head = log::head(chip).unwrap_or_default();
    out.text("log").uint(u64::from(head.sequence));
    out.text("head").bytes(&head.hash);
}

/// A piece of the trust record and the root behind it.
#[inline(never)]
pub(super) fn record<F: Flash>(
    chip: &mut Chip<'_, F>,
    arguments: &Arguments<'_>,
    out: &mut Writer<'_>,
) -> Result<(), Refusal> {
    let (bank, record) = match trust::look(chip) {
        Banks::Equal(record) => (Bank::A, record),
        Banks::Single { good, record } | Banks::Window { good, record } => (good, record),
        Banks::Lost => return Err(Reason::TrustDamaged.into()),
    };
    let length = RECORD.saturating_add(record.root.length);
    piece(
        chip,
        chip.layout().bank(bank).part(0, length),
        arguments,
        out,
    )
}

/// A piece of the tamper log's region.
#[inline(never)]
pub(super) fn tamper_log<F: Flash>(
    chip: &mut Chip<'_, F>,
    arguments: &Arguments<'_>,
    out: &mut Writer<'_>,
) -> Result<(), Refusal> {
    piece(chip, chip.layout().log, arguments, out)
}

/// Length and SHA-256 of what the active slot holds, as far as the expected image reaches.
#[inline(never)]
pub(super) fn image<F: Flash>(chip: &mut Chip<'_, F>, out: &mut Writer<'_>) -> Result<(), Refusal> {
    let banks = trust::look(chip);
    let record = banks.record().ok_or(Reason::TrustDamaged)?;
    let image = record.expected().ok_or(Reason::NothingInstalled)?;
    let digest = chip.digest(chip.layout().image(Slot::Active), image.length)?;
    out.map(2).text("len").uint(u64::from(image.length));
    out.text("sha").bytes(&digest.0);
    Ok(())
}

#[inline(never)]
fn piece<F: Flash>(
    chip: &mut Chip<'_, F>,
    region: Region,
    arguments: &Arguments<'_>,
    out: &mut Writer<'_>,
) -> Result<(), Refusal> {
    let at = arguments.off.unwrap_or(0);
    let at = u32::try_from(at).map_err(|_| Rc::Invalid)?;
    let left = region.length.checked_sub(at).ok_or(Rc::Invalid)?;
    let length = usize::try_from(left.min(PIECE)).map_err(|_| Rc::Invalid)?;
    out.map(3).text("off").uint(u64::from(at));
    out.text("len").uint(u64::from(region.length));
    out.text("data");
    Ok(chip.read(region, at, out.room(length).ok_or(Rc::TooLong)?)?)
}

/// 0 for nothing there, 1 for yes, or a reason.
fn answer(answer: Option<Result<(), Reason>>) -> u64 {
    match answer {
        None => 0,
        Some(Ok(())) => 1,
        Some(Err(reason)) => u64::from(reason.code()),
    }
}
