//! What the signing desk publishes, read by everyone who will: our client, a device, and three verifiers of other people.

use std::fs;

use cuff::state::State;
use serde_json::{Value, json};

use crate::oracles::{javascript, sigstore};
use crate::python_tuf::{python, quick};
use crate::release::bundle;
use crate::server::Server;
use crate::support::{Desk, project};

/// A working directory with two roots and two releases published; the example keys are tolerated in it.
fn published() -> Desk {
    let desk = Desk::new().with_a_working_directory().hide_hex();
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
    for person in ["alice", "bob"] {
        desk.sign(person).expect(0);
    }
    desk.publish().expect(0);
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
            assert_eq!(javascript(&folder, target), Ok(listed));
        }
    }
}

#[test]
fn from_the_desk_to_the_devices_verdict() {
    let desk = published();
    let board = project().join("fixtures/boards/wearable.toml");
    fs::copy(board, desk.path("board.toml")).unwrap();
    fs::copy(
        desk.path("desk/published/metadata/1.root.json"),
        desk.path("root.json"),
    )
    .unwrap();
    let fetch = |releases: &str, file: &str| {
        desk.cuff(&format!(
            "fetch desk/published {releases} --sealed -o {file}"
        ))
        .expect(0);
    };
    fetch("band/1.4.0", "old.sealed");
    fetch("band/1.5.0", "new.sealed");
    fetch("band/1.5.0 band/1.4.0", "both.sealed");
    desk.cuff("sim new unit --board board.toml").expect(0);
    desk.cuff(
        "device provision sim:unit old.sealed --serial unit-1 --hardware band-a --root root.json",
    )
    .expect(0);
    desk.cuff("device info sim:unit --save unit.json").expect(0);
    let verify = |rest: &str| {
        desk.cuff(&format!(
            "verify {rest} --for unit.json --board board.toml --json"
        ))
    };
    verify("both.sealed").expect(2);
    let both = verify("both.sealed --release band/1.5.0").expect(0).json();
    let new = verify("new.sealed").expect(0).json();
    assert_eq!(both["release"], new["release"]);
    // What the desk foretold is what happens.
    desk.cuff("device push sim:unit new.sealed").expect(0);
    desk.cuff("sim boot unit").expect(0);
    desk.cuff("device info sim:unit --save unit.json").expect(0);
    let answer = verify("old.sealed").expect(1).json();
    assert_eq!(answer["reason"]["name"], "counter-rollback");
    let moved = State::read(desk.read("unit.json").as_bytes()).unwrap();
    assert_eq!(moved.root["version"], 2);
    assert_eq!(moved.installed.unwrap().release, "band/1.5.0");
}

#[test]
fn a_device_is_brought_up_to_date_from_a_server() {
    let desk = published().variable("NO_PROXY", "127.0.0.1");
    let board = project().join("fixtures/boards/wearable.toml");
    fs::copy(board, desk.path("board.toml")).unwrap();
    let first = desk.path("desk/published/metadata/1.root.json");
    fs::copy(first, desk.path("root.json")).unwrap();
    let server = Server::of_folder(desk.path("desk/published"));
    let at = server.url("");
    desk.cuff(&format!("fetch {at} band/1.4.0 --sealed -o old.sealed"))
        .expect(0);
    desk.cuff("sim new unit --board board.toml").expect(0);
    desk.cuff(
        "device provision sim:unit old.sealed --serial unit-1 --hardware band-a --root root.json",
    )
    .expect(0);
    let push = |rest: &str| desk.cuff(&format!("device push sim:unit {at} {rest} --json"));
    assert_eq!(push("").expect(2).json()["error"]["rule"], "no-release");
    push("--release band/9").expect(1);
    push("--release band/1.5.0 --dry-run").expect(0);
    let pushed = push("--release band/1.5.0").expect(0).json();
    assert_eq!(pushed["release"], "band/1.5.0");
    desk.cuff("sim boot unit").expect(0);
    let trust = push("--trust-only").expect(0).json();
    assert_eq!(trust["release"], Value::Null);
    desk.cuff(&format!(
        "--offline device push sim:unit {at} --release band/1.5.0"
    ))
    .expect(2);
    desk.cuff("device info sim:unit --save unit.json").expect(0);
    let moved = State::read(desk.read("unit.json").as_bytes()).unwrap();
    assert_eq!(moved.installed.unwrap().release, "band/1.5.0");
}
