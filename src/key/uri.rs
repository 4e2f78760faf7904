//! Signers as a person names them: `alice.key`, `pkcs11:token=desk`, `ssh-agent:`, `exec:PROGRAM`, `vault:KEY`.
//!
//! It takes text and gives a [`SignerUri`]; nothing is opened or contacted. What stands in it may be shown to anyone.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::str::FromStr;

use super::agent::Wanted;
use super::program::{Program, ProgramUriError};
use super::token::uri::{TokenUri, TokenUriError};
use super::vault::uri::{VaultUri, VaultUriError};

/// Which signer, not yet opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignerUri {
    /// A private key file: a plain path, or `file:PATH`.
    File(PathBuf),
    /// A key on a PKCS#11 token.
    Token(Box<TokenUri>),
    /// A key held by an ssh-agent.
    Agent(Wanted),
    /// A program that signs.
    Exec(Program),
    /// A key in `HashiCorp` Vault's transit engine.
    Vault(VaultUri),
}

impl SignerUri {
    /// The private key file, if it is one.
    pub fn file(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) => Some(path),
            _ => None,
        }
    }

    /// Whether opening it takes a network connection.
    pub fn needs_network(&self) -> bool {
        matches!(self, Self::Vault(_))
    }
}

impl FromStr for SignerUri {
    type Err = SignerUriError;

    fn from_str(text: &str) -> Result<Self, SignerUriError> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return path(text);
        };
        match scheme {
            "file" => path(rest.strip_prefix("//").unwrap_or(rest)),
            "pkcs11" => Ok(Self::Token(Box::new(rest.parse()?))),
            "ssh-agent" => Ok(Self::Agent(Wanted::from(rest))),
            "exec" => Ok(Self::Exec(rest.parse()?)),
            "vault" => Ok(Self::Vault(rest.parse()?)),
            // One letter is a Windows drive, a slash before the colon is a path.
            _ if scheme.len() < 2 || scheme.contains(['/', '\\', '.']) => path(text),
            _ => Err(SignerUriError::Scheme(scheme.to_owned())),
        }
    }
}

fn path(text: &str) -> Result<SignerUri, SignerUriError> {
    if text.is_empty() {
        return Err(SignerUriError::NoPath);
    }
    Ok(SignerUri::File(PathBuf::from(text)))
}

impl Display for SignerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Token(uri) => uri.fmt(f),
            Self::Agent(wanted) => wanted.fmt(f),
            Self::Exec(program) => program.fmt(f),
            Self::Vault(uri) => uri.fmt(f),
        }
    }
}

/// Text that names no signer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerUriError {
    /// Nothing.
    #[error("the path of the private key is empty")]
    NoPath,
    /// Not one of ours.
    #[error(
        "`{}:` is no kind of signer: expected file:, pkcs11:, ssh-agent:, exec:, vault: or a path (write ./ before a path with a colon in it)", .0.escape_debug()
    )]
    Scheme(String),
    /// A PKCS#11 URI with a fault.
    #[error(transparent)]
    Token(#[from] TokenUriError),
    /// A program URI with a fault.
    #[error(transparent)]
    Program(#[from] ProgramUriError),
    /// A Vault URI with a fault.
    #[error(transparent)]
    Vault(#[from] VaultUriError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_a_file() {
        for text in ["alice.key", "/a/b:c.key", "./odd:name", "C:\\keys\\a.key"] {
            assert_eq!(
                text.parse(),
                Ok(SignerUri::File(PathBuf::from(text))),
                "{text}"
            );
        }
        for text in ["file:/a/b", "file:///a/b"] {
            assert_eq!(text.parse(), Ok(SignerUri::File(PathBuf::from("/a/b"))));
        }
    }

    #[test]
    fn what_is_no_signer_is_refused_by_name() {
        for (text, words) in [
            ("", "empty"),
            ("file:", "empty"),
            ("gpg:alice", "`gpg:` is no kind of signer"),
            ("pkcs11:token=a?pin-value=1234", "pin-source"),
        ] {
            let error = text.parse::<SignerUri>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
            assert!(!error.contains("1234"), "{error}");
        }
    }
}
