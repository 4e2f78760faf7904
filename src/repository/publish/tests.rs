//! A crash after every single write, for every kind of change: the store holds the old repository or the new one, and the
//! same command finishes the work.

mod fleet;
mod limits;
mod room;

use super::{Gap, PublishError, Report, publish};
use crate::instant::Span;
use crate::key::Signer;
use crate::repository::bench::Bench;
use crate::repository::bench::roles::RoleEdit;
use crate::repository::desk::{Desk, Pin};
use crate::repository::people::People;
use crate::repository::status::Status;
use crate::role::name::RoleName;
use crate::role::pipeline::{Signed, Staged};
use crate::role::wire::Hex;
use crate::store::local::LocalStore;
use crate::store::{ObjectName, Put, Replace, Store, StoreError};
use cuff_verifier::time::Instant;
use room::{ALICE, BOB, Faulty, NEXT_ONLINE, NOW, ONLINE, Room, copy, hand, order, timestamp};

/// Publishes with a store that fails after 0, 1, 2 ... writes, until it does not fail; after every failure the repository
/// must hold, and running again must finish. Gives how many crashes were survived.
fn sweep(prepare: impl Fn() -> Room, online: &[u8], may_gap: bool) -> usize {
    let mut crashes = 0;
    for torn in [false, true] {
        for writes in 0.. {
            let room = prepare();
            let before = room.judge(None).unwrap();
            let faulty = Faulty::new(&room.store, writes, torn);
            let Err(error) = room.publish_with(&faulty, online) else {
                break;
            };
            let full = matches!(&error, PublishError::Store(StoreError::Write { .. }));
            assert!(
                full && error.to_string().contains("the disk is full"),
                "{error}"
            );
            crashes += 1;
            match room.judge(before.as_ref()) {
                Ok(found) => {
                    let same = timestamp(found.as_ref()) == timestamp(before.as_ref());
                    let lists_new = found.as_ref().is_some_and(|found| {
                        Some(found.timestamp().version)
                            > before.as_ref().map(|b| b.timestamp().version)
                    });
                    assert!(same || lists_new, "writes {writes}, torn {torn}");
                }
                Err(error) => assert!(may_gap, "writes {writes}, torn {torn}: {error}"),
            }
            // The same command again, with room on the disk.
            room.publish_with(&room.store, online)
                .unwrap_or_else(|error| panic!("writes {writes}, torn {torn}: {error}"));
            let after = room.judge(before.as_ref()).unwrap().unwrap();
            assert!(Bench::look(&room.desk, NOW).unwrap().staging().is_empty());
            let again = room.publish_with(&room.store, online).unwrap();
            assert_eq!(
                again,
                Report::default(),
                "a third time there is nothing to do"
            );
            assert_eq!(
                timestamp(room.judge(None).unwrap().as_ref()),
                timestamp(Some(&after))
            );
        }
    }
    crashes
}

#[test]
fn a_first_publication_survives_a_crash_after_every_write() {
    // One bundle, targets, band, fleet, snapshot, root, timestamp; each fails before and after it took place.
    let crashes = sweep(
        || {
            let room = Room::founded();
            room.stage("1.0.0", 1);
            room.sign(ALICE);
            room
        },
        &[ONLINE],
        false,
    );
    assert_eq!(crashes, 14);
}

#[test]
fn a_release_survives_a_crash_after_every_write() {
    let crashes = sweep(
        || {
            let room = Room::published();
            room.stage("1.1.0", 2);
            room.sign(BOB);
            room
        },
        &[ONLINE],
        false,
    );
    assert_eq!(crashes, 10, "bundle, band, fleet, snapshot, timestamp");
}

#[test]
fn a_root_rotation_survives_a_crash_after_every_write() {
    let crashes = sweep(
        || {
            let room = Room::published();
            room.stage("1.1.0", 2);
            let bob = Hex::from(hand(BOB).public().id());
            room.edit(&RoleName::Root, RoleEdit::RemoveKey(bob));
            room.sign(ALICE);
            room
        },
        &[ONLINE],
        false,
    );
    assert_eq!(
        crashes, 12,
        "bundle, band, fleet, snapshot, root, timestamp"
    );
}

#[test]
fn a_new_online_key_leaves_clients_waiting_for_one_write_and_running_again_repairs_it() {
    let prepare = || {
        let room = Room::published();
        for role in [RoleName::Snapshot, RoleName::Timestamp] {
            room.edit(&role, RoleEdit::AddKey(hand(NEXT_ONLINE).public()));
            room.edit(
                &role,
                RoleEdit::RemoveKey(Hex::from(hand(ONLINE).public().id())),
            );
        }
        room.sign(ALICE);
        room
    };
    sweep(prepare, &[NEXT_ONLINE], true);
    let room = prepare();
    let report = room.publish(&room.store, NEXT_ONLINE).unwrap();
    assert_eq!(report.gap, Some(Gap::OnlineKey), "the report says so");
    // With the old key at hand there is no such moment: what is made holds under both roots.
    let crashes = sweep(prepare, &[NEXT_ONLINE, ONLINE], false);
    assert_eq!(crashes, 8, "fleet, snapshot, timestamp, root");
    let room = prepare();
    let report = room.publish_with(&room.store, &[NEXT_ONLINE, ONLINE]);
    assert_eq!(report.unwrap().gap, None);
}

#[test]
fn a_key_that_is_nobodys_does_not_sign_beside_the_online_key() {
    let room = Room::published();
    room.stage("1.1.0", 2);
    room.sign(ALICE);
    let error = room
        .publish_with(&room.store, &[ONLINE, BOB])
        .unwrap_err()
        .to_string();
    assert!(error.contains("may not sign"), "{error}");
}

#[test]
fn a_clone_whose_mirror_could_not_be_written_catches_up() {
    let room = Room::founded();
    room.stage("1.0.0", 1);
    room.sign(ALICE);
    let obstacle = room.desk.metadata().join("1.targets.json");
    std::fs::create_dir_all(&obstacle).unwrap();
    let error = room.publish(&room.store, ONLINE).unwrap_err();
    assert!(matches!(error, PublishError::Durable(_)), "{error}");
    room.judge(None).unwrap().unwrap();
    std::fs::remove_dir(&obstacle).unwrap();
    assert_eq!(
        room.publish(&room.store, ONLINE).unwrap(),
        Report::default()
    );
    let bench = Bench::look(&room.desk, NOW).unwrap();
    assert!(bench.staging().is_empty() && bench.published().is_some());
}

#[test]
fn another_signature_between_two_attempts_does_no_harm() {
    let room = Room::published();
    room.stage("1.1.0", 2);
    room.sign(ALICE);
    let faulty = Faulty::new(&room.store, 2, false);
    room.publish(&faulty, ONLINE).unwrap_err();
    room.sign(BOB);
    room.publish(&room.store, ONLINE).unwrap();
    room.judge(None).unwrap().unwrap();
}

#[test]
fn two_publishers_at_once_leave_one_repository() {
    struct Racing<'a>(&'a LocalStore, &'a [u8]);
    impl Store for Racing<'_> {
        fn describe(&self) -> String {
            self.0.describe()
        }
        fn get(&self, name: &ObjectName) -> Result<Option<Vec<u8>>, StoreError> {
            self.0.get(name)
        }
        fn put_if_absent(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
            self.0.put_if_absent(name, bytes)
        }
        fn replace_if_unchanged(
            &self,
            name: &ObjectName,
            read: Option<&[u8]>,
            bytes: &[u8],
        ) -> Result<Replace, StoreError> {
            // Somebody else is faster.
            self.0.replace_if_unchanged(name, read, self.1)?;
            self.0.replace_if_unchanged(name, read, bytes)
        }
    }
    let room = Room::published();
    room.stage("1.1.0", 2);
    room.sign(ALICE);
    let error = room
        .publish(&Racing(&room.store, b"theirs"), ONLINE)
        .unwrap_err();
    assert!(matches!(error, PublishError::Raced { .. }), "{error}");
    let object = super::object("timestamp.json").unwrap();
    assert_eq!(room.store.get(&object).unwrap().unwrap(), b"theirs");
}

#[test]
fn what_is_expired_is_not_published() {
    let room = Room::published();
    room.stage("1.1.0", 2);
    room.sign(ALICE);
    let later = Instant(NOW.0 + Span::days(366).seconds());
    let mut bench = Bench::take(&room.desk, later).unwrap();
    let error = publish(
        &mut bench,
        &room.store,
        &order(&[&hand(ONLINE)]),
        &mut |_, _| {},
    )
    .unwrap_err();
    assert!(
        matches!(error, PublishError::Preflight(_)) && error.to_string().contains("expire"),
        "{error}"
    );
}

#[test]
fn a_store_that_went_back_or_ahead_or_away_is_refused() {
    let room = Room::published();
    let old = tempfile::tempdir().unwrap();
    copy(&room.desk.root().join("../store"), old.path());
    room.stage("1.1.0", 2);
    room.sign(ALICE);
    room.publish(&room.store, ONLINE).unwrap();
    room.stage("1.2.0", 3);
    room.sign(ALICE);
    let back = LocalStore::open(old.path()).unwrap();
    assert!(matches!(
        room.publish(&back, ONLINE),
        Err(PublishError::Behind { .. })
    ));
    let empty = tempfile::tempdir().unwrap();
    let away = LocalStore::open(empty.path()).unwrap();
    assert!(matches!(
        room.publish(&away, ONLINE),
        Err(PublishError::Empty(_))
    ));
    // A clone that did not pull: its mirror is the old one.
    let clone = tempfile::tempdir().unwrap();
    copy(room.desk.root(), clone.path());
    std::fs::remove_dir_all(clone.path().join("metadata")).unwrap();
    copy(&old.path().join("metadata"), &clone.path().join("metadata"));
    std::fs::remove_dir_all(clone.path().join("staged")).unwrap();
    let desk = Desk::open(clone.path()).unwrap();
    let mut bench = Bench::take(&desk, NOW).unwrap();
    bench
        .edit(&RoleName::Targets, RoleEdit::Expiry(Span::days(100)))
        .unwrap();
    bench.save().unwrap();
    drop(bench);
    let behind = Room {
        _folder: clone,
        desk,
        store: LocalStore::open(&room.desk.root().join("../store")).unwrap(),
    };
    behind.sign(ALICE);
    assert!(matches!(
        behind.publish(&behind.store, ONLINE),
        Err(PublishError::Ahead { .. })
    ));
}

#[test]
fn a_second_repository_does_not_fall_into_a_store_that_is_taken() {
    let (first, second) = (Room::published(), Room::founded());
    second.change(|bench| {
        bench
            .edit(&RoleName::Root, RoleEdit::Expiry(Span::days(100)))
            .unwrap();
    });
    second.sign(ALICE);
    let error = second.publish(&first.store, ONLINE).unwrap_err();
    assert!(
        matches!(
            error,
            PublishError::Candidate(super::CandidateError::Taken { .. }) | PublishError::Taken(_)
        ),
        "{error}"
    );
}

#[test]
fn the_status_says_who_is_missing_and_what_is_expired() {
    let room = Room::published();
    room.stage("1.1.0", 2);
    let bench = Bench::look(&room.desk, NOW).unwrap();
    let status = Status::of(&bench, &People::default(), true, NOW);
    assert!(!status.complete && !status.expired);
    assert_eq!(
        (
            status.staged[0].asked[0].missing,
            status.staged[0].asked[0].can_sign.len()
        ),
        (1, 2)
    );
    let later = Instant(NOW.0 + Span::days(7).seconds());
    assert!(
        Status::of(&bench, &People::default(), true, later).expired,
        "expired from the last second on"
    );
    let before = Instant(later.0 - 1);
    assert!(!Status::of(&bench, &People::default(), true, before).expired);
}

#[test]
fn a_clone_that_trusts_another_root_refuses_the_mirror() {
    let room = Room::published();
    let pin = Pin {
        version: 1,
        sha256: Hex::sha256(b"another"),
    };
    room.desk.set_pin(&pin).unwrap();
    let error = Bench::look(&room.desk, NOW).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("NotTrusted"), "{text}");
}

#[test]
fn the_pin_of_a_first_root_outlives_its_signatures() {
    let room = Room::founded();
    let bench = Bench::look(&room.desk, NOW).unwrap();
    let staged = Hex::sha256(
        bench
            .staging()
            .roles
            .get(&RoleName::Root)
            .map(Staged::signed)
            .unwrap(),
    );
    drop(bench);
    room.desk
        .set_pin(&Pin {
            version: 1,
            sha256: staged,
        })
        .unwrap();
    room.sign(ALICE);
    room.sign(BOB);
    room.publish(&room.store, ONLINE).unwrap();
    let bench = Bench::look(&room.desk, NOW).unwrap();
    let signed = bench
        .published()
        .unwrap()
        .signed(&RoleName::Root)
        .map(Signed::signed)
        .unwrap();
    assert_eq!(Hex::sha256(signed), staged);
}
