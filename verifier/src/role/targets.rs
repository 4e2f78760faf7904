//! Targets metadata (TUF 4.5), top-level or delegated: what may be installed, and who else may say so.

use super::delegation::Delegations;
use super::metafile::Hashes;
use super::{Head, Malformed, Role};
use crate::digest::Digest;
use crate::json::{Text, Value};
use crate::member::Member;
use crate::profile::Profile;
use crate::threshold::Authentic;
use crate::version::{Counter, Length};

/// A targets file's `signed` member, checked.
#[derive(Clone, Copy, Debug)]
pub struct Targets<'a> {
    /// Version and expiry.
    pub head: Head,
    targets: Value<'a>,
    delegations: Option<Delegations<'a>>,
    minimum: Option<Counter>,
    profile: Profile,
}

impl<'a> Targets<'a> {
    /// Reads authenticated bytes; `role` is [`Role::Targets`] or [`Role::Delegated`].
    #[inline(never)]
    pub fn parse(authentic: &Authentic<'a>, role: Role) -> Result<Self, Malformed> {
        let profile = authentic.profile();
        let signed = Value::check(authentic.signed())?;
        let head = Head::parse(signed, role, profile)?;
        let [delegations, minimum, targets] =
            signed.pick(&["delegations", "minimum_counter", "targets"])?;
        let targets = targets.ok_or(Malformed::Missing(Member::Targets))?;
        for (path, entry) in targets.members()? {
            check_path(path, profile)?;
            Target::parse(entry, profile)?;
        }
        let delegations = match delegations {
            Some(delegations) => Some(Delegations::parse(delegations, profile)?),
            None => None,
        };
        let minimum = match minimum.map(Value::unsigned) {
            Some(Err(fault)) if profile.is_device() => return Err(fault.into()),
            said => said.and_then(Result::ok).map(Counter),
        };
        Ok(Self {
            head,
            targets,
            delegations,
            minimum,
            profile,
        })
    }

    /// Who else speaks for which paths, in order of priority.
    pub const fn delegations(&self) -> Option<Delegations<'a>> {
        self.delegations
    }

    /// The least security counter that may still be installed, where a product role says one.
    pub const fn minimum_counter(&self) -> Option<Counter> {
        self.minimum
    }

    /// The target with exactly this path.
    pub fn target(&self, path: Text<'_>) -> Option<Target<'a>> {
        let mut entries = self.targets.members().ok()?;
        let (_, entry) = entries.find(|(name, _)| *name == path)?;
        Target::parse(entry, self.profile).ok()
    }

    /// Every target this role lists, in the order of paths.
    pub fn targets(&self) -> impl Iterator<Item = (Text<'a>, Target<'a>)> + Clone + use<'a> {
        let profile = self.profile;
        let entries = self.targets.members().into_iter().flatten();
        entries.filter_map(move |(path, entry)| Some((path, Target::parse(entry, profile).ok()?)))
    }
}

/// What is said of one target file.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Its length.
    pub length: Length,
    /// Its SHA-256; for a device there is always one.
    pub sha256: Option<Digest>,
    /// All its digests; a target with none that is known cannot be fetched.
    pub hashes: Hashes<'a>,
    /// `custom`, whatever it is: canonical, and signed like the rest.
    pub custom: Option<Value<'a>>,
}

impl<'a> Target<'a> {
    #[inline(never)]
    fn parse(entry: Value<'a>, profile: Profile) -> Result<Self, Malformed> {
        let [custom, hashes, length] = entry.pick(&["custom", "hashes", "length"])?;
        let hashes = Hashes::parse(hashes.ok_or(Malformed::Missing(Member::Hashes))?, profile)?;
        let length = Length(
            length
                .ok_or(Malformed::Missing(Member::Length))?
                .unsigned()?,
        );
        Ok(Self {
            length,
            sha256: hashes.sha256(),
            hashes,
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
