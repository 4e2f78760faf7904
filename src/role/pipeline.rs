//! A role on its way: drafted, staged, signed.
//!
//! [`Draft`] is edited freely. [`Staged`] has its bytes frozen and collects signatures. [`Signed`] met the threshold of
//! everyone who delegates to it; it cannot be made otherwise, and it is the only thing that is ever published.

use super::authority::{Authority, Tally};
use super::canonical::{self, CanonicalError};
use super::name::RoleName;
use super::product::Product;
use super::root::Root;
use super::snapshot::Snapshot;
use super::targets::Targets;
use super::timestamp::Timestamp;
use super::wire::{Hex, Utc};
use crate::key::{PublicKey, SignError, Signer};
use cuff_verifier::digest::decode_hex;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::threshold::{self, Document, Unauthentic, unauthenticated};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Signatures by key id.
pub type Signatures = BTreeMap<Hex, Signature>;

/// A role that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draft {
    /// Whose keys count.
    Root(Root),
    /// Which products there are.
    Targets(Targets),
    /// The releases of a product.
    Product(crate::name::Product, Product),
    /// What belongs together.
    Snapshot(Snapshot),
    /// What is current.
    Timestamp(Timestamp),
}

impl Draft {
    /// Reads the `signed` bytes of a role and insists that we would write the very same: nothing unknown is dropped, nothing
    /// is spelled in two ways.
    pub fn read(name: &RoleName, signed: &[u8]) -> Result<Self, ReadError> {
        let unreadable = |source| ReadError::Unreadable {
            role: name.clone(),
            source,
        };
        let draft = match name {
            RoleName::Root => Self::Root(serde_json::from_slice(signed).map_err(unreadable)?),
            RoleName::Targets => Self::Targets(serde_json::from_slice(signed).map_err(unreadable)?),
            RoleName::Snapshot => {
                Self::Snapshot(serde_json::from_slice(signed).map_err(unreadable)?)
            }
            RoleName::Timestamp => {
                Self::Timestamp(serde_json::from_slice(signed).map_err(unreadable)?)
            }
            RoleName::Product(product) => Self::Product(
                product.clone(),
                serde_json::from_slice(signed).map_err(unreadable)?,
            ),
        };
        if draft.encode().is_ok_and(|bytes| bytes == signed) && draft.names_keys_by_their_ids() {
            Ok(draft)
        } else {
            Err(ReadError::NotOurs { role: name.clone() })
        }
    }

    /// The role this is.
    pub fn name(&self) -> RoleName {
        match self {
            Self::Root(_) => RoleName::Root,
            Self::Targets(_) => RoleName::Targets,
            Self::Product(name, _) => RoleName::Product(name.clone()),
            Self::Snapshot(_) => RoleName::Snapshot,
            Self::Timestamp(_) => RoleName::Timestamp,
        }
    }

    /// Its version.
    pub fn version(&self) -> u64 {
        match self {
            Self::Root(role) => role.version,
            Self::Targets(role) => role.version,
            Self::Product(_, role) => role.version,
            Self::Snapshot(role) => role.version,
            Self::Timestamp(role) => role.version,
        }
    }

    /// When it expires.
    pub fn expires(&self) -> Utc {
        match self {
            Self::Root(role) => role.expires,
            Self::Targets(role) => role.expires,
            Self::Product(_, role) => role.expires,
            Self::Snapshot(role) => role.expires,
            Self::Timestamp(role) => role.expires,
        }
    }

    /// When it was made; the online roles do not tell in a way that anything is decided by.
    pub fn issued(&self) -> Option<Utc> {
        match self {
            Self::Root(role) => Some(role.issued),
            Self::Targets(role) => Some(role.issued),
            Self::Product(_, role) => Some(role.issued),
            Self::Snapshot(_) | Self::Timestamp(_) => None,
        }
    }

    /// Freezes the bytes people sign.
    pub fn stage(self) -> Result<Staged, CanonicalError> {
        let signed = self.encode()?;
        Ok(Staged {
            draft: self,
            signed,
            signatures: Signatures::new(),
        })
    }

    /// One key under two ids would be two signers to whoever counts ids.
    fn names_keys_by_their_ids(&self) -> bool {
        let keys = match self {
            Self::Root(root) => &root.keys,
            Self::Targets(targets) => &targets.delegations.keys,
            _ => return true,
        };
        keys.iter().all(|(id, key)| *id == Hex::from(key.0.id()))
    }

    /// The bytes people sign. Canonical bytes are the only ones of their value, so that what the types write plainly mostly is
    /// what is wanted: the way through a tree of values is long for a large role.
    pub(super) fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
        let plain = match self {
            Self::Root(role) => serde_json::to_vec(role),
            Self::Targets(role) => serde_json::to_vec(role),
            Self::Product(_, role) => serde_json::to_vec(role),
            Self::Snapshot(role) => serde_json::to_vec(role),
            Self::Timestamp(role) => serde_json::to_vec(role),
        };
        if let Some(bytes) = plain.ok().filter(|bytes| canonical::is(bytes)) {
            return Ok(bytes);
        }
        let value = match self {
            Self::Root(role) => serde_json::to_value(role),
            Self::Targets(role) => serde_json::to_value(role),
            Self::Product(_, role) => serde_json::to_value(role),
            Self::Snapshot(role) => serde_json::to_value(role),
            Self::Timestamp(role) => serde_json::to_value(role),
        };
        // Our own types hold nothing but text, whole numbers and lists, so only the encoder can refuse.
        canonical::encode(&value.unwrap_or(serde_json::Value::Null))
    }
}

/// Bytes that are not a role as cuff writes it.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not JSON, or not the members of this role.
    #[error("{role}: not the metadata of this role")]
    Unreadable {
        /// The role.
        role: RoleName,
        /// What serde found, with line and column.
        source: serde_json::Error,
    },
    /// Spelled differently from what we would write.
    #[error(
        "{role}: not written by cuff, or edited by hand: cuff would write other bytes or other key ids"
    )]
    NotOurs {
        /// The role.
        role: RoleName,
    },
    /// No delegation leads to it.
    #[error("{role}: no root or targets role says who may sign it")]
    Nobody {
        /// The role.
        role: RoleName,
    },
    /// Fewer signatures than the threshold.
    #[error("{role} has {found} of the {threshold} signatures that {by} asks for")]
    Unsigned {
        /// The role.
        role: RoleName,
        /// The metadata that asks.
        by: String,
        /// How many it takes.
        threshold: u16,
        /// How many are valid.
        found: u16,
    },
    /// Not a file whose signatures can be counted.
    #[error("{role} is not a file whose signatures can be counted: {refusal}")]
    Refused {
        /// The role.
        role: RoleName,
        /// The verifier's words.
        refusal: Refusal,
    },
}

/// A role whose bytes are fixed and which people are signing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    draft: Draft,
    signed: Vec<u8>,
    signatures: Signatures,
}

impl Staged {
    /// Reads bytes that were staged before; they are exactly what we would write.
    pub fn read(name: &RoleName, signed: Vec<u8>) -> Result<Self, ReadError> {
        Ok(Self {
            draft: Draft::read(name, &signed)?,
            signed,
            signatures: Signatures::new(),
        })
    }

    /// What is being signed, as values.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// Back to the drawing board; the signatures are lost with the bytes they were made for.
    pub fn into_draft(self) -> Draft {
        self.draft
    }

    /// What is being signed, as bytes.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The signatures so far, valid or not.
    pub fn signatures(&self) -> &Signatures {
        &self.signatures
    }

    /// Brings back a signature that was stored; it is judged by [`Staged::tally`] and [`Staged::seal`], not here.
    pub fn restore(&mut self, id: Hex, signature: Signature) {
        self.signatures.insert(id, signature);
    }

    /// Signs and checks the result at once: a token that was swapped in the meantime must not go unnoticed.
    pub fn sign(&mut self, signer: &dyn Signer) -> Result<(Hex, Signature), SigningError> {
        let public = signer.public();
        let signature =
            signer
                .sign(&self.signed)
                .map(Signature)
                .map_err(|source| SigningError::Signer {
                    key: signer.describe(),
                    role: self.draft.name(),
                    source,
                })?;
        if !public.verifies(&self.signed, &signature.0) {
            return Err(SigningError::WrongKey {
                key: signer.describe(),
                role: self.draft.name(),
                expected: public,
            });
        }
        let id = Hex::from(public.id());
        self.signatures.insert(id, signature);
        Ok((id, signature))
    }

    /// What each authority still asks for.
    pub fn tally(&self, authorities: &[Authority]) -> Vec<Tally> {
        authorities
            .iter()
            .map(|authority| authority.tally(&self.signed, &self.signatures))
            .collect()
    }

    /// A file as long as this role's will be with so many signatures; nobody has made these.
    pub fn foreseen(&self, signatures: u64) -> Vec<u8> {
        let ids = (0..signatures).map(|key| Hex::sha256(&key.to_le_bytes()));
        write(
            &self.signed,
            &ids.map(|id| (id, Signature([0; 64]))).collect(),
        )
    }

    /// Seals the role when every authority is satisfied; keeps the valid signatures and no other.
    pub fn seal(self, authorities: &[Authority]) -> Result<Signed, ReadError> {
        let valid = authorities
            .iter()
            .flat_map(|authority| authority.valid(&self.signed, &self.signatures));
        let signatures = valid
            .filter_map(|id| Some((id, *self.signatures.get(&id)?)))
            .collect();
        let file = write(&self.signed, &signatures);
        authenticate(&self.draft.name(), &file, authorities)?;
        Ok(Signed {
            draft: self.draft,
            signed: self.signed,
            file,
        })
    }
}

/// Signing that came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The key or token refused.
    #[error("{key} did not sign {role}")]
    Signer {
        /// The key, described.
        key: String,
        /// The role.
        role: RoleName,
        /// Why.
        source: SignError,
    },
    /// The signature is not by the key it was asked from.
    #[error("{key} signed {role}, but the signature is not by key {}: the wrong token or key file answered", .expected.id())]
    WrongKey {
        /// The key, described.
        key: String,
        /// The role.
        role: RoleName,
        /// The key that should have signed.
        expected: PublicKey,
    },
}

/// A role with enough signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    draft: Draft,
    signed: Vec<u8>,
    file: Vec<u8>,
}

impl Signed {
    /// Opens a file that was published: its signatures are counted, then what they cover is read.
    pub fn open(
        name: &RoleName,
        file: &[u8],
        authorities: &[Authority],
    ) -> Result<Self, ReadError> {
        let signed = authenticate(name, file, authorities)?;
        let draft = Draft::read(name, signed)?;
        if signatures(file).is_none_or(|signatures| write(signed, &signatures) != file) {
            return Err(ReadError::NotOurs { role: name.clone() });
        }
        Ok(Self {
            draft,
            signed: signed.to_owned(),
            file: file.to_owned(),
        })
    }

    /// Opens a root by the keys it names itself and, unless it is the anchor, by those of the root before it.
    pub fn open_root(file: &[u8], before: Option<&Root>) -> Result<(Self, Root), ReadError> {
        let role = RoleName::Root;
        let not_ours = || ReadError::NotOurs { role: role.clone() };
        let unproven =
            unauthenticated(Document::canonical(file), Profile::Device).map_err(|_| not_ours())?;
        let Draft::Root(root) = Draft::read(&role, unproven.signed())? else {
            return Err(not_ours());
        };
        let authorities: Vec<_> = before
            .into_iter()
            .chain([&root])
            .filter_map(|root| Authority::of_top_level(root, &role))
            .collect();
        Ok((Self::open(&role, file, &authorities)?, root))
    }

    /// Whether the signatures would satisfy these authorities too.
    pub fn satisfies(&self, authorities: &[Authority]) -> bool {
        authenticate(&self.draft.name(), &self.file, authorities).is_ok()
    }

    /// What was signed, as values.
    pub fn draft(&self) -> &Draft {
        &self.draft
    }

    /// What was signed, as bytes.
    pub fn signed(&self) -> &[u8] {
        &self.signed
    }

    /// The whole file, signatures first.
    pub fn file(&self) -> &[u8] {
        &self.file
    }
}

/// A signature; 128 hexadecimal digits in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hex::encode(self.0))
    }
}

impl std::str::FromStr for Signature {
    type Err = SignatureError;

    fn from_str(text: &str) -> Result<Self, SignatureError> {
        let mut bytes = [0; 64];
        decode_hex(text.as_bytes(), &mut bytes).ok_or(SignatureError)?;
        Ok(Self(bytes))
    }
}

/// Text that is no signature.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected 128 lowercase hexadecimal digits")]
pub struct SignatureError;

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[derive(Serialize)]
struct Entry {
    keyid: Hex,
    sig: Signature,
}

/// Lets the verifier count for everyone who is asked, and gives the bytes that were signed. What nobody vouches for is
/// never enough.
fn authenticate<'f>(
    name: &RoleName,
    file: &'f [u8],
    authorities: &[Authority],
) -> Result<&'f [u8], ReadError> {
    let mut signed = Err(ReadError::Nobody { role: name.clone() });
    for authority in authorities {
        let authentic = authority.authenticate(file).map_err(|refusal| {
            let (role, by) = (name.clone(), authority.by.clone());
            match refusal.rule {
                Rule::Unauthentic(Unauthentic::UnderThreshold { needed, counted }) => {
                    ReadError::Unsigned {
                        role,
                        by,
                        threshold: needed,
                        found: counted,
                    }
                }
                _ => ReadError::Refused { role, refusal },
            }
        })?;
        signed = Ok(authentic.signed());
    }
    signed
}

/// The signatures of a file, if all of them are spelled as we would.
fn signatures(file: &[u8]) -> Option<Signatures> {
    let pairs = threshold::signatures(Document::canonical(file), Profile::Device).ok()?;
    let pairs = pairs.map(|(id, signature)| {
        let (id, signature) = (id.as_str()?, signature.as_str()?);
        Some((id.parse().ok()?, signature.parse().ok()?))
    });
    pairs.collect()
}

/// Puts the signatures before the signed part, in the order of their key ids.
pub fn write(signed: &[u8], signatures: &Signatures) -> Vec<u8> {
    let entries: Vec<String> = signatures
        .iter()
        .map(|(keyid, sig)| {
            serde_json::to_string(&Entry {
                keyid: *keyid,
                sig: *sig,
            })
            .unwrap_or_default()
        })
        .collect();
    let mut file = format!("{{\"signatures\":[{}],\"signed\":", entries.join(",")).into_bytes();
    file.extend_from_slice(signed);
    file.push(b'}');
    file
}

#[cfg(test)]
mod tests;
