//! A chip that is disturbed once: a judgement that comes out wrong, a plan that jumps ahead. Nothing is kept or installed.
//!
//! The disturbance goes through the seam that `boot::drive` has for it; what it must not reach is trust store and slots.

use cuff_bootloader::{
    boot::{Ended, drive},
    carry::carry,
    flash::Chip,
    judge::{Advance, Judged, Place},
    log::Kind,
    plan::{HandOver, Memory, Seen, Step, plan},
    record::{Image, Record},
};
use cuff_verifier::{sure::Sure, verdict::Reason};

use crate::{
    signer::Release,
    wearable::{BOOTLOADER, Boot, Flash, Wearable, old, unit},
};

const AT_REST: HandOver = HandOver::Jump { trial: None };

/// Carries honestly, and then lets `hit` change what was remembered of a judgement.
fn after_judging(chip: &mut Chip<'_, Flash>, hit: fn(&Record, &mut Memory, bool)) -> Ended {
    drive(
        chip,
        |chip, seen, memory| plan(chip.layout(), seen, memory),
        |chip, seen, memory, step| {
            let first = memory.judged.is_none();
            let done = carry(chip, seen, memory, BOOTLOADER, step);
            if let (Step::Judge(_), Some(record)) = (step, seen.banks.record()) {
                hit(record, memory, first);
            }
            done
        },
    )
}

/// Plans honestly, except that the first step is another one.
fn beginning_with(chip: &mut Chip<'_, Flash>, wrong: fn(&Record) -> Step) -> Ended {
    let begun = core::cell::Cell::new(false);
    drive(
        chip,
        |chip, seen: &Seen, memory| match seen.banks.record() {
            Some(record) if !begun.replace(true) => wrong(record),
            _ => plan(chip.layout(), seen, memory),
        },
        |chip, seen, memory, step| carry(chip, seen, memory, BOOTLOADER, step),
    )
}

fn anything(record: &Record) -> Image {
    record
        .installed
        .expect("a unit from the factory runs something")
}

fn yes(record: &Record) -> Judged {
    Judged {
        advance: None,
        evidence: Ok(()),
        image: Ok(anything(record)),
    }
}

fn evil_advance(record: &Record) -> Judged {
    let next = Record {
        minimum_counter: cuff_verifier::version::Counter(9),
        ..*record
    };
    Judged {
        advance: Some(Advance { next, root: None }),
        evidence: Ok(()),
        image: Err(Reason::NoImage),
    }
}

/// A unit with a candidate that is refused, or with one that is not.
fn offered(counter: u64) -> Wearable {
    let (mut repository, mut unit) = unit();
    let mut new = Release::new("1.1", 2, 2000);
    new.counter = counter;
    repository.release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    unit
}

fn assert_stopped(counter: u64, boot: Boot, reason: Option<Reason>) {
    let mut unit = offered(counter);
    let before = *unit.see().banks.record().expect("whole");
    unit.boot = boot;
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.runs(&old()));
    let after = *unit.see().banks.record().expect("whole");
    assert_eq!(after.trial, None);
    assert_eq!(after.minimum_counter, before.minimum_counter);
    if let Some(reason) = reason {
        assert_eq!(unit.reasons(Kind::RefusedCandidate), [reason]);
    }
}

#[test]
fn a_first_judgement_that_should_have_been_no_is_outvoted() {
    let boot: Boot = |chip| {
        after_judging(chip, |record, memory, first| {
            if first {
                memory.judged = Some((Place::Candidate, yes(record)));
            }
        })
    };
    assert_stopped(0, boot, Some(Reason::JudgementsDiffer));
}

#[test]
fn trust_that_only_one_judgement_gives_is_not_kept() {
    let boot: Boot = |chip| {
        after_judging(chip, |record, memory, first| {
            if first {
                memory.judged = Some((Place::Candidate, evil_advance(record)));
            }
        })
    };
    assert_stopped(0, boot, Some(Reason::JudgementsDiffer));
}

#[test]
fn a_second_judgement_that_differs_is_a_refusal() {
    let boot: Boot = |chip| {
        after_judging(chip, |_, memory, first| {
            if !first {
                memory.agreed = Some(Sure::NO);
            }
        })
    };
    assert_stopped(2, boot, Some(Reason::JudgementsDiffer));
}

#[test]
fn a_plan_that_jumps_to_accepting_is_not_carried_out() {
    assert_stopped(
        0,
        |chip| beginning_with(chip, |record| Step::Accept(anything(record))),
        None,
    );
}

#[test]
fn a_plan_that_jumps_to_keeping_trust_is_not_carried_out() {
    let boot: Boot = |chip| {
        drive(
            chip,
            |chip, seen, memory: &Memory| match (memory.judged, memory.given_up.candidate) {
                (Some(_), false) => Step::Advance(Place::Candidate),
                _ => plan(chip.layout(), seen, memory),
            },
            |chip, seen, memory, step| {
                let done = carry(chip, seen, memory, BOOTLOADER, step);
                if let (Step::Judge(_), Some(record)) = (step, seen.banks.record()) {
                    memory.judged = Some((Place::Candidate, evil_advance(record)));
                }
                done
            },
        )
    };
    assert_stopped(0, boot, None);
}

#[test]
fn undisturbed_the_same_candidate_is_tried() {
    let mut unit = offered(2);
    assert!(matches!(unit.boot(), HandOver::Jump { trial: Some(_) }));
}
