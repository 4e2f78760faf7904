//! The names of metadata files (TUF 7), and of roles in them.
//!
//! Takes what signed metadata says; gives paths that stay inside a repository, whatever a role is called.

use std::fmt::Write;

use cuff_verifier::json::Text;
use cuff_verifier::role::metafile::MetaFile;
use cuff_verifier::role::root::Root;
use cuff_verifier::version::Version;

/// A role's name as a part of a path: what no file system or URL minds stays, all else is percent-encoded.
pub fn escaped(role: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let mut out = String::new();
    for (index, byte) in role.bytes().enumerate() {
        if plain(byte) && !(byte == b'.' && index == 0) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A role's name as text.
pub fn name_of(name: Text<'_>) -> String {
    String::from_utf8_lossy(&name.bytes().collect::<Vec<u8>>()).into_owned()
}

/// The file of a root.
pub fn root_file(version: Version) -> String {
    format!("metadata/{version}.root.json")
}

/// The file of a role (TUF 7: with its version in front, unless the repository does without consistent snapshots).
pub fn file_of(role: &str, pinned: &MetaFile<'_>, root: &Root<'_>) -> String {
    let role = escaped(role);
    if root.consistent_snapshot() {
        format!("metadata/{}.{role}.json", pinned.version)
    } else {
        format!("metadata/{role}.json")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_role_leads_out_of_the_metadata() {
        for (role, name) in [
            ("band", "band"),
            ("band-2_a.b", "band-2_a.b"),
            ("../band", "%2E.%2Fband"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("\u{e4}", "%C3%A4"),
        ] {
            assert_eq!(escaped(role), name);
        }
    }
}
