//! The root role: whose keys count, for what, and how many of them it takes.

use super::wire::{Hex, Keys, Utc};
use serde::{Deserialize, Serialize};

/// The signed part of `N.root.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    #[serde(rename = "_type")]
    pub(super) kind: RootType,
    /// Always true: file names carry versions and digests.
    pub consistent_snapshot: bool,
    /// Refused after this.
    pub expires: Utc,
    /// When it was made; moves the time floor of devices.
    pub issued: Utc,
    /// Every key any top-level role uses, and no other.
    pub keys: Keys,
    /// The four top-level roles.
    pub roles: RootRoles,
    pub(super) spec_version: String,
    /// One more than the root before it.
    pub version: u64,
}

impl Root {
    /// The first root of a repository.
    pub fn first(roles: RootRoles, keys: Keys, issued: Utc, expires: Utc) -> Self {
        Self {
            kind: RootType::Root,
            consistent_snapshot: true,
            expires,
            issued,
            keys,
            roles,
            spec_version: super::wire::SPEC_VERSION.to_owned(),
            version: 1,
        }
    }

    /// Drops keys that no role names any more.
    pub fn drop_unused_keys(&mut self) {
        let roles = &self.roles;
        let used = [
            &roles.root,
            &roles.snapshot,
            &roles.targets,
            &roles.timestamp,
        ];
        self.keys
            .retain(|id, _| used.iter().any(|role| role.keyids.contains(id)));
    }
}

/// Keys and thresholds of the top-level roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootRoles {
    /// Signs the next root.
    pub root: RoleKeys,
    /// Online.
    pub snapshot: RoleKeys,
    /// Signs the delegations.
    pub targets: RoleKeys,
    /// Online.
    pub timestamp: RoleKeys,
}

/// Who may sign a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleKeys {
    /// Sorted key ids.
    pub keyids: Vec<Hex>,
    /// How many different keys must sign.
    pub threshold: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum RootType {
    #[serde(rename = "root")]
    Root,
}
