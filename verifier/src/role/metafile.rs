//! METAFILES (TUF 4.4): what timestamp says of snapshot, and snapshot of every targets role.

use super::Malformed;
use crate::digest::Digest;
use crate::json::{Cursor, Text};
use crate::version::{Length, Version};

/// The version of a file, and its length and digest where they are pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaFile {
    /// The version the file must have.
    pub version: Version,
    /// The length the served file must have.
    pub length: Option<Length>,
    /// The SHA-256 the served file must have.
    pub sha256: Option<Digest>,
}

impl MetaFile {
    /// Reads one entry. A device demands both pins; others may leave them out, but not pin by unknown digests only.
    pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let (mut version, mut length, mut sha256) = (None, None, None);
        let mut members = cursor.object()?;
        while let Some(name) = members.next(cursor)? {
            match name.raw() {
                b"hashes" => sha256 = Some(parse_hashes(cursor)?.ok_or(Malformed::Hash)?),
                b"length" => length = Some(Length(cursor.unsigned()?)),
                b"version" => {
                    version = Some(Version::new(cursor.unsigned()?).ok_or(Malformed::VersionZero)?);
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
        if cursor.profile().is_device() && (length.is_none() || sha256.is_none()) {
            return Err(Malformed::Missing(if length.is_none() {
                "length"
            } else {
                "hashes"
            }));
        }
        Ok(Self {
            version: version.ok_or(Malformed::Missing("version"))?,
            length,
            sha256,
        })
    }

    /// Whether `served` has the pinned length and digest (TUF 5.5.1, 5.6.2); what is not pinned holds.
    pub fn pins(&self, served: &[u8]) -> bool {
        self.length
            .is_none_or(|length| length == Length::of(served))
            && self
                .sha256
                .is_none_or(|digest| digest == Digest::of(served))
    }
}

/// HASHES (TUF 4.4): the SHA-256 among them, if any.
pub(crate) fn parse_hashes(cursor: &mut Cursor<'_>) -> Result<Option<Digest>, Malformed> {
    let mut sha256 = None;
    let mut members = cursor.object()?;
    while let Some(name) = members.next(cursor)? {
        let value = cursor.text()?;
        if name.raw() == b"sha256" {
            sha256 = Some(Digest::from_hex(value.raw()).ok_or(Malformed::Hash)?);
        }
    }
    Ok(sha256)
}

/// The role that a file name in `meta` stands for: the name without `.json`.
pub(crate) fn role_of<'a>(name: Text<'a>) -> Result<&'a [u8], Malformed> {
    name.raw()
        .strip_suffix(b".json")
        .filter(|role| !role.is_empty())
        .ok_or(Malformed::MetaName)
}
