//! The line in recovery, where evidence is judged before it touches a slot.

use cuff_bootloader::{log::Kind, plan::HandOver, slot, smp::GROUP, upload};
use cuff_verifier::{digest::Digest, verdict::Reason};

use super::host::{bench, complete, get, in_recovery, none, off, refused, update};
use crate::signer::Release;

#[test]
fn recovery_refuses_bad_evidence_with_the_candidate_slot_untouched() {
    let (mut repository, mut bench, new, file) = in_recovery();
    let bad = update(&mut repository, &Release::new("0.9", 0, 2000));
    // Something lies there that a half-done upload left.
    upload::Candidate::begin(&mut bench.unit.chip(), &Digest::of(b"left")).expect("begun");
    let before = bench.candidate();
    refused(&bench.upload(&bad, 100), 11, Reason::CounterRollback);
    assert_eq!(bench.candidate(), before);
    let reasons = bench.unit.reasons(Kind::RefusedEvidence);
    assert_eq!(reasons, [Reason::CounterRollback]);
    // An image of another length than the evidence says.
    let mut longer = file.clone();
    longer.extend([0; 10]);
    refused(&bench.upload(&longer, 100), 11, Reason::ImageLength);
    assert_eq!(bench.candidate(), before);
    let mut forged = file.clone();
    forged[2000] ^= 1;
    let answer = bench.upload(&forged, 100);
    assert_eq!(get(&answer, "rc").as_integer(), Some(11.into()));
    assert_eq!(bench.candidate(), before);
    assert!(matches!(bench.reboot().hand_over, HandOver::Recovery(_)));
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    assert!(bench.unit.runs(&new));
}

#[test]
fn recovery_goes_on_after_a_reset_and_judges_what_an_application_stored() {
    let (mut repository, mut bench, new, file) = in_recovery();
    bench.upload_until(&file, 100, file.len() - 300);
    assert!(matches!(bench.reboot().hand_over, HandOver::Recovery(_)));
    let at = off(&bench.first_piece(&file, 100)).expect("an offset");
    assert!(at > file.len() - new.image.len(), "goes on at {at}");
    complete(&bench.upload(&file, 100), &file);
    bench.reset();
    assert!(bench.unit.runs(&new));

    // Half an upload of an application, which judges nothing; then the unit falls into recovery.
    let (_, mut bench, ..) = super::host::bench();
    let bad = update(&mut repository, &Release::new("0.9", 0, 2500));
    bench.upload_until(&bad, 100, bad.len() - 300);
    bench.unit.damage(bench.unit.layout.active, 1000);
    assert!(matches!(bench.reboot().hand_over, HandOver::Recovery(_)));
    refused(&bench.first_piece(&bad, 100), 11, Reason::CounterRollback);
    assert_eq!(slot::file(&mut bench.unit.chip()), None);
}

#[test]
fn a_damaged_trust_store_takes_nothing() {
    let (_, mut bench, _, file) = bench();
    bench.unit.damage(bench.unit.layout.trust, 0);
    let half = bench.unit.layout.trust.length / 2;
    bench.unit.damage(bench.unit.layout.trust, half);
    assert_eq!(
        bench.reboot().hand_over,
        HandOver::Recovery(Reason::TrustDamaged)
    );
    let before = bench.candidate();
    refused(&bench.upload(&file, 100), 11, Reason::TrustDamaged);
    assert_eq!(bench.candidate(), before);
    assert!(bench.state().is_empty());
    let unit = bench.ask(false, GROUP, 0, &none());
    assert_eq!(get(&unit, "end").as_integer(), Some(2.into()));
    assert_eq!(get(&unit, "reason").as_integer(), Some(505.into()));
}
