//! Does one step of the plan.
//!
//! Takes a step, changes flash, and remembers what it found out. Every step can be cut at any operation and done again from
//! what flash then shows; a log that cannot be written stops nothing.

use cuff_verifier::{sure::Sure, verdict::Reason, version::Counter};

use crate::{
    counter,
    flash::{Chip, Fault, Flash},
    journal,
    judge::{self, Place},
    layout::{Region, Slot},
    log::{self, Kind},
    plan::{Memory, Seen, Step},
    record::{Change, Image, Record, Trial},
    slot,
    trust::{self, RootAt},
};

/// Reads everything the plan depends on.
#[inline(never)]
pub fn look<F: Flash>(chip: &mut Chip<'_, F>) -> Seen {
    let confirmation = chip.layout().confirmation();
    Seen {
        banks: trust::look(chip),
        counter: counter::look(chip),
        progress: journal::look(chip),
        offer: slot::offer(chip),
        inbox: slot::inbox_is_full(chip),
        confirmation: slot::confirmation(chip),
        confirmation_is_clear: chip.blank(confirmation, 0, confirmation.length) == Ok(true),
    }
}

/// Does `step`.
#[inline(never)]
pub fn carry<F: Flash>(
    chip: &mut Chip<'_, F>,
    seen: &Seen,
    memory: &mut Memory,
    bootloader: u64,
    step: Step,
) -> Result<(), Fault> {
    let record = seen.banks.record().ok_or(Fault::Lost)?;
    // What was read once may have been spoiled on its way.
    if trust::look(chip).record() != Some(record) {
        return Err(Fault::Lost);
    }
    let layout = chip.layout();
    match step {
        Step::Repair { good, damaged } => {
            if damaged {
                note(
                    chip,
                    record,
                    Kind::TrustRepaired,
                    u32::from(good == trust::Bank::A),
                );
            }
            trust::repair(chip, good)
        }
        Step::RaiseCounter(target) => {
            let changed = seen.counter.value.is_none_or(|value| value < target);
            let kind = if changed {
                Kind::CounterChanged
            } else {
                Kind::CounterRepaired
            };
            note(chip, record, kind, low(target.0));
            counter::raise(chip, target)
        }
        Step::Judge(place) => {
            let held = seen.counter.value.unwrap_or_default();
            ask(chip, memory, record, held, bootloader, place);
            Ok(())
        }
        Step::Advance(place) => advance(chip, memory, record, place),
        Step::Dismiss(place, answer) => dismiss(chip, memory, record, place, answer),
        Step::Accept(image) => accept(chip, memory, record, image),
        Step::HashCandidate(_) | Step::HashActive(_) | Step::HashFormer(_) => {
            hash(chip, memory, record, step);
            Ok(())
        }
        Step::Begin {
            turn,
            business,
            image_pages,
            failed_after,
        } => {
            if let Some(starts) = failed_after {
                note(chip, record, Kind::TrialFailed, starts);
            }
            journal::begin(chip, turn, business, image_pages)
        }
        Step::Swap => {
            memory.active_is_whole = None;
            memory.candidate_is_whole = None;
            memory.former_is_whole = None;
            swap(chip)
        }
        Step::ClearConfirmation => chip.erase(layout.confirmation()),
        Step::CountStart => {
            let progress = seen.progress.ok_or(Fault::Lost)?;
            journal::mark_start(chip, &progress)?;
            memory.start_counted = true;
            Ok(())
        }
        Step::Confirm | Step::EndTrial | Step::EndRestore => conclude(chip, memory, record, step),
        Step::HandOver(_) => Ok(()),
    }
}

/// Asks the verifier, for the first or the second time.
#[inline(never)]
fn ask<F: Flash>(
    chip: &Chip<'_, F>,
    memory: &mut Memory,
    record: &Record,
    held: Counter,
    bootloader: u64,
    place: Place,
) {
    let judged = judge::judge(chip, record, held, bootloader, place);
    if let Some(first) = memory.judged_at(place) {
        let agreed = Sure::twice(&(first, &judged), |(first, second)| first == second);
        // An image that was judged twice need not be hashed once more before the swap.
        if place == Place::Candidate && judged.image.is_ok() {
            memory.candidate_is_whole = Some(agreed);
        }
        memory.agreed = Some(agreed);
    } else {
        memory.judged = Some((place, judged));
        memory.agreed = None;
    }
}

#[inline(never)]
fn accept<F: Flash>(
    chip: &mut Chip<'_, F>,
    memory: &mut Memory,
    record: &Record,
    image: Image,
) -> Result<(), Fault> {
    refuse_unless_agreed(memory)?;
    let opened = record.sequence.checked_add(1).ok_or(Fault::Outside)?;
    let trial = Some(Trial { image, opened });
    commit(
        chip,
        &mut Record {
            trial,
            former: None,
            ..*record
        },
    )?;
    memory.candidate = Some(Ok(()));
    Ok(())
}

/// Copies pages and marks them, until the journal's swap is complete.
#[inline(never)]
pub fn swap<F: Flash>(chip: &mut Chip<'_, F>) -> Result<(), Fault> {
    let mut progress = journal::look(chip).ok_or(Fault::Lost)?;
    while !progress.is_complete() {
        let copy = progress.next_copy(chip.layout());
        chip.replace(copy.from, copy.to)?;
        journal::mark_step(chip, &progress)?;
        progress.done = progress.done.saturating_add(1);
    }
    Ok(())
}

/// Remembers that flash failed at `step`, so that the plan goes round it where it can.
pub fn give_up(memory: &mut Memory, step: Step) {
    let given_up = &mut memory.given_up;
    match step {
        Step::Repair { .. } => given_up.trust = true,
        Step::RaiseCounter(_) => given_up.counter = true,
        Step::Judge(Place::Inbox)
        | Step::Advance(Place::Inbox)
        | Step::Dismiss(Place::Inbox, _) => given_up.inbox = true,
        Step::Judge(Place::Candidate)
        | Step::Advance(Place::Candidate)
        | Step::Dismiss(Place::Candidate, _)
        | Step::Accept(_) => given_up.candidate = true,
        Step::Confirm => given_up.confirm = true,
        _ => given_up.essential = true,
    }
}

fn dismiss<F: Flash>(
    chip: &mut Chip<'_, F>,
    memory: &mut Memory,
    record: &Record,
    place: Place,
    answer: Result<(), Reason>,
) -> Result<(), Fault> {
    if let Err(reason) = answer {
        let kind = match place {
            Place::Inbox => Kind::RefusedEvidence,
            Place::Candidate => Kind::RefusedCandidate,
        };
        note(chip, record, kind, u32::from(reason.code()));
    }
    match place {
        Place::Inbox => {
            memory.inbox = Some(answer);
            chip.clear(chip.layout().inbox_evidence())?;
        }
        Place::Candidate => {
            memory.candidate = Some(answer);
            slot::refuse(chip, answer.err().unwrap_or(Reason::NoImage))?;
        }
    }
    memory.judged = None;
    memory.agreed = None;
    Ok(())
}

/// The plan has asked this already; a step that was reached in another way must not be carried out.
fn refuse_unless_agreed(memory: &Memory) -> Result<(), Fault> {
    if memory.agreed.is_some_and(Sure::holds) {
        Ok(())
    } else {
        Err(Fault::Lost)
    }
}

fn hash<F: Flash>(chip: &mut Chip<'_, F>, memory: &mut Memory, record: &Record, step: Step) {
    let layout = chip.layout();
    match step {
        Step::HashCandidate(image) => {
            memory.candidate_is_whole = Some(holds(chip, layout.image(Slot::Candidate), &image));
        }
        Step::HashActive(image) => {
            let whole = holds(chip, layout.image(Slot::Active), &image);
            if !whole.holds() {
                note(chip, record, Kind::ActiveMismatch, low(image.counter.0));
            }
            memory.active_is_whole = Some(whole);
        }
        Step::HashFormer(image) => {
            let region = slot::way_back(layout, image.length);
            memory.former_is_whole = Some(holds(chip, region, &image));
        }
        _ => {}
    }
}

#[inline(never)]
fn advance<F: Flash>(
    chip: &mut Chip<'_, F>,
    memory: &mut Memory,
    record: &Record,
    place: Place,
) -> Result<(), Fault> {
    refuse_unless_agreed(memory)?;
    let Some((of, judged)) = &mut memory.judged else {
        return Ok(());
    };
    let Some(advance) = judged.advance.as_mut().filter(|_| *of == place) else {
        return Ok(());
    };
    let root = match advance.root {
        Some(region) => {
            note(
                chip,
                record,
                Kind::RootChanged,
                low(advance.next.root.version),
            );
            RootAt::Flash(region)
        }
        None => RootAt::Kept,
    };
    // The commit sees that what the judge was told is still so, or its answer would be about another unit.
    trust::commit(chip, &mut advance.next, Change::Trust, root)?;
    judged.advance = None;
    Ok(())
}

#[inline(never)]
fn conclude<F: Flash>(
    chip: &mut Chip<'_, F>,
    memory: &mut Memory,
    record: &Record,
    step: Step,
) -> Result<(), Fault> {
    let spare = chip.layout().spare();
    let mut next = match (step, record.trial, record.former) {
        (Step::Confirm, Some(trial), _) => {
            note(chip, record, Kind::Installed, low(trial.image.counter.0));
            Record {
                installed: Some(trial.image),
                trial: None,
                former: record.installed,
                counter: record.counter.max(trial.image.counter),
                ..*record
            }
        }
        // What the swap left behind must not pass for an upload.
        (Step::EndTrial, Some(_), _) => {
            let _unreadable = slot::leave_refused(chip, Reason::TrialUnconfirmed);
            Record {
                trial: None,
                former: record.installed,
                ..*record
            }
        }
        (Step::EndRestore, _, Some(former)) => {
            note(chip, record, Kind::Restored, low(former.counter.0));
            let _unreadable = chip.erase(spare);
            Record {
                installed: Some(former),
                former: None,
                ..*record
            }
        }
        _ => return Err(Fault::Lost),
    };
    commit(chip, &mut next)?;
    *memory = Memory {
        inbox: memory.inbox,
        candidate: match step {
            Step::EndTrial => Some(Err(Reason::TrialUnconfirmed)),
            _ => memory.candidate,
        },
        given_up: memory.given_up,
        ..Memory::default()
    };
    if step == Step::Confirm {
        let _unreadable = chip.erase(spare);
    }
    Ok(())
}

fn commit<F: Flash>(chip: &mut Chip<'_, F>, next: &mut Record) -> Result<(), Fault> {
    trust::commit(chip, next, Change::Images, RootAt::Kept)
}

fn holds<F: Flash>(chip: &mut Chip<'_, F>, region: Region, image: &Image) -> Sure {
    if image.length == 0 || image.length > region.length {
        return Sure::NO;
    }
    match chip.digest(region, image.length) {
        Ok(digest) => Sure::equal(&digest.0, &image.sha256.0),
        Err(_) => Sure::NO,
    }
}

/// Writes to the log; that it cannot is no reason to stop.
pub(crate) fn note<F: Flash>(chip: &mut Chip<'_, F>, record: &Record, kind: Kind, argument: u32) {
    let _silent = log::append(chip, kind, argument, record.floor);
}

fn low(value: u64) -> u32 {
    u32::try_from(value & u64::from(u32::MAX)).unwrap_or(u32::MAX)
}

/// The counter this unit holds: the larger of record and pages.
pub fn counter<F: Flash>(chip: &mut Chip<'_, F>, record: &Record) -> Counter {
    counter::look(chip)
        .value
        .unwrap_or_default()
        .max(record.counter)
}
