//! Candidates: what is offered, refused, left alone or resumed.

use cuff_bootloader::{
    judge::{self, Place},
    log::Kind,
    plan::HandOver,
    report::Report,
    slot::Offer,
    trust::Bank,
    upload::{self, Candidate, Refused},
};
use cuff_verifier::{digest::Digest, verdict::Reason};

use crate::{
    signer::{Release, Repository},
    wearable::{Wearable, old, unit},
};

const AT_REST: HandOver = HandOver::Jump { trial: None };

fn offered(change: impl FnOnce(&mut Repository, &mut Release)) -> (Wearable, Release) {
    let (mut repository, mut unit) = unit();
    let mut new = Release::new("1.1", 2, 2000);
    change(&mut repository, &mut new);
    repository.release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    (unit, new)
}

fn assert_refused(mut unit: Wearable, reason: Reason) {
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.runs(&old()));
    assert_eq!(unit.reasons(Kind::RefusedCandidate), [reason]);
    assert_eq!(unit.see().offer, Offer::Refused(Some(reason)));
}

#[test]
fn a_lower_counter_is_refused() {
    let (unit, _) = offered(|_, new| new.counter = 0);
    assert_refused(unit, Reason::CounterRollback);
}

#[test]
fn a_counter_below_the_minimum_is_refused() {
    let (unit, _) = offered(|repository, _| repository.minimum = 3);
    assert_refused(unit, Reason::CounterBelowMinimum);
}

#[test]
fn other_hardware_is_refused() {
    let (unit, _) = offered(|_, new| new.hardware = "band-z");
    assert_refused(unit, Reason::OtherHardware);
}

#[test]
fn an_image_longer_than_the_slot_is_refused() {
    let (mut repository, mut unit) = unit();
    let mut new = Release::new("1.1", 2, 4000);
    new.image
        .resize(unit.layout.largest_image() as usize + 1, 7);
    repository.release(new.clone());
    let evidence = repository.evidence(&new.path(), 2);
    assert_eq!(
        upload::candidate(&mut unit.chip(), &evidence, &new.image),
        Err(Refused::TooLong)
    );
    upload::candidate(&mut unit.chip(), &evidence, &new.image[..100]).expect("uploaded");
    assert_refused(unit, Reason::ImageTooLarge);
}

#[test]
fn evidence_of_another_image_is_refused() {
    let (mut repository, mut unit) = unit();
    let (one, other) = (Release::new("1.1", 2, 2000), Release::new("1.2", 2, 2000));
    repository.release(one.clone()).release(other.clone());
    let evidence = repository.evidence(&one.path(), 2);
    upload::candidate(&mut unit.chip(), &evidence, &other.image).expect("uploaded");
    assert_refused(unit, Reason::ImageDigest);
}

#[test]
fn another_products_path_is_refused() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2000);
    repository.release(new.clone());
    for path in ["ring/1.1", "band", "bandit/1.1"] {
        let evidence = repository.evidence(path, 2);
        upload::candidate(&mut unit.chip(), &evidence, &new.image).expect("uploaded");
        assert_refused(unit.clone(), Reason::PathOutsideProduct);
    }
    let evidence = repository.evidence("band/9.9", 2);
    upload::candidate(&mut unit.chip(), &evidence, &new.image).expect("uploaded");
    assert_refused(unit, Reason::TargetUnknown);
}

#[test]
fn a_boot_answers_and_a_report_repeats_the_answer() {
    let (mut refused, _) = offered(|_, new| new.counter = 0);
    let ended = refused.boot_and_tell();
    assert_eq!(ended.candidate, Some(Err(Reason::CounterRollback)));
    let later = refused.boot_and_tell();
    assert_eq!(later.candidate, None);
    let report = Report::of(&mut refused.chip(), 1, later, [1; 16]);
    assert_eq!(report.ended.candidate, Some(Err(Reason::CounterRollback)));

    let (mut sick, _) = offered(|_, _| {});
    assert_eq!(sick.boot_and_tell().candidate, Some(Ok(())));
    sick.boot_to_trial();
    assert_eq!(
        sick.boot_and_tell().candidate,
        Some(Err(Reason::TrialUnconfirmed))
    );
    assert_eq!(
        sick.see().offer,
        Offer::Refused(Some(Reason::TrialUnconfirmed))
    );
}

#[test]
fn recovery_judges_announced_evidence_before_it_takes_an_image() {
    let (mut repository, mut unit) = unit();
    let (new, bad) = (Release::new("1.1", 2, 2000), Release::new("0.9", 0, 2000));
    repository.release(new.clone()).release(bad.clone());
    unit.damage(unit.layout.active, 1000);
    assert_eq!(unit.boot(), HandOver::Recovery(Reason::ActiveMismatch));
    let judged = |unit: &mut Wearable| {
        let record = unit.record();
        judge::announced(&unit.chip(), &record, record.counter, 1, Place::Inbox)
    };
    unit.send(&repository.evidence(&bad.path(), 2))
        .expect("sent");
    assert_eq!(judged(&mut unit).err(), Some(Reason::CounterRollback));
    unit.send(&repository.evidence(&new.path(), 2))
        .expect("sent");
    let image = judged(&mut unit).expect("announced");
    assert_eq!(image.length as usize, new.image.len());
    let mut upload = Candidate::announced(&mut unit.chip(), &Digest::of(b"file")).expect("begun");
    upload.image(&mut unit.chip(), &new.image).expect("written");
    upload.finish(&mut unit.chip()).expect("offered");
    unit.boot_to_trial();
    assert!(unit.runs(&new));
}

#[test]
fn a_refused_candidate_is_looked_at_once() {
    let (mut unit, _) = offered(|_, new| new.counter = 0);
    assert_eq!(unit.boot(), AT_REST);
    let (before, log) = (unit.flash.operations(), unit.log());
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.flash.operations(), before);
    assert_eq!(unit.log(), log);
}

#[test]
fn a_half_uploaded_candidate_is_not_looked_at() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2000);
    repository.release(new.clone());
    let mut upload = Candidate::begin(&mut unit.chip(), &Digest::of(b"file")).expect("begun");
    upload
        .evidence(&mut unit.chip(), &repository.evidence(&new.path(), 2))
        .expect("written");
    upload.image(&mut unit.chip(), &new.image).expect("written");
    assert_eq!(unit.see().offer, Offer::None);
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.logged(Kind::RefusedCandidate), 0);
}

#[test]
fn an_upload_resumes_with_the_same_file_only() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2900);
    repository.release(new.clone());
    let evidence = repository.evidence(&new.path(), 2);
    let file = Digest::of(&[&evidence[..], &new.image].concat());
    let mut upload = Candidate::begin(&mut unit.chip(), &file).expect("begun");
    upload
        .evidence(&mut unit.chip(), &evidence)
        .expect("written");
    upload
        .image(&mut unit.chip(), &new.image[..2500])
        .expect("written");
    assert_eq!(unit.boot(), AT_REST);

    let other = Candidate::resume(&mut unit.chip(), &Digest::of(b"other")).expect("readable");
    assert!(other.is_none());
    let (mut upload, at) = Candidate::resume(&mut unit.chip(), &file)
        .expect("readable")
        .expect("the same file");
    assert_eq!(
        at,
        evidence.len() as u64 + 2048,
        "the page that may be torn comes again"
    );
    upload
        .image(&mut unit.chip(), &new.image[2048..])
        .expect("written");
    upload.finish(&mut unit.chip()).expect("offered");
    unit.boot_to_trial();
    assert!(unit.runs(&new));
}

#[test]
fn a_trial_closes_the_candidate_slot() {
    let (mut unit, new) = offered(|_, _| {});
    let id = unit.boot_to_trial();
    let before = unit.flash.contents().to_vec();
    let file = Digest::of(b"another");
    assert_eq!(
        Candidate::begin(&mut unit.chip(), &file).err(),
        Some(Refused::TrialOpen)
    );
    assert_eq!(
        Candidate::resume(&mut unit.chip(), &file).err(),
        Some(Refused::TrialOpen)
    );
    assert_eq!(upload::erase(&mut unit.chip()), Err(Refused::TrialOpen));
    assert_eq!(Refused::TrialOpen.reason(), Reason::TrialOpen);
    assert_eq!(unit.flash.contents(), before);
    unit.confirm(id).expect("confirmed");
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(upload::erase(&mut unit.chip()), Ok(()));
    assert!(unit.runs(&new));
}

#[test]
fn an_unreadable_candidate_stops_nothing() {
    // Empty, offered, and in the middle of a trial that is healthy.
    let (_, mut empty) = unit();
    let (mut offered, _) = offered(|_, _| {});
    let mut trying = offered.clone();
    trying.boot_to_trial();
    let expected = [AT_REST, AT_REST];
    for (unit, expected) in [&mut empty, &mut offered].into_iter().zip(expected) {
        let slot = unit.layout.candidate;
        unit.flash.make_unreadable(slot.offset..slot.end());
        assert_eq!(unit.boot(), expected);
    }
    let slot = trying.layout.candidate;
    trying.flash.make_unreadable(slot.offset..slot.end());
    trying.boot_to_trial();
}

#[test]
fn an_unreadable_trust_bank_does_not_stop_a_healthy_image() {
    let (mut unit, _) = offered(|_, _| {});
    let bank = unit.layout.bank(Bank::A);
    unit.flash.make_unreadable(bank.offset..bank.end());
    assert_eq!(
        unit.boot(),
        AT_REST,
        "nothing is accepted, what is installed boots"
    );
    assert!(unit.runs(&old()));
}
