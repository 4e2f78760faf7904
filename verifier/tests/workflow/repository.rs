//! A repository that is easy to bend: bodies to edit, files signed with a scheme that hashes and is quick.
//!
//! Takes edits, gives files; [`Files::update`] shows them to the verifier as a client does.

#[path = "../../../tests/support/canonical.rs"]
mod canonical;

pub use canonical::canonical;
use cuff_verifier::digest::Digest;
use cuff_verifier::json::{Text, Value as Json};
use cuff_verifier::key::{Key, Schemes};
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::Refusal;
use cuff_verifier::role::snapshot::Snapshot;
use cuff_verifier::role::timestamp::Timestamp;
use cuff_verifier::search::{Search, Step};
use cuff_verifier::sure::Sure;
use cuff_verifier::threshold::{Authentic, Document, unauthenticated};
use cuff_verifier::time::{Clock, Instant};
use cuff_verifier::trusted::{Dates, Novelty, Policy, RootChain, Seen, SeenRoles};
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A scheme that signs with a checksum. It knows hashed paths, and one digest besides SHA-256.
#[derive(Debug)]
pub struct Stub;

impl Schemes for Stub {
    const HASHED_PATHS: bool = true;

    fn verify(&self, key: &Key<'_>, message: &[u8], signature: Text<'_>) -> Sure {
        let right = signed_with(key.public.raw(), message);
        Sure::equal(signature.raw(), right.as_bytes())
    }

    fn other_digests_hold(&self, hashes: Json<'_>, bytes: &[u8]) -> Option<bool> {
        let [sum] = hashes.pick(&["sum"]).ok()?;
        Some(sum?.text().ok()?.is(&checksum(bytes)))
    }
}

fn signed_with(public: &[u8], message: &[u8]) -> String {
    checksum(&[public, message].concat())
}

/// FNV-1a: enough to tell files apart here.
pub fn checksum(bytes: &[u8]) -> String {
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{sum:016x}")
}

pub fn id(key: u8) -> String {
    format!("key-{key}")
}

pub fn public(key: u8) -> String {
    format!("{key:064x}")
}

pub fn keys(numbers: &[u8]) -> Value {
    numbers
        .iter()
        .map(|key| {
            let entry = json!({"keytype": "ed25519", "keyval": {"public": public(*key)}, "scheme": "ed25519"});
            (id(*key), entry)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

pub fn signers(numbers: &[u8], threshold: u64) -> Value {
    let ids: Vec<_> = numbers.iter().map(|key| id(*key)).collect();
    json!({"keyids": ids, "threshold": threshold})
}

/// A file in the making: what is signed, and by which keys.
#[derive(Clone, Debug)]
pub struct File {
    pub body: Value,
    pub signers: Vec<u8>,
}

impl File {
    pub fn new(body: Value, signers: &[u8]) -> Self {
        Self {
            body,
            signers: signers.to_vec(),
        }
    }

    pub fn sign(&self) -> Vec<u8> {
        let signed = canonical(&self.body);
        let signatures: Vec<_> = self
            .signers
            .iter()
            .map(|key| {
                let sig = signed_with(public(*key).as_bytes(), signed.as_bytes());
                json!({"keyid": id(*key), "sig": sig})
            })
            .collect();
        envelope(&json!(signatures), &signed)
    }
}

pub fn envelope(signatures: &Value, signed: &str) -> Vec<u8> {
    format!(
        "{{\"signatures\":{},\"signed\":{signed}}}",
        canonical(signatures)
    )
    .into_bytes()
}

/// Metadata of a kind, version 1, with what every role has.
pub fn body(kind: &str, more: Value) -> Value {
    let mut body = json!({
        "_type": kind, "expires": "2030-01-01T00:00:00Z", "issued": "2026-01-01T00:00:00Z",
        "spec_version": "1.0.0", "version": 1,
    });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    body
}

/// A targets role that lists these paths.
pub fn targets(paths: &[&str]) -> Value {
    let entries: serde_json::Map<_, _> = paths
        .iter()
        .map(|path| {
            let hash = Digest::of(path.as_bytes()).to_string();
            (
                (*path).to_owned(),
                json!({"hashes": {"sha256": hash}, "length": 4}),
            )
        })
        .collect();
    body("targets", json!({"targets": entries}))
}

/// One delegation, by key 5 alone.
pub fn delegation(name: &str, patterns: &[&str], terminating: bool) -> Value {
    json!({
        "keyids": [id(5)], "name": name, "paths": patterns, "terminating": terminating, "threshold": 1,
    })
}

#[derive(Clone, Debug)]
pub struct Repository {
    pub anchor: File,
    pub roots: Vec<File>,
    pub timestamp: File,
    pub snapshot: File,
    pub targets: File,
    pub delegated: Vec<(String, File)>,
    /// Whether lengths and digests are filled in where `meta` lists a file without them.
    pub pinned: bool,
}

impl Repository {
    /// Root by two of 1, 2 and 3; targets by 1 and 2; 9 is online; `band` speaks for `band/*` by 5.
    pub fn new() -> Self {
        // Put together once: an interpreter takes seconds.
        static ONE: LazyLock<Repository> = LazyLock::new(Repository::make);
        ONE.clone()
    }

    fn make() -> Self {
        let root = body(
            "root",
            json!({
                "consistent_snapshot": true,
                "keys": keys(&[1, 2, 3, 9]),
                "roles": {
                    "root": signers(&[1, 2, 3], 2),
                    "snapshot": signers(&[9], 1),
                    "targets": signers(&[1, 2], 2),
                    "timestamp": signers(&[9], 1),
                },
            }),
        );
        let mut top = targets(&["free"]);
        top["delegations"] = json!({
            "keys": keys(&[5]), "roles": [delegation("band", &["band/*"], true)],
        });
        let mut band = targets(&["band/1"]);
        band["minimum_counter"] = json!(3);
        Self {
            anchor: File::new(root, &[1, 2]),
            roots: Vec::new(),
            timestamp: File::new(
                body(
                    "timestamp",
                    json!({"meta": {"snapshot.json": {"version": 1}}}),
                ),
                &[9],
            ),
            snapshot: File::new(
                body(
                    "snapshot",
                    json!({"meta": {"band.json": {"version": 1}, "targets.json": {"version": 1}}}),
                ),
                &[9],
            ),
            targets: File::new(top, &[1, 2]),
            delegated: vec![("band".to_owned(), File::new(band, &[5]))],
            pinned: true,
        }
    }

    /// Puts a tree of delegations in place of `band`: roles by name with what they list and whom they delegate to.
    pub fn delegating(tree: &[(&str, &[&str], Vec<Value>)]) -> Self {
        let mut repository = Self::new();
        repository.delegated.clear();
        let mut meta = json!({"targets.json": {"version": 1}});
        for (name, paths, roles) in tree {
            let mut role = targets(paths);
            if !roles.is_empty() {
                role["delegations"] = json!({"keys": keys(&[5]), "roles": roles});
            }
            if *name == "targets" {
                repository.targets.body = role;
                continue;
            }
            meta[format!("{name}.json")] = json!({"version": 1});
            let file = File::new(role, &[5]);
            repository.delegated.push(((*name).to_owned(), file));
        }
        repository.snapshot.body["meta"] = meta;
        repository
    }

    /// A next root: the newest one, one version on, changed.
    pub fn rotate(&mut self, signers: &[u8], change: impl FnOnce(&mut Value)) {
        let mut next = self.roots.last().unwrap_or(&self.anchor).clone();
        next.body["version"] = json!(next.body["version"].as_u64().unwrap() + 1);
        change(&mut next.body);
        next.signers = signers.to_vec();
        self.roots.push(next);
    }

    /// Publishes anew what is below root: versions go up by one everywhere.
    pub fn republish(&mut self) {
        let up = |value: &mut Value| *value = json!(value.as_u64().unwrap() + 1);
        for file in [&mut self.timestamp, &mut self.snapshot, &mut self.targets]
            .into_iter()
            .chain(self.delegated.iter_mut().map(|(_, file)| file))
        {
            up(&mut file.body["version"]);
        }
        up(&mut self.timestamp.body["meta"]["snapshot.json"]["version"]);
        for (_, entry) in self.snapshot.body["meta"].as_object_mut().unwrap() {
            up(&mut entry["version"]);
        }
    }

    /// Fills in what would be pinned, so that it can be bent.
    pub fn freeze(&mut self) {
        let files = self.files();
        for (file, bytes) in [
            (&mut self.snapshot, &files.snapshot),
            (&mut self.timestamp, &files.timestamp),
        ] {
            let whole: Value = serde_json::from_slice(bytes).expect("JSON");
            file.body = whole["signed"].clone();
        }
    }

    pub fn files(&self) -> Files {
        let delegated: Vec<_> = self
            .delegated
            .iter()
            .map(|(name, file)| (name.clone(), file.sign()))
            .collect();
        let targets = self.targets.sign();
        let mut snapshot = self.snapshot.clone();
        let mut timestamp = self.timestamp.clone();
        if self.pinned {
            pin(&mut snapshot.body, "targets", &targets);
            for (name, file) in &delegated {
                pin(&mut snapshot.body, name, file);
            }
            pin(&mut timestamp.body, "snapshot", &snapshot.sign());
        }
        Files {
            anchor: self.anchor.sign(),
            roots: self.roots.iter().map(File::sign).collect(),
            timestamp: timestamp.sign(),
            snapshot: snapshot.sign(),
            targets,
            delegated,
        }
    }

    /// Signs, and lets a client of somebody else's repository look for `path`.
    pub fn update(&self, path: &str) -> Result<Answer, Refusal> {
        self.files().update(&Client::default(), path)
    }
}

fn pin(body: &mut Value, role: &str, file: &[u8]) {
    let meta = body.get_mut("meta").and_then(Value::as_object_mut);
    let entry = meta.and_then(|meta| meta.get_mut(&format!("{role}.json")));
    if let Some(Value::Object(entry)) = entry {
        let hashes = json!({"sha256": Digest::of(file).to_string()});
        entry.entry("hashes").or_insert(hashes);
        entry.entry("length").or_insert(json!(file.len()));
    }
}

/// What is served.
#[derive(Clone, Debug)]
pub struct Files {
    pub anchor: Vec<u8>,
    pub roots: Vec<Vec<u8>>,
    pub timestamp: Vec<u8>,
    pub snapshot: Vec<u8>,
    pub targets: Vec<u8>,
    pub delegated: Vec<(String, Vec<u8>)>,
}

/// Who looks, and what it has seen.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    pub profile: Profile,
    pub clock: Clock,
    pub earlier: Option<&'a Files>,
}

impl Default for Client<'_> {
    fn default() -> Self {
        Self {
            profile: Profile::Foreign,
            clock: Clock::Exact(moment("2026-06-01T00:00:00Z")),
            earlier: None,
        }
    }
}

pub fn moment(text: &str) -> Instant {
    Instant::parse(text.as_bytes()).expect("a moment")
}

/// What an update came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub root: u64,
    pub resets: bool,
    pub novelty: Novelty,
    pub dates: Dates,
    /// Delegated roles in the order they were asked for.
    pub visited: Vec<String>,
    /// The role that lists the path, or nothing where nobody does.
    pub found: Option<String>,
}

pub const POLICY: Policy<'static, Stub> = Policy {
    profile: Profile::Foreign,
    clock: Clock::Absent,
    schemes: &Stub,
};

impl Files {
    pub fn update(&self, client: &Client<'_>, path: &str) -> Result<Answer, Refusal> {
        let policy = Policy {
            profile: client.profile,
            clock: client.clock,
            ..POLICY
        };
        let mut roots = RootChain::anchor(Document::canonical(&self.anchor), policy)?;
        for root in &self.roots {
            roots = roots.extend(Document::canonical(root))?;
        }
        let (root, resets) = (roots.root().head.version.get(), roots.resets());
        let seen = client.earlier.map_or(Seen::default(), Self::seen);
        let stamped = roots
            .finish()?
            .timestamp(Document::canonical(&self.timestamp), seen)?;
        assert_eq!(stamped.needs(), stamped.timestamp().snapshot);
        let novelty = stamped.novelty();
        let listed = stamped.snapshot(Document::canonical(&self.snapshot))?;
        assert_eq!(Some(listed.needs()), listed.snapshot().file(b"targets"));
        let trusted = listed.targets(Document::canonical(&self.targets))?;
        let path = canonical(&json!(path));
        let path = Json::check(path.as_bytes()).and_then(Json::text).unwrap();
        let mut search = Search::new(&trusted, path);
        let mut visited = Vec::new();
        let found = loop {
            let needed = match search.step()? {
                Step::Found(found) => {
                    break Some(found.role.map_or("targets".to_owned(), name_of));
                }
                Step::Absent => break None,
                Step::Needs(needed) => name_of(needed.delegation.name()),
            };
            let file = self.delegated.iter().find(|(name, _)| *name == needed);
            let (_, file) = file.unwrap_or_else(|| panic!("{needed} is not served"));
            let document = Document::canonical(file);
            assert!(search.supply(document)?.is_some(), "a question was open");
            visited.push(needed);
        };
        Ok(Answer {
            root,
            resets,
            novelty,
            dates: search.dates(),
            visited,
            found,
        })
    }

    /// What a client knows that has updated from these files before.
    pub fn seen(&self) -> Seen<'_> {
        let timestamp = Timestamp::parse(&read(&self.timestamp)).expect("ours");
        let snapshot = Snapshot::parse(&read(&self.snapshot)).expect("ours");
        Seen {
            timestamp: Some((timestamp.head.version, Digest::of(&self.timestamp))),
            snapshot: Some(snapshot.head.version),
            roles: SeenRoles::Snapshot(snapshot),
        }
    }
}

pub fn read(file: &[u8]) -> Authentic<'_> {
    unauthenticated(Document::canonical(file), Profile::Foreign).expect("ours")
}

pub fn name_of(name: Text<'_>) -> String {
    String::from_utf8(name.bytes().collect()).expect("text")
}
