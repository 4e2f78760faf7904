//! Keys, thresholds and expiry on the bench.
//!
//! The keys of top-level roles stand in root, those of products in targets; an edit stages whichever says so, and then
//! whatever it leaves under its threshold. Thresholds nobody could reach are refused here, before anyone signs.

use super::{Bench, BenchError};
use crate::instant::{self, Span};
use crate::key::PublicKey;
use crate::role::name::RoleName;
use crate::role::pipeline::Draft;
use crate::role::root::{RoleKeys, RootRoles};
use crate::role::wire::{Hex, Key, Keys, Utc};
use cuff_verifier::threshold::MAX_SIGNERS;

/// A change to a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleEdit {
    /// One more key may sign.
    AddKey(PublicKey),
    /// A key may no longer sign.
    RemoveKey(Hex),
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
            _ => self.set_keys(role, edit)?,
        }
        self.settle()
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

    fn set_keys(&mut self, role: &RoleName, edit: RoleEdit) -> Result<(), BenchError> {
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
                apply(role, who, &mut root.keys, edit)?;
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
                apply(role, &mut who, &mut keys, edit)?;
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
    edit: RoleEdit,
) -> Result<(), RoleError> {
    let mut wanted: Vec<PublicKey> = who
        .keyids
        .iter()
        .filter_map(|id| keys.get(id))
        .map(|key| key.0)
        .collect();
    let mut threshold = who.threshold;
    match edit {
        RoleEdit::AddKey(key) => wanted.push(key),
        RoleEdit::RemoveKey(id) => {
            let before = wanted.len();
            wanted.retain(|key| Hex::from(key.id()) != id);
            if wanted.len() == before {
                return Err(RoleError::NotAKey {
                    role: role.clone(),
                    key: id,
                });
            }
        }
        RoleEdit::Threshold(count) => threshold = count,
        RoleEdit::Expiry(_) => {}
    }
    *who = check(role, &wanted, threshold)?;
    keys.extend(
        wanted
            .into_iter()
            .map(|key| (Hex::from(key.id()), Key(key))),
    );
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
