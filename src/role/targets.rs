//! The targets role: which product is signed by whom, or who signs the bins. Releases live in the product roles.

use super::bins::{BinDelegation, Bins};
use super::wire::{Hex, Keys, SPEC_VERSION, Utc};
use crate::name::Product as ProductName;
use serde::{Deserialize, Serialize};

/// The signed part of `N.targets.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    #[serde(rename = "_type")]
    kind: TargetsType,
    /// Products and their keys.
    pub delegations: Delegations,
    /// Refused after this.
    pub expires: Utc,
    /// When it was made; moves the time floor of devices.
    pub issued: Utc,
    spec_version: String,
    targets: NoTargets,
    /// One more than the version before it.
    pub version: u64,
}

impl Targets {
    /// The first targets role of a repository.
    pub fn first(delegations: Delegations, issued: Utc, expires: Utc) -> Self {
        Self {
            kind: TargetsType::Targets,
            delegations,
            expires,
            issued,
            spec_version: SPEC_VERSION.to_owned(),
            targets: NoTargets {},
            version: 1,
        }
    }

    /// The delegation to a product.
    pub fn delegation(&self, product: &ProductName) -> Option<&Delegation> {
        self.delegations
            .roles
            .iter()
            .find(|role| role.name == *product)
    }

    /// The delegation to a product, to be edited.
    pub fn delegation_mut(&mut self, product: &ProductName) -> Option<&mut Delegation> {
        self.delegations
            .roles
            .iter_mut()
            .find(|role| role.name == *product)
    }

    /// Drops keys that no delegation names any more.
    pub fn drop_unused_keys(&mut self) {
        let (roles, bins) = (&self.delegations.roles, &self.delegations.bins);
        self.delegations.keys.retain(|id, _| {
            roles.iter().any(|role| role.keyids.contains(id))
                || bins.as_ref().is_some_and(|bins| bins.keyids.contains(id))
        });
    }
}

/// Keys, and products or bins: never both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub struct Delegations {
    /// Every key any product uses, and no other.
    pub keys: Keys,
    /// Products, in the order clients search them.
    pub roles: Vec<Delegation>,
    /// Hashed bins, in a repository that has no products.
    pub bins: Option<Bins>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    keys: Keys,
    roles: Roles,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Roles {
    Products(Vec<Delegation>),
    Bins(Vec<BinDelegation>),
}

impl From<Delegations> for Wire {
    fn from(delegations: Delegations) -> Self {
        Self {
            keys: delegations.keys,
            roles: match delegations.bins {
                Some(bins) => Roles::Bins(bins.delegations()),
                None => Roles::Products(delegations.roles),
            },
        }
    }
}

impl TryFrom<Wire> for Delegations {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let (roles, bins) = match wire.roles {
            Roles::Products(roles) => (roles, None),
            Roles::Bins(bins) => {
                let bins = Bins::read(&bins).ok_or("these are not bins as cuff shares them out")?;
                (Vec::new(), Some(bins))
            }
        };
        Ok(Self {
            keys: wire.keys,
            roles,
            bins,
        })
    }
}

/// One product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delegation {
    /// Sorted key ids.
    pub keyids: Vec<Hex>,
    /// The product.
    pub name: ProductName,
    /// `["PRODUCT/*"]`.
    pub paths: Vec<String>,
    /// Always true: nobody else speaks for these paths.
    pub terminating: bool,
    /// How many different keys must sign.
    pub threshold: u64,
}

impl Delegation {
    /// Gives a product its own path and nobody else's.
    pub fn of(name: ProductName, mut keyids: Vec<Hex>, threshold: u64) -> Self {
        keyids.sort();
        Self {
            keyids,
            paths: vec![format!("{name}/*")],
            name,
            terminating: true,
            threshold,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum TargetsType {
    #[serde(rename = "targets")]
    Targets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoTargets {}
