//! METAFILES (TUF 4.4): what timestamp says of snapshot, and snapshot of every targets role.

use super::Malformed;
use crate::digest::Digest;
use crate::json::{Text, Value};
use crate::member::Member;
use crate::profile::Profile;
use crate::version::{Length, Version};

/// What is said of a file: its version, and its length and digest where they are pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaFile<'a> {
    /// The version the file must have.
    pub version: Version,
    entry: Value<'a>,
}

impl<'a> MetaFile<'a> {
    /// Reads one entry. A device demands both pins; others may leave them out, but not pin by unknown digests only.
    #[inline(never)]
    pub(crate) fn parse(entry: Value<'a>, profile: Profile) -> Result<Self, Malformed> {
        let [hashes, length, version] = entry.pick(&["hashes", "length", "version"])?;
        match length {
            Some(length) => drop(length.unsigned()?),
            None if profile.is_device() => return Err(Malformed::Missing(Member::Length)),
            None => {}
        }
        match hashes {
            Some(hashes) => drop(parse_hashes(hashes)?.ok_or(Malformed::Hash)?),
            None if profile.is_device() => return Err(Malformed::Missing(Member::Hashes)),
            None => {}
        }
        let version = version
            .ok_or(Malformed::Missing(Member::Version))?
            .unsigned()?;
        Ok(Self {
            version: Version::new(version).ok_or(Malformed::VersionZero)?,
            entry,
        })
    }

    /// The length the served file must have.
    pub fn length(&self) -> Option<Length> {
        let [length] = self.entry.pick(&["length"]).ok()?;
        length?.unsigned().ok().map(Length)
    }

    /// The SHA-256 the served file must have.
    pub fn sha256(&self) -> Option<Digest> {
        let [hashes] = self.entry.pick(&["hashes"]).ok()?;
        parse_hashes(hashes?).ok()?
    }

    /// Whether `served` has the pinned length and digest (TUF 5.5.1, 5.6.2); what is not pinned holds.
    #[inline(never)]
    pub fn pins(&self, served: &[u8]) -> bool {
        self.length()
            .is_none_or(|length| length == Length::of(served))
            && self
                .sha256()
                .is_none_or(|digest| digest == Digest::of(served))
    }
}

/// HASHES (TUF 4.4): the SHA-256 among them, if any.
pub(crate) fn parse_hashes(hashes: Value<'_>) -> Result<Option<Digest>, Malformed> {
    let [sha256] = hashes.pick(&["sha256"])?;
    let Some(sha256) = sha256 else {
        return Ok(None);
    };
    Digest::from_hex(sha256.text()?.raw())
        .map(Some)
        .ok_or(Malformed::Hash)
}

/// The role that a file name in `meta` stands for: the name without `.json`.
pub(crate) fn role_of<'a>(name: Text<'a>) -> Result<&'a [u8], Malformed> {
    name.raw()
        .strip_suffix(b".json")
        .filter(|role| !role.is_empty())
        .ok_or(Malformed::MetaName)
}
