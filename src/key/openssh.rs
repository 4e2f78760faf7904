//! Private keys as `ssh-keygen` writes them (`OPENSSH PRIVATE KEY`), so that nobody needs a second key file.
//!
//! It takes the text and a passphrase and gives a [`SecretKey`]; it writes none.

use ssh_key::private::KeypairData;
use ssh_key::{Error, Kdf, PrivateKey};

use super::pkcs8::OpenError;
use super::secret::{Passphrase, SecretKey};

/// Whether the text is of this kind at all.
pub fn is(text: &str) -> bool {
    text.trim_start()
        .starts_with("-----BEGIN OPENSSH PRIVATE KEY-----")
}

/// A key as it lies in its file.
pub struct Sealed(PrivateKey);

impl Sealed {
    /// Reads the text; without a passphrase this is all that can be checked.
    pub fn parse(text: &str) -> Result<Self, OpenError> {
        let key = PrivateKey::from_openssh(text).map_err(|error| corrupt(&error))?;
        if let Kdf::Bcrypt { rounds, .. } = key.kdf()
            && *rounds > MAX_ROUNDS
        {
            return Err(OpenError::Unsupported(format!(
                "bcrypt with {rounds} rounds, at most {MAX_ROUNDS} are spent"
            )));
        }
        Ok(Self(key))
    }

    /// Whether opening it takes a passphrase.
    pub fn is_encrypted(&self) -> bool {
        self.0.is_encrypted()
    }

    /// The key inside.
    pub fn open(self, passphrase: Option<&Passphrase>) -> Result<SecretKey, OpenError> {
        let key = if self.0.is_encrypted() {
            let passphrase = passphrase.ok_or(OpenError::WrongPassphrase)?;
            self.0
                .decrypt(passphrase.as_bytes())
                .map_err(|error| match error {
                    Error::Crypto => OpenError::WrongPassphrase,
                    other => corrupt(&other),
                })?
        } else {
            self.0
        };
        match key.key_data() {
            KeypairData::Ed25519(pair) => Ok(SecretKey::from_seed(pair.private.as_ref())),
            _ => Err(OpenError::NotEd25519(key.algorithm().to_string())),
        }
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("redacted")
    }
}

fn corrupt(error: &Error) -> OpenError {
    OpenError::Corrupt(error.to_string())
}

/// `ssh-keygen` uses 16 to 24; a thousand take a minute.
const MAX_ROUNDS: u32 = 1000;
