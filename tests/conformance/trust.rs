//! Keys, thresholds, rotations and rollbacks: who is believed, and what nobody is believed about any more.

use serde_json::{Value, json};

use crate::cases;
use crate::keys::Key;
use crate::simulator::{Stage, Style};
use std::sync::Arc;

cases! {
    both:
        a_threshold_is_of_distinct_keys
        more_signatures_than_there_are_keys_cannot_be_met
        one_key_that_signs_often_counts_once
        two_signatures_under_one_id_are_refused
        signatures_that_do_not_hold_do_no_harm
        an_older_timestamp_is_refused
        an_older_snapshot_is_refused_with_the_timestamp_that_names_it
        an_older_targets_role_is_refused_with_the_snapshot_that_lists_it
        a_role_that_is_no_longer_listed_is_refused
        new_snapshot_keys_forget_versions_that_ran_ahead
        new_timestamp_keys_forget_versions_that_ran_ahead
        a_key_that_is_added_forgets_nothing
        roots_are_followed_by_old_keys_and_new_ones
        roots_do_not_skip_a_version
        other_roles_are_believed_by_their_newest_keys;
    foreign:
        every_scheme_is_verified
        one_key_in_two_encodings_is_one_signer
        schemes_that_nobody_knows_verify_nothing;
    device:
        ;
}

/// Gives a role so many keys, and a threshold.
fn several(stage: &mut Stage, role: &str, keys: usize, threshold: u64) {
    stage.drop_keys(role);
    for _ in 0..keys {
        let key = stage.key();
        stage.add_key(role, &key);
    }
    stage.role("root")["roles"][role]["threshold"] = json!(threshold);
    stage.publish(&["root"]);
}

fn a_threshold_is_of_distinct_keys(style: Style) {
    let mut stage = Stage::new(style);
    several(&mut stage, "snapshot", 3, 2);
    let keys = stage.signers["snapshot"].clone();
    stage.signers.insert("snapshot".into(), keys[1..2].to_vec());
    stage.publish_all();
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 2, timestamp 2");
    stage.signers.insert("snapshot".into(), keys[1..].to_vec());
    stage.publish_all();
    assert!(stage.refresh());
    stage.forged.insert("snapshot".into());
    stage.publish_all();
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 2, snapshot 3, targets 3, timestamp 4");
}

fn more_signatures_than_there_are_keys_cannot_be_met(style: Style) {
    let mut stage = Stage::new(style);
    several(&mut stage, "snapshot", 5, 6);
    stage.publish_all();
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 2, timestamp 2");
}

fn one_key_that_signs_often_counts_once(style: Style) {
    // The same id over and over in the role.
    let mut stage = Stage::new(style);
    let ids = stage.role("root")["roles"]["timestamp"]["keyids"].clone();
    let id = ids[0].clone();
    stage.role("root")["roles"]["timestamp"] = json!({"keyids": [id, id, id], "threshold": 2});
    stage.publish(&["root"]);
    stage.publish_all();
    assert!(!stage.refresh());
    // One key under two ids, with a signature under each.
    let mut stage = Stage::new(style);
    let key = stage.signers["timestamp"][0].clone();
    let twin = Arc::new(key.twin(&"ff".repeat(32), key.entry.clone()));
    stage.add_key("timestamp", &twin);
    stage.role("root")["roles"]["timestamp"]["threshold"] = json!(2);
    stage.publish(&["root"]);
    stage.publish_all();
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 2");
}

fn two_signatures_under_one_id_are_refused(style: Style) {
    let mut stage = Stage::new(style);
    let keys = stage.signers["snapshot"].clone();
    stage
        .signers
        .insert("snapshot".into(), [keys.clone(), keys].concat());
    stage.publish_all();
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 1, timestamp 2");
}

fn signatures_that_do_not_hold_do_no_harm(style: Style) {
    let mut stage = Stage::new(style);
    several(&mut stage, "timestamp", 4, 1);
    stage.publish_all();
    let mut file: Value = serde_json::from_slice(&stage.file("metadata/timestamp.json")).unwrap();
    let other = stage.key().sign(b"something else");
    file["signatures"][0]["sig"] = json!("");
    file["signatures"][1]["sig"] = json!(other);
    file["signatures"][2]["sig"] = json!("not even hex");
    stage.put("metadata/timestamp.json", stage.written(&file));
    assert!(stage.refresh());
    // None that holds is not enough.
    stage.publish(&["timestamp"]);
    let mut file: Value = serde_json::from_slice(&stage.file("metadata/timestamp.json")).unwrap();
    for signature in file["signatures"].as_array_mut().unwrap() {
        signature["sig"] = json!(other);
    }
    stage.put("metadata/timestamp.json", stage.written(&file));
    assert!(!stage.refresh());
}

fn an_older_timestamp_is_refused(style: Style) {
    let mut stage = Stage::new(style);
    let old = stage.file("metadata/timestamp.json");
    stage.publish(&["timestamp"]);
    assert!(stage.refresh());
    stage.put("metadata/timestamp.json", old);
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 1, snapshot 1, targets 1, timestamp 2");
}

fn an_older_snapshot_is_refused_with_the_timestamp_that_names_it(style: Style) {
    for pins in [style == Style::Device, true] {
        let mut stage = Stage::new(style);
        stage.pins = pins;
        stage.publish_all();
        assert!(stage.refresh());
        stage.role("snapshot")["version"] = json!(1);
        stage.publish(&["snapshot", "timestamp"]);
        assert!(!stage.refresh());
        assert_eq!(stage.trust(), "root 1, snapshot 2, targets 2, timestamp 2");
    }
}

fn an_older_targets_role_is_refused_with_the_snapshot_that_lists_it(style: Style) {
    for pins in [style == Style::Device, true] {
        let mut stage = Stage::new(style);
        stage.pins = pins;
        stage.publish_all();
        assert!(stage.refresh());
        stage.role("targets")["version"] = json!(1);
        stage.publish_all();
        assert!(!stage.refresh());
        assert_eq!(stage.trust(), "root 1, snapshot 2, targets 2, timestamp 3");
    }
}

fn a_role_that_is_no_longer_listed_is_refused(style: Style) {
    let mut stage = Stage::new(style);
    stage.delegate("targets", "more", json!({"paths": ["*"]}));
    stage.publish_all();
    assert!(stage.refresh());
    stage.role("snapshot")["meta"]
        .as_object_mut()
        .unwrap()
        .remove("more.json");
    stage.publish(&["snapshot", "timestamp"]);
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 1, snapshot 2, targets 2, timestamp 3");
}

/// A repository whose online keys were stolen and used: everything they sign has run ahead.
fn run_ahead(style: Style) -> Stage {
    let mut stage = Stage::new(style);
    stage.delegate("targets", "more", json!({"paths": ["*"]}));
    for role in ["timestamp", "snapshot"] {
        stage.role(role)["version"] = json!(99_999);
    }
    stage.publish_all();
    assert!(stage.refresh());
    for role in ["timestamp", "snapshot"] {
        stage.role(role)["version"] = json!(3);
    }
    stage.role("snapshot")["meta"]
        .as_object_mut()
        .unwrap()
        .remove("more.json");
    stage.publish(&["targets"]);
    stage
}

fn new_snapshot_keys_forget_versions_that_ran_ahead(style: Style) {
    let mut stage = run_ahead(style);
    stage.publish(&["snapshot", "timestamp"]);
    assert!(!stage.refresh(), "without new keys nothing is forgotten");
    for role in ["timestamp", "snapshot"] {
        stage.role(role)["version"] = json!(3);
    }
    stage.rotate("snapshot");
    stage.publish(&["root", "snapshot", "timestamp"]);
    assert!(stage.refresh());
    assert_eq!(stage.trust(), "root 2, snapshot 3, targets 3, timestamp 3");
}

fn new_timestamp_keys_forget_versions_that_ran_ahead(style: Style) {
    let mut stage = run_ahead(style);
    stage.rotate("timestamp");
    stage.publish(&["root", "snapshot", "timestamp"]);
    assert!(stage.refresh());
    assert_eq!(stage.trust(), "root 2, snapshot 3, targets 3, timestamp 3");
}

fn a_key_that_is_added_forgets_nothing(style: Style) {
    let mut stage = run_ahead(style);
    for role in ["timestamp", "snapshot"] {
        let key = stage.key();
        stage.add_key(role, &key);
    }
    stage.publish(&["root", "snapshot", "timestamp"]);
    assert!(!stage.refresh());
    assert_eq!(
        stage.trust(),
        "root 2, snapshot 99999, targets 2, timestamp 99999"
    );
}

/// The keys of root in one version: which are listed, how many must sign, and who signs; and whether a client follows.
type Link<'a> = (&'a [usize], u64, &'a [usize], bool);

const SEQUENCES: &[&[Link<'static>]] = &[
    // One key throughout, one of several, several of several.
    &[(&[1], 1, &[1], true), (&[1], 1, &[1], true)],
    &[(&[1, 2, 3], 1, &[2], true), (&[1, 2, 3], 1, &[3], true)],
    &[
        (&[1, 2, 3], 2, &[1, 3], true),
        (&[1, 2, 3], 2, &[2, 3], true),
    ],
    // A key in place of another: signed by old and new.
    &[(&[1], 1, &[1], true), (&[2], 1, &[1, 2], true)],
    &[(&[1], 1, &[1], true), (&[2], 1, &[2], false)],
    &[(&[1], 1, &[1], true), (&[2], 1, &[1], false)],
    // A threshold that rises or falls.
    &[(&[1, 2], 1, &[1], true), (&[1, 2], 2, &[1, 2], true)],
    &[(&[1, 2], 1, &[1], true), (&[1, 2], 2, &[2], false)],
    &[(&[1, 2], 2, &[1, 2], true), (&[1, 2], 1, &[1, 2], true)],
    &[(&[1, 2], 2, &[1, 2], true), (&[1, 2], 1, &[1], false)],
    // All of several are replaced.
    &[
        (&[1, 2, 3], 2, &[1, 2], true),
        (&[4, 5, 6], 2, &[1, 3, 4, 6], true),
    ],
    &[
        (&[1, 2, 3], 2, &[1, 2], true),
        (&[4, 5, 6], 2, &[1, 4, 5], false),
    ],
    &[
        (&[1, 2, 3], 2, &[1, 2], true),
        (&[4, 5, 6], 2, &[1, 2, 4], false),
    ],
    // Back to keys of before, in the end.
    &[
        (&[1], 1, &[1], true),
        (&[2], 1, &[1, 2], true),
        (&[1], 1, &[1, 2], true),
    ],
    &[
        (&[1], 1, &[1], true),
        (&[2], 1, &[1, 2], true),
        (&[3], 1, &[1, 3], false),
    ],
];

fn roots_are_followed_by_old_keys_and_new_ones(style: Style) {
    for sequence in SEQUENCES {
        let mut stage = Stage::before_init(style);
        let keys: Vec<_> = (0..7).map(|_| stage.key()).collect();
        stage.role("root")["version"] = json!(1);
        let mut trusted = 0;
        for (listed, threshold, signing, good) in *sequence {
            stage.drop_keys("root");
            for key in *listed {
                stage.add_key("root", &keys[*key]);
            }
            stage.role("root")["roles"]["root"]["threshold"] = json!(threshold);
            let signing = signing.iter().map(|key| keys[*key].clone()).collect();
            stage.signers.insert("root".into(), signing);
            stage.publish(&["root"]);
            if trusted == 0 {
                assert!(stage.init(&stage.file("metadata/1.root.json")));
            } else {
                assert_eq!(stage.refresh(), *good, "{sequence:?}");
            }
            trusted += u64::from(*good);
            assert_eq!(
                stage.trusted()[0],
                ("root".to_owned(), trusted),
                "{sequence:?}"
            );
        }
    }
}

fn roots_do_not_skip_a_version(style: Style) {
    let mut stage = Stage::new(style);
    stage.publish(&["root", "root", "root"]);
    let third = stage.file("metadata/3.root.json");
    stage.put("metadata/2.root.json", third);
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 1");
}

fn other_roles_are_believed_by_their_newest_keys(style: Style) {
    for role in ["timestamp", "snapshot", "targets"] {
        for (listed, threshold, signing, good) in [
            (&[1][..], 1, &[1][..], true),
            (&[1, 2, 3], 2, &[1, 3], true),
            (&[1, 2, 3], 2, &[1, 4], false),
            (&[2], 1, &[2], true),
            (&[2], 1, &[1], false),
            (&[2], 1, &[1, 2], true),
            (&[1, 2], 2, &[1], false),
        ] {
            let mut stage = Stage::new(style);
            assert!(stage.refresh());
            let keys: Vec<_> = (0..5).map(|_| stage.key()).collect();
            stage.drop_keys(role);
            for key in listed {
                stage.add_key(role, &keys[*key]);
            }
            stage.role("root")["roles"][role]["threshold"] = json!(threshold);
            let signing = signing.iter().map(|key| keys[*key].clone()).collect();
            stage.signers.insert(role.into(), signing);
            stage.publish(&["root"]);
            stage.publish_all();
            assert_eq!(stage.refresh(), good, "{role} {listed:?}");
        }
    }
}

fn every_scheme_is_verified(style: Style) {
    let mut keys = vec![Key::ed25519(), Key::p256()];
    let mut legacy = Key::p256();
    legacy.entry = legacy.as_point();
    keys.push(legacy);
    // RSA keys are OpenSSL's.
    if std::env::var_os("CUFF_QUICK").is_none() {
        keys.push(Key::rsa());
    }
    for key in keys {
        let mut stage = Stage::new(style);
        stage.drop_keys("timestamp");
        stage.add_key("timestamp", &Arc::new(key));
        stage.publish(&["root"]);
        stage.publish_all();
        assert!(stage.refresh());
        stage.publish_all();
        let path = "metadata/timestamp.json";
        let mut file: Value = serde_json::from_slice(&stage.file(path)).unwrap();
        let signature = stage.signers["timestamp"][0].sign(b"something else");
        file["signatures"][0]["sig"] = json!(signature);
        stage.put(path, stage.written(&file));
        assert!(!stage.refresh());
        assert_eq!(stage.trust(), "root 2, snapshot 2, targets 2, timestamp 2");
    }
}

fn one_key_in_two_encodings_is_one_signer(style: Style) {
    let mut stage = Stage::new(style);
    let key = stage.signers["timestamp"][0].clone();
    let twin = Arc::new(key.twin("point", key.as_point()));
    stage.add_key("timestamp", &twin);
    stage.role("root")["roles"]["timestamp"]["threshold"] = json!(2);
    stage.publish(&["root"]);
    stage.publish_all();
    assert!(!stage.refresh());
    stage.role("root")["roles"]["timestamp"]["threshold"] = json!(1);
    stage.publish(&["root"]);
    stage.publish_all();
    assert!(stage.refresh());
}

fn schemes_that_nobody_knows_verify_nothing(style: Style) {
    // As a key that nobody needs it may stand there.
    let mut stage = Stage::new(style);
    let mut strange = Key::p256();
    strange.entry["scheme"] = json!("tomorrows-scheme");
    strange.entry["keytype"] = json!("tomorrows-keys");
    stage.add_key("timestamp", &Arc::new(strange));
    stage.publish(&["root"]);
    stage.publish_all();
    assert!(stage.refresh());
    // But it signs nothing, and a known key signs nothing by another scheme or under another type.
    for (member, value) in [
        ("scheme", "tomorrows-scheme"),
        ("scheme", "rsassa-pss-sha256"),
        ("keytype", "rsa"),
        ("keytype", "ed25519"),
    ] {
        let mut stage = Stage::new(style);
        let mut key = Key::p256();
        key.entry[member] = json!(value);
        stage.drop_keys("timestamp");
        stage.add_key("timestamp", &Arc::new(key));
        stage.publish(&["root"]);
        stage.publish_all();
        assert!(!stage.refresh(), "{member} {value}");
        assert_eq!(stage.trust(), "root 2");
    }
}
