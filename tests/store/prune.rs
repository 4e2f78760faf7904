//! `prune`: what no client can need goes, and nothing else.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use crate::fake_s3::{FakeS3, Fault, Honesty, When};
use crate::support::Desk;
use crate::{PUBLISH, next, room, staged};

const LOCAL: &str = "publish --to store --online-key online.key";
const PRUNE: &str = "prune --to store --json";

/// Makes every file in the store so many days old.
fn age(desk: &Desk, days: u64) {
    let then = SystemTime::now() - Duration::from_secs(days * 86_400);
    for name in files(desk) {
        let file = File::options()
            .write(true)
            .open(desk.path("store").join(name));
        file.unwrap().set_modified(then).unwrap();
    }
}

fn files(desk: &Desk) -> BTreeSet<String> {
    let files = desk.files().into_iter();
    files
        .filter_map(|name| Some(name.strip_prefix("store/")?.to_owned()))
        .collect()
}

/// Three states: the first release, the second beside it, the first withdrawn; and a foreign file.
fn three_states() -> Desk {
    let desk = staged(Desk::new().with_a_working_directory());
    desk.cuff(LOCAL).expect(0);
    next(&desk);
    desk.cuff(LOCAL).expect(0);
    desk.cuff("yank band/1.0.0").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.cuff(LOCAL).expect(0);
    desk.write("store/notes.txt", "somebody's");
    desk
}

#[test]
fn what_no_client_can_need_goes_and_roots_and_foreign_files_stay() {
    let desk = three_states();
    let before = files(&desk);
    let young = desk.cuff(PRUNE).expect(0).json();
    assert_eq!(young["removed"].as_array().unwrap().len(), 0, "{young}");
    assert_eq!(files(&desk), before);
    age(&desk, 8);
    let planned = desk.cuff(&format!("{PRUNE} --dry-run")).expect(0).json();
    assert_eq!(files(&desk), before, "a dry run removes nothing");
    let pruned = desk.cuff(PRUNE).expect(0).json();
    assert_eq!(planned["removed"], pruned["removed"]);
    let left = files(&desk);
    let gone: Vec<&String> = before.difference(&left).collect();
    assert_eq!(gone.len(), pruned["removed"].as_array().unwrap().len());
    for part in [
        "metadata/1.snapshot.json",
        "metadata/2.snapshot.json",
        "metadata/1.band.json",
    ] {
        assert!(!left.contains(part), "{part}");
    }
    assert!(gone.iter().any(|name| name.ends_with(".1.0.0")), "{gone:?}");
    for part in [
        "metadata/1.root.json",
        "metadata/timestamp.json",
        "notes.txt",
    ] {
        assert!(left.contains(part), "{part}");
    }
    assert_eq!(pruned["foreign"][0], ".cuff-lock");
    assert_eq!(pruned["foreign"][1], "notes.txt");
    assert!(
        left.iter()
            .filter(|name| name.starts_with("fleet/"))
            .count()
            >= 2
    );
    desk.cuff("check store --demo").expect(0);
    desk.cuff("fetch store band/2.0.0 -o got").expect(0);
    let again = desk.cuff(PRUNE).expect(0).json();
    assert_eq!(again["removed"].as_array().unwrap().len(), 0);
    // Publishing goes on, and the fleet is whole.
    desk.cuff("refresh --to store --online-key online.key")
        .expect(0);
}

#[test]
fn a_client_in_the_middle_of_an_update_finds_what_it_was_led_to() {
    let desk = three_states();
    age(&desk, 8);
    // The third state was published a moment ago: until then the second was current, and somebody may be reading it.
    let newest = desk.path("store/metadata/3.snapshot.json");
    let file = File::options().write(true).open(newest).unwrap();
    file.set_modified(SystemTime::now()).unwrap();
    desk.cuff(PRUNE).expect(0);
    let left = files(&desk);
    for part in ["metadata/2.snapshot.json", "metadata/2.band.json"] {
        assert!(left.contains(part), "{part} of {left:?}");
    }
    assert!(left.iter().any(|name| name.ends_with(".1.0.0")), "{left:?}");
    assert!(!left.contains("metadata/1.snapshot.json"));
}

#[test]
fn half_a_repository_is_not_made_smaller_and_no_time_at_all_is_no_grace() {
    let desk = three_states();
    age(&desk, 8);
    let short = desk.cuff(&format!("{PRUNE} --grace 10s")).expect(2);
    assert!(short.stdout.contains("an hour"), "{short}");
    let fleet = files(&desk);
    let newest = fleet
        .iter()
        .find(|name| name.starts_with("fleet/"))
        .unwrap();
    for name in ["metadata/3.band.json", newest] {
        let path = desk.path("store").join(name);
        let whole = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let before = files(&desk);
        let run = desk.cuff(PRUNE);
        if name.starts_with("metadata") {
            assert_eq!(run.code, 1, "{run}");
            assert_eq!(files(&desk), before);
        }
        fs::write(&path, whole).unwrap();
    }
    let nothing = desk.cuff("prune --to nowhere").expect(1);
    assert!(nothing.stderr.contains("nothing is published"), "{nothing}");
}

#[test]
fn a_bucket_is_pruned_by_those_who_may() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    next(&desk);
    desk.cuff(PUBLISH).expect(0);
    let before = server.snapshot();
    server.fail(Some((Fault::Status(403, "AccessDenied"), When::Deleting)));
    let denied = desk.cuff("prune --to s3://bucket/tuf").expect(3);
    assert!(denied.stderr.contains("may not do that"), "{denied}");
    assert_eq!(server.snapshot(), before);
    server.fail(None);
    desk.cuff("prune --to s3://bucket/tuf").expect(0);
    let gone = before.len() - server.names().len();
    assert_eq!(gone, 2, "a snapshot and a band: {:?}", server.names());
    desk.cuff("check s3://bucket/tuf --demo").expect(0);
    next_is_possible(&desk);
}

fn next_is_possible(desk: &Desk) {
    desk.cuff("yank band/1.0.0").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.cuff(PUBLISH).expect(0);
}
