//! The first version of every role: what `init` lays down for people to sign.
//!
//! Takes keys and thresholds, gives staged drafts of root, targets and every product.

use super::bench::roles::{RoleError, check};
use super::bench::{Bench, BenchError};
use crate::key::PublicKey;
use crate::name::Product as ProductName;
use crate::role::bins::{Bins, Count};
use crate::role::name::RoleName;
use crate::role::pipeline::Draft;
use crate::role::product::Product;
use crate::role::root::{RoleKeys, Root, RootRoles};
use crate::role::targets::{Delegation, Delegations, Targets};
use crate::role::wire::{Hex, Key, Keys, Utc};
use std::collections::BTreeMap;

/// Who signs what.
#[derive(Clone, Debug)]
pub struct Foundation {
    /// Root.
    pub root: Signers,
    /// Targets.
    pub targets: Signers,
    /// Products.
    pub products: BTreeMap<ProductName, Signers>,
    /// Hashed bins and the key that signs them, in a repository without products.
    pub bins: Option<(Count, PublicKey)>,
    /// Snapshot and timestamp.
    pub online: PublicKey,
}

/// The keys of a role.
#[derive(Clone, Debug)]
pub struct Signers {
    /// The keys.
    pub keys: Vec<PublicKey>,
    /// How many must sign.
    pub threshold: u64,
}

impl Foundation {
    /// Refuses keys and thresholds that could not work, before anything is written.
    pub fn check(&self) -> Result<(), RoleError> {
        self.root.check(&RoleName::Root)?;
        self.targets.check(&RoleName::Targets)?;
        for (name, signers) in &self.products {
            signers.check(&RoleName::Product(name.clone()))?;
        }
        Ok(())
    }

    /// Stages the first version of every role.
    pub fn lay(&self, bench: &mut Bench<'_>) -> Result<(), BenchError> {
        let issued = Utc(bench.now());
        let online = Signers {
            keys: vec![self.online],
            threshold: 1,
        };
        let roles = RootRoles {
            root: self.root.check(&RoleName::Root)?,
            snapshot: online.check(&RoleName::Snapshot)?,
            targets: self.targets.check(&RoleName::Targets)?,
            timestamp: online.check(&RoleName::Timestamp)?,
        };
        let keys = keys_of_all([&self.root, &self.targets, &online]);
        bench.found(Draft::Root(Root::first(
            roles,
            keys,
            issued,
            bench.expiry(&RoleName::Root)?,
        )))?;
        let mut delegations = Delegations {
            keys: keys_of_all(self.products.values()),
            roles: Vec::new(),
            bins: None,
        };
        if let Some((count, key)) = self.bins {
            let id = Hex::from(key.id());
            delegations.keys.insert(id, Key(key));
            delegations.bins = Some(Bins::of(count, vec![id], 1));
        }
        for (name, signers) in &self.products {
            let role = RoleName::Product(name.clone());
            let who = signers.check(&role)?;
            delegations
                .roles
                .push(Delegation::of(name.clone(), who.keyids, who.threshold));
            let product = Product::first(issued, bench.expiry(&role)?);
            bench.found(Draft::Product(name.clone(), product))?;
        }
        let expires = bench.expiry(&RoleName::Targets)?;
        bench.found(Draft::Targets(Targets::first(delegations, issued, expires)))
    }
}

impl Signers {
    fn check(&self, role: &RoleName) -> Result<RoleKeys, RoleError> {
        check(role, &self.keys, self.threshold)
    }
}

fn keys_of_all<'a>(signers: impl IntoIterator<Item = &'a Signers>) -> Keys {
    let keys = signers.into_iter().flat_map(|signers| &signers.keys);
    keys.map(|key| (Hex::from(key.id()), Key(*key))).collect()
}
