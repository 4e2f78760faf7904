//! Keys, thresholds and expiry on the bench.
//!
//! The keys of top-level roles stand in root, those of products in targets; an edit stages whichever says so, and then
//! whatever it leaves under its threshold. Thresholds nobody could reach are refused here, before anyone signs.

use super::{Bench, BenchError};
use crate::instant::{self, Span};
use crate::key::PublicKey;
use crate::name::Product as ProductName;
use crate::role::name::RoleName;
use crate::role::pipeline::Draft;
use crate::role::root::{RoleKeys, RootRoles};
use crate::role::targets::Delegation;
use crate::role::wire::{Hex, Key, Keys, Utc};
use cuff_verifier::threshold::MAX_SIGNERS;
use std::collections::BTreeMap;

/// A change to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleEdit {
    /// One more key may sign.
    AddKey(PublicKey),
    /// A key may no longer sign.
    RemoveKey(Hex),
    /// Another key signs instead of this one.
    ReplaceKey(Hex, PublicKey),
    /// How many keys must sign.
    Threshold(u64),
    /// How long it is valid from now on.
    Expiry(Span),
}

impl Bench<'_> {
    /// Changes a role.
    pub fn edit(&mut self, role: &RoleName, edit: RoleEdit) -> Result<(), BenchError> {
        self.refuse_stale()?;
        match edit {
            RoleEdit::Expiry(span) => self.set_expiry(role, span)?,
            _ => self.set_keys(role, &[edit])?,
        }
        self.settle()
    }

    /// Gives a product keys of its own.
    pub fn delegate(
        &mut self,
        name: &ProductName,
        keys: &[PublicKey],
        threshold: u64,
    ) -> Result<(), BenchError> {
        self.refuse_stale()?;
        self.refuse_bins()?;
        let role = RoleName::Product(name.clone());
        let who = check(&role, keys, threshold)?;
        let mut draft = self.draft(&RoleName::Targets)?;
        if let Draft::Targets(targets) = &mut draft {
            if targets.delegation(name).is_some() {
                return Err(RoleError::Delegated(name.clone()).into());
            }
            let delegations = &mut targets.delegations;
            let keys = keys.iter().map(|key| (Hex::from(key.id()), Key(*key)));
            delegations.keys.extend(keys);
            delegations
                .roles
                .push(Delegation::of(name.clone(), who.keyids, who.threshold));
        }
        self.put(draft)?;
        self.settle()
    }

    /// Takes a product out: nobody may sign for it any more, and what is staged for it goes.
    pub fn undelegate(&mut self, name: &ProductName) -> Result<(), BenchError> {
        self.refuse_stale()?;
        let role = RoleName::Product(name.clone());
        let mut draft = self.draft(&RoleName::Targets)?;
        if let Draft::Targets(targets) = &mut draft {
            let roles = &mut targets.delegations.roles;
            let before = roles.len();
            roles.retain(|role| role.name != *name);
            if roles.len() == before {
                return Err(BenchError::Unknown(role));
            }
            if roles.is_empty() {
                return Err(RoleError::LastProduct(name.clone()).into());
            }
            targets.drop_unused_keys();
        }
        self.put(draft)?;
        self.staging.roles.remove(&role);
        self.drop_orphaned_bundles();
        self.settle()
    }

    /// Takes keys out of every role that has them (or of those in `only`), each for the one that replaces it if there is
    /// one. All of it is one event. Gives the roles whose keys changed.
    pub fn replace(
        &mut self,
        gone: &BTreeMap<Hex, Option<PublicKey>>,
        only: &[RoleName],
    ) -> Result<Vec<RoleName>, BenchError> {
        self.refuse_stale()?;
        let wanted = |role: &RoleName| only.is_empty() || only.contains(role);
        let mut changed = Vec::new();
        for role in self.roles().into_iter().filter(wanted) {
            let keys = self.keys_of(&role);
            let has = |key: &PublicKey| keys.contains_key(&Hex::from(key.id()));
            let edits: Vec<RoleEdit> = gone
                .iter()
                .filter(|(key, _)| keys.contains_key(key))
                .map(|(key, instead)| match instead {
                    Some(instead) if !has(instead) => RoleEdit::ReplaceKey(*key, *instead),
                    _ => RoleEdit::RemoveKey(*key),
                })
                .collect();
            if !edits.is_empty() {
                self.set_keys(&role, &edits)?;
                changed.push(role);
            }
        }
        self.settle()?;
        Ok(changed)
    }

    /// Every role there will be: the four of every repository, then the products.
    pub fn roles(&self) -> Vec<RoleName> {
        let products = self.targets().map(|targets| &targets.delegations.roles[..]);
        let products = products.unwrap_or_default().iter();
        [
            RoleName::Root,
            RoleName::Targets,
            RoleName::Snapshot,
            RoleName::Timestamp,
        ]
        .into_iter()
        .chain(products.map(|role| RoleName::Product(role.name.clone())))
        .collect()
    }

    /// The keys that will sign a role.
    pub fn keys_of(&self, role: &RoleName) -> BTreeMap<Hex, PublicKey> {
        let newest = self.authorities(role).pop();
        newest.map(|newest| newest.keys).unwrap_or_default()
    }

    fn set_expiry(&mut self, role: &RoleName, span: Span) -> Result<(), BenchError> {
        let expires = instant::later(self.now, span)
            .map(Utc)
            .ok_or(BenchError::Forever)?;
        let mut draft = self.draft(role)?;
        match &mut draft {
            Draft::Root(root) => root.expires = expires,
            Draft::Targets(targets) => targets.expires = expires,
            Draft::Product(_, product) => product.expires = expires,
            Draft::Snapshot(_) | Draft::Timestamp(_) => {
                return Err(BenchError::Online(role.clone()));
            }
        }
        self.put(draft)
    }

    fn set_keys(&mut self, role: &RoleName, edits: &[RoleEdit]) -> Result<(), BenchError> {
        let holder = if matches!(role, RoleName::Product(_)) {
            RoleName::Targets
        } else {
            RoleName::Root
        };
        let mut draft = self.draft(&holder)?;
        match (&mut draft, role) {
            (Draft::Root(root), _) => {
                let who = of_root(&mut root.roles, role)
                    .ok_or_else(|| BenchError::Unknown(role.clone()))?;
                apply(role, who, &mut root.keys, edits)?;
                root.drop_unused_keys();
            }
            (Draft::Targets(targets), RoleName::Product(name)) => {
                let mut keys = std::mem::take(&mut targets.delegations.keys);
                let delegation = targets
                    .delegation_mut(name)
                    .ok_or_else(|| BenchError::Unknown(role.clone()))?;
                let mut who = RoleKeys {
                    keyids: delegation.keyids.clone(),
                    threshold: delegation.threshold,
                };
                apply(role, &mut who, &mut keys, edits)?;
                (delegation.keyids, delegation.threshold) = (who.keyids, who.threshold);
                targets.delegations.keys = keys;
                targets.drop_unused_keys();
            }
            _ => return Err(BenchError::Unknown(role.clone())),
        }
        self.put(draft)
    }
}

/// Keys or thresholds that are refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RoleError {
    /// Nobody could ever sign.
    #[error("{role}: a threshold of {threshold} cannot be reached with {keys} keys")]
    Unreachable {
        /// The role.
        role: RoleName,
        /// How many must sign.
        threshold: u64,
        /// How many could.
        keys: usize,
    },
    /// More than the verifier reads.
    #[error("{role}: {keys} keys; a role has at most {MAX_SIGNERS}")]
    TooMany {
        /// The role.
        role: RoleName,
        /// How many were given.
        keys: usize,
    },
    /// Everybody could.
    #[error("{0}: a threshold of 0 would let anyone sign")]
    Zero(RoleName),
    /// Counted twice it would still be one signer.
    #[error("{role}: key {key} is named twice; one key is one signer, whatever its file is called")]
    Duplicate {
        /// The role.
        role: RoleName,
        /// The key.
        key: Hex,
    },
    /// Not a key of this role.
    #[error("{role}: key {key} is not one of its keys")]
    NotAKey {
        /// The role.
        role: RoleName,
        /// The key.
        key: Hex,
    },
    /// A product has one delegation.
    #[error("there is a product `{0}` already")]
    Delegated(ProductName),
    /// A repository without a product can hold no release.
    #[error("`{0}` is the only product, and a repository without a product can hold no release")]
    LastProduct(ProductName),
}

/// Checks that a set of keys can sign a role and nobody counts twice.
pub fn check(role: &RoleName, keys: &[PublicKey], threshold: u64) -> Result<RoleKeys, RoleError> {
    let mut keyids: Vec<Hex> = keys.iter().map(|key| Hex::from(key.id())).collect();
    keyids.sort();
    if let Some(pair) = keyids.windows(2).find(|pair| pair.first() == pair.last()) {
        return Err(RoleError::Duplicate {
            role: role.clone(),
            key: pair[0],
        });
    }
    if keyids.len() > MAX_SIGNERS {
        return Err(RoleError::TooMany {
            role: role.clone(),
            keys: keyids.len(),
        });
    }
    if threshold == 0 {
        return Err(RoleError::Zero(role.clone()));
    }
    if (keyids.len() as u64) < threshold {
        return Err(RoleError::Unreachable {
            role: role.clone(),
            threshold,
            keys: keyids.len(),
        });
    }
    Ok(RoleKeys { keyids, threshold })
}

fn of_root<'r>(roles: &'r mut RootRoles, role: &RoleName) -> Option<&'r mut RoleKeys> {
    match role {
        RoleName::Root => Some(&mut roles.root),
        RoleName::Targets => Some(&mut roles.targets),
        RoleName::Snapshot => Some(&mut roles.snapshot),
        RoleName::Timestamp => Some(&mut roles.timestamp),
        RoleName::Product(_) => None,
    }
}

fn apply(
    role: &RoleName,
    who: &mut RoleKeys,
    keys: &mut Keys,
    edits: &[RoleEdit],
) -> Result<(), RoleError> {
    let mut wanted: Vec<PublicKey> = who
        .keyids
        .iter()
        .filter_map(|id| keys.get(id))
        .map(|key| key.0)
        .collect();
    let mut threshold = who.threshold;
    for edit in edits {
        match edit {
            RoleEdit::AddKey(key) => wanted.push(*key),
            RoleEdit::RemoveKey(id) => take(role, &mut wanted, id)?,
            RoleEdit::ReplaceKey(id, key) => {
                take(role, &mut wanted, id)?;
                wanted.push(*key);
            }
            RoleEdit::Threshold(count) => threshold = *count,
            RoleEdit::Expiry(_) => {}
        }
    }
    *who = check(role, &wanted, threshold)?;
    keys.extend(
        wanted
            .into_iter()
            .map(|key| (Hex::from(key.id()), Key(key))),
    );
    Ok(())
}

fn take(role: &RoleName, keys: &mut Vec<PublicKey>, id: &Hex) -> Result<(), RoleError> {
    let place = keys.iter().position(|key| Hex::from(key.id()) == *id);
    let place = place.ok_or_else(|| RoleError::NotAKey {
        role: role.clone(),
        key: *id,
    })?;
    keys.remove(place);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{RoleError, check};
    use crate::key::PublicKey;
    use crate::role::name::RoleName;

    #[test]
    fn a_role_has_no_more_keys_than_the_verifier_reads() {
        let keys: Vec<_> = (0..65).map(|key| PublicKey([key; 32])).collect();
        check(&RoleName::Root, &keys[..64], 2).unwrap();
        let error = check(&RoleName::Root, &keys, 2).unwrap_err();
        assert!(
            matches!(error, RoleError::TooMany { keys: 65, .. }),
            "{error}"
        );
    }
}
