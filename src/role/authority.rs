//! Who may sign a role: some keys and how many of them it takes.
//!
//! Taken from the metadata that delegates. Gives a tally of the signatures on some bytes; the signature check itself is
//! the verifier's.

use super::name::RoleName;
use super::pipeline::Signatures;
use super::root::{RoleKeys, Root};
use super::targets::Targets;
use super::wire::{Hex, Keys};
use crate::key::PublicKey;
use crate::name::Product as ProductName;
use std::collections::{BTreeMap, BTreeSet};

/// Keys and a threshold, and the metadata that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The metadata that names these keys, for example `root v2`.
    pub by: String,
    /// How many different keys must sign.
    pub threshold: u64,
    /// The keys.
    pub keys: BTreeMap<Hex, PublicKey>,
}

impl Authority {
    /// What a root says about one of the four top-level roles.
    pub fn of_top_level(root: &Root, role: &RoleName) -> Option<Self> {
        let who = match role {
            RoleName::Root => &root.roles.root,
            RoleName::Targets => &root.roles.targets,
            RoleName::Snapshot => &root.roles.snapshot,
            RoleName::Timestamp => &root.roles.timestamp,
            RoleName::Product(_) => return None,
        };
        Some(Self::new(
            format!("root v{}", root.version),
            who,
            &root.keys,
        ))
    }

    /// What a targets role says about a product.
    pub fn of_product(targets: &Targets, product: &ProductName) -> Option<Self> {
        let delegation = targets.delegation(product)?;
        let who = RoleKeys {
            keyids: delegation.keyids.clone(),
            threshold: delegation.threshold,
        };
        Some(Self::new(
            format!("targets v{}", targets.version),
            &who,
            &targets.delegations.keys,
        ))
    }

    fn new(by: String, who: &RoleKeys, keys: &Keys) -> Self {
        let keys = who
            .keyids
            .iter()
            .filter_map(|id| keys.get(id).map(|key| (*id, key.0)))
            .collect();
        Self {
            by,
            threshold: who.threshold,
            keys,
        }
    }

    /// Checks every signature by one of these keys and counts them.
    pub fn tally(&self, signed: &[u8], signatures: &Signatures) -> Tally {
        let valid = signatures
            .iter()
            .filter(|(id, signature)| {
                self.keys
                    .get(id)
                    .is_some_and(|key| key.verifies(signed, &signature.0))
            })
            .map(|(id, _)| *id)
            .collect();
        Tally {
            by: self.by.clone(),
            valid,
            threshold: self.threshold,
        }
    }
}

/// The signatures one authority recognises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The metadata that names the keys.
    pub by: String,
    /// Key ids with a valid signature.
    pub valid: BTreeSet<Hex>,
    /// How many it takes.
    pub threshold: u64,
}

impl Tally {
    /// How many signatures are missing.
    pub fn missing(&self) -> u64 {
        self.threshold.saturating_sub(self.valid.len() as u64)
    }
}
