//! How the verifier's plain values are written in metadata.
//!
//! Serde adapters for digests, instants, key ids and keys. They accept exactly the one spelling we write.

use crate::key::{KeyId, PublicKey};
use cuff_verifier::digest::Digest;
use cuff_verifier::time::Instant;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// The only specification version we write.
pub const SPEC_VERSION: &str = "1.0.0";

/// Public keys by key id, as root and targets list them.
pub type Keys = BTreeMap<Hex, Key>;

/// Lowercase hex of 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex(pub [u8; 32]);

impl Hex {
    /// The SHA-256 of some bytes.
    pub fn sha256(bytes: &[u8]) -> Self {
        Self(Digest::of(bytes).0)
    }
}

impl std::fmt::Display for Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Large roles consist mostly of these: not digit by digit.
        let mut digits = [0; 64];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| std::fmt::Error)?;
        f.write_str(str::from_utf8(&digits).map_err(|_| std::fmt::Error)?)
    }
}

impl std::str::FromStr for Hex {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        Digest::from_hex(text.as_bytes())
            .map(|digest| Self(digest.0))
            .ok_or(HexError)
    }
}

/// Text that is not 32 bytes in hex.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected 64 lowercase hexadecimal digits")]
pub struct HexError;

impl From<Digest> for Hex {
    fn from(digest: Digest) -> Self {
        Self(digest.0)
    }
}

impl From<KeyId> for Hex {
    fn from(id: KeyId) -> Self {
        Self(id.0.0)
    }
}

impl From<PublicKey> for Hex {
    fn from(key: PublicKey) -> Self {
        Self(key.0)
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A point in time, as twenty characters of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utc(pub Instant);

impl std::fmt::Display for Utc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Utc {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Utc {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Instant::parse(text.as_bytes()).map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "expected a time like 2026-11-23T01:02:03Z, found {text:?}"
            ))
        })
    }
}

/// A public key as metadata lists it: Ed25519 in hex, the one kind devices verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(pub PublicKey);

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        KeyObject {
            keytype: Ed25519::Ed25519,
            keyval: KeyValue {
                public: self.0.into(),
            },
            scheme: Ed25519::Ed25519,
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        KeyObject::deserialize(from).map(|object| Self(PublicKey(object.keyval.public.0)))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyObject {
    keytype: Ed25519,
    keyval: KeyValue,
    scheme: Ed25519,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyValue {
    public: Hex,
}

#[derive(Serialize, Deserialize)]
enum Ed25519 {
    #[serde(rename = "ed25519")]
    Ed25519,
}

/// The `hashes` member: SHA-256 and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashes {
    /// SHA-256 of the whole file.
    pub sha256: Hex,
}

/// What snapshot and timestamp pin of another file: always all three, so that one role's file never passes for another's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileMeta {
    /// Digest of the file.
    pub hashes: Hashes,
    /// Bytes of the file.
    pub length: u64,
    /// Version inside the file.
    pub version: u64,
}

impl FileMeta {
    /// Measures a file.
    pub fn of(file: &[u8], version: u64) -> Self {
        Self {
            hashes: Hashes {
                sha256: Hex::sha256(file),
            },
            length: file.len() as u64,
            version,
        }
    }
}
