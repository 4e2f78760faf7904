//! Snapshot metadata (TUF 4.4): the version of every targets role that belongs together.

use super::metafile::{MetaFile, role_of};
use super::{Head, HeadReader, Malformed, Role, open};
use crate::json::Cursor;
use crate::profile::Profile;
use crate::threshold::Authentic;

/// A snapshot file's `signed` member, checked.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Version and expiry.
    pub head: Head,
    meta: &'a [u8],
    profile: Profile,
}

impl<'a> Snapshot<'a> {
    /// Reads authenticated bytes. `meta` holds `targets.json` and, for a device, targets roles only.
    pub fn parse(authentic: &Authentic<'a>) -> Result<Self, Malformed> {
        let profile = authentic.profile();
        let mut head = HeadReader::new(Role::Snapshot, profile);
        let mut meta = None;
        let mut cursor = open(authentic)?;
        let mut members = cursor.object()?;
        while let Some(name) = members.next(&mut cursor)? {
            if name.raw() != b"meta" {
                head.take(name, &mut cursor)?;
                continue;
            }
            let start = cursor.position();
            let mut files = cursor.object()?;
            while let Some(file) = files.next(&mut cursor)? {
                let role = role_of(file)?;
                if profile.is_device() && matches!(role, b"root" | b"timestamp" | b"snapshot") {
                    return Err(Malformed::MetaName);
                }
                MetaFile::parse(&mut cursor)?;
            }
            meta = Some(cursor.since(start));
        }
        cursor.end()?;
        let snapshot = Self {
            head: head.finish()?,
            meta: meta.ok_or(Malformed::Missing("meta"))?,
            profile,
        };
        if snapshot.file(b"targets").is_none() {
            return Err(Malformed::Missing("meta.targets.json"));
        }
        Ok(snapshot)
    }

    /// What is said of a role, by its name without `.json` (escapes left as they stand in metadata).
    pub fn file(&self, role: &[u8]) -> Option<MetaFile> {
        self.files()
            .find(|(name, _)| *name == role)
            .map(|(_, file)| file)
    }

    /// Every role listed, in the order of file names.
    pub fn files(&self) -> impl Iterator<Item = (&'a [u8], MetaFile)> + Clone + use<'a> {
        let mut cursor = Cursor::revisit(self.meta, self.profile);
        let mut members = cursor.object().ok();
        core::iter::from_fn(move || {
            let name = members.as_mut()?.next(&mut cursor).ok()??;
            Some((role_of(name).ok()?, MetaFile::parse(&mut cursor).ok()?))
        })
    }
}
