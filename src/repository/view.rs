//! What a client verified: the metadata of one state of a repository, and what it says of the paths that were asked for.
//!
//! Only the client makes one. It owns every byte, so that what was verified is what is packed, shown or sent on.

use std::collections::BTreeMap;

use cuff_verifier::digest::Digest;
use cuff_verifier::time::Instant;
use cuff_verifier::version::Length;

use serde::Deserialize;

use crate::evidence::Metadata;
use crate::role::product::Advisory;

/// A verified state of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    pub(super) roots: BTreeMap<u64, Vec<u8>>,
    pub(super) timestamp: Vec<u8>,
    pub(super) snapshot: Vec<u8>,
    pub(super) targets: Vec<u8>,
    pub(super) roles: BTreeMap<String, Vec<u8>>,
    pub(super) versions: BTreeMap<String, u64>,
    pub(super) consistent: bool,
    pub(super) findings: Vec<Finding>,
}

/// What a verified repository says of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The path that was asked for.
    pub path: String,
    /// The delegated role that speaks for it; `None` for the top-level role, or when nobody knows it.
    pub role: Option<String>,
    /// What is said of it; `None` when nobody who may speak for it knows it.
    pub listing: Option<Listing>,
    /// Why it was withdrawn, when the role that spoke for it says so.
    pub withdrawn: Option<Advisory>,
    /// The earliest expiry in the chain that says so, and whose it is.
    pub expires: (Instant, String),
}

/// A target as metadata lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Its length.
    pub length: Length,
    /// Its SHA-256.
    pub sha256: Option<Digest>,
    /// All its digests, as they were signed.
    pub hashes: Vec<u8>,
    /// `custom`, as it was signed.
    pub custom: Option<Vec<u8>>,
}

impl View {
    /// Root files by version, from the one that was trusted before to the newest.
    pub fn roots(&self) -> &BTreeMap<u64, Vec<u8>> {
        &self.roots
    }

    /// Version of the newest root.
    pub fn root_version(&self) -> u64 {
        self.version("root")
    }

    /// Version of a role that was looked into; 0 for any other.
    pub fn version(&self, role: &str) -> u64 {
        self.versions.get(role).copied().unwrap_or_default()
    }

    /// The delegated roles that were looked into.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.keys().map(String::as_str)
    }

    /// Whether file names carry versions and digests (TUF 7).
    pub fn is_consistent(&self) -> bool {
        self.consistent
    }

    /// What was found, in the order it was asked for.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What the product's role, which was verified, says of a release that it withdrew.
    pub(super) fn advisory(&self, path: &str) -> Option<Advisory> {
        let (product, _) = path.split_once('/')?;
        let file: RoleFile = serde_json::from_slice(self.roles.get(product)?).ok()?;
        file.signed.withdrawn.get(path).cloned()
    }

    /// The files, for evidence.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata {
            roots: self
                .roots
                .iter()
                .map(|(version, bytes)| (*version, bytes.as_slice()))
                .collect(),
            timestamp: &self.timestamp,
            snapshot: &self.snapshot,
            targets: &self.targets,
            roles: self
                .roles
                .iter()
                .map(|(role, bytes)| (role.clone(), bytes.as_slice()))
                .collect(),
        }
    }

    /// The files by their published names, without the roots: `metadata/timestamp.json` and so on.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::from([
            ("metadata/timestamp.json".to_owned(), self.timestamp.clone()),
            (self.file("snapshot"), self.snapshot.clone()),
            (self.file("targets"), self.targets.clone()),
        ]);
        for (role, bytes) in &self.roles {
            files.insert(self.file(role), bytes.clone());
        }
        files
    }

    fn file(&self, role: &str) -> String {
        format!("metadata/{}.{role}.json", self.version(role))
    }
}

/// The part of a product role that speaks of withdrawn releases; whatever else it says is the verifier's business.
#[derive(Deserialize)]
struct RoleFile {
    signed: Withdrawn,
}

#[derive(Deserialize)]
struct Withdrawn {
    #[serde(default)]
    withdrawn: BTreeMap<String, Advisory>,
}
