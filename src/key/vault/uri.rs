//! Which Vault key: `vault:KEY?mount=transit&version=2`.
//!
//! The server and the token come from Vault's own environment variables; neither stands in the URI.

use std::fmt::{self, Display};
use std::str::FromStr;

/// A key of the transit engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultUri {
    text: String,
    /// The key's name.
    pub key: String,
    /// Where the engine is mounted.
    pub mount: String,
    /// The version of the key; the latest if none is said.
    pub version: Option<u64>,
}

impl FromStr for VaultUri {
    type Err = VaultUriError;

    fn from_str(rest: &str) -> Result<Self, VaultUriError> {
        let (key, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self {
            text: format!("vault:{rest}"),
            key: name(key)?,
            mount: "transit".to_owned(),
            version: None,
        };
        for part in query.split('&').filter(|part| !part.is_empty()) {
            match part.split_once('=') {
                Some(("mount", mount)) => {
                    uri.mount = mount
                        .split('/')
                        .map(name)
                        .collect::<Result<Vec<_>, _>>()?
                        .join("/");
                }
                Some(("version", version)) => {
                    let version: u64 = version
                        .parse()
                        .map_err(|_| VaultUriError::Version(version.to_owned()))?;
                    uri.version = Some(version);
                }
                _ => return Err(VaultUriError::Unknown(part.to_owned())),
            }
        }
        Ok(uri)
    }
}

impl Display for VaultUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// A part of a path on the server, of characters that need no escape there.
fn name(text: &str) -> Result<String, VaultUriError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if text.is_empty() || text.starts_with('.') || !text.bytes().all(fits) {
        return Err(VaultUriError::Name(text.to_owned()));
    }
    Ok(text.to_owned())
}

/// A Vault URI that is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaultUriError {
    /// Not a name.
    #[error("a name in vault: must be out of A-Z, a-z, 0-9, -, _ and ., not beginning with a dot, found `{}`", .0.escape_debug())]
    Name(String),
    /// Not a number.
    #[error("version in vault: must be a number, found `{}`", .0.escape_debug())]
    Version(String),
    /// Something else.
    #[error("`{}` in vault: is not supported: expected mount=PATH or version=N", .0.escape_debug())]
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_a_mount_and_perhaps_a_version() {
        let uri: VaultUri = "band?mount=team/transit&version=2".parse().unwrap();
        assert_eq!((uri.mount.as_str(), uri.version), ("team/transit", Some(2)));
        for text in ["", "a/b", "..", "a?mount=../x", "a?version=x", "a?b"] {
            assert!(text.parse::<VaultUri>().is_err(), "{text}");
        }
    }
}
