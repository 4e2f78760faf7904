//! A product role: the releases of one product and the lowest counter its devices may install.

use super::name::ReleaseName;
use super::wire::{Hashes, Hex, SPEC_VERSION, Utc};
use crate::bundle::record::Record;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::str::FromStr;

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
    /// Releases that were withdrawn, and why. Devices decide by the targets and the counters alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub withdrawn: BTreeMap<ReleaseName, Advisory>,
}

/// Why a release was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Advisory {
    /// One sentence, in printable ASCII.
    pub reason: String,
    /// The release to take instead, PRODUCT/VERSION.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
    /// How bad it is.
    pub severity: Severity,
}

impl Display for Advisory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity, self.reason)?;
        match &self.replaced_by {
            Some(release) => write!(f, "; take {release} instead"),
            None => Ok(()),
        }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Severity {
    /// An inconvenience.
    Low,
    /// A fault with a way around it.
    Medium,
    /// A fault that harms.
    High,
    /// Take it off at once.
    Critical,
}

impl Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

impl FromStr for Severity {
    type Err = SeverityError;

    fn from_str(text: &str) -> Result<Self, SeverityError> {
        [Self::Low, Self::Medium, Self::High, Self::Critical]
            .into_iter()
            .find(|severity| severity.to_string() == text)
            .ok_or(SeverityError)
    }
}

/// Another word.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected low, medium, high or critical")]
pub struct SeverityError;

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
            withdrawn: BTreeMap::new(),
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
