//! The names of metadata files (TUF 7), and of roles in them.
//!
//! Takes what signed metadata says; gives paths that stay inside a repository, whatever a role is called.

use std::fmt::Write;

use cuff_verifier::digest::Digest;
use cuff_verifier::json::Text;
use cuff_verifier::role::metafile::MetaFile;
use cuff_verifier::role::root::Root;
use cuff_verifier::version::Version;

/// A name as one segment of a URL's path (RFC 3986, 3.3): unreserved characters stay, all else is percent-encoded.
pub fn escaped(name: &str) -> String {
    escape(name, |byte| {
        byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
    })
}

/// A name as the name of a file on this machine, with `.json` or something else behind it: no two are one, even where upper
/// and lower case are, none is hidden, and none is longer than file systems take.
pub fn local(name: &str) -> String {
    let plain = escape(name, |byte| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)
    });
    if plain.len() > MAX_LOCAL {
        let digest = Digest::of(name.as_bytes());
        return format!("%{digest}");
    }
    match plain.strip_prefix('.') {
        Some(rest) => format!("%2E{rest}"),
        None => plain,
    }
}

fn escape(name: &str, plain: impl Fn(u8) -> bool) -> String {
    let mut out = String::new();
    for byte in name.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// Longest name of a file that is kept in full.
const MAX_LOCAL: usize = 200;

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
            ("../band", "..%2Fband"),
            ("a/b?c#d", "a%2Fb%3Fc%23d"),
            ("a%2Fb", "a%252Fb"),
            ("\u{e4}", "%C3%A4"),
        ] {
            assert_eq!(escaped(role), name);
        }
        for (role, name) in [
            ("band", "band"),
            ("../band", "%2E.%2Fband"),
            ("Timestamp", "%54imestamp"),
            ("~", "%7E"),
        ] {
            assert_eq!(local(role), name);
        }
        let long = local(&"x".repeat(5_000));
        assert!(long.len() == 65 && long != local(&"x".repeat(5_001)));
    }
}
