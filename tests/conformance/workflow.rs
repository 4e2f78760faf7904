//! The workflow from root to targets: what is asked for, what is kept, what a refusal leaves behind.

use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::cases;
use crate::simulator::{PAST, Stage, Style};

cases! {
    both:
        a_first_update_asks_for_each_role_once
        an_update_without_news_asks_for_root_and_timestamp
        what_is_kept_is_what_was_served
        a_download_updates_first
        a_root_without_version_is_no_beginning
        a_root_that_is_not_signed_is_no_beginning
        a_role_that_is_not_signed_is_refused_and_those_before_it_are_kept
        another_version_than_the_one_asked_for_is_refused
        a_role_that_is_missing_is_refused
        a_snapshot_in_place_of_a_timestamp_is_refused
        an_expired_root_is_kept_and_nothing_after_it
        an_expired_role_is_not_kept
        an_expired_local_root_is_left_behind
        an_expired_local_timestamp_is_left_behind
        fields_that_nobody_knows_are_signed_like_the_rest
        a_changed_metadata_file_is_refused_by_its_pins
        a_target_is_downloaded_once
        a_target_in_a_folder_is_downloaded
        another_target_than_listed_is_never_kept
        a_target_that_changes_is_followed
        targets_are_taken_in_order_until_one_fails;
    foreign:
        a_timestamp_that_changes_under_its_version_is_passed_over
        pins_are_not_needed
        pins_that_hold_are_accepted
        sha_512_is_enough
        an_unknown_digest_alone_is_not_enough;
    device:
        a_timestamp_that_changes_under_its_version_is_refused;
}

fn a_first_update_asks_for_each_role_once(style: Style) {
    let stage = Stage::new(style);
    assert!(stage.requests().is_empty());
    assert!(stage.refresh());
    assert_eq!(
        stage.requests(),
        ["2.root", "timestamp", "1.snapshot", "1.targets"]
    );
    assert_eq!(stage.trust(), "root 1, snapshot 1, targets 1, timestamp 1");
}

fn an_update_without_news_asks_for_root_and_timestamp(style: Style) {
    let stage = Stage::new(style);
    assert!(stage.refresh());
    stage.requests();
    assert!(stage.refresh());
    assert_eq!(stage.requests(), ["2.root", "timestamp"]);
}

fn what_is_kept_is_what_was_served(style: Style) {
    let mut stage = Stage::new(style);
    if style == Style::Foreign {
        // Signed all the same: only the form of the file is another.
        stage.edit("metadata/timestamp.json", |file| file + " \n");
    }
    stage.publish(&["root"]);
    assert!(stage.refresh());
    for (role, path) in [
        ("root", "metadata/2.root.json"),
        ("timestamp", "metadata/timestamp.json"),
        ("snapshot", "metadata/1.snapshot.json"),
        ("targets", "metadata/1.targets.json"),
    ] {
        assert_eq!(stage.kept(role).unwrap(), stage.file(path), "{role}");
    }
}

fn a_download_updates_first(style: Style) {
    let stage = Stage::new(style);
    assert!(!stage.download(&["nowhere"]));
    assert_eq!(
        stage.requests(),
        ["2.root", "timestamp", "1.snapshot", "1.targets"]
    );
    assert_eq!(stage.trust(), "root 1, snapshot 1, targets 1, timestamp 1");
}

fn a_root_without_version_is_no_beginning(style: Style) {
    let mut stage = Stage::before_init(style);
    let mut root = stage.roles["root"].clone();
    root.as_object_mut().unwrap().remove("version");
    let file = stage.signed("root", &root);
    stage.publish(&[]);
    stage.init(&file);
    assert!(!stage.refresh());
    assert!(stage.requests().is_empty());
}

fn a_root_that_is_not_signed_is_no_beginning(style: Style) {
    let stage = Stage::before_init(style);
    let mut file: Value = serde_json::from_slice(&stage.file("metadata/1.root.json")).unwrap();
    file["signatures"][0]["sig"] = json!(stage.key().sign(b"something else"));
    stage.init(&stage.written(&file));
    assert!(!stage.refresh());
    assert!(stage.requests().is_empty());
}

const AFTER: [(&str, &str); 4] = [
    ("root", "root 1"),
    ("timestamp", "root 2"),
    ("snapshot", "root 2, timestamp 2"),
    ("targets", "root 2, snapshot 2, timestamp 2"),
];

fn a_role_that_is_not_signed_is_refused_and_those_before_it_are_kept(style: Style) {
    for (role, kept) in AFTER {
        for forged in [false, true] {
            let mut stage = Stage::new(style);
            if forged {
                stage.forged.insert(role.to_owned());
            } else {
                stage.signers.insert(role.to_owned(), Vec::new());
            }
            stage.publish(&["root", "targets", "snapshot", "timestamp"]);
            assert!(!stage.refresh());
            assert_eq!(stage.trust(), kept, "{role}");
        }
    }
}

fn another_version_than_the_one_asked_for_is_refused(style: Style) {
    for (lying, kept) in [AFTER[0], AFTER[2], AFTER[3]] {
        for said in [1, 3] {
            let mut stage = Stage::new(style);
            for role in ["root", "targets", "snapshot", "timestamp"] {
                stage.publish_as(role, if role == lying { said } else { 2 });
            }
            assert!(!stage.refresh());
            assert_eq!(stage.trust(), kept, "{lying}");
        }
    }
}

fn a_role_that_is_missing_is_refused(style: Style) {
    for (role, path, kept) in [
        ("timestamp", "metadata/timestamp.json", "root 2"),
        (
            "snapshot",
            "metadata/2.snapshot.json",
            "root 2, timestamp 2",
        ),
        (
            "targets",
            "metadata/2.targets.json",
            "root 2, snapshot 2, timestamp 2",
        ),
    ] {
        let mut stage = Stage::new(style);
        stage.publish(&["root", "targets", "snapshot", "timestamp"]);
        stage.remove(path);
        assert!(!stage.refresh());
        assert_eq!(stage.trust(), kept, "{role}");
    }
}

fn a_snapshot_in_place_of_a_timestamp_is_refused(style: Style) {
    let mut stage = Stage::new(style);
    let keys = stage.signers["timestamp"].clone();
    for key in &keys {
        stage.add_key("snapshot", key);
    }
    stage.publish(&["root", "snapshot"]);
    stage.put(
        "metadata/timestamp.json",
        stage.file("metadata/2.snapshot.json"),
    );
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 2");
}

fn an_expired_root_is_kept_and_nothing_after_it(style: Style) {
    let mut stage = Stage::new(style);
    stage.role("root")["expires"] = json!(PAST);
    stage.publish(&["root"]);
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 2");
    assert_eq!(stage.requests(), ["2.root", "3.root"]);
}

fn an_expired_role_is_not_kept(style: Style) {
    for (role, kept) in [
        ("timestamp", "root 1"),
        ("snapshot", "root 1, timestamp 2"),
        ("targets", "root 1, snapshot 2, timestamp 2"),
    ] {
        let mut stage = Stage::new(style);
        stage.role(role)["expires"] = json!(PAST);
        stage.publish_all();
        assert!(!stage.refresh());
        assert_eq!(stage.trust(), kept, "{role}");
    }
}

/// So many seconds from now, as metadata writes it.
fn soon(seconds: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    cuff_verifier::time::Instant(now.as_secs() + seconds).to_string()
}

fn an_expired_local_root_is_left_behind(style: Style) {
    let mut stage = Stage::before_init(style);
    stage.role("root")["expires"] = json!(soon(6));
    stage.role("root")["version"] = json!(1);
    stage.publish(&["root"]);
    assert!(stage.init(&stage.file("metadata/1.root.json")));
    assert!(stage.refresh());
    sleep(Duration::from_secs(7));
    assert!(!stage.refresh());
    stage.role("root")["expires"] = json!(crate::simulator::FAR);
    stage.publish(&["root"]);
    assert!(stage.refresh());
    assert_eq!(stage.trust(), "root 2, snapshot 1, targets 1, timestamp 1");
}

fn an_expired_local_timestamp_is_left_behind(style: Style) {
    let mut stage = Stage::new(style);
    stage.role("timestamp")["expires"] = json!(soon(6));
    stage.publish(&["timestamp"]);
    assert!(stage.refresh());
    sleep(Duration::from_secs(7));
    assert!(!stage.refresh());
    stage.role("timestamp")["expires"] = json!(crate::simulator::FAR);
    stage.publish_all();
    assert!(stage.refresh());
    assert_eq!(stage.trust(), "root 1, snapshot 2, targets 2, timestamp 3");
}

fn fields_that_nobody_knows_are_signed_like_the_rest(style: Style) {
    let mut stage = Stage::new(style);
    let root = stage.role("root");
    root["x-ours"] = json!({"a": [1, {"b": null}], "empty": ""});
    root["roles"]["timestamp"]["x-policy"] = json!(7);
    for key in root["keys"].as_object_mut().unwrap().values_mut() {
        key["x-owner"] = json!("@somebody");
        key["keyid_hash_algorithms"] = json!("what is this");
    }
    stage.role("targets")["x-more"] = json!(true);
    stage.publish(&["root"]);
    stage.publish_all();
    assert!(stage.refresh());
    assert_eq!(stage.trust(), "root 2, snapshot 2, targets 2, timestamp 2");
    // And whoever changes one is found out.
    stage.publish_all();
    stage.edit("metadata/3.targets.json", |file| {
        file.replace("x-more", "x-less")
    });
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 2, snapshot 3, targets 2, timestamp 3");
}

fn a_changed_metadata_file_is_refused_by_its_pins(style: Style) {
    for (role, kept) in [
        ("snapshot", "root 1, timestamp 2"),
        ("targets", "root 1, snapshot 2, timestamp 2"),
    ] {
        let mut stage = Stage::new(style);
        stage.pins = true;
        stage.publish_all();
        // Another signature over the same content: only the pins see a difference.
        let mut body = stage.roles[role].clone();
        body["version"] = json!(2);
        body["x"] = json!("other");
        let other = stage.signed(role, &body);
        stage.put(&format!("metadata/2.{role}.json"), other);
        assert!(!stage.refresh());
        assert_eq!(stage.trust(), kept, "{role}");
    }
}

fn a_timestamp_that_changes_under_its_version_is_passed_over(style: Style) {
    let mut stage = Stage::new(style);
    assert!(stage.refresh());
    let before = stage.kept("timestamp").unwrap();
    stage.requests();
    stage.role("timestamp")["version"] = json!(1);
    stage.role("timestamp")["meta"]["snapshot.json"]["version"] = json!(100);
    stage.publish(&["timestamp"]);
    assert!(stage.refresh());
    assert_eq!(stage.requests(), ["2.root", "timestamp"]);
    assert_eq!(stage.kept("timestamp").unwrap(), before);
}

fn a_timestamp_that_changes_under_its_version_is_refused(style: Style) {
    let mut stage = Stage::new(style);
    assert!(stage.refresh());
    let before = stage.kept("timestamp").unwrap();
    stage.role("timestamp")["version"] = json!(1);
    stage.role("timestamp")["x"] = json!(1);
    stage.publish(&["timestamp"]);
    assert!(!stage.refresh());
    assert_eq!(stage.kept("timestamp").unwrap(), before);
}

fn pins_are_not_needed(style: Style) {
    let mut stage = Stage::new(style);
    assert!(!stage.pins);
    stage.publish_all();
    assert!(stage.refresh());
}

fn pins_that_hold_are_accepted(style: Style) {
    let mut stage = Stage::new(style);
    stage.pins = true;
    stage.publish_all();
    assert!(stage.refresh());
    assert_eq!(stage.trust(), "root 1, snapshot 2, targets 2, timestamp 2");
}

fn a_target_is_downloaded_once(style: Style) {
    let mut stage = Stage::new(style);
    stage.target("targets", "file", b"content");
    stage.publish_all();
    assert!(stage.refresh());
    assert!(stage.downloaded().is_empty());
    assert!(stage.download(&["file"]));
    assert_eq!(stage.downloaded(), [b"content"]);
    stage.requests();
    assert!(stage.download(&["file"]));
    assert_eq!(stage.requests(), ["2.root", "timestamp"]);
}

fn a_target_in_a_folder_is_downloaded(style: Style) {
    let mut stage = Stage::new(style);
    stage.target("targets", "a/b/file.txt", b"content");
    stage.publish_all();
    assert!(stage.download(&["a/b/file.txt"]));
    assert_eq!(stage.downloaded(), [b"content"]);
}

fn another_target_than_listed_is_never_kept(style: Style) {
    let mut stage = Stage::new(style);
    stage.target("targets", "one", b"content 1");
    stage.target("targets", "two", b"content 2");
    stage.publish_all();
    assert!(stage.download(&["one"]));
    let path = |content: &[u8], name: &str| {
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(content));
        format!("targets/{digest}.{name}")
    };
    for evil in [&b"content X"[..], b"longer content", b"short", b""] {
        stage.put(&path(b"content 1", "one"), evil.to_vec());
        stage.put(&path(b"content 2", "two"), evil.to_vec());
        // The first is there already.
        stage.download(&["one"]);
        assert!(!stage.download(&["two"]));
        assert_eq!(stage.downloaded(), [b"content 1"]);
    }
}

fn a_target_that_changes_is_followed(style: Style) {
    let mut stage = Stage::new(style);
    for round in 0..4 {
        let content = format!("content {round}").into_bytes();
        stage.target("targets", "file", &content);
        stage.publish_all();
        assert!(stage.download(&["file"]));
        assert_eq!(stage.downloaded(), [content]);
    }
}

fn targets_are_taken_in_order_until_one_fails(style: Style) {
    let mut stage = Stage::new(style);
    stage.target("targets", "a", b"1");
    stage.target("targets", "c", b"3");
    stage.publish_all();
    assert!(!stage.download(&["a", "b", "c"]));
    assert_eq!(stage.downloaded(), [b"1"]);
    assert!(stage.download(&["c", "a"]));
    assert_eq!(stage.downloaded(), [b"1", b"3"]);
}

fn sha_512_is_enough(style: Style) {
    let mut stage = Stage::new(style);
    let content = b"content";
    let sha256 = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(content));
    let sha512 = hex::encode(<sha2::Sha512 as sha2::Digest>::digest(content));
    stage.role("targets")["targets"] = json!({
        "alone": {"hashes": {"sha512": sha512}, "length": 7},
        "both": {"hashes": {"sha256": sha256, "sha512": sha512}, "length": 7},
        "wrong": {"hashes": {"sha512": sha512.replace('1', "2")}, "length": 7},
        "half": {"hashes": {"sha256": sha256, "sha512": sha512.replace('1', "2")}, "length": 7},
        "upper": {"hashes": {"sha512": sha512.to_uppercase()}, "length": 7},
    });
    for name in ["alone", "wrong", "upper"] {
        for digest in [
            sha512.clone(),
            sha512.replace('1', "2"),
            sha512.to_uppercase(),
        ] {
            stage.put(&format!("targets/{digest}.{name}"), content.to_vec());
        }
    }
    for name in ["both", "half"] {
        stage.put(&format!("targets/{sha256}.{name}"), content.to_vec());
    }
    stage.publish_all();
    assert!(stage.download(&["alone"]));
    assert!(stage.download(&["both"]));
    for bad in ["wrong", "half", "upper"] {
        assert!(!stage.download(&[bad]), "{bad}");
    }
    assert_eq!(stage.downloaded().len(), 2);
}

fn an_unknown_digest_alone_is_not_enough(style: Style) {
    let mut stage = Stage::new(style);
    stage.role("targets")["targets"] =
        json!({"file": {"hashes": {"md5": "9a0364b9e99bb480dd25e1f0284c8555"}, "length": 7}});
    for name in ["file", "9a0364b9e99bb480dd25e1f0284c8555.file"] {
        stage.put(&format!("targets/{name}"), b"content".to_vec());
    }
    stage.publish_all();
    assert!(!stage.download(&["file"]));
    assert!(stage.downloaded().is_empty());
    // Nor does it pin metadata.
    let mut stage = Stage::new(style);
    stage.publish(&["targets"]);
    stage.role("snapshot")["meta"]["targets.json"]["hashes"] = json!({"md5": "00"});
    stage.publish(&["snapshot", "timestamp"]);
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 1, snapshot 2, timestamp 2");
}
