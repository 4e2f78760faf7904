//! A repository small enough to sign inside a test, and the sealed bundles that come out of it.
//!
//! It shares no code with the desk's own authoring: sorted compact JSON, Ed25519, two signatures for root, targets and the
//! product role, one for the online roles. All keys come from published seeds.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate
)]

#[path = "canonical.rs"]
mod canonical;

use std::collections::BTreeMap;

pub use canonical::canonical;
use cuff::bundle::seal::Seal;
use cuff::bundle::tape::{self, Entry};
use cuff_verifier::digest::Digest;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

const EXPIRES: &str = "2030-01-01T00:00:00Z";

/// A release that was staged.
#[derive(Clone)]
pub struct Release {
    pub name: &'static str,
    pub counter: u64,
    pub hardware: &'static str,
    pub kind: &'static str,
    pub image: Vec<u8>,
}

impl Release {
    pub fn new(name: &'static str, counter: u64, length: usize) -> Self {
        let seed = name.bytes().fold(7u8, u8::wrapping_add);
        // Dense bytes, so that every program unit counts.
        let byte = |at: usize| {
            seed.wrapping_mul(31)
                .wrapping_add(u8::try_from(at % 251).unwrap())
                & 0x7f
        };
        Self {
            name,
            counter,
            hardware: "band-a",
            kind: "application",
            image: (0..length).map(byte).collect(),
        }
    }
}

impl Release {
    /// A bootloader.
    pub fn bootloader(name: &'static str, image: &[u8]) -> Self {
        Self {
            name,
            counter: 1,
            hardware: "band-a",
            kind: "bootloader",
            image: image.to_vec(),
        }
    }

    fn region(&self) -> &'static str {
        if self.kind == "bootloader" {
            "boot"
        } else {
            "active"
        }
    }
}

/// Keys, versions and what was published so far.
#[derive(Clone)]
pub struct Factory {
    pub product: &'static str,
    owners: [SigningKey; 2],
    online: SigningKey,
    roots: Vec<Vec<u8>>,
    pub version: u64,
    pub minimum: u64,
    pub day: u64,
    pub releases: Vec<Release>,
}

impl Factory {
    /// A repository with one root and no release.
    pub fn new(product: &'static str) -> Self {
        let mut factory = Self {
            product,
            owners: [key(1), key(2)],
            online: key(3),
            roots: Vec::new(),
            version: 1,
            minimum: 0,
            day: 1,
            releases: Vec::new(),
        };
        factory.renew_root();
        factory
    }

    /// Another set of people altogether.
    pub fn strangers(product: &'static str) -> Self {
        let mut factory = Self::new(product);
        factory.owners = [key(11), key(12)];
        factory.online = key(13);
        factory.roots.clear();
        factory.renew_root();
        factory
    }

    /// A new release, on a new day.
    pub fn release(&mut self, release: Release) -> &mut Self {
        self.releases.push(release);
        self.publish()
    }

    /// New versions of everything below root, on a new day.
    pub fn publish(&mut self) -> &mut Self {
        self.version += 1;
        self.day += 1;
        self
    }

    /// A root that follows the last one.
    pub fn renew_root(&mut self) -> &mut Self {
        let owners: Vec<String> = self.owners.iter().map(key_id).collect();
        let online = vec![key_id(&self.online)];
        let mut keys = serde_json::Map::new();
        for key in self.owners.iter().chain([&self.online]) {
            keys.insert(key_id(key), public(key));
        }
        let role = |ids: &[String], threshold: u64| {
            let mut ids = ids.to_vec();
            ids.sort();
            json!({"keyids": ids, "threshold": threshold})
        };
        let signed = json!({
            "_type": "root", "consistent_snapshot": true, "expires": EXPIRES, "issued": self.now(),
            "keys": keys, "spec_version": "1.0.0", "version": self.roots.len() + 1,
            "roles": {
                "root": role(&owners, 2), "targets": role(&owners, 2),
                "snapshot": role(&online, 1), "timestamp": role(&online, 1),
            },
        });
        self.roots
            .push(envelope(&signed, &[&self.owners[0], &self.owners[1]]));
        self
    }

    /// A root file.
    pub fn root(&self, version: usize) -> &[u8] {
        &self.roots[version - 1]
    }

    /// SHA-256 of a root's `signed` bytes, in hex.
    pub fn fingerprint(&self, version: usize) -> String {
        let file: Value = serde_json::from_slice(self.root(version)).unwrap();
        Digest::of(canonical(&file["signed"]).as_bytes()).to_string()
    }

    /// A sealed bundle with every root and the newest release.
    pub fn seal(&self) -> Vec<u8> {
        self.seal_of(&self.releases[self.releases.len() - 1..])
    }

    /// A sealed bundle with these releases.
    pub fn seal_of(&self, inside: &[Release]) -> Vec<u8> {
        Seal::pack(&self.files(inside)).unwrap().as_bytes().to_vec()
    }

    /// The files of a sealed bundle, for tests that change one.
    pub fn files(&self, inside: &[Release]) -> BTreeMap<String, Vec<u8>> {
        let version = self.version;
        let mut files = BTreeMap::new();
        for (index, root) in self.roots.iter().enumerate() {
            files.insert(format!("metadata/{}.root.json", index + 1), root.clone());
        }
        let both = [&self.owners[0], &self.owners[1]];
        let product = envelope(&self.product_role(), &both);
        let targets = envelope(&self.targets_role(), &both);
        let snapshot = envelope(
            &json!({
                "_type": "snapshot", "expires": EXPIRES, "spec_version": "1.0.0", "version": version,
                "meta": {
                    format!("{}.json", self.product): pin(&product, version),
                    "targets.json": pin(&targets, version),
                },
            }),
            &[&self.online],
        );
        let timestamp = envelope(
            &json!({
                "_type": "timestamp", "expires": EXPIRES, "spec_version": "1.0.0",
                "version": version, "issued": self.now(),
                "meta": { "snapshot.json": pin(&snapshot, version) },
            }),
            &[&self.online],
        );
        files.insert("metadata/timestamp.json".to_owned(), timestamp);
        files.insert(format!("metadata/{version}.snapshot.json"), snapshot);
        files.insert(format!("metadata/{version}.targets.json"), targets);
        files.insert(format!("metadata/{version}.{}.json", self.product), product);
        for release in inside {
            let bundle = self.bundle(release);
            let name = format!(
                "targets/{}/{}.{}",
                self.product,
                Digest::of(&bundle),
                release.name
            );
            files.insert(name, bundle);
        }
        files
    }

    /// The bundle of a release.
    pub fn bundle(&self, release: &Release) -> Vec<u8> {
        tape::write(&[
            Entry {
                name: "release.json",
                bytes: canonical(&self.record(release)).as_bytes(),
            },
            Entry {
                name: &format!("images/{}.bin", release.region()),
                bytes: &release.image,
            },
        ])
        .unwrap()
    }

    fn record(&self, release: &Release) -> Value {
        json!({
            "counter": release.counter, "format": 1, "hardware": [release.hardware],
            "images": [{
                "length": release.image.len(), "region": release.region(),
                "sha256": Digest::of(&release.image).to_string(),
            }],
            "kind": release.kind, "minimum_bootloader": 1, "product": self.product,
            "version": release.name,
        })
    }

    fn now(&self) -> String {
        format!("2026-11-{:02}T00:00:00Z", self.day)
    }

    fn targets_role(&self) -> Value {
        let keys: serde_json::Map<String, Value> = self
            .owners
            .iter()
            .map(|key| (key_id(key), public(key)))
            .collect();
        let mut ids: Vec<&String> = keys.keys().collect();
        ids.sort();
        json!({
            "_type": "targets", "expires": EXPIRES, "issued": self.now(),
            "spec_version": "1.0.0", "targets": {}, "version": self.version,
            "delegations": { "keys": keys, "roles": [{
                "keyids": ids, "name": self.product, "paths": [format!("{}/*", self.product)],
                "terminating": true, "threshold": 2,
            }] },
        })
    }

    fn product_role(&self) -> Value {
        let targets: serde_json::Map<String, Value> = self
            .releases
            .iter()
            .map(|release| {
                let bundle = self.bundle(release);
                let entry = json!({
                    "custom": {"cuff": self.record(release)},
                    "hashes": {"sha256": Digest::of(&bundle).to_string()}, "length": bundle.len(),
                });
                (format!("{}/{}", self.product, release.name), entry)
            })
            .collect();
        json!({
            "_type": "targets", "expires": EXPIRES, "issued": self.now(),
            "minimum_counter": self.minimum, "spec_version": "1.0.0",
            "targets": targets, "version": self.version,
        })
    }
}

fn envelope(signed: &Value, signers: &[&SigningKey]) -> Vec<u8> {
    let bytes = canonical(signed).into_bytes();
    let mut signatures: Vec<Value> = signers
        .iter()
        .map(|key| json!({"keyid": key_id(key), "sig": hex::encode(key.sign(&bytes).to_bytes())}))
        .collect();
    signatures.sort_by_key(|signature| signature["keyid"].to_string());
    canonical(&json!({"signatures": signatures, "signed": signed})).into_bytes()
}

fn pin(file: &[u8], version: u64) -> Value {
    json!({
        "hashes": {"sha256": Digest::of(file).to_string()}, "length": file.len(), "version": version,
    })
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn public(key: &SigningKey) -> Value {
    json!({
        "keytype": "ed25519", "keyval": {"public": hex::encode(key.verifying_key().to_bytes())},
        "scheme": "ed25519",
    })
}

fn key_id(key: &SigningKey) -> String {
    Digest::of(canonical(&public(key)).as_bytes()).to_string()
}
