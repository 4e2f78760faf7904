//! A private key on a token, its public half as the token shows it, and the signer that uses it.
//!
//! It takes a session with a token that is unlocked. The private key stays where it is.

use cryptoki::error::Error as CallError;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectHandle};
use cryptoki::session::Session;

use super::{TokenError, called};
use crate::key::{PublicKey, PublicKeyError, SignError, Signer};

/// Signs with a key on a token; the token stays unlocked while this lives.
#[derive(Debug)]
pub struct TokenSigner {
    name: String,
    session: Session,
    handle: ObjectHandle,
    public: PublicKey,
}

impl TokenSigner {
    pub(super) fn new(token: &str, session: Session, key: &Key, public: PublicKey) -> Self {
        Self {
            name: format!("{token}, key {}", key.name),
            session,
            handle: key.handle,
            public,
        }
    }
}

impl Signer for TokenSigner {
    fn public(&self) -> PublicKey {
        self.public
    }

    fn describe(&self) -> String {
        self.name.clone()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| SignError {
            signer: self.describe(),
            source: Some(source),
        };
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519));
        let signature = self
            .session
            .sign(&mechanism, self.handle, message)
            .map_err(|error| failed(error.into()))?;
        <[u8; 64]>::try_from(signature.as_slice()).map_err(|_| {
            failed(
                format!(
                    "an Ed25519 signature has 64 bytes, it gave {}",
                    signature.len()
                )
                .into(),
            )
        })
    }
}

/// A private key on a token.
pub(super) struct Key {
    pub(super) handle: ObjectHandle,
    pub(super) kind: KeyType,
    pub(super) label: Vec<u8>,
    pub(super) id: Vec<u8>,
    pub(super) name: String,
}

impl Key {
    pub(super) fn describe(session: &Session, handle: ObjectHandle) -> Result<Self, TokenError> {
        let wanted = [
            AttributeType::Label,
            AttributeType::Id,
            AttributeType::KeyType,
        ];
        let (mut label, mut id, mut kind) = (Vec::new(), Vec::new(), None);
        for attribute in session
            .get_attributes(handle, &wanted)
            .map_err(called("read what a key is"))?
        {
            match attribute {
                Attribute::Label(bytes) => label = bytes,
                Attribute::Id(bytes) => id = bytes,
                Attribute::KeyType(found) => kind = Some(found),
                _ => {}
            }
        }
        Ok(Self {
            handle,
            kind: kind.ok_or(TokenError::Call {
                what: "read what a key is",
                source: CallError::InvalidValue,
            })?,
            name: format!(
                "`{}` (id {})",
                String::from_utf8_lossy(&label),
                hex::encode(&id)
            ),
            label,
            id,
        })
    }
}

/// A public key that a token shows and that is none of ours.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// Ed448 has 57 bytes.
    #[error("EC_POINT has {0} bytes, an Ed25519 key 32 (or 34, as an OCTET STRING)")]
    Length(usize),
    /// Not a point, or a weak one.
    #[error(transparent)]
    Key(#[from] PublicKeyError),
}

pub(super) fn point(session: &Session, handle: ObjectHandle) -> Result<Option<Vec<u8>>, CallError> {
    let found = session.get_attributes(handle, &[AttributeType::EcPoint])?;
    Ok(found.into_iter().find_map(|attribute| match attribute {
        Attribute::EcPoint(bytes) => Some(bytes),
        _ => None,
    }))
}

/// `CKA_EC_POINT` of an Ed25519 key: the 32 bytes themselves (PKCS#11 3.1, 6.3.5), or in a DER OCTET STRING, as the versions
/// before were read.
pub(super) fn decode(point: &[u8]) -> Result<PublicKey, PointError> {
    let bytes = match point {
        [0x04, 0x20, rest @ ..] if rest.len() == 32 => rest,
        other => other,
    };
    let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| PointError::Length(point.len()))?;
    Ok(PublicKey(bytes).strong()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_encodings_of_a_point_are_one_key() {
        let key = crate::key::secret::SecretKey::from_seed(&[7; 32]).public();
        let wrapped = [&[0x04, 0x20], &key.0[..]].concat();
        assert_eq!(decode(&key.0), Ok(key));
        assert_eq!(decode(&wrapped), Ok(key));
        for (bytes, error) in [
            (&wrapped[..33], PointError::Length(33)),
            (&[0; 57][..], PointError::Length(57)),
            (&[][..], PointError::Length(0)),
        ] {
            assert_eq!(decode(bytes), Err(error));
        }
        assert!(matches!(decode(&[0; 32]), Err(PointError::Key(_))));
    }
}
