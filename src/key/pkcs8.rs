//! Private keys at rest: PKCS#8 (RFC 5208) in PEM, encrypted with PBES2 (RFC 8018).
//!
//! It takes PEM text and a passphrase and gives a [`SecretKey`], and back. What it writes, OpenSSL 3 reads: version 1,
//! scrypt with N=2^14 (the most OpenSSL's memory limit allows), AES-256-CBC. It reads that, PBKDF2-HMAC-SHA256, and keys
//! without encryption. The AES key inside the `pkcs5` crate is not wiped from memory; everything of ours is.

use pkcs8::der::pem::{LineEnding, PemLabel};
use pkcs8::der::{self, Document, SecretDocument};
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Kdf, Parameters, Pbkdf2Prf};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfo, ObjectIdentifier, PrivateKeyInfo};
use zeroize::Zeroizing;

use super::PublicKey;
use super::secret::{Passphrase, RandomError, SecretKey, fill_random};

/// The key as PEM, under a passphrase.
pub fn encrypt(
    key: &SecretKey,
    passphrase: &Passphrase,
) -> Result<Zeroizing<String>, EncryptError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    fill_random(&mut salt)?;
    fill_random(&mut iv)?;
    let cost = scrypt::Params::new(SCRYPT_LOG_N, SCRYPT_R, SCRYPT_P, AES_256_KEY)
        .map_err(|_| pkcs8::Error::ParametersMalformed)?;
    let parameters = Parameters::scrypt_aes256cbc(cost, &salt, &iv).map_err(pkcs8::Error::from)?;
    let octets = octets(key);
    let document = info(&octets).encrypt_with_params(parameters, passphrase.as_bytes())?;
    Ok(document.to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF)?)
}

/// The key as PEM for anyone who can read the file: for CI machines that keep it in a vault of their own.
pub fn leave_unencrypted(key: &SecretKey) -> Result<Zeroizing<String>, EncryptError> {
    let octets = octets(key);
    let document = SecretDocument::try_from(info(&octets))?;
    Ok(document.to_pem(PrivateKeyInfo::PEM_LABEL, LineEnding::LF)?)
}

/// A private key as it lies in a file, parsed but not yet opened.
pub struct Sealed(Form);

enum Form {
    Plain(SecretKey),
    Encrypted(Document),
}

impl Sealed {
    /// Reads PEM; without a passphrase this is all that can be checked.
    pub fn parse(pem: &str) -> Result<Self, OpenError> {
        let (label, document) =
            SecretDocument::from_pem(pem).map_err(|error| OpenError::corrupt(&error))?;
        match label {
            PrivateKeyInfo::PEM_LABEL => {
                let info = PrivateKeyInfo::try_from(document.as_bytes())
                    .map_err(|error| OpenError::corrupt(&error))?;
                Ok(Self(Form::Plain(ed25519(&info)?)))
            }
            EncryptedPrivateKeyInfo::PEM_LABEL => {
                let info = EncryptedPrivateKeyInfo::try_from(document.as_bytes())
                    .map_err(OpenError::container)?;
                affordable(&info)?;
                Ok(Self(Form::Encrypted(
                    Document::try_from(document.as_bytes())
                        .map_err(|error| OpenError::corrupt(&error))?,
                )))
            }
            other => Err(OpenError::NoPrivateKey {
                found: other.to_owned(),
            }),
        }
    }

    /// Whether opening it takes a passphrase.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.0, Form::Encrypted(_))
    }

    /// The key inside. `passphrase` is called only if one is needed.
    pub fn open<E: From<OpenError>>(
        self,
        passphrase: impl FnOnce() -> Result<Passphrase, E>,
    ) -> Result<SecretKey, E> {
        match self.0 {
            Form::Plain(key) => Ok(key),
            Form::Encrypted(document) => Ok(decrypt(&document, &passphrase()?)?),
        }
    }
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.is_encrypted() {
            "encrypted"
        } else {
            "redacted"
        })
    }
}

/// Why a private key could not be written.
#[derive(Debug, thiserror::Error)]
pub enum EncryptError {
    /// No salt.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The encoder refused.
    #[error("the private key could not be encoded: {0}")]
    Encode(#[from] pkcs8::Error),
}

impl From<der::Error> for EncryptError {
    fn from(error: der::Error) -> Self {
        Self::Encode(error.into())
    }
}

/// Why a private key could not be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// The passphrase does not fit. Damage to the encrypted bytes looks the same, by design of the format.
    #[error("the passphrase does not open it")]
    WrongPassphrase,
    /// Not PEM, or not PKCS#8 inside.
    #[error("it is damaged or no private key file: {0}")]
    Corrupt(String),
    /// PEM of something else.
    #[error(
        "it holds `{found}`, expected `PRIVATE KEY`, `ENCRYPTED PRIVATE KEY` or `OPENSSH PRIVATE KEY`"
    )]
    NoPrivateKey {
        /// The PEM label.
        found: String,
    },
    /// Encrypted in a way we do not read.
    #[error("its encryption is not supported: {0}")]
    Unsupported(String),
    /// RSA, P-256, X25519 and so on.
    #[error("it is no Ed25519 key (algorithm {0})")]
    NotEd25519(String),
    /// The public half in the file is not of the private one.
    #[error("its public half belongs to another private key")]
    Mismatch,
}

impl OpenError {
    fn corrupt(error: &impl ToString) -> Self {
        Self::Corrupt(error.to_string())
    }

    fn container(error: pkcs8::Error) -> Self {
        match error {
            pkcs8::Error::Asn1(inner) => match inner.kind() {
                der::ErrorKind::OidUnknown { oid } => Self::Unsupported(format!("algorithm {oid}")),
                der::ErrorKind::Value {
                    tag: der::Tag::ObjectIdentifier,
                } => Self::Unsupported("an algorithm other than PBES2 with AES".to_owned()),
                _ => Self::corrupt(&inner),
            },
            other => Self::corrupt(&other),
        }
    }
}

fn decrypt(document: &Document, passphrase: &Passphrase) -> Result<SecretKey, OpenError> {
    let info =
        EncryptedPrivateKeyInfo::try_from(document.as_bytes()).map_err(OpenError::container)?;
    let plain = info
        .decrypt(passphrase.as_bytes())
        .map_err(|error| match error {
            pkcs8::Error::EncryptedPrivateKey(
                pkcs8::pkcs5::Error::DecryptFailed | pkcs8::pkcs5::Error::EncryptFailed,
            )
            | pkcs8::Error::Asn1(_) => OpenError::WrongPassphrase,
            other => OpenError::Unsupported(other.to_string()),
        })?;
    // One wrong passphrase in 256 leaves correct padding, and no PKCS#8 before it.
    let info =
        PrivateKeyInfo::try_from(plain.as_bytes()).map_err(|_| OpenError::WrongPassphrase)?;
    ed25519(&info)
}

/// Refuses what would take minutes or gigabytes to open, before any of it is spent.
fn affordable(info: &EncryptedPrivateKeyInfo<'_>) -> Result<(), OpenError> {
    let EncryptionScheme::Pbes2(parameters) = &info.encryption_algorithm else {
        return Err(OpenError::Unsupported("PBES1".to_owned()));
    };
    match &parameters.kdf {
        Kdf::Scrypt(scrypt) => {
            let memory = scrypt
                .cost_parameter
                .saturating_mul(u64::from(scrypt.block_size) * 128);
            if memory > MAX_SCRYPT_MEMORY || scrypt.parallelization > MAX_SCRYPT_P {
                return Err(OpenError::Unsupported(format!(
                    "scrypt would take {memory} bytes of memory, at most {MAX_SCRYPT_MEMORY} are spent"
                )));
            }
        }
        Kdf::Pbkdf2(pbkdf2) => {
            if pbkdf2.prf != Pbkdf2Prf::HmacWithSha256 {
                return Err(OpenError::Unsupported(format!(
                    "PBKDF2 with {}, expected HMAC-SHA256",
                    pbkdf2.prf.oid()
                )));
            }
            if pbkdf2.iteration_count > MAX_PBKDF2_ITERATIONS {
                return Err(OpenError::Unsupported(format!(
                    "PBKDF2 with {} iterations, at most {MAX_PBKDF2_ITERATIONS} are spent",
                    pbkdf2.iteration_count
                )));
            }
        }
        other => {
            return Err(OpenError::Unsupported(format!(
                "key derivation {}",
                other.oid()
            )));
        }
    }
    if !matches!(
        parameters.encryption,
        pbes2::EncryptionScheme::Aes256Cbc { .. } | pbes2::EncryptionScheme::Aes128Cbc { .. }
    ) {
        return Err(OpenError::Unsupported(format!(
            "cipher {}",
            parameters.encryption.oid()
        )));
    }
    if info.encrypted_data.is_empty() || !info.encrypted_data.len().is_multiple_of(AES_BLOCK) {
        return Err(OpenError::Corrupt(
            "the encrypted bytes are cut short".to_owned(),
        ));
    }
    Ok(())
}

fn ed25519(info: &PrivateKeyInfo<'_>) -> Result<SecretKey, OpenError> {
    if info.algorithm.oid != ED25519 {
        return Err(OpenError::NotEd25519(info.algorithm.oid.to_string()));
    }
    // RFC 8410, 7: the private key is an OCTET STRING inside the OCTET STRING.
    let seed = info
        .private_key
        .strip_prefix(&OCTET_STRING_32)
        .and_then(|seed| <&[u8; 32]>::try_from(seed).ok());
    let seed =
        seed.ok_or_else(|| OpenError::Corrupt("an Ed25519 private key is 32 bytes".to_owned()))?;
    let key = SecretKey::from_seed(seed);
    match info.public_key {
        Some(public) if public != key.public().0 => Err(OpenError::Mismatch),
        _ => Ok(key),
    }
}

fn octets(key: &SecretKey) -> Zeroizing<[u8; 34]> {
    let mut octets = Zeroizing::new([0; 34]);
    octets[..2].copy_from_slice(&OCTET_STRING_32);
    octets[2..].copy_from_slice(key.seed().as_ref());
    octets
}

fn info(octets: &[u8; 34]) -> PrivateKeyInfo<'_> {
    PrivateKeyInfo::new(
        AlgorithmIdentifierRef {
            oid: ED25519,
            parameters: None,
        },
        octets,
    )
}

/// The public key as OpenSSL and most tools read it: `SubjectPublicKeyInfo` in PEM (RFC 8410, 4).
pub fn public_pem(key: &PublicKey) -> Result<String, pkcs8::spki::Error> {
    use pkcs8::spki::{EncodePublicKey, der::asn1::BitStringRef};
    struct Info<'a>(&'a PublicKey);
    impl EncodePublicKey for Info<'_> {
        fn to_public_key_der(&self) -> pkcs8::spki::Result<Document> {
            pkcs8::SubjectPublicKeyInfoRef {
                algorithm: AlgorithmIdentifierRef {
                    oid: ED25519,
                    parameters: None,
                },
                subject_public_key: BitStringRef::from_bytes(&self.0.0)?,
            }
            .try_into()
        }
    }
    Info(key).to_public_key_pem(LineEnding::LF)
}

const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const OCTET_STRING_32: [u8; 2] = [0x04, 32];
const AES_256_KEY: usize = 32;
const AES_BLOCK: usize = 16;
const SCRYPT_LOG_N: u8 = 14;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 1;
const MAX_SCRYPT_MEMORY: u64 = 256 << 20;
const MAX_SCRYPT_P: u16 = 4;
const MAX_PBKDF2_ITERATIONS: u32 = 10_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::from_file(text).unwrap()
    }

    fn open(pem: &str, with: &str) -> Result<SecretKey, OpenError> {
        Sealed::parse(pem)?.open(|| Ok(passphrase(with)))
    }

    #[test]
    fn what_is_written_is_read() {
        let key = SecretKey::from_seed(&[7; 32]);
        let pem = encrypt(&key, &passphrase("right")).unwrap();
        assert_eq!(open(&pem, "right").unwrap().public(), key.public());
        assert_eq!(open(&pem, "wrong").unwrap_err(), OpenError::WrongPassphrase);
        let plain = leave_unencrypted(&key).unwrap();
        let opened = Sealed::parse(&plain)
            .unwrap()
            .open(|| Err(OpenError::Mismatch));
        assert_eq!(opened.unwrap().public(), key.public());
    }

    #[test]
    fn a_wrong_passphrase_with_lucky_padding_is_still_a_wrong_passphrase() {
        // One round, so that enough passphrases can be tried for several to leave correct padding.
        let quick = Parameters::pbkdf2_sha256_aes256cbc(1, &[1; 16], &[2; 16]).unwrap();
        let octets = octets(&SecretKey::from_seed(&[7; 32]));
        let document = info(&octets).encrypt_with_params(quick, b"right").unwrap();
        let pem = document
            .to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF)
            .unwrap();
        assert!(open(&pem, "right").is_ok());
        for number in 0..3000 {
            assert_eq!(
                open(&pem, &number.to_string()).unwrap_err(),
                OpenError::WrongPassphrase
            );
        }
    }

    #[test]
    fn a_damaged_file_is_no_wrong_passphrase() {
        let pem = encrypt(&SecretKey::from_seed(&[7; 32]), &passphrase("right")).unwrap();
        let lines: Vec<&str> = pem.lines().collect();
        let cut = [lines[0], lines[1], lines[lines.len() - 1]].join("\n");
        for text in [
            "",
            "hello",
            &cut,
            &pem.replace('M', "?"),
            &pem[..pem.len() / 2],
        ] {
            assert!(
                matches!(open(text, "right"), Err(OpenError::Corrupt(_))),
                "{text}"
            );
        }
        let label = pem.replace("ENCRYPTED PRIVATE KEY", "CERTIFICATE");
        assert!(matches!(
            open(&label, "right"),
            Err(OpenError::NoPrivateKey { .. })
        ));
    }

    #[test]
    fn a_file_cannot_ask_for_gigabytes() {
        let (salt, iv) = ([1; 16], [2; 16]);
        let cost = scrypt::Params::new(20, 8, 1, 32).unwrap();
        let scheme = Parameters::scrypt_aes256cbc(cost, &salt, &iv).unwrap();
        let slow =
            Parameters::pbkdf2_sha256_aes256cbc(MAX_PBKDF2_ITERATIONS + 1, &salt, &iv).unwrap();
        for scheme in [scheme, slow] {
            let info = EncryptedPrivateKeyInfo {
                encryption_algorithm: scheme.into(),
                encrypted_data: &[0; 64],
            };
            let pem = SecretDocument::try_from(info)
                .unwrap()
                .to_pem(EncryptedPrivateKeyInfo::PEM_LABEL, LineEnding::LF)
                .unwrap();
            assert!(matches!(
                Sealed::parse(&pem),
                Err(OpenError::Unsupported(_))
            ));
        }
    }
}
