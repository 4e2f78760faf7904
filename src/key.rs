//! Keys: who signs, and how a signer is known.
//!
//! A [`Signer`] takes bytes and gives an Ed25519 signature; a [`KeyId`] is how metadata names the key. Secrets live in
//! [`secret`] alone, and nothing here asks a person anything.

pub mod agent;
pub mod example;
pub mod file;
pub mod openssh;
pub mod pkcs8;
pub mod program;
pub mod public_file;
pub mod secret;
pub mod token;
pub mod uri;
pub mod vault;

use std::fmt::{self, Display};
use std::str::FromStr;

use cuff_verifier::digest::{Digest, decode_hex};
use ed25519_dalek::{Signature, VerifyingKey};

/// Something that signs: a key file, a token, an agent, a program, a service.
pub trait Signer {
    /// The key its signatures verify with.
    fn public(&self) -> PublicKey;

    /// What to call it in a message: `key file alice.key`.
    fn describe(&self) -> String;

    /// The Ed25519 signature (RFC 8032, 64 bytes) over exactly these bytes. Whoever lets it out verifies it first, as
    /// [`verified_signature`] does.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// The signer's signature over these bytes, once it has been verified: a token that was swapped in the meantime, or a program
/// that signs something else, must not go unnoticed, and a fault while signing could leak the key in a wrong signature.
pub fn verified_signature(signer: &dyn Signer, message: &[u8]) -> Result<[u8; 64], SignError> {
    let signature = signer.sign(message)?;
    if signer.public().verifies(message, &signature) {
        return Ok(signature);
    }
    Err(SignError {
        signer: signer.describe(),
        source: Some("what it gave is no signature of its key over the bytes it was given".into()),
    })
}

/// A signer gave no signature, or one that does not verify.
#[derive(Debug, thiserror::Error)]
#[error("{signer} gave no valid signature")]
pub struct SignError {
    /// The signer, as it describes itself.
    pub signer: String,
    /// Why, if it said.
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// An Ed25519 public key: 32 bytes (RFC 8032, 5.1.5).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// The id metadata knows it by.
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(self.canonical().as_bytes()))
    }

    /// The key object as it stands in metadata, in canonical JSON.
    pub fn canonical(&self) -> String {
        format!(r#"{{"keytype":"ed25519","keyval":{{"public":"{self}"}},"scheme":"ed25519"}}"#)
    }

    /// The same key, if it can be trusted to stand for one person: a point of the curve, and none of small order, under
    /// which one signature would fit many messages.
    pub fn strong(self) -> Result<Self, PublicKeyError> {
        let point = VerifyingKey::from_bytes(&self.0).map_err(|_| PublicKeyError::NoPoint(self))?;
        if point.is_weak() {
            Err(PublicKeyError::Weak(self))
        } else {
            Ok(self)
        }
    }

    /// Whether the signature is by this key over exactly these bytes, by the strict rules.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .is_ok()
    }
}

impl Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode(self.0))
    }
}

impl FromStr for PublicKey {
    type Err = PublicKeyError;

    /// Reads 64 lower-case hexadecimal digits; weak keys are refused.
    fn from_str(text: &str) -> Result<Self, PublicKeyError> {
        let mut bytes = [0; 32];
        decode_hex(text.as_bytes(), &mut bytes).ok_or(PublicKeyError::Hex)?;
        Self(bytes).strong()
    }
}

/// Why 32 bytes are no public key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PublicKeyError {
    /// Not the text of one.
    #[error("a public key is 64 lower-case hexadecimal digits")]
    Hex,
    /// No such point.
    #[error("public key {0} is no point of the curve Ed25519")]
    NoPoint(PublicKey),
    /// Small order.
    #[error("public key {0} is weak: signatures under it prove nothing")]
    Weak(PublicKey),
}

/// SHA-256 of the canonical key object, as lower-case hex in metadata and messages.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct KeyId(pub Digest);

impl Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The RFC 8032 key of test 1; the digest is by `sha256sum`.
    #[test]
    fn the_id_is_the_digest_of_the_canonical_object() {
        let key: PublicKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
            .parse()
            .unwrap();
        assert_eq!(
            key.canonical(),
            r#"{"keytype":"ed25519","keyval":{"public":"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},"scheme":"ed25519"}"#
        );
        assert_eq!(
            key.id().to_string(),
            "74c181c7ad8a0855d4b55e44d2ba87aabdddb196832571f15f92fece332e4916"
        );
    }

    #[test]
    fn weak_keys_and_other_texts_are_refused() {
        // The neutral element, of order 1.
        let neutral = format!("01{}", "00".repeat(31));
        assert!(matches!(
            neutral.parse::<PublicKey>(),
            Err(PublicKeyError::Weak(_))
        ));
        let off = format!("02{}", "00".repeat(31));
        assert!(matches!(
            off.parse::<PublicKey>(),
            Err(PublicKeyError::NoPoint(_))
        ));
        for text in ["", "00", &"0".repeat(63), &"A".repeat(64), &"é".repeat(32)] {
            assert_eq!(
                text.parse::<PublicKey>(),
                Err(PublicKeyError::Hex),
                "{text}"
            );
        }
    }
}
