//! What is in one hashed bin: target paths, lengths and digests, and nothing that a device decides on.
//!
//! Written and signed by a machine, many at a time, so that it is spelled out here and not by the general encoder. Read back only
//! if it is what would be written.

use super::pipeline::{Signature, Signatures, write};
use super::wire::{Hashes, Hex, SPEC_VERSION, Utc};
use crate::key::{SignError, Signer, verified_signature};
use crate::store::ObjectName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::str::FromStr;

/// The content of a bin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bin {
    /// One more than the version before it.
    pub version: u64,
    /// Refused after this.
    pub expires: Utc,
    /// Its targets.
    pub targets: BTreeMap<TargetPath, Listed>,
}

/// What is said of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its length in bytes.
    pub length: u64,
    /// Its SHA-256.
    pub sha256: Hex,
}

impl Bin {
    /// Reads what was signed.
    pub fn read(signed: &[u8]) -> Result<Self, BinError> {
        let role: Role = serde_json::from_slice(signed).map_err(BinError::Unreadable)?;
        let listed = |(path, target): (TargetPath, Target)| {
            let (length, sha256) = (target.length, target.hashes.sha256);
            (path, Listed { length, sha256 })
        };
        let bin = Self {
            version: role.version,
            expires: role.expires,
            targets: role.targets.into_iter().map(listed).collect(),
        };
        if bin.encode() == signed {
            Ok(bin)
        } else {
            Err(BinError::NotOurs)
        }
    }

    /// The file, signed.
    pub fn sign(&self, signer: &dyn Signer) -> Result<Vec<u8>, BinError> {
        let bytes = self.encode();
        let signature = Signature(verified_signature(signer, &bytes)?);
        let signatures = Signatures::from([(Hex::from(signer.public().id()), signature)]);
        Ok(write(&bytes, &signatures))
    }

    /// Canonical JSON: paths hold nothing that would have to be escaped.
    fn encode(&self) -> Vec<u8> {
        let mut text = String::with_capacity(128 + self.targets.len() * 160);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "{{\"_type\":\"targets\",\"expires\":\"{}\",\"spec_version\":\"{SPEC_VERSION}\",\"targets\":{{",
            self.expires
        );
        for (index, (path, listed)) in self.targets.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = write!(
                text,
                "{comma}\"{path}\":{{\"hashes\":{{\"sha256\":\"{}\"}},\"length\":{}}}",
                listed.sha256, listed.length
            );
        }
        let _ = write!(text, "}},\"version\":{}}}", self.version);
        text.into_bytes()
    }
}

/// A bin that is none, or was not signed.
#[derive(Debug, thiserror::Error)]
pub enum BinError {
    /// Not JSON, or not the members of a bin.
    #[error("not the metadata of a bin")]
    Unreadable(#[source] serde_json::Error),
    /// Other bytes than we would write.
    #[error("not written by cuff, or edited by hand")]
    NotOurs,
    /// No signature.
    #[error("the key did not sign")]
    Sign(#[from] SignError),
}

/// The path of a target in a bin: parts of letters, digits and `._+-`, none of them hidden. It is an object's name as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetPath(String);

impl TargetPath {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TargetPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for TargetPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        match ObjectName::new(text) {
            Ok(_) if text.len() <= MAX_PATH => Ok(Self(text.to_owned())),
            _ => Err(PathError(text.escape_debug().to_string())),
        }
    }
}

impl TryFrom<String> for TargetPath {
    type Error = PathError;

    fn try_from(text: String) -> Result<Self, PathError> {
        text.parse()
    }
}

impl From<TargetPath> for String {
    fn from(path: TargetPath) -> Self {
        path.0
    }
}

/// Text that cannot be the path of a target.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "\"{0}\" cannot be the path of a target: expected parts of letters, digits and `._+-` with `/` between them, none of them hidden"
)]
pub struct PathError(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Role {
    #[serde(rename = "_type")]
    _kind: Type,
    expires: Utc,
    #[serde(rename = "spec_version")]
    _spec_version: String,
    targets: BTreeMap<TargetPath, Target>,
    version: u64,
}

#[derive(Deserialize)]
enum Type {
    #[serde(rename = "targets")]
    Targets,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    hashes: Hashes,
    length: u64,
}

/// File names on every file system, with a digest before them.
const MAX_PATH: usize = 180;

#[cfg(test)]
mod tests {
    use super::{Bin, Listed, TargetPath};
    use crate::repository::target::file_of;
    use crate::role::canonical;
    use crate::role::wire::{Hex, Utc};
    use crate::store::ObjectName;
    use cuff_verifier::time::Instant;
    use std::collections::BTreeMap;

    fn bin() -> Bin {
        let listed = |byte: u8| Listed {
            length: byte.into(),
            sha256: Hex([byte; 32]),
        };
        Bin {
            version: 3,
            expires: Utc(Instant(1_800_000_000)),
            targets: BTreeMap::from([
                ("unit/b-2".parse().unwrap(), listed(2)),
                ("unit/a.1".parse().unwrap(), listed(1)),
            ]),
        }
    }

    #[test]
    fn what_is_written_is_canonical_and_reads_back() {
        let signed = bin().encode();
        let value: serde_json::Value = serde_json::from_slice(&signed).unwrap();
        assert_eq!(canonical::encode(&value).unwrap(), signed);
        assert_eq!(Bin::read(&signed).unwrap(), bin());
        let spaced = String::from_utf8(signed).unwrap().replace(':', ": ");
        assert!(Bin::read(spaced.as_bytes()).is_err());
    }

    #[test]
    fn paths_are_names_of_objects() {
        let path: TargetPath = "unit/0001.bin".parse().unwrap();
        let digest = Hex([0xab; 32]);
        let object = file_of(path.as_str(), &digest.to_string(), true);
        assert_eq!(object, format!("targets/unit/{digest}.0001.bin"));
        assert!(ObjectName::new(object).is_ok());
        for bad in ["", "/a", "a/../b", "a b", "a\"b", ".a", "a//b", "ä"] {
            assert!(bad.parse::<TargetPath>().is_err(), "{bad}");
        }
    }
}
