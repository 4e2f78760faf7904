//! A small author of published repositories, right or wrong, for tests of the reading side.
//!
//! It shares no code with the desk: metadata is written by hand here and signed with keys from published seeds. Bundles are
//! real. Change a body, a signer or a finished file; `files` pins everything afresh, the way it would be published.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

#[path = "canonical.rs"]
mod canonical;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

pub use canonical::canonical;
use cuff::bundle::tape::{self, Entry};
use cuff_verifier::time::Instant;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The hour in which every test takes place.
pub const NOW: &str = "2026-11-23T12:00:00Z";

/// A metadata file: what it says, and who signs.
#[derive(Clone)]
pub struct Role {
    /// The `signed` member.
    pub body: Value,
    /// Who signs, by name.
    pub signers: Vec<&'static str>,
    /// Replacements in the finished file: what somebody without keys can do.
    pub edits: Vec<(String, String)>,
}

/// A repository with two products, `band` and `scale`, and one release of `band`.
#[derive(Clone)]
pub struct Author {
    /// Root files, from version 1.
    pub roots: Vec<Role>,
    /// The timestamp.
    pub timestamp: Role,
    /// The snapshot; what it pins is filled in.
    pub snapshot: Role,
    /// The top-level targets role.
    pub targets: Role,
    /// Delegated roles by name.
    pub products: BTreeMap<String, Role>,
    /// Bundles by target path.
    pub bundles: BTreeMap<String, Vec<u8>>,
    /// Files that lie there besides, or in place of others.
    pub extra: BTreeMap<String, Vec<u8>>,
}

impl Role {
    fn new(body: Value, signers: &[&'static str]) -> Self {
        Self {
            body,
            signers: signers.to_vec(),
            edits: Vec::new(),
        }
    }

    /// Its version.
    pub fn version(&self) -> u64 {
        self.body["version"].as_u64().unwrap()
    }

    /// Another version.
    pub fn set_version(&mut self, version: u64) {
        self.body["version"] = json!(version);
    }

    /// Replaces text in the finished file.
    pub fn edit(&mut self, from: &str, to: &str) {
        self.edits.push((from.to_owned(), to.to_owned()));
    }

    /// The file.
    pub fn bytes(&self) -> Vec<u8> {
        let signed = canonical(&self.body);
        let mut signatures: Vec<(String, String)> = self
            .signers
            .iter()
            .map(|name| {
                let signature = signing_key(name).sign(signed.as_bytes());
                (keyid(name), hex(&signature.to_bytes()))
            })
            .collect();
        signatures.sort();
        let list: Vec<String> = signatures
            .iter()
            .map(|(id, sig)| format!(r#"{{"keyid":"{id}","sig":"{sig}"}}"#))
            .collect();
        let mut file = format!(r#"{{"signatures":[{}],"signed":{signed}}}"#, list.join(","));
        for (from, to) in &self.edits {
            assert!(file.contains(from.as_str()), "nothing to replace: {from}");
            file = file.replacen(from, to, 1);
        }
        file.into_bytes()
    }
}

impl Author {
    /// A repository that every rule accepts, signed two days before [`NOW`].
    pub fn new() -> Self {
        let mut author = Self {
            roots: vec![Role::new(root(), &["alice", "bob"])],
            timestamp: Role::new(
                json!({"_type": "timestamp", "expires": day(5), "issued": day(-2), "meta": {},
                    "spec_version": "1.0.0", "version": 1}),
                &["online"],
            ),
            snapshot: Role::new(
                json!({"_type": "snapshot", "expires": day(28), "meta": {},
                    "spec_version": "1.0.0", "version": 1}),
                &["online"],
            ),
            targets: Role::new(
                json!({"_type": "targets",
                    "delegations": {
                        "keys": keys(&["alice", "bob", "carol", "erin"]),
                        "roles": [delegation("band", &["alice", "bob", "carol"], 2), delegation("scale", &["erin"], 1)],
                    },
                    "expires": day(300), "issued": day(-2), "spec_version": "1.0.0", "targets": {}, "version": 1}),
                &["alice", "bob"],
            ),
            products: BTreeMap::from([
                ("band".to_owned(), product(&["alice", "bob"])),
                ("scale".to_owned(), product(&["erin"])),
            ]),
            bundles: BTreeMap::new(),
            extra: BTreeMap::new(),
        };
        author.release("band/1.0.0", 1, b"the first image");
        author
    }

    /// Adds a release.
    pub fn release(&mut self, path: &str, counter: u64, image: &[u8]) {
        let (name, version) = path.split_once('/').unwrap();
        let record = record(name, version, counter, image);
        let bundle = bundle(&record, image);
        let entry = json!({"custom": {"cuff": record}, "hashes": {"sha256": sha256(&bundle)}, "length": bundle.len()});
        self.product(name).body["targets"][path] = entry;
        self.bundles.insert(path.to_owned(), bundle);
    }

    /// A product role.
    pub fn product(&mut self, name: &str) -> &mut Role {
        self.products.get_mut(name).unwrap()
    }

    /// Adds the next root, which begins as a copy of the last.
    pub fn rotate(&mut self, signers: &[&'static str], change: impl Fn(&mut Value)) {
        let mut body = self.roots.last().unwrap().body.clone();
        body["version"] = json!(self.roots.len() + 1);
        change(&mut body);
        self.roots.push(Role::new(body, signers));
    }

    /// The next version of timestamp, snapshot and these roles, as publishing makes them.
    pub fn next(&mut self, roles: &[&str]) {
        for role in roles {
            let role = match *role {
                "targets" => &mut self.targets,
                other => self.products.get_mut(other).unwrap(),
            };
            role.set_version(role.version() + 1);
        }
        self.snapshot.set_version(self.snapshot.version() + 1);
        self.timestamp.set_version(self.timestamp.version() + 1);
    }

    /// Every file of the repository, each pinned by the one above it.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for root in &self.roots {
            files.insert(
                format!("metadata/{}.root.json", root.version()),
                root.bytes(),
            );
        }
        let mut snapshot = self.snapshot.clone();
        let products = self
            .products
            .iter()
            .map(|(name, role)| (name.as_str(), role));
        for (name, role) in products.chain([("targets", &self.targets)]) {
            let bytes = role.bytes();
            pin(
                &mut snapshot,
                &format!("{name}.json"),
                &bytes,
                role.version(),
            );
            files.insert(format!("metadata/{}.{name}.json", role.version()), bytes);
        }
        let bytes = snapshot.bytes();
        let mut timestamp = self.timestamp.clone();
        pin(&mut timestamp, "snapshot.json", &bytes, snapshot.version());
        files.insert(
            format!("metadata/{}.snapshot.json", snapshot.version()),
            bytes,
        );
        files.insert("metadata/timestamp.json".to_owned(), timestamp.bytes());
        if self.roots[0].body["consistent_snapshot"] == false {
            // Such repositories name their files without versions.
            for (name, bytes) in files.clone() {
                let plain = name.replacen("metadata/1.", "metadata/", 1);
                files.insert(plain, bytes);
            }
        }
        for (path, bundle) in &self.bundles {
            let (folder, name) = path.rsplit_once('/').unwrap();
            files.insert(
                format!("targets/{folder}/{}.{name}", sha256(bundle)),
                bundle.clone(),
            );
        }
        files.extend(self.extra.clone());
        files
    }

    /// Writes every file over what is there.
    pub fn publish(&self, folder: &Path) {
        for (name, bytes) in self.files() {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// The file of root 1, which a reader begins with.
    pub fn root(&self) -> Vec<u8> {
        self.roots[0].bytes()
    }

    /// A device of `band` that was made with root 1 and has seen nothing else.
    pub fn state(&self) -> Value {
        json!({"schema_version": 1, "product": "band", "hardware": "band-a", "serial": "unit-1", "bootloader": 1,
            "root": self.roots[0].body, "versions": {"timestamp": 0, "snapshot": 0, "targets": 0, "product": 0},
            "timestamp_digest": "00".repeat(32), "floor": day(-30), "minimum_counter": 0, "counter": 0})
    }
}

/// So many days after the hour of the tests.
pub fn day(days: i64) -> String {
    let now = Instant::parse(NOW.as_bytes()).unwrap().0;
    Instant(now.checked_add_signed(days * 86_400).unwrap()).to_string()
}

/// So many days after the hour of the tests.
pub fn later(days: u64) -> Instant {
    Instant(now().0 + days * 86_400)
}

/// The hour of the tests.
pub fn now() -> Instant {
    Instant::parse(NOW.as_bytes()).unwrap()
}

/// Fills in an entry of `meta`, unless a test has put its own there.
fn pin(role: &mut Role, file: &str, bytes: &[u8], version: u64) {
    let meta = role.body["meta"].as_object_mut().unwrap();
    meta.entry(file).or_insert_with(
        || json!({"hashes": {"sha256": sha256(bytes)}, "length": bytes.len(), "version": version}),
    );
}

fn root() -> Value {
    let people = keyids(&["alice", "bob", "carol"]);
    let online = keyids(&["online"]);
    json!({"_type": "root", "consistent_snapshot": true, "expires": day(360), "issued": day(-2),
        "keys": keys(&["alice", "bob", "carol", "online"]),
        "roles": {
            "root": {"keyids": people, "threshold": 2},
            "snapshot": {"keyids": online, "threshold": 1},
            "targets": {"keyids": people, "threshold": 2},
            "timestamp": {"keyids": online, "threshold": 1},
        },
        "spec_version": "1.0.0", "version": 1})
}

fn product(signers: &[&'static str]) -> Role {
    Role::new(
        json!({"_type": "targets", "expires": day(200), "issued": day(-2), "minimum_counter": 1,
            "spec_version": "1.0.0", "targets": {}, "version": 1}),
        signers,
    )
}

/// A delegation as the desk makes them.
pub fn delegation(name: &str, people: &[&str], threshold: u64) -> Value {
    json!({"keyids": keyids(people), "name": name, "paths": [format!("{name}/*")], "terminating": true,
        "threshold": threshold})
}

/// A release record.
pub fn record(product: &str, version: &str, counter: u64, image: &[u8]) -> Value {
    json!({"counter": counter, "format": 1, "hardware": [format!("{product}-a")],
        "images": [{"length": image.len(), "region": "active", "sha256": sha256(image)}],
        "kind": "application", "minimum_bootloader": 1, "product": product, "version": version})
}

/// A bundle.
pub fn bundle(record: &Value, image: &[u8]) -> Vec<u8> {
    let record = canonical(record);
    tape::write(&[
        Entry {
            name: "release.json",
            bytes: record.as_bytes(),
        },
        Entry {
            name: "images/active.bin",
            bytes: image,
        },
    ])
    .unwrap()
}

/// `keys`, by people's names.
pub fn keys(people: &[&str]) -> Value {
    people
        .iter()
        .map(|name| (keyid(name), key(name)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// `keyids`, by people's names.
pub fn keyids(people: &[&str]) -> Value {
    people
        .iter()
        .map(|name| keyid(name))
        .collect::<Vec<_>>()
        .into()
}

/// A person's key id.
pub fn keyid(name: &str) -> String {
    sha256(canonical(&key(name)).as_bytes())
}

fn key(name: &str) -> Value {
    let public = hex(signing_key(name).verifying_key().as_bytes());
    json!({"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"})
}

fn signing_key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(format!("cuff test author key {name}")).into())
}

/// SHA-256 in hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
