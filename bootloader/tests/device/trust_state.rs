//! Trust state: committed as soon as the chain verifies, in two equal banks, never older than it was.

use cuff_bootloader::{
    layout::Layout,
    log::Kind,
    plan::HandOver,
    record::{Change, Image, Record, Trial},
    report::Report,
    slot::Offer,
    trust::{self, Bank, Banks, RootAt},
    upload,
};
use cuff_verifier::{time::Instant, verdict::Reason};

use crate::{
    signer::{PRODUCT, Release},
    wearable::{BOOTLOADER, SMALL, Wearable, unit},
};

const AT_REST: HandOver = HandOver::Jump { trial: None };
const NO_IMAGE: &str = "band/";

pub fn bank(layout: &Layout, bank: Bank) -> cuff_bootloader::layout::Region {
    layout.bank(bank)
}

#[test]
fn the_inbox_is_judged_committed_and_erased() {
    let (mut repository, mut unit) = unit();
    repository.demand(1);
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    let record = unit.record();
    assert_eq!(record.versions.product, repository.product);
    assert_eq!(record.minimum_counter.0, 1);
    assert!(!unit.see().inbox);
    assert_eq!(unit.logged(Kind::RefusedEvidence), 0);
}

#[test]
fn the_inbox_is_read_during_a_trial() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2000);
    repository.release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    let id = unit.boot_to_trial();
    repository.demand(2);
    unit.send(&repository.evidence(NO_IMAGE, 2))
        .expect("an inbox message is accepted");
    assert_eq!(unit.boot_to_trial(), id, "the trial goes on");
    assert_eq!(unit.record().minimum_counter.0, 2);
    assert!(unit.record().trial.is_some());
}

#[test]
fn refused_evidence_is_logged_and_erased() {
    let (repository, mut unit) = unit();
    let mut evidence = repository.evidence(NO_IMAGE, 2);
    let last = evidence.len() - 5;
    evidence[last] ^= 1;
    unit.send(&evidence).expect("sent");
    let before = unit.record();
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.record(), before);
    assert_eq!(unit.logged(Kind::RefusedEvidence), 1);
    assert!(!unit.see().inbox);
}

#[test]
fn both_banks_are_equal_at_rest() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2000);
    repository.release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    let id = unit.boot_to_trial();
    assert!(unit.is_at_rest());
    unit.confirm(id).expect("confirmed");
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.is_at_rest());
    let a = bank(unit.layout, Bank::A);
    let b = bank(unit.layout, Bank::B);
    let bytes = unit.flash.contents();
    let used = cuff_bootloader::record::RECORD as usize;
    assert_eq!(
        bytes[a.offset as usize..][..used],
        bytes[b.offset as usize..][..used]
    );
}

#[test]
fn one_bad_bank_is_repaired_and_logged() {
    // Record and root, both banks: wherever the bit falls, the equal bank counts.
    for (which, at) in [(Bank::A, 18), (Bank::B, 18), (Bank::A, 900), (Bank::B, 900)] {
        let (_, mut unit) = unit();
        let before = unit.record();
        unit.damage(bank(unit.layout, which), at);
        assert!(matches!(
            trust::look(&mut unit.chip()),
            Banks::Single { .. }
        ));
        assert_eq!(unit.boot(), AT_REST);
        assert!(unit.is_at_rest());
        assert_eq!(unit.record(), before);
        assert_eq!(unit.logged(Kind::TrustRepaired), 1);
    }
}

#[test]
fn two_bad_banks_are_recovery() {
    let (_, mut unit) = unit();
    for which in [Bank::A, Bank::B] {
        unit.damage(bank(unit.layout, which), 18);
    }
    assert_eq!(unit.boot(), HandOver::Recovery(Reason::TrustDamaged));
}

#[test]
fn two_stories_under_one_sequence_are_recovery() {
    let (repository, mut one) = unit();
    let other = Wearable::new(&SMALL, &{
        let mut other = repository.clone();
        other.publish();
        other
    });
    let b = bank(one.layout, Bank::B);
    let (from, to) = (b.offset as usize, b.end() as usize);
    one.flash.raw()[from..to].copy_from_slice(&other.flash.contents()[from..to]);
    assert_eq!(one.boot(), HandOver::Recovery(Reason::TrustDamaged));
}

#[test]
fn trust_advances_though_the_image_is_refused() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2000);
    repository.renew_root().release(new.clone());
    let evidence = repository.evidence(&new.path(), 2);
    let mut image = new.image.clone();
    image[77] ^= 1;
    upload::candidate(&mut unit.chip(), &evidence, &image).expect("uploaded");
    assert_eq!(unit.boot(), AT_REST);
    let record = unit.record();
    assert_eq!(record.root.version, 2);
    assert_eq!(record.versions.product, repository.product);
    assert!(record.trial.is_none());
    assert_eq!(unit.see().offer, Offer::Refused(Some(Reason::ImageDigest)));
    assert_eq!(unit.logged(Kind::RootChanged), 1);
    assert_eq!(unit.logged(Kind::RefusedCandidate), 1);
}

#[test]
fn an_online_key_change_resets_versions_but_not_the_counter() {
    let (mut repository, mut unit) = unit();
    repository.demand(1).publish().publish();
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    let before = unit.record();
    assert_eq!(
        (before.versions.timestamp, before.minimum_counter.0),
        (repository.timestamp, 1)
    );
    repository.minimum = 0;
    repository.replace_online_key(9);
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    let after = unit.record();
    assert_eq!(after.root.version, 2);
    assert_eq!((after.versions.timestamp, after.versions.product), (1, 1));
    assert_eq!(
        after.minimum_counter.0, 0,
        "taken from the next product role"
    );
    assert_eq!(after.counter, before.counter);
    assert_eq!(unit.counter(), Some(before.counter.0));
}

#[test]
fn the_same_timestamp_may_come_again() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2000);
    repository.release(new.clone());
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    unit.offer(&repository, &new).expect("uploaded");
    unit.boot_to_trial();
    assert_eq!(unit.logged(Kind::RefusedCandidate), 0);
}

#[test]
fn a_substituted_timestamp_is_refused_by_name() {
    let (mut repository, mut unit) = unit();
    repository.publish();
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    let before = unit.record();
    repository.timestamp_expires = "2031-01-01T00:00:00Z";
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.record(), before);
    assert_eq!(
        unit.reasons(Kind::RefusedEvidence),
        [Reason::TimestampSubstituted]
    );
}

#[test]
fn root_links_come_in_steps_and_known_ones_are_skipped() {
    let (mut repository, mut unit) = unit();
    repository.renew_root();
    let first_step = repository.root_links(2);
    repository.renew_root();
    unit.send(&first_step).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.record().root.version, 2);
    // The second step starts below what is known.
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.record().root.version, 3);
    assert_eq!(unit.record().versions.timestamp, repository.timestamp);
    assert_eq!(unit.logged(Kind::RefusedEvidence), 0);
    // A gap is refused.
    repository.renew_root().renew_root();
    unit.send(&repository.evidence(NO_IMAGE, 5)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.record().root.version, 3);
    assert_eq!(
        unit.reasons(Kind::RefusedEvidence),
        [Reason::EvidenceRootGap]
    );
}

#[test]
fn older_metadata_is_refused() {
    let (mut repository, mut unit) = unit();
    let old = repository.evidence(NO_IMAGE, 2);
    repository.publish();
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    let before = unit.record();
    unit.send(&old).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.record(), before);
    assert_eq!(
        unit.reasons(Kind::RefusedEvidence),
        [Reason::TimestampRollback]
    );
}

#[test]
fn the_floor_grows_with_signed_dates_only() {
    let (mut repository, mut unit) = unit();
    let before = unit.record().floor;
    repository.publish();
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    assert_eq!(unit.boot(), AT_REST);
    assert!(unit.record().floor > before);
    // A timestamp that expired before the floor is refused.
    repository.publish();
    repository.timestamp_expires = "2026-11-23T01:00:00Z";
    unit.send(&repository.evidence(NO_IMAGE, 2)).expect("sent");
    let before = unit.record();
    assert_eq!(unit.boot(), AT_REST);
    assert_eq!(unit.record(), before);
    assert_eq!(unit.logged(Kind::RefusedEvidence), 1);
}

#[test]
fn a_report_echoes_the_nonce_and_reads_back() {
    let (repository, mut unit) = unit();
    let ended = unit.boot_and_tell();
    let report = Report::of(&mut unit.chip(), BOOTLOADER, ended, [0x42; 16]);
    let block = report.encode().expect("fits");
    assert_eq!(Report::decode(&block), Some(report));
    assert_eq!(report.nonce, [0x42; 16]);
    let state = report.state.expect("sound");
    assert_eq!(state.identity.product.as_str(), PRODUCT);
    assert_eq!(state.installed.as_str(), "band/1.0");
    assert_eq!(state.versions.product, repository.product);
    assert!(state.floor > Instant(0));
    let mut forged = block;
    forged[30] ^= 1;
    assert_eq!(Report::decode(&forged), None);
}

type Changed = fn(&mut Record, Image, Option<Trial>);

#[test]
fn a_commit_changes_what_it_is_about_and_nothing_else() {
    let (_, mut unit) = unit();
    let before = unit.record();
    let image = before
        .installed
        .expect("a unit from the factory runs something");
    let trial = Some(Trial { image, opened: 1 });
    // (what is changed, about what it is)
    let changes: [(Change, Changed); 11] = [
        (Change::Images, |next, image, _| next.former = Some(image)),
        (Change::Images, |next, _, trial| next.trial = trial),
        (Change::Images, |next, _, _| next.installed = None),
        (Change::Images, |next, _, _| next.counter.0 += 1),
        (Change::Trust, |next, _, _| next.minimum_counter.0 += 1),
        (Change::Trust, |next, _, _| next.floor.0 += 1),
        (Change::Trust, |next, _, _| next.versions.product += 1),
        (Change::Trust, |next, _, _| next.timestamp_sha256.0[0] ^= 1),
        (Change::Trust, |next, _, _| next.root.version += 1),
        (Change::Trust, |next, _, _| next.sequence += 1),
        (Change::Trust, |next, _, _| {
            next.identity.serial = next.identity.product;
        }),
    ];
    for (number, (about, change)) in changes.into_iter().enumerate() {
        for named in [Change::Images, Change::Trust] {
            let mut unit = unit.clone();
            let mut next = before;
            change(&mut next, image, trial);
            let committed = trust::commit(&mut unit.chip(), &mut next, named, RootAt::Kept);
            let allowed = number < 9 && named == about;
            assert_eq!(committed.is_ok(), allowed, "change {number} as {named:?}");
            let kept = unit.record();
            assert_eq!(kept.sequence, before.sequence + u64::from(allowed));
        }
    }
}
