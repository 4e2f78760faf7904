//! What the signing desk publishes, read by everyone who will: our client, a device, and three verifiers of other people.

use std::fs;

use serde_json::{Value, json};

use crate::oracles::{python, quick, sigstore};
use crate::release::bundle;
use crate::support::Desk;

/// A working directory with two roots and two releases published; the example keys are tolerated in it.
fn published() -> Desk {
    let desk = Desk::new()
        .with_example_keys()
        .hide_hex()
        .variable("CUFF_PASSPHRASE", "example")
        .variable("CUFF_DESK", "desk");
    let keys = "--key root=alice.pub,bob.pub --key band=alice.pub,bob.pub --threshold root=2 --online online.pub";
    desk.cuff(&format!("init desk --demo {keys}")).expect(0);
    for (version, counter) in [("1.4.0", 7), ("1.5.0", 8)] {
        let file = format!("band-{version}.cuff");
        desk.write(&file, bundle("band", version, counter, 1));
        desk.cuff(&format!("stage {file}")).expect(0);
        sign_and_publish(&desk);
    }
    desk.cuff("role add-key root carol.pub").expect(0);
    sign_and_publish(&desk);
    desk
}

fn sign_and_publish(desk: &Desk) {
    let review = desk.cuff("review --json").expect(0).json();
    let digest = review["digest"].as_str().unwrap().to_owned();
    for person in ["alice", "bob"] {
        desk.cuff(&format!("sign --key {person}.key --review {digest}"))
            .expect(0);
    }
    desk.cuff("publish --online-key online.key").expect(0);
}

#[test]
fn a_published_repository_is_healthy_and_everyone_finds_the_release() {
    let desk = published();
    let folder = desk.path("desk/published");
    let report = desk
        .cuff("check desk/published --demo --second-opinion --json")
        .expect(0)
        .json();
    let problems: Vec<&Value> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|problem| problem["severity"] != "note")
        .collect();
    assert_eq!(problems, [] as [&Value; 0]);
    assert_eq!(report["roles"]["root"]["version"], 2);
    assert_eq!(report["releases"], json!(["band/1.4.0", "band/1.5.0"]));
    desk.cuff("check desk/published").expect(1);

    let root = fs::read(folder.join("metadata/1.root.json")).unwrap();
    let now = cuff::instant::now().unwrap();
    for (target, listed) in [("band/1.5.0", true), ("band/9", false)] {
        assert_eq!(sigstore(&folder, &root, now, target), Ok(listed));
        if !quick() {
            assert_eq!(python(&folder, &root, now, target), Ok(listed));
        }
    }
}

#[test]
fn from_the_desk_to_the_devices_verdict() {
    let desk = published();
    desk.cuff("fetch desk/published band/1.5.0 band/1.4.0 --sealed -o band.sealed")
        .expect(0);
    let root = fs::read(desk.path("desk/published/metadata/1.root.json")).unwrap();
    let root: Value = serde_json::from_slice(&root).unwrap();
    let state = json!({"schema_version": 1, "product": "band", "hardware": "band-a", "serial": "unit-1",
        "bootloader": 1, "root": root["signed"],
        "versions": {"timestamp": 0, "snapshot": 0, "targets": 0, "product": 0},
        "timestamp_digest": "00".repeat(32), "floor": root["signed"]["issued"], "minimum_counter": 0, "counter": 8});
    desk.write("unit.json", state.to_string());
    desk.cuff("verify band.sealed --for unit.json").expect(2);
    let verify = |release: &str| {
        desk.cuff(&format!(
            "verify band.sealed --for unit.json --release {release} --json"
        ))
    };
    let answer = verify("band/1.5.0").expect(0).json();
    assert_eq!(answer["moves_to"]["root"], 2);
    let answer = verify("band/1.4.0").expect(1).json();
    assert_eq!(answer["reason"]["name"], "counter-rollback");
    assert_eq!(answer["trust"], "chain");
}
