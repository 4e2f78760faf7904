//! Wrong bootloaders. The sweep must catch each of them, or it proves nothing.
//!
//! A mutant replaces a step of the plan or the way a step is carried out, through the seam `boot::drive` has for it; the
//! bootloader itself knows nothing of mutants.

use cuff_bootloader::{
    boot::{Ended, drive},
    carry::carry,
    counter,
    flash::{Chip, Fault},
    journal,
    plan::{Memory, Seen, Step, plan},
    record::{Change, Record},
    trust::{self, Bank, RootAt},
};

use cuff_verifier::sure::Sure;

use crate::{
    story::{ALL, DAMAGED_TRIAL, ROTATION, Story, UPDATE},
    sweep::sweep,
    wearable::{BOOTLOADER, Boot, Flash, SMALL, honest},
};

type Carried = Result<(), Fault>;

fn with(
    chip: &mut Chip<'_, Flash>,
    wrong: fn(&mut Chip<'_, Flash>, &Seen, &mut Memory, Step) -> Option<Carried>,
) -> Ended {
    drive(
        chip,
        |chip, seen, memory| plan(chip.layout(), seen, memory),
        |chip, seen, memory, step| {
            wrong(chip, seen, memory, step)
                .unwrap_or_else(|| carry(chip, seen, memory, BOOTLOADER, step))
        },
    )
}

/// The counter is raised before the confirm is committed.
fn counter_first(chip: &mut Chip<'_, Flash>) -> Ended {
    with(chip, |chip, seen, _, step| {
        let trial = seen.banks.record()?.trial?;
        (step == Step::Confirm)
            .then(|| counter::raise(chip, trial.image.counter))?
            .err()
            .map(Err)
    })
}

/// Trust is written once more over itself, by erasing both banks.
fn erase_in_place(chip: &mut Chip<'_, Flash>) -> Ended {
    with(chip, |chip, seen, memory, step| {
        matches!(step, Step::Advance(_)).then(|| {
            carry(chip, seen, memory, BOOTLOADER, step)?;
            let trust = chip.layout().trust;
            let bytes = chip.mapped(trust).ok_or(Fault::Lost)?.to_vec();
            chip.erase(trust)?;
            chip.program(trust, 0, &bytes)
        })
    })
}

/// The active slot is believed without being hashed.
fn no_hash(chip: &mut Chip<'_, Flash>) -> Ended {
    with(chip, |_, _, memory, step| {
        matches!(step, Step::HashActive(_)).then(|| {
            memory.active_is_whole = Some(Sure::equal(b"", b""));
            Ok(())
        })
    })
}

/// Pages are swapped without marks until all are done.
fn swap_without_marks(chip: &mut Chip<'_, Flash>) -> Ended {
    with(chip, |chip, seen, memory, step| {
        (step == Step::Swap).then(|| unmarked(chip, seen, memory))
    })
}

fn unmarked(chip: &mut Chip<'_, Flash>, seen: &Seen, memory: &mut Memory) -> Carried {
    let begun = seen.progress.ok_or(Fault::Lost)?;
    let mut progress = begun;
    while !progress.is_complete() {
        let copy = progress.next_copy(chip.layout());
        chip.replace(copy.from, copy.to)?;
        progress.done += 1;
    }
    progress = begun;
    while !progress.is_complete() {
        journal::mark_step(chip, &progress)?;
        progress.done += 1;
    }
    memory.active_is_whole = None;
    Ok(())
}

/// The candidate is written down as installed when it is accepted.
fn installed_before_confirm(chip: &mut Chip<'_, Flash>) -> Ended {
    with(chip, |chip, seen, memory, step| {
        let Step::Accept(image) = step else {
            return None;
        };
        let accepted = carry(chip, seen, memory, BOOTLOADER, step);
        let record = *trust::look(chip).record()?;
        let mut next = Record {
            installed: Some(image),
            ..record
        };
        Some(accepted.and_then(|()| trust::commit(chip, &mut next, Change::Images, RootAt::Kept)))
    })
}

/// A mark stands before its page is copied.
fn mark_before_copy(chip: &mut Chip<'_, Flash>) -> Ended {
    with(chip, |chip, seen, _, step| {
        (step == Step::Swap).then(|| {
            let progress = seen.progress.ok_or(Fault::Lost)?;
            let copy = progress.next_copy(chip.layout());
            journal::mark_step(chip, &progress)?;
            chip.replace(copy.from, copy.to)
        })
    })
}

/// Only one bank is written; the other one keeps the older state.
fn one_bank(chip: &mut Chip<'_, Flash>) -> Ended {
    drive(
        chip,
        |chip, seen, memory| match plan(chip.layout(), seen, memory) {
            Step::Repair { good: Bank::B, .. } => {
                let mut memory = *memory;
                memory.given_up.trust = true;
                plan(chip.layout(), seen, &memory)
            }
            step => step,
        },
        |chip, seen, memory, step| carry(chip, seen, memory, BOOTLOADER, step),
    )
}

fn assert_caught(mutant: Boot, by: &[Story]) {
    let caught = by
        .iter()
        .find_map(|story| sweep(story, &SMALL, mutant, 1).err());
    println!("{}", caught.expect("the sweep must catch this mutant"));
}

#[test]
fn the_honest_one_is_not_caught() {
    assert_eq!(sweep(&DAMAGED_TRIAL, &SMALL, honest, 97).err(), None);
}

#[test]
fn counter_first_is_caught() {
    assert_caught(counter_first, &[UPDATE]);
}

#[test]
fn erase_in_place_is_caught() {
    assert_caught(erase_in_place, &[ROTATION]);
}

#[test]
fn no_hash_is_caught() {
    assert_caught(no_hash, &ALL);
}

#[test]
fn swap_without_marks_is_caught() {
    assert_caught(swap_without_marks, &[UPDATE]);
}

#[test]
fn installed_before_confirm_is_caught() {
    assert_caught(installed_before_confirm, &[UPDATE]);
}

#[test]
fn mark_before_copy_is_caught() {
    assert_caught(mark_before_copy, &[UPDATE]);
}

#[test]
fn one_bank_is_caught() {
    assert_caught(one_bank, &ALL);
}
