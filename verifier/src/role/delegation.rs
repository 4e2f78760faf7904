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
    /// `roles`, an array, or `succinct_roles`, an object.
    roles: Value<'a>,
}

impl<'a> Delegations<'a> {
    pub(crate) fn parse(value: Value<'a>, profile: Profile) -> Result<Self, Malformed> {
        let [keys, roles, succinct] = value.pick(&["keys", "roles", "succinct_roles"])?;
        let keys = Keys::parse(
            keys.ok_or(Malformed::Missing(Member::DelegationsKeys))?,
            profile,
        )?;
        let roles = match (roles, succinct.filter(|_| !profile.is_device())) {
            (Some(roles), None) => {
                for role in roles.elements()? {
                    Delegation::check(role, profile)?;
                }
                roles
            }
            (None, Some(bins)) => {
                Bins::parse(bins)?;
                bins
            }
            (None, None) => return Err(Malformed::Missing(Member::DelegationsRoles)),
            (Some(_), Some(_)) => return Err(Malformed::DelegatedPaths),
        };
        Ok(Self { keys, roles })
    }

    /// The delegations in order; none where succinct bins stand in for them.
    pub fn iter(&self) -> impl Iterator<Item = Delegation<'a>> + Clone + use<'a> {
        let keys = self.keys;
        self.roles
            .elements()
            .into_iter()
            .flatten()
            .map(move |role| Delegation {
                keys,
                role,
                bin: None,
            })
    }

    /// The bins that stand in for a list of roles.
    pub fn bins(&self) -> Option<Bins<'a>> {
        Bins::parse(self.roles).ok()
    }

    /// The delegation to one of the bins, by the name that snapshot lists it under.
    pub(crate) const fn bin_named(&self, name: Text<'a>) -> Delegation<'a> {
        Delegation {
            keys: self.keys,
            role: self.roles,
            bin: Some(name),
        }
    }
}

/// Succinct hashed bins (TAP 15): one entry in place of 2^bits roles, each named `PREFIX-NUMBER`.
#[derive(Clone, Copy, Debug)]
pub struct Bins<'a> {
    prefix: Text<'a>,
    bits: u32,
}

impl<'a> Bins<'a> {
    fn parse(roles: Value<'a>) -> Result<Self, Malformed> {
        let [bits, prefix] = roles.pick(&["bit_length", "name_prefix"])?;
        let (bits, prefix) = bits.zip(prefix).ok_or(Malformed::DelegatedPaths)?;
        let bits = u32::try_from(bits.unsigned()?).unwrap_or_default();
        if !(1..=32).contains(&bits) {
            return Err(Malformed::DelegatedPaths);
        }
        Signers::parse(roles)?;
        Ok(Self {
            prefix: prefix.text()?,
            bits,
        })
    }

    /// Whether `role` is the name of the bin that `path` falls into: the first bits of its SHA-256, in as many hex digits as
    /// the last bin needs.
    pub fn is_for(&self, role: &[u8], path: Text<'_>) -> bool {
        let [a, b, c, d, ..] = digest_of(path).0;
        let number = u32::from_be_bytes([a, b, c, d]) >> (32 - self.bits);
        let digits = role
            .strip_prefix(self.prefix.raw())
            .and_then(|rest| rest.strip_prefix(b"-"));
        let count = self.bits.div_ceil(4);
        let wanted = (0..count)
            .rev()
            .map(|place| hex_digit(number >> (4 * place)));
        digits.is_some_and(|digits| digits.iter().copied().map(Some).eq(wanted))
    }
}

/// One delegated role, with who may sign it.
#[derive(Clone, Copy, Debug)]
pub struct Delegation<'a> {
    keys: Keys<'a>,
    role: Value<'a>,
    bin: Option<Text<'a>>,
}

impl<'a> Delegation<'a> {
    #[inline(never)]
    fn check(role: Value<'a>, profile: Profile) -> Result<(), Malformed> {
        let [keyids, name, prefixes, patterns, terminating, threshold] = role.pick(&[
            "keyids",
            "name",
            "path_hash_prefixes",
            "paths",
            "terminating",
            "threshold",
        ])?;
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
        Signers::of(keyids, threshold)?;
        Ok(())
    }

    /// The role's name.
    pub fn name(&self) -> Text<'a> {
        self.bin.unwrap_or_else(|| {
            self.member("name")
                .and_then(|name| name.text().ok())
                .unwrap_or_default()
        })
    }

    /// Whether the search ends here when this role does not know the target (TUF 5.6.7.2.1); in a bin it always does.
    pub fn is_terminating(&self) -> bool {
        self.bin.is_some()
            || self
                .member("terminating")
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

    /// Whether one of the path patterns covers `path` (TUF 4.5).
    pub fn covers(&self, path: Text<'_>) -> bool {
        self.patterns().any(|pattern| matches(pattern, path))
    }

    /// Whether one of the hash prefixes covers the path with this digest (TUF 4.5).
    pub(crate) fn covers_by_hash(&self, digest: &Digest) -> bool {
        self.texts("path_hash_prefixes")
            .any(|prefix| has_prefix(digest, prefix.raw()))
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
    let mut hex = digest
        .0
        .iter()
        .flat_map(|byte| [hex_digit(u32::from(byte >> 4)), hex_digit(u32::from(*byte))]);
    prefix
        .iter()
        .all(|want| hex.next().flatten() == Some(*want))
}

/// SHA-256 of a path, by which bins are found.
pub(crate) fn digest_of(path: Text<'_>) -> Digest {
    let mut hasher = Hasher::new();
    path.bytes().for_each(|byte| hasher.update(&[byte]));
    hasher.finish()
}

/// The lower-case digit of the last four bits.
fn hex_digit(value: u32) -> Option<u8> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    DIGITS.get((value & 15) as usize).copied()
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
        let (stars, length) = if cfg!(miri) { (20, 80) } else { (500, 2_000) };
        let path = "a".repeat(length);
        assert!(!covers(&("a*".repeat(stars) + "b"), &path));
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
