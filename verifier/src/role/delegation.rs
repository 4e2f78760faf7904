//! Delegations (TUF 4.5): which role speaks for which target paths.

use super::Malformed;
use crate::digest::Digest;
use crate::json::{Cursor, Text, texts};
use crate::key::Keys;
use crate::profile::Profile;
use crate::threshold::{Authority, Signers};

/// The `delegations` member of a targets role, in order of priority.
#[derive(Clone, Copy, Debug)]
pub struct Delegations<'a> {
    keys: Keys<'a>,
    roles: &'a [u8],
    profile: Profile,
}

impl<'a> Delegations<'a> {
    pub(crate) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let (mut keys, mut roles) = (None, None);
        let mut members = cursor.object()?;
        while let Some(name) = members.next(cursor)? {
            match name.raw() {
                b"keys" => keys = Some(Keys::parse(cursor)?),
                b"roles" => {
                    let start = cursor.position();
                    let mut elements = cursor.array()?;
                    while elements.next(cursor)? {
                        Entry::parse(cursor)?;
                    }
                    roles = Some(cursor.since(start));
                }
                _ => {
                    cursor.skip()?;
                }
            }
        }
        Ok(Self {
            keys: keys.ok_or(Malformed::Missing("delegations.keys"))?,
            roles: roles.ok_or(Malformed::Missing("delegations.roles"))?,
            profile: cursor.profile(),
        })
    }

    /// The delegations in order.
    pub fn iter(&self) -> impl Iterator<Item = Delegation<'a>> + Clone + use<'a> {
        let mut cursor = Cursor::revisit(self.roles, self.profile);
        let mut elements = cursor.array().ok();
        let keys = self.keys;
        core::iter::from_fn(move || match elements.as_mut()?.next(&mut cursor) {
            Ok(true) => Entry::parse(&mut cursor)
                .ok()
                .map(|entry| Delegation { keys, entry }),
            _ => None,
        })
    }
}

/// One delegated role, with who may sign it.
#[derive(Clone, Copy, Debug)]
pub struct Delegation<'a> {
    keys: Keys<'a>,
    entry: Entry<'a>,
}

impl<'a> Delegation<'a> {
    /// The role's name.
    pub const fn name(&self) -> Text<'a> {
        self.entry.name
    }

    /// Whether the search ends here when this role does not know the target (TUF 5.6.7.2.1).
    pub const fn is_terminating(&self) -> bool {
        self.entry.terminating
    }

    /// Who may sign the role.
    pub const fn authority(&self) -> Authority<'a> {
        Authority::new(self.keys, self.entry.signers)
    }

    /// The path patterns, where the role is delegated by patterns.
    pub fn patterns(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        let Entry { paths, profile, .. } = self.entry;
        let list = match paths {
            Paths::Patterns(list) => list,
            Paths::HashPrefixes(_) => &[],
        };
        texts(list, profile)
    }

    /// Whether the role may speak for `path` (TUF 4.5).
    pub fn covers(&self, path: Text<'_>) -> bool {
        match self.entry.paths {
            Paths::Patterns(list) => {
                texts(list, self.entry.profile).any(|pattern| matches(pattern, path))
            }
            Paths::HashPrefixes(list) => {
                let mut hasher = crate::digest::Hasher::new();
                path.bytes().for_each(|byte| hasher.update(&[byte]));
                let digest = hasher.finish();
                texts(list, self.entry.profile).any(|prefix| has_prefix(&digest, prefix.raw()))
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    name: Text<'a>,
    signers: Signers<'a>,
    terminating: bool,
    paths: Paths<'a>,
    profile: Profile,
}

#[derive(Clone, Copy, Debug)]
enum Paths<'a> {
    Patterns(&'a [u8]),
    HashPrefixes(&'a [u8]),
}

impl<'a> Entry<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let profile = cursor.profile();
        let (mut name, mut keyids, mut threshold) = (None, None, None);
        let (mut terminating, mut patterns, mut prefixes) = (None, None, None);
        let mut members = cursor.object()?;
        while let Some(member) = members.next(cursor)? {
            match member.raw() {
                b"name" => name = Some(cursor.text()?),
                b"keyids" => keyids = Some(Signers::parse_keyids(cursor)?),
                b"threshold" => threshold = Some(cursor.unsigned()?),
                b"terminating" => terminating = Some(cursor.boolean()?),
                b"paths" => patterns = Some(parse_strings(cursor)?),
                b"path_hash_prefixes" => prefixes = Some(parse_strings(cursor)?),
                _ => {
                    cursor.skip()?;
                }
            }
        }
        let name = name.ok_or(Malformed::Missing("name"))?;
        check_name(name, profile)?;
        let paths = match (patterns, prefixes) {
            (Some(list), None) => Paths::Patterns(list),
            (None, Some(list)) if !profile.is_device() => Paths::HashPrefixes(list),
            _ => return Err(Malformed::DelegatedPaths),
        };
        let keyids = keyids.ok_or(Malformed::Missing("keyids"))?;
        let signers = Signers::new(
            keyids,
            threshold.ok_or(Malformed::Missing("threshold"))?,
            profile,
        )?;
        Ok(Self {
            name,
            signers,
            terminating: terminating.unwrap_or(false),
            paths,
            profile,
        })
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

fn parse_strings<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let start = cursor.position();
    let mut elements = cursor.array()?;
    while elements.next(cursor)? {
        cursor.text()?;
    }
    Ok(cursor.since(start))
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
