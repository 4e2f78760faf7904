//! `.pub` files: what a person hands to others so that their signatures count.
//!
//! A small TOML file with the name, the public key, its id, and a proof that whoever wrote the file holds the private
//! key: a signature over a statement that names both. It is checked whenever it is read; a name cannot be moved to
//! another key, nor a key to another name, without the private key.

use std::path::{Path, PathBuf};
use std::{fs, io};

use cuff_verifier::digest::decode_hex;
use serde::Deserialize;

use super::secret::SecretKey;
use super::{KeyId, PublicKey, PublicKeyError, SignError, Signer, verified_signature};
use crate::name::{Holder, NameError};

/// A public key with its holder's name, proof verified.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicFile {
    name: Holder,
    key: PublicKey,
    proof: [u8; 64],
}

impl PublicFile {
    /// The file for a new key; only its holder can make one.
    pub fn prove(name: &str, secret: &SecretKey) -> Result<Self, PublicFileError> {
        let name = Holder::parse(name)?;
        let key = secret.public();
        let proof = secret.sign(statement(&name, &key).as_bytes());
        Ok(Self { name, key, proof })
    }

    /// The file for a key that is kept elsewhere: its signer proves that it is there.
    pub fn prove_by(name: &str, signer: &dyn Signer) -> Result<Self, ProveError> {
        let name = Holder::parse(name)?;
        let key = signer.public().strong()?;
        let proof = verified_signature(signer, statement(&name, &key).as_bytes())?;
        Ok(Self { name, key, proof })
    }

    /// Reads and checks the text of a `.pub` file.
    pub fn parse(text: &str) -> Result<Self, PublicFileError> {
        let fields: Fields =
            toml::from_str(text).map_err(|error| PublicFileError::syntax(text, &error))?;
        if fields.format != FORMAT {
            return Err(PublicFileError::Format(fields.format));
        }
        let name = Holder::parse(&fields.name)?;
        let key: PublicKey = fields.public.parse()?;
        if fields.keyid != key.id().to_string() {
            return Err(PublicFileError::KeyId {
                expected: key.id(),
                found: fields.keyid,
            });
        }
        let mut proof = [0; 64];
        decode_hex(fields.proof.as_bytes(), &mut proof).ok_or(PublicFileError::ProofHex)?;
        if !key.verifies(statement(&name, &key).as_bytes(), &proof) {
            return Err(PublicFileError::Proof { name });
        }
        Ok(Self { name, key, proof })
    }

    /// Reads and checks a `.pub` file.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        let text = fs::read_to_string(path).map_err(|source| ReadError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&text).map_err(|source| ReadError::Refused {
            path: path.to_owned(),
            source,
        })
    }

    /// The text of the file.
    pub fn text(&self) -> String {
        format!(
            "# The public key of {name}, for `cuff`. Share it; the private key stays where it is.\n\
             format = {FORMAT}\nname = \"{name}\"\npublic = \"{key}\"\nkeyid = \"{id}\"\nproof = \"{proof}\"\n",
            name = self.name,
            key = self.key,
            id = self.key.id(),
            proof = hex::encode(self.proof),
        )
    }

    /// The holder's name, as the holder gave it.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The key.
    pub fn key(&self) -> PublicKey {
        self.key
    }
}

/// Why a `.pub` file is refused.
#[derive(Debug, thiserror::Error)]
pub enum PublicFileError {
    /// Not this kind of file.
    #[error("it is no public key file: {0}")]
    Syntax(String),
    /// Written by a newer cuff.
    #[error("its format is {0}, expected {FORMAT}")]
    Format(u32),
    /// The name would not be safe in a path or a message.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Not a key, or a weak one.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// The id is of another key.
    #[error("its keyid is `{}`, expected {expected}", found.escape_default())]
    KeyId {
        /// Computed from the key.
        expected: KeyId,
        /// Written in the file.
        found: String,
    },
    /// Not a signature's text.
    #[error("its proof must be 128 lower-case hexadecimal digits")]
    ProofHex,
    /// The proof is not by this key over this name.
    #[error(
        "its proof does not hold: whoever named this key `{name}` does not hold the private key"
    )]
    Proof {
        /// The claimed name.
        name: Holder,
    },
}

/// Why a signer got no `.pub` file.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The name would not be safe in a path or a message.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A weak key.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
    /// No proof.
    #[error(transparent)]
    Sign(#[from] SignError),
}

impl PublicFileError {
    /// One line, where the library would draw five.
    fn syntax(text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        Self::Syntax(format!("line {line}: {}", error.message()))
    }
}

/// Why a `.pub` file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not there, or not readable.
    #[error("cannot read the public key `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Read, and refused.
    #[error("the public key `{}` is refused", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PublicFileError,
    },
}

/// The file's members, nothing else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    format: u32,
    name: String,
    public: String,
    keyid: String,
    proof: String,
}

/// What the proof signs. Metadata begins with `{`, so neither signature can ever pass for the other.
fn statement(name: &Holder, key: &PublicKey) -> String {
    format!("cuff proof of possession, format {FORMAT}\nname: {name}\npublic: {key}\n")
}

const FORMAT: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> PublicFile {
        PublicFile::prove("alice", &SecretKey::from_seed(&[7; 32])).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(PublicFile::parse(&file().text()).unwrap(), file());
    }

    #[test]
    fn a_key_cannot_be_renamed() {
        let text = file()
            .text()
            .replace("name = \"alice\"", "name = \"mallory\"");
        assert!(matches!(
            PublicFile::parse(&text),
            Err(PublicFileError::Proof { .. })
        ));
    }

    #[test]
    fn a_name_cannot_be_moved_to_another_key() {
        let other = SecretKey::from_seed(&[8; 32]).public();
        let text = file()
            .text()
            .replace(&file().key().to_string(), &other.to_string())
            .replace(&file().key().id().to_string(), &other.id().to_string());
        assert!(matches!(
            PublicFile::parse(&text),
            Err(PublicFileError::Proof { .. })
        ));
    }

    #[test]
    fn each_member_is_checked() {
        let text = file().text();
        let id = file().key().id().to_string();
        let weak = format!("01{}", "00".repeat(31));
        for (from, to, rule) in [
            ("format = 1", "format = 2", "format"),
            ("name = \"alice\"", "name = \"Alice\"", "name"),
            ("name = \"alice\"", "name = \"../a\"", "name"),
            ("name = \"alice\"", "name = \"nul\"", "device name"),
            ("format = 1", "format = 1\nadmin = true", "unknown field"),
            (&id, &id.to_uppercase(), "keyid"),
            (&file().key().to_string(), &weak, "weak"),
            ("proof = \"", "proof = \"0", "proof"),
            ("keyid", "kid", "unknown field"),
        ] {
            let changed = text.replace(from, to);
            assert_ne!(changed, text, "{from}");
            let error = PublicFile::parse(&changed).unwrap_err().to_string();
            assert!(error.contains(rule), "{rule}: {error}");
        }
    }
}
