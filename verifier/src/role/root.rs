//! Root metadata (TUF 4.3): the keys of every top-level role.

use super::{HeadReader, Malformed, Role, open};
use crate::json::Cursor;
use crate::key::Keys;
use crate::profile::Profile;
use crate::role::Head;
use crate::threshold::{Authentic, Authority, Signers};

/// A root file's `signed` member, checked.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// Version and expiry.
    pub head: Head,
    /// Whether file names carry versions and digests (TUF 7).
    pub consistent_snapshot: bool,
    signed: &'a [u8],
    profile: Profile,
    keys: Keys<'a>,
    roles: Roles<'a>,
}

impl<'a> Root<'a> {
    /// Reads authenticated bytes.
    pub fn parse(authentic: &Authentic<'a>) -> Result<Self, Malformed> {
        let profile = authentic.profile();
        let mut head = HeadReader::new(Role::Root, profile);
        let (mut keys, mut roles, mut consistent_snapshot) = (None, None, false);
        let mut cursor = open(authentic)?;
        let mut members = cursor.object()?;
        while let Some(name) = members.next(&mut cursor)? {
            match name.raw() {
                b"consistent_snapshot" => consistent_snapshot = cursor.boolean()?,
                b"keys" => keys = Some(Keys::parse(&mut cursor)?),
                b"roles" => roles = Some(Roles::parse(&mut cursor)?),
                _ => head.take(name, &mut cursor)?,
            }
        }
        cursor.end()?;
        if profile.is_device() && !consistent_snapshot {
            return Err(Malformed::InconsistentSnapshot);
        }
        Ok(Self {
            head: head.finish()?,
            consistent_snapshot,
            signed: authentic.signed(),
            profile,
            keys: keys.ok_or(Malformed::Missing("keys"))?,
            roles: roles.ok_or(Malformed::Missing("roles"))?,
        })
    }

    /// The canonical bytes this was read from: what a trust store keeps.
    pub const fn signed(&self) -> &'a [u8] {
        self.signed
    }

    /// The reading it was authenticated under.
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Who may sign a top-level role. Delegated roles are none of root's business and get the authority of targets.
    pub const fn authority(&self, role: Role) -> Authority<'a> {
        let signers = match role {
            Role::Root => self.roles.root,
            Role::Timestamp => self.roles.timestamp,
            Role::Snapshot => self.roles.snapshot,
            Role::Targets | Role::Delegated => self.roles.targets,
        };
        Authority::new(self.keys, signers)
    }
}

#[derive(Clone, Copy, Debug)]
struct Roles<'a> {
    root: Signers<'a>,
    timestamp: Signers<'a>,
    snapshot: Signers<'a>,
    targets: Signers<'a>,
}

impl<'a> Roles<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let (mut root, mut timestamp, mut snapshot, mut targets) = (None, None, None, None);
        let mut members = cursor.object()?;
        while let Some(name) = members.next(cursor)? {
            match name.raw() {
                b"root" => root = Some(signers(cursor)?),
                b"timestamp" => timestamp = Some(signers(cursor)?),
                b"snapshot" => snapshot = Some(signers(cursor)?),
                b"targets" => targets = Some(signers(cursor)?),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(Self {
            root: root.ok_or(Malformed::Missing("roles.root"))?,
            timestamp: timestamp.ok_or(Malformed::Missing("roles.timestamp"))?,
            snapshot: snapshot.ok_or(Malformed::Missing("roles.snapshot"))?,
            targets: targets.ok_or(Malformed::Missing("roles.targets"))?,
        })
    }
}

fn signers<'a>(cursor: &mut Cursor<'a>) -> Result<Signers<'a>, Malformed> {
    let (mut keyids, mut threshold) = (None, None);
    let mut members = cursor.object()?;
    while let Some(name) = members.next(cursor)? {
        match name.raw() {
            b"keyids" => keyids = Some(Signers::parse_keyids(cursor)?),
            b"threshold" => threshold = Some(cursor.unsigned()?),
            _ => {
                cursor.skip()?;
            }
        }
    }
    let keyids = keyids.ok_or(Malformed::Missing("keyids"))?;
    Signers::new(
        keyids,
        threshold.ok_or(Malformed::Missing("threshold"))?,
        cursor.profile(),
    )
}
