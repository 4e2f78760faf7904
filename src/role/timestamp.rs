//! The timestamp role: the one file that changes in place, and the last to be written.

use super::wire::{FileMeta, SPEC_VERSION, Utc};
use serde::{Deserialize, Serialize};

/// The signed part of `timestamp.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timestamp {
    #[serde(rename = "_type")]
    kind: TimestampType,
    /// Refused after this.
    pub expires: Utc,
    /// When it was made; must lie before every expiry of the chain it pins, and never moves the time floor of a device.
    pub issued: Utc,
    /// The snapshot.
    pub meta: TimestampMeta,
    spec_version: String,
    /// One more than the version before it.
    pub version: u64,
}

impl Timestamp {
    /// Pins a snapshot.
    pub fn of(snapshot: FileMeta, version: u64, issued: Utc, expires: Utc) -> Self {
        Self {
            kind: TimestampType::Timestamp,
            expires,
            issued,
            meta: TimestampMeta { snapshot },
            spec_version: SPEC_VERSION.to_owned(),
            version,
        }
    }
}

/// The one file a timestamp pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimestampMeta {
    /// The snapshot.
    #[serde(rename = "snapshot.json")]
    pub snapshot: FileMeta,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum TimestampType {
    #[serde(rename = "timestamp")]
    Timestamp,
}
