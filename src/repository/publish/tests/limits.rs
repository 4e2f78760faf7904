//! What does not fit, what will not fit soon, and a mirror that does not hold together.

use super::room::{ALICE, BOB, NOW, ONLINE, Room, hand, timestamp};
use crate::instant::Span;
use crate::key::Signer;
use crate::repository::bench::roles::RoleEdit;
use crate::repository::bench::{Bench, BenchError};
use crate::repository::capacity::{self, CapacityError};
use crate::repository::people::People;
use crate::repository::preflight::Offer;
use crate::repository::publish::PublishError;
use crate::repository::published::Published;
use crate::repository::review::Review;
use crate::role::authority::Authority;
use crate::role::name::RoleName;
use crate::role::pipeline::{Draft, Signed};
use crate::role::snapshot::Snapshot;
use crate::role::timestamp::Timestamp;
use crate::role::wire::{FileMeta, Utc};
use crate::store::local::LocalStore;
use cuff_verifier::time::Instant;

#[test]
fn metadata_that_outgrows_a_board_is_refused_by_role_and_bytes() {
    let room = Room::published();
    // Each release adds some 500 bytes; the board keeps 16 KiB.
    for release in 1..50 {
        room.stage(&format!("2.0.{release}"), 2);
    }
    room.sign(ALICE);
    let before = room.judge(None).unwrap();
    let error = room.publish(&room.store, ONLINE).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, PublishError::Capacity(_)), "{text}");
    assert!(
        text.contains("board nrf52840 has room for")
            && text.contains("the largest part is band with"),
        "{text}"
    );
    assert_eq!(
        timestamp(room.judge(None).unwrap().as_ref()),
        timestamp(before.as_ref())
    );
}

#[test]
fn what_is_foreseen_on_staging_is_what_publishing_finds() {
    let room = Room::published();
    for release in 1..4 {
        room.stage(&format!("2.0.{release}"), 2);
    }
    let foreseen = need(&room).unwrap();
    room.sign(ALICE);
    let report = room.publish(&room.store, ONLINE).unwrap();
    assert_eq!(report.needs, [foreseen]);
}

#[test]
fn more_signatures_than_it_takes_are_foreseen_once_they_are_there() {
    let room = Room::founded();
    room.sign(ALICE);
    let one = need(&room).unwrap().bytes;
    room.sign(BOB);
    let two = need(&room).unwrap().bytes;
    let report = room.publish(&room.store, ONLINE).unwrap();
    // Targets and band; the first root is not part of evidence, it is what a device begins with.
    assert_eq!((two - one) % 2, 0);
    assert!(two > one);
    assert_eq!(report.needs[0].bytes, two);
}

#[test]
fn a_product_that_fills_its_boards_is_told_early() {
    let room = Room::published();
    let mut told = None;
    for release in 1..60 {
        room.stage(&format!("2.0.{release}"), 2);
        match need(&room) {
            Ok(need) => {
                let percent = need.bytes * 100 / 16384;
                assert_eq!(need.warning().is_some(), percent >= 75, "{need:?}");
                let bench = Bench::look(&room.desk, NOW).unwrap();
                let review = Review::of(&bench, &People::default()).unwrap();
                let warned = review.warnings.iter().any(|warning| {
                    warning.rule == "evidence-near-limit" && warning.message.contains("cuff yank")
                });
                assert_eq!(warned, percent >= 75);
                told = told.or(warned.then_some(release));
            }
            Err(error) => {
                assert!(matches!(error, CapacityError::TooLarge { .. }), "{error}");
                assert!(told.is_some_and(|told| told + 5 < release));
                return;
            }
        }
    }
    panic!("59 releases fit 16 KiB");
}

#[test]
fn every_release_is_judged_as_a_device_does_once_and_whenever_it_changes() {
    let room = Room::published();
    let before = room.judge(None).unwrap().unwrap();
    room.stage("1.1.0", 2);
    let bench = Bench::look(&room.desk, NOW).unwrap();
    let name = "band".parse().unwrap();
    let (old, new) = (before.product(&name), bench.product(&name).unwrap());
    let offers = |product, before| {
        let offers = Offer::new_in(&name, product, before).into_iter();
        offers
            .map(|offer| offer.release.map(ToString::to_string).unwrap_or_default())
            .collect::<Vec<_>>()
    };
    assert_eq!(offers(new, None), ["band/1.0.0", "band/1.1.0", ""]);
    assert_eq!(offers(new, old), ["band/1.1.0", ""]);
    assert_eq!(offers(new, Some(new)), [""]);
    let mut changed = new.clone();
    for release in changed.targets.values_mut() {
        release.length += 1;
    }
    assert_eq!(offers(&changed, Some(new)).len(), 3);
}

#[test]
fn a_root_that_no_trust_store_of_a_board_can_hold_is_refused() {
    let room = Room::published();
    // 16 KiB of evidence would take it; a bank of the trust store has 7424 bytes for what root signs.
    for seed in 100..135 {
        room.edit(&RoleName::Root, RoleEdit::AddKey(hand(seed).public()));
    }
    let error = need(&room).unwrap_err();
    assert!(
        matches!(
            error,
            CapacityError::RootTooLarge {
                version: 2,
                room: 7424,
                ..
            }
        ),
        "{error}"
    );
    room.sign(ALICE);
    let error = room.publish(&room.store, ONLINE).unwrap_err();
    assert!(
        matches!(
            error,
            PublishError::Capacity(CapacityError::RootTooLarge { .. })
        ),
        "{error}"
    );
}

#[test]
fn a_mirror_in_which_versions_are_mixed_up_is_refused() {
    let room = Room::published();
    let mirror = LocalStore::open(room.desk.root()).unwrap();
    let published = Published::read(&mirror, None).unwrap().unwrap();
    // Whoever holds the online key lists version 1 of band as version 2: the digest is right, the version is not.
    let file = |role: &RoleName| published.signed(role).map(Signed::file).unwrap();
    let band = RoleName::Product("band".parse().unwrap());
    let pins = [
        (RoleName::Targets, FileMeta::of(file(&RoleName::Targets), 1)),
        (band.clone(), FileMeta::of(file(&band), 2)),
    ];
    let later = Utc(Instant(NOW.0 + 1000));
    let online = |draft: Draft| {
        let authority = Authority::of_top_level(published.root(), &draft.name());
        let mut staged = draft.stage().unwrap();
        staged.sign(&hand(ONLINE)).unwrap();
        staged
            .seal(&[authority.unwrap()])
            .unwrap()
            .file()
            .to_owned()
    };
    let snapshot = online(Draft::Snapshot(Snapshot::of(pins, 2, later)));
    let pin = FileMeta::of(&snapshot, 2);
    let timestamp = online(Draft::Timestamp(Timestamp::of(pin, 2, Utc(NOW), later)));
    for (name, bytes) in [
        ("2.band.json", file(&band)),
        ("2.snapshot.json", &snapshot),
        ("timestamp.json", &timestamp),
    ] {
        std::fs::write(room.desk.metadata().join(name), bytes).unwrap();
    }
    let error = Bench::look(&room.desk, NOW).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("WrongVersion"), "{text}");
}

fn need(room: &Room) -> Result<capacity::Need, CapacityError> {
    let bench = Bench::look(&room.desk, NOW).unwrap();
    capacity::foresee(&bench, &"band".parse().unwrap())
}

#[test]
fn a_clock_that_is_behind_stages_nothing_and_one_ahead_is_pointed_out() {
    let room = Room::published();
    let early = Instant(NOW.0 - 1);
    let mut bench = Bench::take(&room.desk, early).unwrap();
    let edit = RoleEdit::Expiry(Span::days(30));
    let refused = bench.edit(&RoleName::Root, edit).unwrap_err();
    assert!(
        matches!(&refused, BenchError::Clock { now, .. } if now.0 == early),
        "{refused}"
    );
    assert!(bench.changed().is_empty());
    drop(bench);
    room.edit(&RoleName::Root, edit);
    let clock = |at| {
        let bench = Bench::look(&room.desk, at).unwrap();
        let review = Review::of(&bench, &People::default()).unwrap();
        let rules = review.warnings.into_iter().map(|warning| warning.rule);
        rules.filter(|rule| rule == "clock").count()
    };
    assert_eq!(clock(NOW), 0);
    assert_eq!(clock(Instant(NOW.0 - 86_400)), 1);
}
