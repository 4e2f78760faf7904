//! Repositories, sound and unsound, that every TUF client should be asked about.
//!
//! Each is a change to a sound repository, made by somebody who holds all the keys, or to a finished file by somebody who
//! holds none.

use serde_json::json;

use crate::author::{self, Author, day, delegation, keyids, keys};

/// A change to what is signed.
pub type Change = fn(&mut Author);

/// A change to a finished file.
pub type Vandalism = fn(Vec<u8>) -> Vec<u8>;

/// What we refuse and other clients accept, and why.
pub const STRICTER: [(&str, &str); 8] = [
    (
        "no-issued",
        "a device without a clock needs the date of signing (docs/trust.md)",
    ),
    ("other-key-type", "devices verify Ed25519 alone"),
    (
        "not-ascii",
        "what encoders disagree about is not signed by us",
    ),
    ("pretty", "our repositories are canonical on the wire"),
    (
        "unpinned-snapshot",
        "without pins, one role's file could pass for another's",
    ),
    (
        "repeated-member",
        "other readers take the last of two members with one name",
    ),
    ("inconsistent", "devices read consistent snapshots"),
    (
        "large-number",
        "other readers round integers above 2^53 - 1",
    ),
];

/// Nothing is wrong with these, except that not all of them list the release.
pub const SOUND: &[(&str, Change)] = &[
    ("sound", |_| ()),
    ("two-rotations", |author| {
        author.rotate(&["alice", "bob"], |_| ());
        author.rotate(&["bob", "carol"], |_| ());
    }),
    ("new-people", |author| {
        author.rotate(&["alice", "bob", "dora", "emil"], |root| {
            root["keys"] = keys(&["dora", "emil", "online"]);
            root["roles"]["root"]["keyids"] = keyids(&["dora", "emil"]);
            root["roles"]["targets"]["keyids"] = keyids(&["dora", "emil"]);
        });
        author.targets.signers = vec!["dora", "emil"];
    }),
    ("expired-root-between", |author| {
        author.rotate(&["alice", "bob"], |root| root["expires"] = json!(day(-1)));
        author.rotate(&["alice", "bob"], |root| root["expires"] = json!(day(1)));
    }),
    ("extra-signatures", |author| {
        author.product("band").signers = vec!["alice", "bob", "mallory"];
    }),
    ("unknown-members", |author| {
        author.targets.body["x-note"] = json!({"a": [1, true, null]});
        author.roots[0].body["x-note"] = json!("kept");
    }),
    ("no-product-delegated", |author| {
        author.targets.body["delegations"]["roles"] = json!([delegation("scale", &["erin"], 1)]);
    }),
    ("root-behind-a-gap", |author| {
        author.rotate(&["alice", "bob"], |_| ());
        author.roots[1].set_version(3);
    }),
];

/// Every client refuses these, with one exception that its test names.
pub const UNSOUND: &[(&str, Change)] = &[
    ("root-expired", |author| {
        author.roots[0].body["expires"] = json!(day(-1));
    }),
    ("timestamp-expired", |author| {
        author.timestamp.body["expires"] = json!(day(-1));
    }),
    ("snapshot-expired", |author| {
        author.snapshot.body["expires"] = json!(day(-1));
    }),
    ("targets-expired", |author| {
        author.targets.body["expires"] = json!(day(-1));
    }),
    ("product-expired", |author| {
        author.product("band").body["expires"] = json!(day(-1));
    }),
    ("root-by-one", |author| {
        author.roots[0].signers = vec!["alice"];
    }),
    ("root-not-by-the-old", |author| {
        author.rotate(&["alice", "mallory"], |_| ());
    }),
    ("root-not-by-itself", |author| {
        author.rotate(&["alice", "bob"], |root| {
            root["keys"] = keys(&["dora", "emil", "online", "alice", "bob"]);
            root["roles"]["root"]["keyids"] = keyids(&["dora", "emil"]);
        });
    }),
    ("root-skips", |author| {
        author.rotate(&["alice", "bob"], |_| ());
        author.roots[1].set_version(3);
        let skipped = author.roots[1].bytes();
        author
            .extra
            .insert("metadata/2.root.json".to_owned(), skipped);
    }),
    ("timestamp-unsigned", |author| {
        author.timestamp.signers = vec![];
    }),
    ("snapshot-by-another", |author| {
        author.snapshot.signers = vec!["alice"];
    }),
    ("targets-by-one", |author| {
        author.targets.signers = vec!["alice"];
    }),
    ("product-by-one", |author| {
        author.product("band").signers = vec!["alice"];
    }),
    ("product-by-a-stranger", |author| {
        author.product("band").signers = vec!["alice", "erin"];
    }),
    ("one-key-two-ids", |author| {
        let other = "a".repeat(64);
        author.targets.body["delegations"]["keys"][&other] =
            author.targets.body["delegations"]["keys"][author::keyid("alice")].clone();
        author.targets.body["delegations"]["roles"][0]["keyids"] =
            json!([author::keyid("alice"), other]);
        author.product("band").signers = vec!["alice"];
    }),
    ("wrong-type", |author| {
        author.product("band").body["_type"] = json!("snapshot");
    }),
    ("spec-version-2", |author| {
        author.targets.body["spec_version"] = json!("2.0.0");
    }),
    ("expires-this-second", |author| {
        author.product("band").body["expires"] = json!(day(0));
    }),
];

/// These we refuse and others do not.
pub const STRICT: &[(&str, Change)] = &[
    ("no-issued", |author| {
        author
            .product("band")
            .body
            .as_object_mut()
            .unwrap()
            .remove("issued");
    }),
    ("other-key-type", |author| {
        author.roots[0].body["keys"]["b".repeat(64)] =
            json!({"keytype": "rsa", "keyval": {"public": "x"}, "scheme": "rsassa-pss-sha256"});
    }),
    ("not-ascii", |author| {
        author.product("band").body["x-note"] = json!("\u{e9}");
    }),
    ("unpinned-snapshot", |author| {
        author.timestamp.body["meta"]["snapshot.json"] = json!({"version": 1});
    }),
    ("inconsistent", |author| {
        author.roots[0].body["consistent_snapshot"] = json!(false);
    }),
    ("large-number", |author| {
        author.product("band").body["x-note"] = json!(1_u64 << 60);
    }),
];

/// Changes to finished files.
pub const BROKEN: [(&str, &str, Vandalism); 5] = [
    ("pretty", "metadata/timestamp.json", |bytes| {
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        serde_json::to_vec_pretty(&value).unwrap()
    }),
    ("repeated-member", "metadata/timestamp.json", |bytes| {
        let text = String::from_utf8(bytes).unwrap();
        text.replacen("\"version\":1}}", "\"version\":7,\"version\":1}}", 1)
            .into_bytes()
    }),
    ("flipped-snapshot", "metadata/1.snapshot.json", flip),
    ("flipped-product", "metadata/1.band.json", flip),
    ("cut-targets", "metadata/1.targets.json", |mut bytes| {
        bytes.pop();
        bytes
    }),
];

fn flip(mut bytes: Vec<u8>) -> Vec<u8> {
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    bytes
}
