//! The kinds of metadata (TUF 4.3 to 4.6), each read from authenticated bytes only.
//!
//! Takes [`Authentic`] proof, gives borrowed views. A view is checked whole when it is made: later look-ups scan the same
//! bytes again and cannot find them malformed.

pub mod delegation;
pub mod metafile;
pub mod root;
pub mod snapshot;
pub mod targets;
pub mod timestamp;

use core::fmt;

use crate::json::{self, Cursor, Text};
use crate::profile::Profile;
use crate::threshold::Authentic;
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

/// Collects a [`Head`] while the members of a role pass by.
struct HeadReader {
    role: Role,
    profile: Profile,
    typed: bool,
    specified: bool,
    version: Option<Version>,
    expires: Option<Instant>,
    issued: Option<Instant>,
}

impl HeadReader {
    const fn new(role: Role, profile: Profile) -> Self {
        Self {
            role,
            profile,
            typed: false,
            specified: false,
            version: None,
            expires: None,
            issued: None,
        }
    }

    /// Takes a member that every role has, and skips one that none of ours has.
    fn take(&mut self, name: Text<'_>, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        match name.raw() {
            b"_type" => {
                if cursor.text()?.raw() != self.role.metadata_type() {
                    return Err(Malformed::Type);
                }
                self.typed = true;
            }
            b"spec_version" => {
                if !is_supported(cursor.text()?.raw()) {
                    return Err(Malformed::SpecVersion);
                }
                self.specified = true;
            }
            b"version" => {
                self.version =
                    Some(Version::new(cursor.unsigned()?).ok_or(Malformed::VersionZero)?);
            }
            b"expires" => self.expires = Some(instant(cursor)?),
            // Before authorship was ours, "issued" could be anything; only a device relies on it.
            b"issued" if self.profile.is_device() => self.issued = Some(instant(cursor)?),
            _ => {
                cursor.skip()?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Head, Malformed> {
        if !self.typed {
            return Err(Malformed::Missing("_type"));
        }
        if !self.specified {
            return Err(Malformed::Missing("spec_version"));
        }
        if self.profile.is_device() && self.role != Role::Snapshot && self.issued.is_none() {
            return Err(Malformed::Missing("issued"));
        }
        Ok(Head {
            version: self.version.ok_or(Malformed::Missing("version"))?,
            expires: self.expires.ok_or(Malformed::Missing("expires"))?,
            issued: self.issued,
        })
    }
}

/// `1.x` or `1.x.y` in plain decimal numbers: the major version this crate implements (TUF 4.3 and 5.3.2).
fn is_supported(spec_version: &[u8]) -> bool {
    let mut parts = spec_version.split(|byte| *byte == b'.');
    let plain = |part: &[u8]| {
        !part.is_empty()
            && part.iter().all(u8::is_ascii_digit)
            && (part.len() == 1 || part.first() != Some(&b'0'))
    };
    let count = spec_version.split(|byte| *byte == b'.').count();
    parts.next() == Some(b"1") && (2..=3).contains(&count) && parts.all(plain)
}

fn instant(cursor: &mut Cursor<'_>) -> Result<Instant, Malformed> {
    Instant::parse(cursor.text()?.raw()).ok_or(Malformed::Date)
}

/// Opens the `signed` object of a role.
fn open<'a>(authentic: &Authentic<'a>) -> Result<Cursor<'a>, Malformed> {
    Ok(Cursor::new(authentic.signed(), authentic.profile())?)
}

/// Why authenticated bytes are not the role they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not canonical JSON, or a value of another kind than the field has.
    Json(json::Error),
    /// A member that must be there is not.
    Missing(&'static str),
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

impl From<json::Error> for Malformed {
    fn from(error: json::Error) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(error) => return error.fmt(f),
            Self::Missing(name) => return write!(f, "`{name}` is missing"),
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
