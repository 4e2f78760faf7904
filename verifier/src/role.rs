//! The kinds of metadata (TUF 4.3 to 4.6), each read from authenticated bytes only.
//!
//! Takes [`Authentic`](crate::threshold::Authentic) proof, gives borrowed views. A view is checked whole when it is made: later look-ups scan the same
//! bytes again and cannot find them malformed.

pub mod delegation;
pub mod metafile;
pub mod root;
pub mod snapshot;
pub mod targets;
pub mod timestamp;

use core::fmt;

use crate::json::{self, Value};
use crate::member::Member;
use crate::profile::Profile;
use crate::time::Instant;
use crate::version::Version;

/// Which role a file plays in an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The root of trust.
    Root,
    /// The freshness statement.
    Timestamp,
    /// The list of versions.
    Snapshot,
    /// The top-level targets role.
    Targets,
    /// A delegated targets role, such as a product's.
    Delegated,
}

impl Role {
    /// The name of a top-level role; "delegated" for all others.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Timestamp => "timestamp",
            Self::Snapshot => "snapshot",
            Self::Targets => "targets",
            Self::Delegated => "delegated",
        }
    }

    /// What `_type` must say.
    const fn metadata_type(self) -> &'static [u8] {
        match self {
            Self::Root => b"root",
            Self::Timestamp => b"timestamp",
            Self::Snapshot => b"snapshot",
            Self::Targets | Self::Delegated => b"targets",
        }
    }

    /// Whether a threshold of people signs it; snapshot and timestamp are signed by the online key.
    pub const fn is_offline(self) -> bool {
        matches!(self, Self::Root | Self::Targets | Self::Delegated)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What every role says of itself (TUF 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Version of the file.
    pub version: Version,
    /// From this moment on the file must not be used.
    pub expires: Instant,
    /// When it was signed, if it says so. Every role but snapshot does, for a device.
    pub issued: Option<Instant>,
}

impl Head {
    /// Reads what every role has in common from its `signed` member.
    #[inline(never)]
    fn parse(signed: Value<'_>, role: Role, profile: Profile) -> Result<Self, Malformed> {
        let [kind, expires, issued, spec_version, version] =
            signed.pick(&["_type", "expires", "issued", "spec_version", "version"])?;
        if kind.ok_or(Malformed::Missing(Member::Type))?.text()?.raw() != role.metadata_type() {
            return Err(Malformed::Type);
        }
        if !is_supported(
            spec_version
                .ok_or(Malformed::Missing(Member::SpecVersion))?
                .text()?
                .raw(),
        ) {
            return Err(Malformed::SpecVersion);
        }
        let version = version
            .ok_or(Malformed::Missing(Member::Version))?
            .unsigned()?;
        Ok(Self {
            version: Version::new(version).ok_or(Malformed::VersionZero)?,
            expires: instant(expires.ok_or(Malformed::Missing(Member::Expires))?)?,
            // `issued` is ours. In somebody else's repository it could mean anything.
            issued: match issued {
                Some(issued) if profile.is_device() => Some(instant(issued)?),
                None if profile.is_device() && role != Role::Snapshot => {
                    return Err(Malformed::Missing(Member::Issued));
                }
                _ => None,
            },
        })
    }
}

/// `1.x` or `1.x.y` in plain decimal numbers: the major version this crate implements (TUF 4.3 and 5.3.2).
fn is_supported(spec_version: &[u8]) -> bool {
    let Some(rest) = spec_version.strip_prefix(b"1") else {
        return false;
    };
    let mut numbers = 0;
    for part in rest.split(|byte| *byte == b'.') {
        let plain =
            part.iter().all(u8::is_ascii_digit) && (part.len() == 1 || part.first() != Some(&b'0'));
        // In front of the first full stop nothing may follow the 1.
        if part.is_empty() != (numbers == 0) || !plain {
            return false;
        }
        numbers += 1;
    }
    (2..=3).contains(&numbers)
}

fn instant(date: Value<'_>) -> Result<Instant, Malformed> {
    Instant::parse(date.text()?.raw()).ok_or(Malformed::Date)
}

/// Why authenticated bytes are not the role they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not canonical JSON, or a value of another kind than the field has.
    Json(json::Fault),
    /// A member that must be there is not.
    Missing(Member),
    /// `_type` names another role.
    Type,
    /// `spec_version` is not 1.x or 1.x.y.
    SpecVersion,
    /// Version 0.
    VersionZero,
    /// Threshold 0.
    ThresholdZero,
    /// Not `YYYY-MM-DDTHH:MM:SSZ`, or no such moment.
    Date,
    /// A device reads Ed25519 keys only.
    KeyType,
    /// The same key id twice in one role.
    RepeatedKeyId,
    /// More key ids in a role than [`MAX_SIGNERS`](crate::threshold::MAX_SIGNERS).
    TooManySigners,
    /// More keys than [`MAX_KEYS`](crate::key::MAX_KEYS).
    TooManyKeys,
    /// A device demands consistent snapshots.
    InconsistentSnapshot,
    /// A file name in `meta` that is not allowed there.
    MetaName,
    /// No SHA-256 (nor another known digest) where one is needed, or not 64 lower-case hex digits.
    Hash,
    /// A delegated role with a name it cannot have.
    RoleName,
    /// Both `paths` and `path_hash_prefixes`, neither, or a kind of path a device does not read.
    DelegatedPaths,
    /// A target path that is empty, absolute, climbs, or holds a backslash.
    TargetPath,
}

impl core::error::Error for Malformed {}

impl From<json::Fault> for Malformed {
    fn from(error: json::Fault) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(error) => return error.fmt(f),
            Self::Missing(name) => return write!(f, "`{}` is missing", name.name()),
            Self::Type => "`_type` names another role",
            Self::SpecVersion => "`spec_version` is not 1.x or 1.x.y",
            Self::VersionZero => "`version` is 0; versions start at 1",
            Self::ThresholdZero => "`threshold` is 0; a threshold is at least 1",
            Self::Date => "a date is not a real moment written YYYY-MM-DDTHH:MM:SSZ",
            Self::KeyType => {
                "a key is not ed25519 in 64 lower-case hex digits, the only kind a device reads"
            }
            Self::RepeatedKeyId => "a role lists the same key id twice",
            Self::TooManySigners => "a role lists more than 64 key ids",
            Self::TooManyKeys => "more than 1024 keys",
            Self::InconsistentSnapshot => "`consistent_snapshot` is not true",
            Self::MetaName => "`meta` lists a file that cannot stand there",
            Self::Hash => "`hashes` has no sha256 of 64 lower-case hex digits",
            Self::RoleName => "a delegated role has a name it cannot have",
            Self::DelegatedPaths => {
                "a delegation needs either `paths` or `path_hash_prefixes` (for a device: `paths`)"
            }
            Self::TargetPath => {
                "a target path is empty, absolute, climbs with `..`, or holds a backslash"
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::is_supported;

    #[test]
    fn only_major_version_one_in_plain_numbers() {
        for good in ["1.0", "1.0.0", "1.0.34", "1.10.2"] {
            assert!(is_supported(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "1", "1.", "1.0.", "01.0", "1.00", "2.0.0", "0.9", "1.0.0.0", "1.0a", "1.-1",
            "10.0",
        ] {
            assert!(!is_supported(bad.as_bytes()), "{bad}");
        }
    }
}
