//! Private key files, and the signer that uses one.
//!
//! It takes a path and a way to get a passphrase, and gives a [`FileSigner`]. It never overwrites a key, and what it
//! writes is for the owner alone (mode 0600).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::openssh;
use super::pkcs8::{self, EncryptError, OpenError, Sealed};
use super::secret::{Passphrase, SecretKey, wipe_stack};
use super::{PublicKey, SignError, Signer};
use crate::durable::{self, WriteError};

/// How a new private key lies in its file.
#[derive(Debug)]
pub enum Protection {
    /// Under a passphrase.
    Passphrase(Passphrase),
    /// Readable for whoever can read the file.
    Unencrypted,
}

/// Writes a private key to a new file.
pub fn create(path: &Path, key: &SecretKey, protection: &Protection) -> Result<(), CreateError> {
    let pem = match protection {
        Protection::Passphrase(passphrase) => pkcs8::encrypt(key, passphrase)?,
        Protection::Unencrypted => pkcs8::leave_unencrypted(key)?,
    };
    Ok(durable::create_new_private(path, pem.as_bytes())?)
}

/// A private key file, read but not yet opened.
#[derive(Debug)]
pub struct KeyFile {
    path: PathBuf,
    sealed: Form,
}

#[derive(Debug)]
enum Form {
    Pkcs8(Sealed),
    OpenSsh(Box<openssh::Sealed>),
}

impl KeyFile {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let text = read_text(path).map_err(|source| KeyFileError::Read {
            path: path.to_owned(),
            source,
        })?;
        let sealed = if openssh::is(&text) {
            openssh::Sealed::parse(&text).map(|sealed| Form::OpenSsh(Box::new(sealed)))
        } else {
            Sealed::parse(&text).map(Form::Pkcs8)
        };
        let sealed = sealed.map_err(|source| KeyFileError::Open {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            sealed,
        })
    }

    /// Whether opening it takes a passphrase.
    pub fn is_encrypted(&self) -> bool {
        match &self.sealed {
            Form::Pkcs8(sealed) => sealed.is_encrypted(),
            Form::OpenSsh(sealed) => sealed.is_encrypted(),
        }
    }

    /// Whether others than the owner may read it.
    pub fn is_exposed(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::metadata(&self.path)
                .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
        }
        #[cfg(not(unix))]
        false
    }

    /// Opens it; `passphrase` is needed only if it is encrypted.
    pub fn open(self, passphrase: Option<&Passphrase>) -> Result<FileSigner, KeyFileError> {
        let opened = match self.sealed {
            Form::Pkcs8(sealed) => {
                sealed.open(|| passphrase.cloned().ok_or(OpenError::WrongPassphrase))
            }
            Form::OpenSsh(sealed) => sealed.open(passphrase),
        };
        wipe_stack();
        match opened {
            Ok(key) => Ok(FileSigner {
                path: self.path,
                key,
            }),
            Err(source) => Err(KeyFileError::Open {
                path: self.path,
                source,
            }),
        }
    }
}

/// Signs with a private key from a file, held in memory while this lives.
#[derive(Debug)]
pub struct FileSigner {
    path: PathBuf,
    key: SecretKey,
}

impl Signer for FileSigner {
    fn public(&self) -> PublicKey {
        self.key.public()
    }

    fn describe(&self) -> String {
        format!("key file `{}`", self.path.display())
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.key.sign(message))
    }
}

/// Why a private key file was not written.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// It could not be encoded.
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
    /// The name is taken, or the disk failed.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why a private key file gave no signer.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Not there, or not readable.
    #[error("cannot read the private key `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Readable, but not to be opened.
    #[error("cannot open the private key `{}`", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: OpenError,
    },
}

/// Key files are about 500 bytes; anything longer is something else.
fn read_text(path: &Path) -> io::Result<Zeroizing<String>> {
    use io::Read as _;
    let mut text = Zeroizing::new(String::with_capacity(4096));
    fs::File::open(path)?
        .take(MAX_FILE)
        .read_to_string(&mut text)?;
    Ok(text)
}

const MAX_FILE: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_signs_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let key = SecretKey::from_seed(&[7; 32]);
        let passphrase = Passphrase::from_file("right").unwrap();
        let protection = Protection::Passphrase(passphrase.clone());
        create(&path, &key, &protection).unwrap();
        assert!(matches!(
            create(&path, &key, &protection),
            Err(CreateError::Write(WriteError::Exists(_)))
        ));

        let file = KeyFile::read(&path).unwrap();
        assert!(file.is_encrypted() && !file.is_exposed());
        let signer = file.open(Some(&passphrase)).unwrap();
        let signature = signer.sign(b"message").unwrap();
        assert!(key.public().verifies(b"message", &signature));
        assert!(!format!("{signer:?}").contains('['), "{signer:?}");
    }

    #[test]
    fn an_encrypted_file_stays_shut_without_a_passphrase() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        let protection = Protection::Passphrase(Passphrase::from_file("right").unwrap());
        create(&path, &SecretKey::from_seed(&[7; 32]), &protection).unwrap();
        let error = KeyFile::read(&path).unwrap().open(None).unwrap_err();
        assert!(matches!(
            error,
            KeyFileError::Open {
                source: OpenError::WrongPassphrase,
                ..
            }
        ));
    }
}
