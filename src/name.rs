//! Names that travel: product, version, hardware id and key holder, and the rule each obeys.
//! Takes text from manifests, bundles and the command line; gives a value that is safe in a path, a URL and a terminal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest product, hardware or holder name: what the identity of a unit has room for.
pub const MAX_NAME: usize = 31;
/// Longest version.
pub const MAX_VERSION: usize = 64;

/// A product: the name of its delegated role, and the first part of each of its releases.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Product(String);

/// The kind of device an image may run on, written into each unit at provisioning.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hardware(String);

/// Who holds a key: a person, or a machine that signs for people. The name of the files `NAME.key` and `NAME.pub`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Holder(String);

/// The name of one release of a product. cuff compares counters, never versions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(String);

impl Product {
    /// Accepts a plain name that is no TUF role.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        plain("product", text)?;
        if TUF_ROLES.contains(&text) {
            return Err(NameError::new("product", text, Rule::TufRole));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Hardware {
    /// Accepts a plain name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        plain("hardware id", text)?;
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Holder {
    /// Accepts a plain name.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        plain("key name", text)?;
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Version {
    /// Accepts `[A-Za-z0-9._+-]{1,64}` that can be a file name on any system.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
        let fault = if text.is_empty() || text.len() > MAX_VERSION || !text.bytes().all(allowed) {
            Some(Rule::VersionCharacters)
        } else if text.contains("..") || text.starts_with('.') || text.ends_with('.') {
            Some(Rule::Dots)
        } else if is_device_name(text) {
            Some(Rule::DeviceName)
        } else {
            None
        };
        match fault {
            Some(rule) => Err(NameError::new("version", text, rule)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether one part of a path may be a file name on Linux, macOS and Windows.
pub fn is_safe_file_name(part: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-".contains(&byte);
    !part.is_empty()
        && part.bytes().all(allowed)
        && !part.contains("..")
        && !part.starts_with('.')
        && !part.ends_with('.')
        && !is_device_name(part)
}

/// A name outside its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} \"{}\" {rule}", found.escape_debug())]
pub struct NameError {
    /// Which name: product, hardware id, key name, version.
    pub what: &'static str,
    /// The text that was given.
    pub found: String,
    /// The rule it breaks.
    pub rule: Rule,
}

impl NameError {
    fn new(what: &'static str, found: &str, rule: Rule) -> Self {
        // Enough to recognise the name, never a whole file in a message.
        let found = found.chars().take(80).collect();
        Self { what, found, rule }
    }
}

/// The rules for names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    /// Products, hardware ids and key names are short and plain.
    #[error("must be 1 to 31 characters out of a-z, 0-9 and -")]
    PlainCharacters,
    /// A name at whose beginning a command line sees a flag, or that ends in what looks like a line break.
    #[error("must neither begin nor end with -")]
    Hyphen,
    /// Versions may hold dots, plus, underscore and capitals.
    #[error("must be 1 to 64 characters out of A-Z, a-z, 0-9, dot, underscore, plus and minus")]
    VersionCharacters,
    /// Dots that climb out of a folder, or vanish on Windows.
    #[error("must neither begin nor end with a dot, nor hold two dots in a row")]
    Dots,
    /// The four top-level roles.
    #[error(
        "is the name of a TUF role (root, targets, snapshot, timestamp): choose another product name"
    )]
    TufRole,
    /// `con`, `nul`, `com1` and the like open devices, not files, on Windows.
    #[error("is a device name on Windows and could not be stored there: choose another")]
    DeviceName,
}

/// `[a-z0-9-]{1,31}` without a hyphen at either end, and not a name Windows reserves.
fn plain(what: &'static str, text: &str) -> Result<(), NameError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if text.is_empty() || text.len() > MAX_NAME || !text.bytes().all(allowed) {
        return Err(NameError::new(what, text, Rule::PlainCharacters));
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(NameError::new(what, text, Rule::Hyphen));
    }
    if is_device_name(text) {
        return Err(NameError::new(what, text, Rule::DeviceName));
    }
    Ok(())
}

/// Windows looks only at the part before the first dot, in any case.
fn is_device_name(text: &str) -> bool {
    let stem = text
        .split('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let numbered = |port: &str| {
        stem.strip_prefix(port)
            .is_some_and(|rest| rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    matches!(stem.as_str(), "con" | "prn" | "aux" | "nul") || numbered("com") || numbered("lpt")
}

const TUF_ROLES: [&str; 4] = ["root", "targets", "snapshot", "timestamp"];

macro_rules! text_conversions {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::parse(text)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}
text_conversions!(Product, Hardware, Holder, Version);

#[cfg(test)]
mod tests {
    use super::*;

    fn product_rule(text: &str) -> Rule {
        Product::parse(text).unwrap_err().rule
    }

    fn version_rule(text: &str) -> Rule {
        Version::parse(text).unwrap_err().rule
    }

    #[test]
    fn a_product_is_plain_and_no_role() {
        assert_eq!(Product::parse("band-2").unwrap().as_str(), "band-2");
        for bad in [
            "",
            "Band",
            "a/b",
            "..",
            "a b",
            "band\u{1b}[2J",
            "b\u{e4}nd",
            &"x".repeat(33),
        ] {
            assert_eq!(product_rule(bad), Rule::PlainCharacters, "{bad:?}");
        }
        for role in TUF_ROLES {
            assert_eq!(product_rule(role), Rule::TufRole);
        }
        for device in ["con", "nul", "com1", "lpt9"] {
            assert_eq!(product_rule(device), Rule::DeviceName);
        }
        for edge in ["-", "-f", "band-"] {
            assert_eq!(product_rule(edge), Rule::Hyphen);
        }
        Product::parse("console").unwrap();
        Product::parse("com10").unwrap();
    }

    #[test]
    fn a_version_never_leaves_its_folder() {
        for good in ["1.4.0", "1.4.0-rc.1+build.7", "V2_final", &"9".repeat(64)] {
            Version::parse(good).unwrap();
        }
        for bad in [
            "",
            "1/2",
            "1\\2",
            "1.4.0\n",
            "1.4.0\0",
            "1:2",
            &"9".repeat(65),
        ] {
            assert_eq!(version_rule(bad), Rule::VersionCharacters, "{bad:?}");
        }
        for bad in ["..", ".", "1..2", ".hidden", "1.4."] {
            assert_eq!(version_rule(bad), Rule::Dots, "{bad:?}");
        }
        assert_eq!(version_rule("NUL.1"), Rule::DeviceName);
    }

    #[test]
    fn control_characters_are_printed_escaped() {
        let message = Hardware::parse("a\u{1b}[31m").unwrap_err().to_string();
        assert!(message.contains("\\u{1b}[31m"), "{message}");
        assert!(!message.contains('\u{1b}'));
    }
}
