//! A repository small enough to sign inside a test.
//!
//! Takes releases, gives evidence in the shapes the desk writes: sorted compact JSON, Ed25519, two signatures for root,
//! targets and the product role, one for the online roles.

#[path = "../../../tests/support/canonical.rs"]
mod canonical;

use canonical::canonical;
use cuff_verifier::{digest::Digest, evidence::Parts};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

pub const PRODUCT: &str = "band";
pub const EXPIRES: &str = "2030-01-01T00:00:00Z";

/// A release that was staged.
#[derive(Clone)]
pub struct Release {
    pub name: &'static str,
    pub counter: u64,
    pub image: Vec<u8>,
    pub hardware: &'static str,
}

impl Release {
    pub fn new(name: &'static str, counter: u64, length: usize) -> Self {
        let seed = name.bytes().fold(7u8, u8::wrapping_add);
        // Dense bytes, so that every program unit counts.
        let image =
            (0..length).map(|at| seed.wrapping_mul(31).wrapping_add((at % 251) as u8) & 0x7f);
        Self {
            name,
            counter,
            image: image.collect(),
            hardware: "band-a",
        }
    }

    pub fn path(&self) -> String {
        format!("{PRODUCT}/{}", self.name)
    }
}

/// Keys, versions and what was published so far.
#[derive(Clone)]
pub struct Repository {
    owners: [SigningKey; 2],
    online: SigningKey,
    roots: Vec<(Value, Vec<u8>)>,
    pub timestamp: u64,
    pub snapshot: u64,
    pub targets: u64,
    pub product: u64,
    pub minimum: u64,
    pub issued: u64,
    pub timestamp_expires: &'static str,
    pub releases: Vec<Release>,
}

impl Repository {
    pub fn new() -> Self {
        let mut repository = Self {
            owners: [key(1), key(2)],
            online: key(3),
            roots: Vec::new(),
            timestamp: 1,
            snapshot: 1,
            targets: 1,
            product: 1,
            minimum: 0,
            issued: 1,
            timestamp_expires: EXPIRES,
            releases: Vec::new(),
        };
        repository.push_root();
        repository
    }

    /// The canonical `signed` bytes of the first root: what a factory pins.
    pub fn first_root(&self) -> Vec<u8> {
        canonical(&self.roots[0].0).into_bytes()
    }

    /// A new release in a new version of every file above it.
    pub fn release(&mut self, release: Release) -> &mut Self {
        self.releases.push(release);
        self.product += 1;
        self.publish()
    }

    /// New online roles, and a new day.
    pub fn publish(&mut self) -> &mut Self {
        self.timestamp += 1;
        self.snapshot += 1;
        self.issued += 1;
        self
    }

    /// A minimum counter in a new product role.
    pub fn demand(&mut self, minimum: u64) -> &mut Self {
        self.minimum = minimum;
        self.product += 1;
        self.publish()
    }

    /// A new root that keeps the online key.
    pub fn renew_root(&mut self) -> &mut Self {
        self.push_root();
        self.publish()
    }

    /// A new root with another online key, and online versions that begin anew (TUF 5.3.11).
    pub fn replace_online_key(&mut self, seed: u8) -> &mut Self {
        self.online = key(seed);
        self.push_root();
        self.timestamp = 1;
        self.snapshot = 1;
        self.targets = 1;
        self.product = 1;
        self.issued += 1;
        self
    }

    /// Evidence for a release, with every root from `first_root` on.
    pub fn evidence(&self, path: &str, first_root: u64) -> Vec<u8> {
        let product = self.product_role();
        let targets = self.targets_role();
        let snapshot = envelope(
            &json!({
                "_type": "snapshot", "expires": EXPIRES, "spec_version": "1.0.0",
                "version": self.snapshot,
                "meta": {
                    "band.json": pin(&product, self.product),
                    "targets.json": pin(&targets, self.targets),
                },
            }),
            &[&self.online],
        );
        let timestamp = envelope(
            &json!({
                "_type": "timestamp", "expires": self.timestamp_expires, "spec_version": "1.0.0",
                "version": self.timestamp, "issued": self.now(),
                "meta": { "snapshot.json": pin(&snapshot, self.snapshot) },
            }),
            &[&self.online],
        );
        self.encode(
            path,
            first_root,
            Some([&timestamp, &snapshot, &targets]),
            &[&product],
        )
    }

    /// A step of root links alone.
    pub fn root_links(&self, first_root: u64) -> Vec<u8> {
        self.encode("", first_root, None, &[])
    }

    fn encode(
        &self,
        path: &str,
        first_root: u64,
        online: Option<[&[u8]; 3]>,
        delegated: &[&[u8]],
    ) -> Vec<u8> {
        let skip = usize::try_from(first_root - 1).expect("small");
        let roots: Vec<&[u8]> = self
            .roots
            .iter()
            .skip(skip)
            .map(|(_, file)| &file[..])
            .collect();
        let first_root = if roots.is_empty() {
            0
        } else {
            u32::try_from(first_root).expect("small")
        };
        let parts = Parts {
            path,
            first_root,
            roots: &roots,
            online,
            delegated,
        };
        let mut bytes = Vec::new();
        parts
            .encode(&mut |piece| bytes.extend_from_slice(piece))
            .expect("encodable");
        bytes
    }

    fn now(&self) -> String {
        format!(
            "2026-11-23T01:{:02}:{:02}Z",
            self.issued / 60,
            self.issued % 60
        )
    }

    fn push_root(&mut self) {
        let owners: Vec<String> = self.owners.iter().map(key_id).collect();
        let online = key_id(&self.online);
        let mut keys = serde_json::Map::new();
        for key in [&self.owners[0], &self.owners[1], &self.online] {
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
                "snapshot": role(std::slice::from_ref(&online), 1),
                "timestamp": role(&[online], 1),
            },
        });
        let file = envelope(&signed, &[&self.owners[0], &self.owners[1]]);
        self.roots.push((signed, file));
    }

    fn targets_role(&self) -> Vec<u8> {
        let mut ids: Vec<String> = self.owners.iter().map(key_id).collect();
        let keys: serde_json::Map<String, Value> = self
            .owners
            .iter()
            .map(|key| (key_id(key), public(key)))
            .collect();
        ids.sort();
        envelope(
            &json!({
                "_type": "targets", "expires": EXPIRES, "issued": self.now(),
                "spec_version": "1.0.0", "targets": {}, "version": self.targets,
                "delegations": { "keys": keys, "roles": [{
                    "keyids": ids, "name": PRODUCT, "paths": ["band/*"], "terminating": true, "threshold": 2,
                }] },
            }),
            &[&self.owners[0], &self.owners[1]],
        )
    }

    fn product_role(&self) -> Vec<u8> {
        let targets: serde_json::Map<String, Value> = self
            .releases
            .iter()
            .map(|release| {
                let record = json!({
                    "counter": release.counter, "format": 1, "hardware": [release.hardware],
                    "images": [{
                        "length": release.image.len(), "region": "active",
                        "sha256": Digest::of(&release.image).to_string(),
                    }],
                    "kind": "application", "minimum_bootloader": 1, "product": PRODUCT,
                    "version": release.name,
                });
                let bundle = Digest::of(release.name.as_bytes()).to_string();
                let entry = json!({
                    "custom": {"cuff": record}, "hashes": {"sha256": bundle}, "length": 1,
                });
                (release.path(), entry)
            })
            .collect();
        envelope(
            &json!({
                "_type": "targets", "expires": EXPIRES, "issued": self.now(),
                "minimum_counter": self.minimum, "spec_version": "1.0.0",
                "targets": targets, "version": self.product,
            }),
            &[&self.owners[0], &self.owners[1]],
        )
    }
}

fn envelope(signed: &Value, signers: &[&SigningKey]) -> Vec<u8> {
    let bytes = canonical(signed).into_bytes();
    let mut signatures: Vec<Value> = signers
        .iter()
        .map(|key| json!({"keyid": key_id(key), "sig": hex(&key.sign(&bytes).to_bytes())}))
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
        "keytype": "ed25519", "keyval": {"public": hex(&key.verifying_key().to_bytes())},
        "scheme": "ed25519",
    })
}

fn key_id(key: &SigningKey) -> String {
    Digest::of(canonical(&public(key)).as_bytes()).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
