//! No publication leaves devices behind, and nobody can make cuff forget which there are.

use super::room::{ALICE, BOB, ONLINE, Room, hand, order};
use crate::key::Signer;
use crate::repository::bench::Bench;
use crate::repository::bench::roles::RoleEdit;
use crate::repository::desk::Desk;
use crate::repository::fleet::{Fleet, FleetError};
use crate::repository::publish::{Order, PublishError, publish};
use crate::role::authority::Authority;
use crate::role::name::RoleName;
use crate::role::pipeline::Draft;
use crate::role::wire::{FileMeta, Hex};
use crate::store::Store;

fn objects(room: &Room) -> Vec<std::path::PathBuf> {
    let folder = room.desk.root().join("../store/fleet");
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn fleet(room: &Room) -> Fleet {
    let live = room.judge(None).unwrap();
    Fleet::read(&room.store, live.as_ref(), None).unwrap()
}

#[test]
fn every_release_and_every_root_adds_to_the_fleet_and_nothing_else_does() {
    let room = Room::published();
    assert_eq!((objects(&room).len(), fleet(&room).objects().len()), (1, 1));
    room.stage("1.1.0", 2);
    room.sign(ALICE);
    room.publish(&room.store, ONLINE).unwrap();
    assert_eq!(fleet(&room).objects().len(), 2);
    room.edit(
        &RoleName::Product("band".parse().unwrap()),
        RoleEdit::Expiry(crate::instant::Span::days(90)),
    );
    room.sign(ALICE);
    room.publish(&room.store, ONLINE).unwrap();
    assert_eq!(fleet(&room).objects().len(), 2, "nothing new to install");
    let bob = Hex::from(hand(BOB).public().id());
    room.edit(&RoleName::Root, RoleEdit::RemoveKey(bob));
    room.sign(ALICE);
    room.publish(&room.store, ONLINE).unwrap();
    assert_eq!(fleet(&room).objects().len(), 3);
    let newest = fleet(&room).newest();
    assert_eq!(room.judge(None).unwrap().unwrap().snapshot().fleet, newest);
}

#[test]
fn a_fleet_that_lost_or_changed_a_part_stops_publishing() {
    for (which, damage) in [(0, ""), (1, ""), (0, "x"), (1, "x")] {
        let room = Room::published();
        room.stage("1.1.0", 2);
        room.sign(ALICE);
        room.publish(&room.store, ONLINE).unwrap();
        let digest = fleet(&room).objects()[which];
        let path = room
            .desk
            .root()
            .join(format!("../store/fleet/{digest}.json"));
        if damage.is_empty() {
            std::fs::remove_file(&path).unwrap();
        } else {
            std::fs::write(&path, damage).unwrap();
        }
        room.stage("1.2.0", 2);
        room.sign(ALICE);
        let error = room.publish(&room.store, ONLINE).unwrap_err();
        let PublishError::Fleet(error) = error else {
            panic!("{error}");
        };
        assert!(
            matches!(*error, FleetError::Gone(_) | FleetError::Changed { .. }),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains(&digest.to_string()), "{text}");
    }
}

/// Takes away the release older devices could still install, and brings one that needs a bootloader they do not have.
fn leave_behind(room: &Room) {
    room.change(|bench| {
        let release = "band/1.0.0".parse().unwrap();
        bench.yank(&release, None).unwrap();
    });
    room.stage_for("2.0.0", 2, 2);
    room.sign(ALICE);
}

#[test]
fn a_release_that_would_strand_devices_is_refused_and_they_are_named() {
    let room = Room::published();
    leave_behind(&room);
    let before = room.judge(None).unwrap().unwrap().timestamp().version;
    let error = room.publish(&room.store, ONLINE).unwrap_err();
    let PublishError::Fleet(error) = error else {
        panic!("{error}");
    };
    let FleetError::Stranded { cohort, source } = *error else {
        panic!("{error}");
    };
    assert_eq!(
        cohort.to_string(),
        "band/1.0.0 on band-a (root v1, counter 1)"
    );
    let source = source.to_string();
    assert!(
        source.contains("band/2.0.0") && source.contains("bootloader"),
        "{source}"
    );
    assert_eq!(
        room.judge(None).unwrap().unwrap().timestamp().version,
        before
    );
    assert!(
        room.store
            .get(&super::super::object("2.band.json").unwrap())
            .unwrap()
            .is_none(),
        "nothing was written"
    );
}

#[test]
fn devices_nobody_looks_after_may_be_left_behind_by_name() {
    let room = Room::published();
    leave_behind(&room);
    let settings = "[products.band]\nboards = [\"nrf52840\"]\nleft-behind = [\"1.0.0\"]\n";
    std::fs::write(room.desk.root().join("cuff.toml"), settings).unwrap();
    let room = Room {
        desk: Desk::open(room.desk.root()).unwrap(),
        ..room
    };
    room.publish(&room.store, ONLINE).unwrap();
}

#[test]
fn taking_the_only_release_away_warns_of_devices_with_nothing_to_install() {
    let room = Room::published();
    room.change(|bench| bench.yank(&"band/1.0.0".parse().unwrap(), None).unwrap());
    room.sign(ALICE);
    let report = room.publish(&room.store, ONLINE).unwrap();
    assert_eq!(report.idle, ["band/1.0.0 on band-a (root v1, counter 1)"]);
}

#[test]
fn a_release_that_needs_a_newer_bootloader_is_welcome_while_the_older_one_stays() {
    let room = Room::published();
    room.stage_for("2.0.0", 2, 2);
    room.sign(ALICE);
    let report = room.publish(&room.store, ONLINE).unwrap();
    assert!(report.idle.is_empty());
    let bench = Bench::look(&room.desk, super::NOW).unwrap();
    assert!(bench.staging().is_empty());
}

/// The judge has nothing against it, but the slot of the board has no room: only the bootloader's own plan finds that out.
#[test]
fn a_release_that_the_bootloader_would_not_install_is_refused_before_it_is_published() {
    let room = Room::published();
    room.change(|bench| bench.yank(&"band/1.0.0".parse().unwrap(), None).unwrap());
    room.stage_image("2.0.0", 2, &vec![7; 2 << 20]);
    room.sign(ALICE);
    let error = room.publish(&room.store, ONLINE).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("band/1.0.0 on band-a"), "{text}");
    let PublishError::Fleet(error) = error else {
        panic!("{error}");
    };
    let FleetError::Stranded { source, .. } = *error else {
        panic!("{error}");
    };
    assert!(source.to_string().contains("band/2.0.0"), "{source}");
}

/// Snapshot and timestamp as a cuff made them that kept no fleet, in the store and in the mirror.
fn forget_the_fleet(room: &Room) {
    let live = room.judge(None).unwrap().unwrap();
    let online = |draft: Draft| {
        let authority = Authority::of_top_level(live.root(), &draft.name()).unwrap();
        let mut staged = draft.stage().unwrap();
        staged.sign(&hand(ONLINE)).unwrap();
        staged.seal(&[authority]).unwrap().file().to_owned()
    };
    let mut list = live.snapshot().clone();
    list.fleet = None;
    let snapshot = online(Draft::Snapshot(list));
    let mut stamp = live.timestamp().clone();
    stamp.meta.snapshot = FileMeta::of(&snapshot, live.snapshot().version);
    let timestamp = online(Draft::Timestamp(stamp));
    let store = room.desk.root().join("../store/metadata");
    for folder in [room.desk.metadata(), store] {
        let name = RoleName::Snapshot.file(live.snapshot().version);
        std::fs::write(folder.join(name), &snapshot).unwrap();
        std::fs::write(folder.join("timestamp.json"), &timestamp).unwrap();
    }
}

#[test]
fn a_history_without_a_fleet_is_refused_until_somebody_says_that_it_begins() {
    let room = Room::published();
    forget_the_fleet(&room);
    room.stage("1.1.0", 2);
    room.sign(ALICE);
    let error = room.publish(&room.store, ONLINE).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("names no fleet"), "{text}");
    let mut bench = Bench::take(&room.desk, super::NOW).unwrap();
    let online = hand(ONLINE);
    let online: [&dyn Signer; 1] = [&online];
    let order = Order {
        begin_fleet: true,
        ..order(&online)
    };
    let report = publish(&mut bench, &room.store, &order, &mut |_, _| {}).unwrap();
    assert!(report.fleet_begins);
    assert_eq!(fleet(&room).cohorts().count(), 2, "both releases");
}
