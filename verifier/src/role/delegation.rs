//! Delegations (TUF 4.5): which role speaks for which target paths.

use super::Malformed;
use crate::digest::{Digest, Hasher};
use crate::json::{Text, Value};
use crate::key::Keys;
use crate::member::Member;
use crate::profile::Profile;
use crate::threshold::{Authority, Signers};

/// The `delegations` member of a targets role, in order of priority.
#[derive(Clone, Copy, Debug)]
pub struct Delegations<'a> {
    keys: Keys<'a>,
    roles: Value<'a>,
}

impl<'a> Delegations<'a> {
    pub(crate) fn parse(value: Value<'a>, profile: Profile) -> Result<Self, Malformed> {
        let [keys, roles] = value.pick(&["keys", "roles"])?;
        let keys = Keys::parse(
            keys.ok_or(Malformed::Missing(Member::DelegationsKeys))?,
            profile,
        )?;
        let roles = roles.ok_or(Malformed::Missing(Member::DelegationsRoles))?;
        for role in roles.elements()? {
            Delegation::check(role, profile)?;
        }
        Ok(Self { keys, roles })
    }

    /// An object that [`parse`](Self::parse) has checked before.
    pub(crate) fn checked(value: Value<'a>) -> Option<Self> {
        let [keys, roles] = value.pick(&["keys", "roles"]).ok()?;
        Some(Self {
            keys: Keys::checked(keys?),
            roles: roles?,
        })
    }

    /// The delegations in order.
    pub fn iter(&self) -> impl Iterator<Item = Delegation<'a>> + Clone + use<'a> {
        let keys = self.keys;
        self.roles
            .elements()
            .into_iter()
            .flatten()
            .map(move |role| Delegation { keys, role })
    }
}

/// One delegated role, with who may sign it.
#[derive(Clone, Copy, Debug)]
pub struct Delegation<'a> {
    keys: Keys<'a>,
    role: Value<'a>,
}

impl<'a> Delegation<'a> {
    #[inline(never)]
    fn check(role: Value<'a>, profile: Profile) -> Result<(), Malformed> {
        let [name, prefixes, patterns, terminating] =
            role.pick(&["name", "path_hash_prefixes", "paths", "terminating"])?;
        check_name(
            name.ok_or(Malformed::Missing(Member::Name))?.text()?,
            profile,
        )?;
        let paths = match (patterns, prefixes) {
            (Some(list), None) => list,
            (None, Some(list)) if !profile.is_device() => list,
            _ => return Err(Malformed::DelegatedPaths),
        };
        for path in paths.elements()? {
            path.text()?;
        }
        terminating.map_or(Ok(false), Value::boolean)?;
        Signers::parse(role)?;
        Ok(())
    }

    /// The role's name.
    pub fn name(&self) -> Text<'a> {
        self.member("name")
            .and_then(|name| name.text().ok())
            .unwrap_or_default()
    }

    /// Whether the search ends here when this role does not know the target (TUF 5.6.7.2.1).
    pub fn is_terminating(&self) -> bool {
        self.member("terminating")
            .is_some_and(|value| value.boolean() == Ok(true))
    }

    /// Who may sign the role.
    pub fn authority(&self) -> Result<Authority<'a>, Malformed> {
        Ok(Authority::new(self.keys, Signers::parse(self.role)?))
    }

    /// The path patterns; none where the role is delegated by hash prefixes.
    pub fn patterns(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        self.texts("paths")
    }

    /// Whether the role may speak for `path` (TUF 4.5).
    pub fn covers(&self, path: Text<'_>) -> bool {
        if self.patterns().any(|pattern| matches(pattern, path)) {
            return true;
        }
        let mut prefixes = self.texts("path_hash_prefixes").peekable();
        if prefixes.peek().is_none() {
            return false;
        }
        let mut hasher = Hasher::new();
        path.bytes().for_each(|byte| hasher.update(&[byte]));
        let digest = hasher.finish();
        prefixes.any(|prefix| has_prefix(&digest, prefix.raw()))
    }

    fn member(&self, name: &str) -> Option<Value<'a>> {
        let [value] = self.role.pick(&[name]).ok()?;
        value
    }

    fn texts(&self, name: &str) -> impl Iterator<Item = Text<'a>> + use<'a> {
        let list = self.member(name).and_then(|list| list.elements().ok());
        list.into_iter()
            .flatten()
            .filter_map(|path| path.text().ok())
    }
}

/// No delegated role may pass for a top-level one; for a device its name is also a plain file name.
fn check_name(name: Text<'_>, profile: Profile) -> Result<(), Malformed> {
    let raw = name.raw();
    let reserved = matches!(raw, b"" | b"root" | b"timestamp" | b"snapshot" | b"targets");
    let plain = || {
        let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        raw.iter().all(letter) && raw.first() != Some(&b'.')
    };
    if reserved || profile.is_device() && !plain() {
        Err(Malformed::RoleName)
    } else {
        Ok(())
    }
}

/// PATHPATTERN (TUF 4.5): `*` is any run and `?` any one byte, neither of them a `/`. All else stands for itself.
fn matches(pattern: Text<'_>, path: Text<'_>) -> bool {
    let (mut pattern, mut path) = (pattern.bytes(), path.bytes());
    // The last star, and the path from where that star gave up last: enough to try again, without recursion.
    let mut star = None;
    loop {
        let mut after = pattern.clone();
        let mut left = path.clone();
        match (after.next(), left.next()) {
            (None, None) => return true,
            (Some(b'*'), _) => {
                star = Some((after.clone(), path.clone()));
                pattern = after;
                continue;
            }
            (Some(want), Some(byte)) if want == byte || want == b'?' && byte != b'/' => {
                (pattern, path) = (after, left);
                continue;
            }
            _ => {}
        }
        let Some((behind, taken)) = star.as_mut() else {
            return false;
        };
        match taken.next() {
            Some(byte) if byte != b'/' => (pattern, path) = (behind.clone(), taken.clone()),
            _ => return false,
        }
    }
}

/// PATH_HASH_PREFIXES: lower-case hex digits at the start of the path's SHA-256.
fn has_prefix(digest: &Digest, prefix: &[u8]) -> bool {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value & 15)).copied();
    let mut hex = digest
        .0
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)]);
    prefix
        .iter()
        .all(|want| hex.next().flatten() == Some(*want))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn covers(pattern: &str, path: &str) -> bool {
        matches(
            Text::plain(pattern).expect("plain"),
            Text::plain(path).expect("plain"),
        )
    }

    #[test]
    fn wildcards_stay_inside_a_segment() {
        for (pattern, path) in [
            ("band/*", "band/1.0"),
            ("band/*", "band/"),
            ("*", "x"),
            ("*.bin", "a.b.bin"),
            ("a?c", "abc"),
            ("*/*", "a/b"),
            ("a*b*c", "aXbbYc"),
            ("[x]", "[x]"),
        ] {
            assert!(covers(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("band/*", "band"),
            ("band/*", "band/1/2"),
            ("band/*", "Band/1"),
            ("*", "a/b"),
            ("a?c", "a/c"),
            ("a?c", "ac"),
            ("*.bin", "a.bin.sig"),
            ("[x]", "x"),
            ("", "x"),
        ] {
            assert!(!covers(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_of_many_stars_ends() {
        let path = "a".repeat(2_000);
        assert!(!covers(&("a*".repeat(500) + "b"), &path));
    }

    #[test]
    fn prefixes_are_hex_digits_of_the_path_digest() {
        let digest = Digest::of(b"x");
        let hex = std::format!("{digest}");
        assert!(has_prefix(&digest, b""));
        assert!(has_prefix(&digest, &hex.as_bytes()[..5]));
        assert!(has_prefix(&digest, hex.as_bytes()));
        assert!(!has_prefix(&digest, std::format!("{hex}0").as_bytes()));
        assert!(!has_prefix(&digest, hex.to_uppercase().as_bytes()));
    }
}
