//! Root metadata (TUF 4.3): the keys of every top-level role.

use super::{Head, Malformed, Role};
use crate::json::Value;
use crate::key::Keys;
use crate::member::Member;
use crate::threshold::{Authentic, Authority, Signers};

/// A root file's `signed` member, checked.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// Version and expiry.
    pub head: Head,
    signed: Value<'a>,
}

impl<'a> Root<'a> {
    /// Reads authenticated bytes.
    #[inline(never)]
    pub fn parse(authentic: &Authentic<'a>) -> Result<Self, Malformed> {
        let profile = authentic.profile();
        let signed = Value::check(authentic.signed())?;
        let head = Head::parse(signed, Role::Root, profile)?;
        let [consistent, keys, roles] = signed.pick(&["consistent_snapshot", "keys", "roles"])?;
        let consistent = consistent.map_or(Ok(false), Value::boolean)?;
        if profile.is_device() && !consistent {
            return Err(Malformed::InconsistentSnapshot);
        }
        Keys::parse(keys.ok_or(Malformed::Missing(Member::Keys))?, profile)?;
        let roles = roles
            .ok_or(Malformed::Missing(Member::Roles))?
            .pick(&NAMES)?;
        for (role, name) in roles.into_iter().zip(MEMBERS) {
            Signers::parse(role.ok_or(Malformed::Missing(name))?)?;
        }
        Ok(Self { head, signed })
    }

    /// The canonical bytes this was read from: what a trust store keeps.
    pub const fn signed(&self) -> &'a [u8] {
        self.signed.bytes()
    }

    /// Whether file names carry versions and digests (TUF 7).
    pub fn consistent_snapshot(&self) -> bool {
        self.signed
            .pick(&["consistent_snapshot"])
            .is_ok_and(|[value]| value.is_some_and(|value| value.boolean() == Ok(true)))
    }

    /// Who may sign a top-level role. Delegated roles are none of root's business and get the authority of targets.
    #[inline(never)]
    pub fn authority(&self, role: Role) -> Result<Authority<'a>, Malformed> {
        let name = if role == Role::Delegated {
            Role::Targets.name()
        } else {
            role.name()
        };
        let [keys, roles] = self.signed.pick(&["keys", "roles"])?;
        let [role] = roles
            .ok_or(Malformed::Missing(Member::Roles))?
            .pick(&[name])?;
        let keys = Keys::checked(keys.ok_or(Malformed::Missing(Member::Keys))?);
        Ok(Authority::new(
            keys,
            Signers::parse(role.ok_or(Malformed::Missing(Member::Roles))?)?,
        ))
    }
}

static NAMES: [&str; 4] = ["root", "snapshot", "targets", "timestamp"];
static MEMBERS: [Member; 4] = [
    Member::RolesRoot,
    Member::RolesSnapshot,
    Member::RolesTargets,
    Member::RolesTimestamp,
];
