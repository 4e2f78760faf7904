//! Image state: tried, confirmed by the running application, or taken back.

use cuff_bootloader::{layout::Slot, log::Kind, plan::HandOver, slot, upload::Refused};
use cuff_verifier::verdict::Reason;

use crate::{
    signer::{Release, Repository},
    wearable::{Wearable, old, unit},
};

const AT_REST: HandOver = HandOver::Jump { trial: None };

/// A unit on the first start of a trial of release 1.1.
fn on_trial(counter: u64) -> (Repository, Wearable, Release) {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", counter, 2900);
    repository.release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    (repository, unit, new)
}

fn confirmed(counter: u64) -> (Repository, Wearable, Release) {
    let (repository, mut unit, new) = on_trial(counter);
    let id = unit.boot_to_trial();
    unit.confirm(id).expect("confirmed");
    assert_eq!(unit.boot(), AT_REST);
    (repository, unit, new)
}

#[test]
fn a_boot_at_rest_writes_nothing() {
    let (_, mut unit) = unit();
    assert_eq!(unit.boot(), AT_REST);
    let before = unit.flash.operations();
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.flash.operations(), before);
}

#[test]
fn an_update_is_tried_confirmed_and_installed() {
    let (_, mut unit, new) = confirmed(2);
    assert!(unit.runs(&new));
    let record = unit.record();
    assert_eq!(
        record
            .installed
            .map(|image| image.release.as_str().to_owned()),
        Some(new.path())
    );
    assert_eq!(record.counter.0, 2);
    assert_eq!(unit.counter(), Some(2));
    assert_eq!(unit.logged(Kind::Installed), 1);
    assert_eq!(unit.logged(Kind::CounterChanged), 1);
}

#[test]
fn nothing_is_installed_before_the_confirm() {
    let (_, mut unit, new) = on_trial(2);
    let before = unit.record();
    unit.boot_to_trial();
    assert!(unit.runs(&new));
    let during = unit.record();
    assert_eq!(during.installed, before.installed);
    assert_eq!(during.counter, before.counter);
    assert_eq!(unit.counter(), Some(1));
}

#[test]
fn a_confirm_keeps_what_trust_learned_meanwhile() {
    let (mut repository, mut unit, _) = on_trial(2);
    let id = unit.boot_to_trial();
    repository.renew_root().demand(2);
    unit.send(&repository.evidence("band/", 2)).expect("sent");
    unit.confirm(id).expect("confirmed");
    assert_eq!(unit.boot(), AT_REST);
    let record = unit.record();
    assert!(record.trial.is_none());
    assert_eq!(record.counter.0, 2);
    assert_eq!(record.minimum_counter.0, 2);
    assert_eq!(record.root.version, 2);
    assert_eq!(record.versions.timestamp, repository.timestamp);
}

#[test]
fn a_failed_trial_keeps_the_new_root() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2900);
    repository.renew_root().release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    for _ in 0..unit.layout.trials {
        unit.boot_to_trial();
    }
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.runs(&old()));
    let record = unit.record();
    assert_eq!(record.root.version, 2);
    assert_eq!(record.versions.product, repository.product);
    assert_eq!(record.counter.0, 1);
    assert_eq!(unit.counter(), Some(1));
    assert_eq!(unit.logged(Kind::TrialFailed), 1);
    // And it is not tried again by itself.
    let before = unit.flash.operations();
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.flash.operations(), before);
}

#[test]
fn evidence_moves_with_its_image() {
    let (_, mut unit) = unit();
    let evidence_in = |unit: &Wearable, slot| {
        let region = unit.layout.evidence(slot);
        unit.flash.contents()[region.offset as usize..region.end() as usize].to_vec()
    };
    let first = evidence_in(&unit, Slot::Active);
    let (mut repository, _) = crate::wearable::unit();
    let new = Release::new("1.1", 2, 2900);
    repository.release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    let second = evidence_in(&unit, Slot::Candidate);
    unit.boot_to_trial();
    assert_eq!(evidence_in(&unit, Slot::Active), second);
    unit.boot_to_trial();
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(evidence_in(&unit, Slot::Active), first);
}

#[test]
fn every_trial_wants_its_own_id() {
    let (repository, mut unit, new) = on_trial(2);
    let first = unit.boot_to_trial();
    unit.boot_to_trial();
    assert_eq!(unit.boot(), AT_REST);
    unit.offer(&repository, &new)
        .expect("the same release once more");
    let second = unit.boot_to_trial();
    assert_ne!(first, second);
    assert_eq!(unit.confirm(first), Err(Refused::NotThisTrial));
    // Written past the polite call, it still confirms nothing.
    slot::confirm(&mut unit.chip(), first).expect("written");
    assert_eq!(unit.boot_to_trial(), second);
    assert!(unit.record().trial.is_some());
}

#[test]
fn a_confirm_written_before_the_trial_is_cleared() {
    let (_, mut unit, _) = on_trial(2);
    let id = unit.clone().boot_to_trial();
    slot::confirm(&mut unit.chip(), id).expect("an evil application knows the id beforehand");
    assert_eq!(unit.boot_to_trial(), id);
    assert!(unit.see().confirmation_is_clear);
    assert_eq!(unit.boot_to_trial(), id);
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.runs(&old()));
}

#[test]
fn a_confirm_after_the_last_start_counts() {
    let (_, mut unit, new) = on_trial(2);
    unit.boot_to_trial();
    let id = unit.boot_to_trial();
    unit.confirm(id).expect("confirmed");
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.runs(&new));
}

#[test]
fn no_confirm_without_a_trial() {
    let (_, mut unit, _) = on_trial(2);
    let id = unit.clone().boot_to_trial();
    assert_eq!(unit.confirm(id), Err(Refused::NotThisTrial));
}

#[test]
fn a_damaged_active_slot_does_not_boot() {
    let (_, mut unit) = unit();
    unit.damage(unit.layout.active, 1234);
    assert_eq!(unit.boot(), HandOver::Recovery(Reason::ActiveMismatch));
    assert_eq!(unit.logged(Kind::ActiveMismatch), 1);
    assert_eq!(unit.logged(Kind::RecoveryEntered), 1);
}

#[test]
fn a_good_candidate_heals_a_damaged_active_slot() {
    let (_, mut unit, new) = on_trial(2);
    unit.damage(unit.layout.active, 1234);
    let id = unit.boot_to_trial();
    unit.confirm(id).expect("confirmed");
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.runs(&new));
}

#[test]
fn the_former_image_boots_only_if_its_counter_allows() {
    let (_, mut equal, _) = confirmed(1);
    equal.damage(equal.layout.active, 1234);
    assert_eq!(equal.boot(), AT_REST);
    assert!(equal.runs(&old()));
    assert!(equal.is_at_rest());
    assert_eq!(equal.logged(Kind::Restored), 1);
    assert_eq!(equal.boot(), AT_REST);

    let (_, mut older, _) = confirmed(2);
    older.damage(older.layout.active, 1234);
    assert_eq!(older.boot(), HandOver::Recovery(Reason::ActiveMismatch));
}

#[test]
fn a_yanked_former_image_does_not_come_back() {
    let (mut repository, mut unit, _) = confirmed(1);
    repository.demand(2);
    unit.send(&repository.evidence("band/", 2)).expect("sent");
    assert_eq!(
        unit.boot(),
        AT_REST,
        "what is installed goes on, yanked or not"
    );
    unit.damage(unit.layout.active, 1234);
    assert_eq!(unit.boot(), HandOver::Recovery(Reason::ActiveMismatch));
}

#[test]
fn a_trial_that_is_damaged_goes_back() {
    let (_, mut unit, _) = on_trial(2);
    unit.boot_to_trial();
    unit.damage(unit.layout.active, 1234);
    assert_eq!(
        unit.boot(),
        AT_REST,
        "the way back of an open trial boots whatever its counter"
    );
    assert!(unit.runs(&old()));
}

#[test]
fn a_lost_journal_still_finds_the_way_back() {
    let (_, mut unit, _) = on_trial(2);
    unit.boot_to_trial();
    for bank in [0, 1] {
        unit.damage(unit.layout.journal_bank(bank), 3);
    }
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.runs(&old()));
}

#[test]
fn nothing_expires_at_boot() {
    // Nobody tells the boot what day it is: the installed image needs no metadata at all.
    let (_, mut unit) = unit();
    let evidence = unit.layout.evidence(Slot::Active);
    unit.flash.raw()[evidence.offset as usize..evidence.end() as usize].fill(0);
    assert_eq!(unit.boot(), AT_REST);
}
