//! METAFILES (TUF 4.4): what timestamp says of snapshot, and snapshot of every targets role; and HASHES, which targets have
//! as well.

use super::Malformed;
use crate::digest::Digest;
use crate::json::{Text, Value};
use crate::key::Schemes;
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
    /// Reads one entry. A device demands both pins; others may leave them out.
    #[inline(never)]
    pub(crate) fn parse(entry: Value<'a>, profile: Profile) -> Result<Self, Malformed> {
        let [hashes, length, version] = entry.pick(&["hashes", "length", "version"])?;
        match length {
            Some(length) => drop(length.unsigned()?),
            None if profile.is_device() => return Err(Malformed::Missing(Member::Length)),
            None => {}
        }
        match hashes {
            Some(hashes) => Hashes::parse(hashes, profile).map(drop)?,
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
        self.hashes()?.sha256()
    }

    /// Whether `served` has the pinned length and digests (TUF 5.5.1, 5.6.2); what is not pinned holds.
    #[inline(never)]
    pub fn pins(&self, served: &[u8], schemes: &impl Schemes) -> bool {
        self.length()
            .is_none_or(|length| length == Length::of(served))
            && self
                .hashes()
                .is_none_or(|hashes| hashes.hold(served, schemes))
    }

    fn hashes(&self) -> Option<Hashes<'a>> {
        let [hashes] = self.entry.pick(&["hashes"]).ok()?;
        hashes.map(Hashes)
    }
}

/// HASHES (TUF 4.4): digests by algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hashes<'a>(Value<'a>);

impl<'a> Hashes<'a> {
    /// Reads them. A device demands SHA-256; what other algorithms are worth is for [`hold`](Self::hold) to say.
    pub fn parse(hashes: Value<'a>, profile: Profile) -> Result<Self, Malformed> {
        let [sha256] = hashes.pick(&["sha256"])?;
        match sha256 {
            Some(sha256) => drop(Digest::from_hex(sha256.text()?.raw()).ok_or(Malformed::Hash)?),
            None if profile.is_device() => return Err(Malformed::Hash),
            None => {}
        }
        Ok(Self(hashes))
    }

    /// The SHA-256 among them, if any.
    pub fn sha256(&self) -> Option<Digest> {
        let [sha256] = self.0.pick(&["sha256"]).ok()?;
        Digest::from_hex(sha256?.text().ok()?.raw())
    }

    /// Whether `bytes` have every digest whose algorithm is known, and one is: unknown algorithms alone pin nothing.
    pub fn hold(&self, bytes: &[u8], schemes: &impl Schemes) -> bool {
        let sha256 = self.sha256().map(|digest| digest.is_of(bytes).holds());
        match (sha256, schemes.other_digests_hold(self.0, bytes)) {
            (Some(one), Some(other)) => one && other,
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => false,
        }
    }

    /// The object as it was signed.
    pub const fn value(&self) -> Value<'a> {
        self.0
    }
}

/// The role that a file name in `meta` stands for: the name without `.json`.
pub(crate) fn role_of(name: Text<'_>) -> Result<Text<'_>, Malformed> {
    name.without_suffix(".json")
        .filter(|role| !role.raw().is_empty())
        .ok_or(Malformed::MetaName)
}
