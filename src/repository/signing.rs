//! Signing what was reviewed: one key, every staged role it belongs to, bound to the digest of the review.
//!
//! Adds signatures and never takes one away. Verifies each right after it was made.

use super::audit::entry::{self, Event};
use super::audit::{Audit, AuditError};
use super::bench::Bench;
use super::people::People;
use super::review::Review;
use super::staging::{Staging, StagingError};
use crate::key::Signer;
use crate::role::name::RoleName;
use crate::role::pipeline::SigningError;
use crate::role::wire::Hex;
use std::collections::BTreeSet;

/// What a signer did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Roles signed now.
    pub signed: Vec<RoleName>,
    /// Roles this key had signed before.
    pub already: Vec<RoleName>,
}

/// Which roles a key is asked to sign. Only this file makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    key: Hex,
    todo: Vec<RoleName>,
    already: Vec<RoleName>,
}

impl Task {
    /// What this key can sign of the staged roles, or of those named in `only`.
    pub fn of(
        bench: &Bench<'_>,
        people: &People,
        key: Hex,
        only: &[RoleName],
    ) -> Result<Self, TaskError> {
        if bench.staging().roles.is_empty() {
            return Err(TaskError::Nothing);
        }
        let mut task = Self {
            key,
            todo: Vec::new(),
            already: Vec::new(),
        };
        for (role, staged) in &bench.staging().roles {
            if !only.is_empty() && !only.contains(role) {
                continue;
            }
            let authorities = bench.authorities(role);
            if !authorities
                .iter()
                .any(|authority| authority.keys.contains_key(&key))
            {
                continue;
            }
            let signed = staged
                .tally(&authorities)
                .iter()
                .any(|tally| tally.valid.contains(&key));
            if signed {
                task.already.push(role.clone());
            } else {
                task.todo.push(role.clone());
            }
        }
        let known: BTreeSet<_> = task.todo.iter().chain(&task.already).collect();
        if let Some(role) = only.iter().find(|role| !known.contains(role)) {
            if !bench.staging().roles.contains_key(role) {
                return Err(TaskError::NotStaged(role.clone()));
            }
            return Err(TaskError::not_in(
                bench,
                people,
                &key,
                std::slice::from_ref(role),
            ));
        }
        if known.is_empty() {
            let staged: Vec<_> = bench.staging().roles.keys().cloned().collect();
            return Err(TaskError::not_in(bench, people, &key, &staged));
        }
        Ok(task)
    }

    /// Roles to be signed.
    pub fn todo(&self) -> &[RoleName] {
        &self.todo
    }

    /// Roles this key has signed before.
    pub fn already(&self) -> &[RoleName] {
        &self.already
    }

    /// Signs, if what is staged is what was reviewed.
    pub fn sign(
        self,
        bench: &mut Bench<'_>,
        reviewed: &Hex,
        signer: &dyn Signer,
    ) -> Result<Outcome, TaskError> {
        let found = Review::digest(bench)?;
        if found != *reviewed {
            return Err(TaskError::NotReviewed {
                expected: *reviewed,
                found,
            });
        }
        let made = Hex::from(signer.public().id());
        if made != self.key {
            return Err(TaskError::OtherKey {
                expected: self.key,
                found: made,
            });
        }
        let (folder, audit) = (bench.desk().staged(), Audit::of(bench.desk()));
        for role in &self.todo {
            if let Some(staged) = bench.staged_mut(role) {
                let (id, signature) = staged.sign(signer)?;
                Staging::save_signature(&folder, staged, id, signature)?;
            }
        }
        let version = |role: &RoleName| {
            bench
                .staging()
                .roles
                .get(role)
                .map(|it| it.draft().version())
        };
        let roles = self
            .todo
            .iter()
            .map(|role| format!("{role} v{}", version(role).unwrap_or(0)));
        let event = Event::Signed {
            signer: entry::printable(&signer.describe()),
            roles: roles.collect(),
            digest: *reviewed,
        };
        audit.note_by(&self.key, bench.now(), event)?;
        Ok(Outcome {
            signed: self.todo,
            already: self.already,
        })
    }
}

/// A signature that is refused.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// Nothing is staged.
    #[error("nothing is staged, so there is nothing to sign")]
    Nothing,
    /// That role is not staged.
    #[error("{0} is not staged, so there is nothing to sign in it")]
    NotStaged(RoleName),
    /// Not one of the keys.
    #[error("{who} may not sign {roles}: {expected}")]
    NotInRole {
        /// The key.
        who: String,
        /// What is staged.
        roles: String,
        /// Who may.
        expected: String,
    },
    /// The bytes changed.
    #[error("what is staged is not what was reviewed: reviewed {expected}, staged now {found}")]
    NotReviewed {
        /// The digest of the review.
        expected: Hex,
        /// The digest of what is staged.
        found: Hex,
    },
    /// Another key answered.
    #[error("another key signed: expected {expected}, found {found}")]
    OtherKey {
        /// The key the task was made for.
        expected: Hex,
        /// The key that was brought.
        found: Hex,
    },
    /// The staged bytes cannot be approved.
    #[error(transparent)]
    Review(#[from] super::review::ReviewError),
    /// The key failed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The disk failed.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// The signature is there, the audit log does not say so.
    #[error(transparent)]
    Audit(#[from] AuditError),
}

impl TaskError {
    fn not_in(bench: &Bench<'_>, people: &People, key: &Hex, roles: &[RoleName]) -> Self {
        let expected = roles.iter().map(|role| {
            let names: BTreeSet<String> = bench
                .authorities(role)
                .iter()
                .flat_map(|authority| authority.keys.keys())
                .map(|key| people.show(key))
                .collect();
            format!(
                "{role} is signed by {}",
                names.into_iter().collect::<Vec<_>>().join(", ")
            )
        });
        let expected = expected.collect::<Vec<_>>().join("; ");
        let roles = roles
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        Self::NotInRole {
            who: people.show(key),
            roles,
            expected,
        }
    }
}
