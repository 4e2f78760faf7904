//! The online key is stolen, and the thief numbers what they publish so high that nothing of ours would ever be newer: the drill
//! leads clients and devices back (TUF 5.3.11), and python-tuf follows.

#![allow(clippy::unwrap_used)]

#[path = "support/python_tuf.rs"]
mod python_tuf;
#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use std::fs;
use std::path::Path;

use cuff::instant;
use cuff::key::Signer;
use cuff::key::file::KeyFile;
use cuff::role::canonical;
use python_tuf::{python_that_knows, quick};
use release::bundle;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use support::Desk;

/// The largest number that metadata can hold.
const LAST: u64 = (1 << 53) - 1;

/// band/1.0 is published, and a unit runs it.
fn founded() -> Desk {
    let desk = Desk::new().variable("CUFF_DESK", "desk").hide_hex();
    for name in ["alice", "bob", "online", "online-2"] {
        desk.cuff(&format!("key new {name} --unencrypted"))
            .expect(0);
    }
    desk.cuff("init desk --key root=alice.pub,bob.pub --product band --online online.pub --board band=qemu-an386")
        .expect(0);
    desk.write("band-1.0.cuff", bundle("band", "1.0", 1, 1));
    desk.cuff("stage band-1.0.cuff").expect(0);
    sign(&desk);
    desk.cuff("publish --online-key online.key").expect(0);
    let root = desk.cuff("status --json").expect(0).json();
    let root = root["root_sha256"].as_str().unwrap();
    seal(&desk, "first");
    desk.cuff("sim new unit --board qemu-an386").expect(0);
    desk.cuff(&format!(
        "device provision sim:unit first.sealed --serial unit-1 --hardware band-a --root-sha256 {root}"
    ))
    .expect(0);
    desk
}

fn sign(desk: &Desk) {
    for name in ["alice", "bob"] {
        desk.sign(name).expect(0);
    }
}

/// Seals band/1.0 as a client does that knows the first root and nothing else.
fn seal(desk: &Desk, name: &str) {
    let root = desk.path("desk/published/metadata/1.root.json");
    desk.cuff(&format!(
        "fetch desk/published band/1.0 --root {} --sealed -o {name}.sealed",
        root.display()
    ))
    .expect(0);
}

/// What the thief publishes: snapshot and timestamp with these versions, signed with the stolen key.
fn attack(desk: &Desk, edit: impl FnOnce(&mut Value)) {
    let thief = KeyFile::read(&desk.path("online.key"))
        .unwrap()
        .open(None)
        .unwrap();
    let metadata = desk.path("desk/published/metadata");
    let read = |name: &str| -> Value {
        let file: Value = serde_json::from_slice(&fs::read(metadata.join(name)).unwrap()).unwrap();
        file["signed"].clone()
    };
    let mut snapshot = read("1.snapshot.json");
    snapshot["version"] = json!(LAST);
    edit(&mut snapshot);
    let bytes = write(
        &thief,
        &snapshot,
        &metadata.join(format!("{LAST}.snapshot.json")),
    );
    let mut timestamp = read("timestamp.json");
    timestamp["version"] = json!(LAST);
    timestamp["meta"]["snapshot.json"] = json!({
        "hashes": {"sha256": hex::encode(Sha256::digest(&bytes))},
        "length": bytes.len(),
        "version": LAST,
    });
    write(&thief, &timestamp, &metadata.join("timestamp.json"));
}

fn write(thief: &dyn Signer, signed: &Value, path: &Path) -> Vec<u8> {
    let signed = String::from_utf8(canonical::encode(signed).unwrap()).unwrap();
    let keyid = thief.public().id();
    let signature = hex::encode(thief.sign(signed.as_bytes()).unwrap());
    let file = format!(
        r#"{{"signatures":[{{"keyid":"{keyid}","sig":"{signature}"}}],"signed":{signed}}}"#
    );
    fs::write(path, &file).unwrap();
    file.into_bytes()
}

/// The online key is replaced in one event, and the new one publishes.
fn recover(desk: &Desk) {
    let drilled = desk
        .cuff("role drill --compromised online --replace online=online-2.pub")
        .expect(0);
    assert!(
        drilled
            .stdout
            .contains("!   timestamp: they can hold back updates, also by numbers so high that ours are refused"),
        "{drilled}"
    );
    sign(desk);
    let published = desk.cuff("publish --online-key online-2.key").expect(0);
    assert!(
        published
            .stderr
            .contains("with numbers to lock clients and devices out; they were set aside"),
        "{published}"
    );
    let checked = desk.cuff("check desk/published --json").expect(0).json();
    assert_eq!(checked["ok"], true, "{checked}");
}

#[test]
fn a_fast_forward_is_recovered_from_by_the_drill() {
    let desk = founded();
    let published = desk.path("desk/published");
    let first = fs::read(published.join("metadata/1.root.json")).unwrap();
    let memory = tempfile::tempdir().unwrap();
    let python = || {
        python_that_knows(
            memory.path(),
            &published,
            &first,
            instant::now().unwrap(),
            "band/1.0",
        )
    };
    // The thief's numbers are taken for ours by everyone: the key is the right one.
    attack(&desk, |_| ());
    if !quick() {
        assert_eq!(python(), Ok(true));
    }
    seal(&desk, "theirs");
    let pushed = desk
        .cuff("device push sim:unit theirs.sealed --trust-only")
        .expect(0);
    assert!(
        pushed.stdout.contains(&format!("timestamp {LAST}")),
        "{pushed}"
    );
    // Nobody can go on from there with the old key.
    let refused = desk.cuff("refresh --online-key online.key").expect(1);
    assert!(
        refused
            .stderr
            .contains(&format!("v{LAST}, and v1 was the last that is known here"))
            && refused.stderr.contains("cuff role drill --compromised"),
        "{refused}"
    );
    recover(&desk);
    if !quick() {
        assert_eq!(python(), Ok(true));
    }
    seal(&desk, "ours");
    let pushed = desk
        .cuff("device push sim:unit ours.sealed --trust-only")
        .expect(0);
    assert!(
        pushed.stdout.contains("trust: root 2 (new), timestamp 2,"),
        "{pushed}"
    );
}

#[test]
fn a_snapshot_that_leads_nowhere_does_not_stop_the_drill() {
    let desk = founded();
    let published = desk.path("desk/published");
    let first = fs::read(published.join("metadata/1.root.json")).unwrap();
    let memory = tempfile::tempdir().unwrap();
    // A targets role that nobody ever made, and which clients wait for from now on.
    attack(&desk, |snapshot| {
        snapshot["meta"]["targets.json"]["version"] = json!(LAST);
    });
    let python = || {
        python_that_knows(
            memory.path(),
            &published,
            &first,
            instant::now().unwrap(),
            "band/1.0",
        )
    };
    if !quick() {
        python().unwrap_err();
    }
    desk.cuff("refresh --online-key online.key").expect(1);
    recover(&desk);
    if !quick() {
        assert_eq!(python(), Ok(true));
    }
    seal(&desk, "ours");
    desk.cuff("device push sim:unit ours.sealed --trust-only")
        .expect(0);
}

#[test]
fn what_colleagues_published_is_not_set_aside() {
    let desk = founded();
    // Somebody else's clone published a release; this one does not know it yet.
    let before: Vec<_> = desk
        .files()
        .into_iter()
        .filter(|name| name.starts_with("desk/metadata") || name.starts_with("desk/staged"))
        .map(|name| (name.clone(), fs::read(desk.path(&name)).unwrap()))
        .collect();
    desk.write("band-1.1.cuff", bundle("band", "1.1", 2, 2));
    desk.cuff("stage band-1.1.cuff").expect(0);
    sign(&desk);
    desk.cuff("publish --online-key online.key").expect(0);
    fs::remove_dir_all(desk.path("desk/metadata")).unwrap();
    for (name, bytes) in &before {
        desk.write(name, bytes);
    }
    desk.cuff("role drill --compromised online --replace online=online-2.pub")
        .expect(0);
    sign(&desk);
    let refused = desk.cuff("publish --online-key online-2.key").expect(1);
    assert!(
        refused
            .stderr
            .contains("is ahead of this working directory: band is v2 there, v1 here"),
        "{refused}"
    );
    // Nor when the store is broken besides.
    fs::remove_file(desk.path("desk/published/metadata/2.snapshot.json")).unwrap();
    let refused = desk.cuff("publish --online-key online-2.key").expect(1);
    assert!(refused.stderr.contains("half a repository"), "{refused}");
}
