//! The drill for keys that were lost or stolen: what must be staged, and what it cannot undo.
//!
//! Takes the bench and the keys in question, stages everything in one event or refuses all of it. It signs nothing: lost
//! keys are missing from then on, stolen ones may still sign the root that drops them.

use super::bench::{Bench, BenchError};
use super::people::People;
use super::published::Published;
use crate::key::PublicKey;
use crate::role::name::RoleName;
use crate::role::wire::Hex;
use std::collections::BTreeMap;

/// What happened to the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Somebody else has them; so have we.
    Compromised,
    /// Nobody has them any more.
    Lost,
}

/// What a drill staged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drill {
    /// Roles whose keys changed.
    pub changed: Vec<RoleName>,
    /// Published roles that whoever has these keys could sign alone.
    pub reached: Vec<RoleName>,
}

/// Stages everything that takes these keys out, each for the one that replaces it if there is one.
pub fn drill(
    bench: &mut Bench<'_>,
    people: &People,
    loss: Loss,
    gone: &BTreeMap<Hex, Option<PublicKey>>,
) -> Result<Drill, DrillError> {
    let mut reached = Vec::new();
    if let Some(published) = bench.published() {
        if loss == Loss::Lost {
            refuse_beyond_repair(published, people, gone)?;
        }
        for role in bench.roles() {
            let mut authorities = bench.authorities(&role);
            // For root the published one: that is what devices trust now.
            authorities.truncate(1);
            let held = |keys: &BTreeMap<Hex, PublicKey>| {
                gone.keys().filter(|key| keys.contains_key(*key)).count() as u64
            };
            if authorities
                .iter()
                .any(|authority| held(&authority.keys) >= authority.threshold)
            {
                reached.push(role);
            }
        }
    }
    let mut short = Vec::new();
    for role in bench.roles() {
        let Some(authority) = bench.authorities(&role).pop() else {
            continue;
        };
        let mut keys = authority.keys.clone();
        for (key, instead) in gone {
            if keys.remove(key).is_some()
                && let Some(instead) = instead
            {
                keys.insert(Hex::from(instead.id()), *instead);
            }
        }
        if (keys.len() as u64) < authority.threshold {
            short.push(format!(
                "{role} would have {} of the {} keys it needs",
                keys.len(),
                authority.threshold
            ));
        }
    }
    if !short.is_empty() {
        return Err(DrillError::Short(short.join("; ")));
    }
    let changed = bench.replace(gone, &[])?;
    if changed.is_empty() {
        return Err(DrillError::Nowhere);
    }
    Ok(Drill { changed, reached })
}

/// How many more root keys may be lost before nobody can ever sign another root.
pub fn root_margin(published: &Published) -> u64 {
    let root = &published.root().roles.root;
    (root.keyids.len() as u64).saturating_sub(root.threshold)
}

fn refuse_beyond_repair(
    published: &Published,
    people: &People,
    gone: &BTreeMap<Hex, Option<PublicKey>>,
) -> Result<(), DrillError> {
    let root = &published.root().roles.root;
    let left: Vec<&Hex> = root
        .keyids
        .iter()
        .filter(|key| !gone.contains_key(key))
        .collect();
    if (left.len() as u64) >= root.threshold {
        return Ok(());
    }
    let names: Vec<String> = people
        .sorted(left)
        .into_iter()
        .map(|key| people.show(key))
        .collect();
    Err(DrillError::Beyond {
        version: published.root().version,
        threshold: root.threshold,
        left: if names.is_empty() {
            "nobody".to_owned()
        } else {
            names.join(", ")
        },
    })
}

/// A drill that stages nothing.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// A role would be without enough keys.
    #[error("{0}")]
    Short(String),
    /// No device would follow.
    #[error(
        "no new root can ever be signed: root v{version} asks for {threshold} signatures, and the keys that are left belong to {left}"
    )]
    Beyond {
        /// Version of the published root.
        version: u64,
        /// How many it asks for.
        threshold: u64,
        /// Who could still sign.
        left: String,
    },
    /// Nothing to do.
    #[error("no role has any of these keys")]
    Nowhere,
    /// The bench.
    #[error(transparent)]
    Bench(#[from] BenchError),
}
