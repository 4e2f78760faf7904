//! An author who will sign anything: builds updates, right or wrong, from hand-made metadata.
//!
//! It shares no code with the product, so that a mistake there is not repeated here. All keys come from published seeds.

#[path = "../../../tests/support/canonical.rs"]
mod canonical;

pub use canonical::canonical;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// A change to text that must become other text.
type Edit = Box<dyn Fn(String) -> String>;

/// One metadata file: what it says, who signs it, and what is done to it before and after signing.
pub struct Draft {
    /// The `signed` member.
    pub body: Value,
    /// Who signs, by name.
    pub signers: Vec<String>,
    before: Vec<Edit>,
    after: Vec<Edit>,
    /// Further entries for `signatures`, put in front.
    pub extra: Vec<Value>,
}

impl Draft {
    fn new(body: Value, signers: &[&str]) -> Self {
        let signers = signers.iter().map(ToString::to_string).collect();
        Self {
            body,
            signers,
            before: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// Lets these people sign, and nobody else.
    pub fn signed_by(&mut self, signers: &[&str]) {
        self.signers = signers.iter().map(ToString::to_string).collect();
    }

    /// Replaces text in the canonical bytes before they are signed: validly signed, hostile metadata.
    pub fn before(&mut self, from: &str, to: &str) {
        self.before.push(replace(from, to));
    }

    /// Replaces text in the finished file: what somebody without keys can do.
    pub fn after(&mut self, from: &str, to: &str) {
        self.after.push(replace(from, to));
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let signed = self
            .before
            .iter()
            .fold(canonical(&self.body), |text, edit| edit(text));
        let mut signatures = self.extra.clone();
        signatures.extend(
            self.signers
                .iter()
                .map(|name| signature(name, signed.as_bytes())),
        );
        let list: Vec<String> = signatures.iter().map(canonical).collect();
        let file = format!(
            "{{\"signatures\":[{}],\"signed\":{signed}}}",
            list.join(",")
        );
        latin1(&self.after.iter().fold(file, |text, edit| edit(text)))
    }

    fn version(&self) -> Value {
        self.body["version"].clone()
    }
}

fn replace(from: &str, to: &str) -> Edit {
    let (from, to) = (from.to_owned(), to.to_owned());
    Box::new(move |text| {
        let changed = text.replacen(&from, &to, 1);
        assert_ne!(changed, text, "nothing to change: {from}");
        changed
    })
}

/// Characters up to U+00FF become single bytes, so that an edit can write bytes that are not UTF-8.
fn latin1(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(u32::from(c)).expect("edits stay below U+0100"))
        .collect()
}

/// A repository as a device meets it: one release of product `band`, beside product `scale`.
pub struct Repo {
    /// New roots, ascending.
    pub roots: Vec<Draft>,
    /// Version of the first of them.
    pub first_root: u32,
    /// The online roles.
    pub timestamp: Draft,
    /// The list of versions; entries for the files below are filled in unless they stand there already.
    pub snapshot: Draft,
    /// The top-level targets role.
    pub targets: Draft,
    /// Delegated roles by name; those in `shown` go into the evidence, in that order.
    pub roles: Vec<(String, Draft)>,
    /// Names of the delegated files in the evidence.
    pub shown: Vec<String>,
    /// Target path.
    pub path: String,
    /// The image.
    pub image: Vec<u8>,
    /// Whether timestamp, snapshot and targets are in the evidence.
    pub online: bool,
}

impl Repo {
    /// A release that every rule accepts, for the state that [`state`] describes.
    pub fn new() -> Self {
        let image = image(1);
        Self {
            roots: Vec::new(),
            first_root: 0,
            timestamp: Draft::new(
                json!({"_type": "timestamp", "expires": "2026-12-08T00:00:00Z", "issued": "2026-07-02T00:00:00Z",
                    "meta": {}, "spec_version": "1.0.0", "version": 6}),
                &["online"],
            ),
            snapshot: Draft::new(
                json!({"_type": "snapshot", "expires": "2026-12-09T00:00:00Z", "meta": {},
                    "spec_version": "1.0.0", "version": 5}),
                &["online"],
            ),
            targets: Draft::new(
                json!({"_type": "targets",
                    "delegations": {
                        "keys": keys(&["alice", "bob", "carol", "erin", "frank"]),
                        "roles": [delegation("band", &["alice", "bob", "carol"], 2), delegation("scale", &["erin", "frank"], 2)],
                    },
                    "expires": "2027-06-01T00:00:00Z", "issued": "2026-06-01T00:00:00Z",
                    "spec_version": "1.0.0", "targets": {}, "version": 2}),
                &["alice", "bob"],
            ),
            roles: vec![
                (
                    "band".to_owned(),
                    product(
                        4,
                        &[("band/1.1.0", entry(&record(&image)))],
                        &["alice", "bob"],
                    ),
                ),
                ("scale".to_owned(), product(1, &[], &["erin", "frank"])),
            ],
            shown: vec!["band".to_owned()],
            path: "band/1.1.0".to_owned(),
            image,
            online: true,
        }
    }

    /// The product role of `band`.
    pub fn band(&mut self) -> &mut Draft {
        self.role("band")
    }

    /// A delegated role.
    pub fn role(&mut self, name: &str) -> &mut Draft {
        &mut self
            .roles
            .iter_mut()
            .find(|(role, _)| role == name)
            .expect("a role of this name")
            .1
    }

    /// The signed record of the release.
    pub fn record(&mut self) -> &mut Value {
        &mut self.band().body["targets"]["band/1.1.0"]["custom"]["cuff"]
    }

    /// Adds the next root: version 1 follows the base root, then `change` is applied.
    pub fn rotate(&mut self, change: impl Fn(&mut Value), signers: &[&str]) -> &mut Draft {
        let mut body = self
            .roots
            .last()
            .map_or_else(|| root().body, |root| root.body.clone());
        body["version"] = json!(body["version"].as_u64().expect("a version") + 1);
        change(&mut body);
        if self.roots.is_empty() {
            self.first_root =
                u32::try_from(body["version"].as_u64().expect("a version")).unwrap_or(u32::MAX);
        }
        self.roots.push(Draft::new(body, signers));
        self.roots.last_mut().expect("just added")
    }

    /// Evidence and image, one after the other.
    pub fn update(&mut self) -> Vec<u8> {
        let mut files = self.evidence_files();
        let roots: Vec<Vec<u8>> = self.roots.iter().map(Draft::bytes).collect();
        let delegated = files.split_off(3);
        if !self.online {
            files = vec![Vec::new(); 3];
        }
        let all: Vec<&Vec<u8>> = roots.iter().chain(&files).chain(&delegated).collect();
        let total =
            24 + 4 * all.len() + self.path.len() + all.iter().map(|file| file.len()).sum::<usize>();
        let mut bytes = b"cuff-ev1".to_vec();
        bytes.extend(u32::try_from(total).expect("small").to_le_bytes());
        for count in [roots.len(), delegated.len(), self.path.len(), 0] {
            bytes.extend(u16::try_from(count).expect("small").to_le_bytes());
        }
        bytes.extend(self.first_root.to_le_bytes());
        for file in &all {
            bytes.extend(u32::try_from(file.len()).expect("small").to_le_bytes());
        }
        bytes.extend(self.path.as_bytes());
        for file in all {
            bytes.extend(file);
        }
        bytes.extend(&self.image);
        bytes
    }

    /// What the timestamp should say of the snapshot.
    pub fn timestamp_meta(&mut self) -> Value {
        let files = self.evidence_files();
        metafile(&files[1], &self.snapshot.version())
    }

    /// Fixes what the snapshot says of targets, before targets change.
    pub fn targets_meta(&mut self) {
        let (bytes, version) = (self.targets.bytes(), self.targets.version());
        self.snapshot.body["meta"]["targets.json"] = metafile(&bytes, &version);
    }

    /// Makes the snapshot say of one role what it should say of another.
    pub fn snapshot_as(&mut self, role: &str, other: &str) {
        let (bytes, version) = (self.role(other).bytes(), self.role(other).version());
        self.snapshot.body["meta"][format!("{role}.json")] = metafile(&bytes, &version);
    }

    /// SHA-256 of the timestamp as served.
    pub fn timestamp_digest(&mut self) -> String {
        hex(&Sha256::digest(&self.evidence_files()[0]))
    }

    /// Timestamp, snapshot, targets and the delegated files shown, each pinned by the one before it.
    fn evidence_files(&mut self) -> Vec<Vec<u8>> {
        let targets = self.targets.bytes();
        pin(
            &mut self.snapshot.body,
            "targets.json",
            &targets,
            &self.targets.version(),
        );
        for (name, role) in &self.roles {
            pin(
                &mut self.snapshot.body,
                &format!("{name}.json"),
                &role.bytes(),
                &role.version(),
            );
        }
        let snapshot = self.snapshot.bytes();
        pin(
            &mut self.timestamp.body,
            "snapshot.json",
            &snapshot,
            &self.snapshot.version(),
        );
        let mut files = vec![self.timestamp.bytes(), snapshot, targets];
        for name in &self.shown {
            files.push(
                self.roles
                    .iter()
                    .find(|(role, _)| role == name)
                    .expect("a role of this name")
                    .1
                    .bytes(),
            );
        }
        files
    }
}

/// Fills in an entry of `meta`, unless a case has put its own there, or something that is no object.
fn pin(body: &mut Value, file: &str, bytes: &[u8], version: &Value) {
    if let Some(meta) = body["meta"].as_object_mut()
        && !meta.contains_key(file)
    {
        meta.insert(file.to_owned(), metafile(bytes, version));
    }
}

/// An entry of `meta`.
pub fn metafile(bytes: &[u8], version: &Value) -> Value {
    json!({"hashes": {"sha256": hex(&Sha256::digest(bytes))}, "length": bytes.len(), "version": version})
}

/// What the device knows before the update, as `cuff device info --save` writes it.
pub fn state() -> Value {
    json!({
        "schema_version": 1,
        "product": "band", "hardware": "band-a", "serial": "vector-0001", "bootloader": 1,
        "root": root().body,
        "versions": {"timestamp": 5, "snapshot": 4, "targets": 2, "product": 3},
        "timestamp_digest": "00".repeat(32),
        "floor": "2026-06-15T00:00:00Z",
        "minimum_counter": 2, "counter": 3,
    })
}

/// Version 1 of root: any two of three people, and one online key.
pub fn root() -> Draft {
    let people = keyids(&["alice", "bob", "carol"]);
    let online = keyids(&["online"]);
    Draft::new(
        json!({"_type": "root", "consistent_snapshot": true,
            "expires": "2027-11-01T00:00:00Z", "issued": "2026-05-01T00:00:00Z",
            "keys": keys(&["alice", "bob", "carol", "online"]),
            "roles": {
                "root": {"keyids": people, "threshold": 2},
                "snapshot": {"keyids": online, "threshold": 1},
                "targets": {"keyids": people, "threshold": 2},
                "timestamp": {"keyids": online, "threshold": 1},
            },
            "spec_version": "1.0.0", "version": 1}),
        &["alice", "bob"],
    )
}

/// A delegated role.
pub fn product(version: u64, targets: &[(&str, Value)], signers: &[&str]) -> Draft {
    let targets: serde_json::Map<_, _> = targets
        .iter()
        .map(|(path, entry)| ((*path).to_owned(), entry.clone()))
        .collect();
    Draft::new(
        json!({"_type": "targets", "expires": "2027-03-01T00:00:00Z", "issued": "2026-07-01T00:00:00Z",
            "minimum_counter": 2, "spec_version": "1.0.0", "targets": targets, "version": version}),
        signers,
    )
}

/// A delegation of `NAME/*`, terminating, as ours are.
pub fn delegation(name: &str, people: &[&str], threshold: u64) -> Value {
    json!({"keyids": keyids(people), "name": name, "paths": [format!("{name}/*")], "terminating": true,
        "threshold": threshold})
}

/// A target entry; the bundle is none of the device's business, so its digest is made up.
pub fn entry(record: &Value) -> Value {
    json!({"custom": {"cuff": record}, "hashes": {"sha256": hex(&Sha256::digest(b"bundle"))}, "length": 4096})
}

/// A release record for `image`.
pub fn record(image: &[u8]) -> Value {
    json!({"counter": 4, "format": 1, "hardware": ["band-a", "band-b"],
        "images": [{"length": image.len(), "region": "active", "sha256": hex(&Sha256::digest(image))}],
        "kind": "application", "minimum_bootloader": 1, "product": "band", "version": "1.1.0"})
}

/// A small image: a vector table and some code-like bytes.
pub fn image(seed: u8) -> Vec<u8> {
    let mut image = Vec::from(0x2000_8000_u32.to_le_bytes());
    image.extend(0x2101_0041_u32.to_le_bytes());
    image.extend((0..248_u8).map(|index| index.wrapping_mul(7).wrapping_add(seed)));
    image
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

/// A person's public key.
pub fn key(name: &str) -> Value {
    let public = hex(signing_key(name).verifying_key().as_bytes());
    json!({"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"})
}

/// A person's key id: SHA-256 of the canonical key.
pub fn keyid(name: &str) -> String {
    hex(&Sha256::digest(canonical(&key(name))))
}

/// An entry of `signatures`.
pub fn signature(name: &str, message: &[u8]) -> Value {
    json!({"keyid": keyid(name), "sig": hex(&signing_key(name).sign(message).to_bytes())})
}

fn signing_key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(format!("cuff test vector key {name}")).into())
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
