//! The whole river, as strangers to the source would go it: firmware in, two people in two clones, a repository, two
//! wearables of two products, an update, and everything that can be broken on the way. Exit codes and JSON only.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/office.rs"]
mod office;
#[path = "support/cuff.rs"]
mod support;

use std::fs;

use office::Office;
use serde_json::{Value, json};

/// An office whose first releases of both products are published, sealed, and run on a unit each.
fn running() -> Office {
    let office = Office::open();
    office.build("band", "1.0", 1, "band-a");
    office.build("scale", "1.0", 1, "scale-a");
    office.stage(&["band-1.0", "scale-1.0"]);
    for person in ["alice", "bob", "carol"] {
        office.sign(person);
    }
    office.publish().expect(0);
    for product in ["band", "scale"] {
        office.seal(&format!("{product}/1.0"), &format!("{product}-1.0"));
        office.json(&format!("sim new {product} --board qemu-an386"), 0);
        let provisioned = office.json(&provisioning(&office, product), 0);
        assert_eq!(provisioned["release"], format!("{product}/1.0"));
        assert_eq!(provisioned["root_sha256"], office.fingerprint());
    }
    office
}

fn provisioning(office: &Office, product: &str) -> String {
    format!(
        "device provision sim:{product} {product}-1.0.sealed --serial {product}-1 --hardware {product}-a \
         --root-sha256 {}",
        office.fingerprint()
    )
}

/// What a unit runs, and its counter.
fn runs(office: &Office, unit: &str) -> (String, u64) {
    let info = office.json(&format!("device info sim:{unit}"), 0);
    let state = &info["state"];
    assert_eq!(state["trial"], Value::Null, "{info:#}");
    (
        state["installed"]["release"].as_str().unwrap().to_owned(),
        state["counter"].as_u64().unwrap(),
    )
}

/// The names of what happened in all boots of an answer.
fn events(answer: &Value) -> Vec<&str> {
    let boots = answer["boots"].as_array().unwrap();
    let events = boots.iter().flat_map(|boot| boot.as_array().unwrap());
    events
        .map(|event| event["event"].as_str().unwrap())
        .collect()
}

#[test]
fn from_two_laptops_to_two_wrists() {
    let office = Office::open();
    office.build("band", "1.0", 1, "band-a");
    office.build("scale", "1.0", 1, "scale-a");
    office.stage(&["band-1.0", "scale-1.0"]);

    // Everyone signs in their own clone, before they have seen the others' signatures; git joins them.
    for person in ["bob", "carol"] {
        office.pull(person);
    }
    let digests: Vec<String> = ["alice", "bob", "carol"]
        .map(|person| office.sign_alone(person))
        .into();
    assert!(digests.iter().all(|digest| *digest == digests[0]));
    office.share("alice", "Sign");
    let early = office.publish();
    assert_eq!(early.code, 1, "{early}");
    for person in ["bob", "carol"] {
        office.commit(person, "Sign");
        office.pull(person);
        office.share(person, "Merge");
    }
    let stands = office.json("status --desk carol/desk", 0);
    assert_eq!(stands["complete"], true, "{stands:#}");
    office.publish().expect(0);
    let report = office.json("check server/desk/published --second-opinion", 0);
    assert_eq!(report["releases"], json!(["band/1.0", "scale/1.0"]));

    for product in ["band", "scale"] {
        let sealed = office.seal(&format!("{product}/1.0"), &format!("{product}-1.0"));
        assert_eq!(sealed["sealed"]["freshness"], "floor");
        office.json(&format!("sim new {product} --board qemu-an386"), 0);
        office.json(&format!("device info sim:{product}"), 13);
        office.json(&provisioning(&office, product), 0);
        assert_eq!(runs(&office, product), (format!("{product}/1.0"), 1));
    }

    // The band's next release needs the band's people alone, and changes nothing for the scale.
    office.release("1.1", 2, "band-a");
    office.json("device info sim:band --save band.json", 0);
    let asked = office.json("verify band-1.1.sealed --for band.json", 0);
    assert_eq!(asked["verdict"], "boot", "{asked:#}");
    let pushed = office.json("device push sim:band band-1.1.sealed", 0);
    assert_eq!(pushed["ended"], "accepted");
    assert!(events(&pushed).contains(&"trial-started"), "{pushed:#}");
    let booted = office.json("sim boot band", 0);
    assert_eq!(
        events(&booted),
        ["confirmed", "installed", "counter-raised", "running"]
    );
    assert_eq!(runs(&office, "band"), ("band/1.1".to_owned(), 2));
    office.json("device verify sim:band band-1.1.sealed", 0);
    assert_eq!(runs(&office, "scale"), ("scale/1.0".to_owned(), 1));

    // One product's release is nothing to the other's unit; the trust that comes with it is.
    let stranger = office.json("device push sim:scale band-1.1.sealed", 10);
    assert_eq!(stranger["error"]["rule"], "path-outside-product");
    office.seal("scale/1.0", "scale-later");
    let told = office.json("device push sim:scale scale-later.sealed --trust-only", 0);
    assert!(events(&told).contains(&"trust-advanced"), "{told:#}");
    assert_eq!(runs(&office, "scale"), ("scale/1.0".to_owned(), 1));
}

#[test]
fn what_is_broken_is_refused_by_number_and_leaves_the_unit_alone() {
    let office = running();
    office.release("1.1", 2, "band-a");
    office.json("device push sim:band band-1.1.sealed", 0);
    office.json("sim boot band", 0);

    // Older metadata, and an older release under newest metadata.
    let old = office.json("device push sim:band band-1.0.sealed", 10);
    assert_eq!(old["reason"]["code"], 212, "{old:#}");
    office.seal("band/1.0", "older");
    let older = office.json("device push sim:band older.sealed", 10);
    assert_eq!(older["reason"]["code"], 317, "{older:#}");
    // Other hardware.
    office.release("1.2", 3, "band-b");
    let other = office.json("device push sim:band band-1.2.sealed", 10);
    assert_eq!(other["reason"]["code"], 315, "{other:#}");
    // The desk says the same of the same file.
    office.json("device info sim:band --save band.json", 0);
    let asked = office.json("verify band-1.2.sealed --for band.json", 1);
    assert_eq!(asked["reason"]["code"], 315, "{asked:#}");

    // A file that was cut short, and one with a byte turned over, anywhere: never a yes, never an install.
    let whole = fs::read(office.room.path("band-1.1.sealed")).unwrap();
    office.room.write("cut.sealed", &whole[..whole.len() - 700]);
    office.json("device push sim:band cut.sealed", 1);
    for at in (0..whole.len()).step_by(whole.len() / 12) {
        let mut changed = whole.clone();
        changed[at] ^= 0x20;
        office.room.write("changed.sealed", changed);
        let answer = office
            .room
            .cuff("device push sim:band changed.sealed --json");
        assert_ne!(answer.code, 0, "byte {at}: {answer}");
    }
    assert_eq!(runs(&office, "band"), ("band/1.1".to_owned(), 2));

    let log = office.json("device log sim:band", 0);
    assert_eq!(log["broken"], false);
    let text = log.to_string();
    for name in ["timestamp-rollback", "counter-rollback", "other-hardware"] {
        assert!(text.contains(name), "{name}: {log:#}");
    }
    // Once somebody, always somebody.
    office.json(&provisioning(&office, "band"), 14);
}

#[test]
fn a_store_that_lies_is_not_fetched_from() {
    let office = running();
    // Each time as one who has seen nothing yet: who has trusted a file before keeps that one.
    let root = "--root server/desk/metadata/1.root.json";
    let fetch = format!("fetch server/desk/published band/1.0 --sealed -o again.sealed {root}");
    let fetch = fetch.as_str();
    office.json(fetch, 0);
    let metadata = office.room.path("server/desk/published/metadata");
    for (name, rule) in [
        ("1.band.json", "unpinned"),
        ("1.snapshot.json", "unpinned"),
        ("timestamp.json", "under-threshold"),
    ] {
        let path = metadata.join(name);
        let honest = fs::read_to_string(&path).unwrap();
        // A year more for whoever signed it.
        let lie = honest.replacen("\"expires\":\"20", "\"expires\":\"21", 1);
        assert_ne!(lie, honest, "{name}");
        fs::write(&path, lie).unwrap();
        let refused = office.json(fetch, 1);
        assert_eq!(refused["error"]["rule"], rule, "{name}: {refused:#}");
        fs::write(&path, honest).unwrap();
    }
    let targets = office.room.path("server/desk/published/targets/band");
    let bundle = fs::read_dir(targets)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&bundle, bytes).unwrap();
    office.json(fetch, 1);
    office.json("check server/desk/published", 1);
    fs::remove_file(&bundle).unwrap();
    office.json(fetch, 1);
}

#[test]
fn power_cuts_and_sick_releases_leave_something_signed_running() {
    let office = running();
    office.release("1.1", 2, "band-a");
    // At any moment of the push: what runs afterwards is one of the two, and the push can be repeated.
    for after in [3, 400, 4_800, 4_950, 5_100] {
        let copy = format!("band-{after}");
        copy_unit(&office, "band", &copy);
        office.json(&format!("sim cut {copy} --after {after}"), 0);
        office.json(&format!("device push sim:{copy} band-1.1.sealed"), 15);
        let booted = office.json(&format!("sim boot {copy}"), 0);
        if !events(&booted).contains(&"trial-started") {
            office.json(&format!("device push sim:{copy} band-1.1.sealed"), 0);
        }
        office.json(&format!("sim boot {copy} --times 2"), 0);
        assert_eq!(runs(&office, &copy), ("band/1.1".to_owned(), 2), "{after}");
    }
    // A release that never confirms.
    office.json("device push sim:band band-1.1.sealed", 0);
    let open = office.json("device push sim:band band-1.1.sealed", 10);
    assert!(open.to_string().contains("trial-open"), "{open:#}");
    let sick = office.json("sim boot band --sick --times 3", 11);
    assert!(events(&sick).contains(&"reverted"), "{sick:#}");
    assert_eq!(runs(&office, "band"), ("band/1.0".to_owned(), 1));
    // The next one is taken.
    office.release("1.2", 3, "band-a");
    office.json("device push sim:band band-1.2.sealed", 0);
    office.json("sim boot band", 0);
    assert_eq!(runs(&office, "band"), ("band/1.2".to_owned(), 3));
}

fn copy_unit(office: &Office, from: &str, to: &str) {
    fs::create_dir(office.room.path(to)).unwrap();
    for name in ["flash.bin", "board.toml", "wearable.toml"] {
        let from = office.room.path(from).join(name);
        fs::copy(from, office.room.path(to).join(name)).unwrap();
    }
}

#[test]
fn a_yanked_release_is_gone_for_everyone_who_asks_again() {
    let office = running();
    office.release("1.1", 2, "band-a");
    office.pull("alice");
    office
        .room
        .cuff("yank band/1.1 --desk alice/desk")
        .expect(0);
    office.share("alice", "Yank");
    for person in ["alice", "bob"] {
        office.sign(person);
    }
    office.publish().expect(0);
    let gone = office.json(
        "fetch server/desk/published band/1.1 -o gone.cuff --desk server/desk",
        1,
    );
    assert_eq!(gone["error"]["rule"], "target-unknown", "{gone:#}");
    // A unit that hears of it refuses the sealed bundle that somebody kept.
    office.seal("band/1.0", "newest");
    office.json("device push sim:band newest.sealed --trust-only", 0);
    let kept = office.json("device push sim:band band-1.1.sealed", 10);
    assert_eq!(kept["reason"]["name"], "timestamp-rollback", "{kept:#}");
}
