//! The snapshot role: which version of targets and of every product belong together.

use super::name::RoleName;
use super::wire::{FileMeta, Hex, SPEC_VERSION, Utc};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The signed part of `N.snapshot.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    #[serde(rename = "_type")]
    kind: SnapshotType,
    /// Digest over the heads of all audit logs, where they are kept. Readers that do not know it ignore it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Hex>,
    /// Refused after this.
    pub expires: Utc,
    /// The newest object of the fleet: its digest, which is its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fleet: Option<Hex>,
    /// `ROLE.json` of targets and of every product.
    pub meta: BTreeMap<String, FileMeta>,
    spec_version: String,
    /// One more than the version before it.
    pub version: u64,
}

impl Snapshot {
    /// Pins the given files.
    pub fn of(
        files: impl IntoIterator<Item = (RoleName, FileMeta)>,
        version: u64,
        expires: Utc,
    ) -> Self {
        Self {
            kind: SnapshotType::Snapshot,
            audit: None,
            expires,
            fleet: None,
            meta: files
                .into_iter()
                .map(|(role, meta)| (format!("{role}.json"), meta))
                .collect(),
            spec_version: SPEC_VERSION.to_owned(),
            version,
        }
    }

    /// The same, vouching for the audit logs.
    #[must_use]
    pub fn vouching(self, audit: Hex) -> Self {
        Self {
            audit: Some(audit),
            ..self
        }
    }

    /// What is pinned of a role.
    pub fn pinned(&self, role: &RoleName) -> Option<&FileMeta> {
        self.meta.get(&format!("{role}.json"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum SnapshotType {
    #[serde(rename = "snapshot")]
    Snapshot,
}
