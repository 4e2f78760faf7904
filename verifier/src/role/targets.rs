//! Targets metadata (TUF 4.5), top-level or delegated: what may be installed, and who else may say so.

use super::delegation::Delegations;
use super::metafile::parse_hashes;
use super::{Head, HeadReader, Malformed, Role, open};
use crate::digest::Digest;
use crate::json::{Cursor, Text};
use crate::profile::Profile;
use crate::threshold::Authentic;
use crate::version::{Counter, Length};

/// A targets file's `signed` member, checked.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Version and expiry.
    pub head: Head,
    /// Who else speaks for which paths, in order of priority.
    pub delegations: Option<Delegations<'a>>,
    /// The least security counter that may still be installed, where a product role says one.
    pub minimum_counter: Option<Counter>,
    targets: &'a [u8],
    profile: Profile,
}

impl<'a> Targets<'a> {
    /// Reads authenticated bytes; `role` is [`Role::Targets`] or [`Role::Delegated`].
    pub fn parse(authentic: &Authentic<'a>, role: Role) -> Result<Self, Malformed> {
        let profile = authentic.profile();
        let mut head = HeadReader::new(role, profile);
        let (mut targets, mut delegations, mut minimum_counter) = (None, None, None);
        let mut cursor = open(authentic)?;
        let mut members = cursor.object()?;
        while let Some(name) = members.next(&mut cursor)? {
            match name.raw() {
                b"delegations" => delegations = Some(Delegations::parse(&mut cursor)?),
                b"minimum_counter" if profile.is_device() => {
                    minimum_counter = Some(Counter(cursor.unsigned()?));
                }
                b"targets" => {
                    let start = cursor.position();
                    let mut entries = cursor.object()?;
                    while let Some(path) = entries.next(&mut cursor)? {
                        check_path(path, profile)?;
                        Target::parse(&mut cursor)?;
                    }
                    targets = Some(cursor.since(start));
                }
                _ => head.take(name, &mut cursor)?,
            }
        }
        cursor.end()?;
        Ok(Self {
            head: head.finish()?,
            delegations,
            minimum_counter,
            targets: targets.ok_or(Malformed::Missing("targets"))?,
            profile,
        })
    }

    /// The target with exactly this path.
    pub fn target(&self, path: Text<'_>) -> Option<Target<'a>> {
        let mut cursor = Cursor::revisit(self.targets, self.profile);
        let mut entries = cursor.object().ok()?;
        while let Some(name) = entries.next(&mut cursor).ok()? {
            if name == path {
                return Target::parse(&mut cursor).ok();
            }
            cursor.skip().ok()?;
        }
        None
    }

    /// Every target this role lists, in the order of paths.
    pub fn targets(&self) -> impl Iterator<Item = (Text<'a>, Target<'a>)> + Clone + use<'a> {
        let mut cursor = Cursor::revisit(self.targets, self.profile);
        let mut entries = cursor.object().ok();
        core::iter::from_fn(move || {
            let path = entries.as_mut()?.next(&mut cursor).ok()??;
            Some((path, Target::parse(&mut cursor).ok()?))
        })
    }

    /// The reading it was authenticated under.
    pub const fn profile(&self) -> Profile {
        self.profile
    }
}

/// What is said of one target file.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its length.
    pub length: Length,
    /// Its SHA-256; a target without one cannot be fetched.
    pub sha256: Option<Digest>,
    /// `custom`, whatever it is: canonical, and signed like the rest.
    pub custom: Option<&'a [u8]>,
}

impl<'a> Target<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let (mut length, mut hashes, mut custom) = (None, None, None);
        let mut members = cursor.object()?;
        while let Some(name) = members.next(cursor)? {
            match name.raw() {
                b"length" => length = Some(Length(cursor.unsigned()?)),
                b"hashes" => hashes = Some(parse_hashes(cursor)?),
                b"custom" => custom = Some(cursor.skip()?),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        let sha256 = hashes.ok_or(Malformed::Missing("hashes"))?;
        if cursor.profile().is_device() && sha256.is_none() {
            return Err(Malformed::Hash);
        }
        Ok(Self {
            length: length.ok_or(Malformed::Missing("length"))?,
            sha256,
            custom,
        })
    }
}

/// A device reads relative paths of plain segments only; other clients keep targets inside a folder by other means.
fn check_path(path: Text<'_>, profile: Profile) -> Result<(), Malformed> {
    let raw = path.raw();
    let plain = || {
        !raw.contains(&b'\\')
            && !raw
                .split(|byte| *byte == b'/')
                .any(|part| matches!(part, b"" | b"." | b".."))
    };
    if raw.is_empty() || profile.is_device() && !plain() {
        Err(Malformed::TargetPath)
    } else {
        Ok(())
    }
}
