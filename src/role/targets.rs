//! The targets role: which product is signed by whom, or who signs the bins. Releases live in the product roles.

use super::bins::{BinDelegation, Bins};
use super::wire::{Hex, Keys, SPEC_VERSION, Utc};
use crate::name::{NameError, Product as ProductName};
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

    /// Whether it shares its targets out among bins, which hosts read and no device.
    pub fn has_bins(&self) -> bool {
        self.delegations.bins.is_some()
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
#[serde(into = "Written", try_from = "Read")]
pub struct Delegations {
    /// Every key any product uses, and no other.
    pub keys: Keys,
    /// Products, in the order clients search them.
    pub roles: Vec<Delegation>,
    /// Hashed bins, in a repository that has no products.
    pub bins: Option<Bins>,
}

#[derive(Serialize)]
struct Written {
    keys: Keys,
    roles: Roles,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Roles {
    Products(Vec<Delegation>),
    Bins(Vec<BinDelegation>),
}

/// What is read: each role with the paths of a product or the prefixes of a bin.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    keys: Keys,
    roles: Vec<AnyRole>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyRole {
    keyids: Vec<Hex>,
    name: String,
    #[serde(default)]
    paths: Option<Vec<String>>,
    #[serde(default)]
    path_hash_prefixes: Option<Vec<String>>,
    terminating: bool,
    threshold: u64,
}

impl AnyRole {
    fn product(self) -> Result<Delegation, String> {
        let paths = self.paths.filter(|_| self.path_hash_prefixes.is_none());
        Ok(Delegation {
            keyids: self.keyids,
            name: self
                .name
                .parse()
                .map_err(|error: NameError| error.to_string())?,
            paths: paths.ok_or("a product is delegated by its paths")?,
            terminating: self.terminating,
            threshold: self.threshold,
        })
    }

    fn bin(self) -> Option<BinDelegation> {
        Some(BinDelegation {
            keyids: self.keyids,
            name: self.name,
            path_hash_prefixes: self.path_hash_prefixes.filter(|_| self.paths.is_none())?,
            terminating: self.terminating,
            threshold: self.threshold,
        })
    }
}

impl From<Delegations> for Written {
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

impl TryFrom<Read> for Delegations {
    type Error = String;

    fn try_from(read: Read) -> Result<Self, String> {
        let are_bins = read
            .roles
            .first()
            .is_some_and(|first| first.path_hash_prefixes.is_some());
        let (mut roles, mut bins) = (Vec::new(), None);
        if are_bins {
            let all: Option<Vec<_>> = read.roles.into_iter().map(AnyRole::bin).collect();
            bins = all.as_deref().and_then(Bins::read);
            if bins.is_none() {
                return Err("these are not bins as cuff shares them out".to_owned());
            }
        } else {
            let products = read.roles.into_iter().map(AnyRole::product);
            roles = products.collect::<Result<_, _>>()?;
        }
        Ok(Self {
            keys: read.keys,
            roles,
            bins,
        })
    }
}

/// One product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
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
