//! Snapshot metadata (TUF 4.4): the version of every targets role that belongs together.

use super::metafile::{MetaFile, role_of};
use super::{Head, Malformed, Role};
use crate::json::{Text, Value};
use crate::member::Member;
use crate::profile::Profile;
use crate::threshold::Authentic;

/// A snapshot file's `signed` member, checked.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// Version and expiry.
    pub head: Head,
    /// What is said of the top-level targets role.
    pub targets: MetaFile<'a>,
    meta: Value<'a>,
    profile: Profile,
}

impl<'a> Snapshot<'a> {
    /// Reads authenticated bytes. `meta` holds `targets.json` and, for a device, targets roles only.
    pub fn parse(authentic: &Authentic<'a>) -> Result<Self, Malformed> {
        let profile = authentic.profile();
        let signed = Value::check(authentic.signed())?;
        let head = Head::parse(signed, Role::Snapshot, profile)?;
        let [meta] = signed.pick(&["meta"])?;
        let meta = meta.ok_or(Malformed::Missing(Member::Meta))?;
        let mut targets = None;
        for (file, entry) in meta.members()? {
            let role = role_of(file)?;
            if profile.is_device() && matches!(role.raw(), b"root" | b"timestamp" | b"snapshot") {
                return Err(Malformed::MetaName);
            }
            let entry = MetaFile::parse(entry, profile)?;
            if role.is("targets") {
                targets = Some(entry);
            }
        }
        Ok(Self {
            head,
            targets: targets.ok_or(Malformed::Missing(Member::MetaTargetsJson))?,
            meta,
            profile,
        })
    }

    /// What is said of a role, by its name without `.json` (escapes left as they stand in metadata).
    #[inline(never)]
    pub fn file(&self, role: &[u8]) -> Option<MetaFile<'a>> {
        let mut files = self.meta.members().ok()?;
        let (_, entry) =
            files.find(|(file, _)| role_of(*file).is_ok_and(|name| name.raw() == role))?;
        MetaFile::parse(entry, self.profile).ok()
    }

    /// Every role listed, in the order of file names.
    pub fn files(&self) -> impl Iterator<Item = (&'a [u8], MetaFile<'a>)> + Clone + use<'a> {
        let profile = self.profile;
        let files = self.meta.members().into_iter().flatten();
        files.filter_map(move |(name, entry)| {
            Some((
                role_of(name).ok()?.raw(),
                MetaFile::parse(entry, profile).ok()?,
            ))
        })
    }

    /// The names of the roles listed.
    pub fn names(&self) -> impl Iterator<Item = Text<'a>> + Clone + use<'a> {
        let files = self.meta.members().into_iter().flatten();
        files.filter_map(|(name, _)| role_of(name).ok())
    }

    /// Every role that `old` lists, with what is said of it there and here. Both lists ascend, so one pass is enough however
    /// long they are.
    pub fn against<'o>(
        &self,
        old: &Snapshot<'o>,
    ) -> impl Iterator<Item = (Text<'o>, MetaFile<'o>, Option<MetaFile<'a>>)> + use<'a, 'o> {
        let profile = self.profile;
        let mut here = self.meta.members().into_iter().flatten().peekable();
        let there = old.meta.members().into_iter().flatten();
        there.filter_map(move |(file, entry)| {
            while here.next_if(|(name, _)| *name < file).is_some() {}
            let now = here.next_if(|(name, _)| *name == file);
            Some((
                role_of(file).ok()?,
                MetaFile::parse(entry, profile).ok()?,
                now.and_then(|(_, entry)| MetaFile::parse(entry, profile).ok()),
            ))
        })
    }
}
