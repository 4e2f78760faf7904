//! A product role: the releases of one product and the lowest counter its devices may install.

use super::name::ReleaseName;
use super::wire::{Hashes, Hex, SPEC_VERSION, Utc};
use crate::bundle::record::Record;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The signed part of `N.PRODUCT.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Product {
    #[serde(rename = "_type")]
    kind: ProductType,
    /// Refused after this.
    pub expires: Utc,
    /// When it was made; moves the time floor of devices.
    pub issued: Utc,
    /// Releases below this counter are refused by devices.
    pub minimum_counter: u64,
    spec_version: String,
    /// The releases.
    pub targets: BTreeMap<ReleaseName, Release>,
    /// One more than the version before it.
    pub version: u64,
}

impl Product {
    /// A product without releases.
    pub fn first(issued: Utc, expires: Utc) -> Self {
        Self {
            kind: ProductType::Targets,
            expires,
            issued,
            minimum_counter: 0,
            spec_version: SPEC_VERSION.to_owned(),
            targets: BTreeMap::new(),
            version: 1,
        }
    }

    /// The highest counter of any release.
    pub fn highest_counter(&self) -> Option<u64> {
        self.targets
            .values()
            .map(|release| release.custom.cuff.counter.0)
            .max()
    }
}

/// One release: the bundle file and the record devices decide on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Holds the record.
    pub custom: Custom,
    /// Digest of the bundle file.
    pub hashes: Hashes,
    /// Bytes of the bundle file.
    pub length: u64,
}

impl Release {
    /// Measures a bundle file.
    pub fn of(record: Record, bundle: &[u8]) -> Self {
        Self {
            custom: Custom { cuff: record },
            hashes: Hashes {
                sha256: Hex::sha256(bundle),
            },
            length: bundle.len() as u64,
        }
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.custom.cuff
    }
}

/// TUF's place for what a repository adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custom {
    /// Ours.
    pub cuff: Record,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum ProductType {
    #[serde(rename = "targets")]
    Targets,
}
