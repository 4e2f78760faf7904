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

    fn encode(&self) -> Result<Vec<u8>, CanonicalError> {
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
        threshold: u64,
        /// How many are valid.
        found: usize,
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

    /// Seals the role when every authority is satisfied; keeps the valid signatures and no other.
    pub fn seal(self, authorities: &[Authority]) -> Result<Signed, ReadError> {
        let Self {
            draft,
            signed,
            signatures,
        } = self;
        let signatures = count(&draft.name(), &signed, &signatures, authorities)?;
        Ok(Signed {
            draft,
            file: write(&signed, &signatures),
            signed,
            signatures,
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
    signatures: Signatures,
    file: Vec<u8>,
}

impl Signed {
    /// Opens a file that was published: counts its signatures, then reads what they cover.
    pub fn open(
        name: &RoleName,
        file: &[u8],
        authorities: &[Authority],
    ) -> Result<Self, ReadError> {
        let (signed, signatures) = split(name, file)?;
        count(name, &signed, &signatures, authorities)?;
        Ok(Self {
            draft: Draft::read(name, &signed)?,
            signed,
            signatures,
            file: file.to_owned(),
        })
    }

    /// Opens a root by the keys it names itself and, unless it is the anchor, by those of the root before it.
    pub fn open_root(file: &[u8], before: Option<&Root>) -> Result<(Self, Root), ReadError> {
        let (signed, _) = split(&RoleName::Root, file)?;
        let Draft::Root(root) = Draft::read(&RoleName::Root, &signed)? else {
            return Err(ReadError::NotOurs {
                role: RoleName::Root,
            });
        };
        let authorities: Vec<_> = before
            .into_iter()
            .chain([&root])
            .filter_map(|root| Authority::of_top_level(root, &RoleName::Root))
            .collect();
        Ok((Self::open(&RoleName::Root, file, &authorities)?, root))
    }

    /// Whether the signatures would satisfy these authorities too.
    pub fn satisfies(&self, authorities: &[Authority]) -> bool {
        count(
            &self.draft.name(),
            &self.signed,
            &self.signatures,
            authorities,
        )
        .is_ok()
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
        use std::fmt::Write as _;
        let mut text = String::with_capacity(128);
        for byte in self.0 {
            let _ = write!(text, "{byte:02x}");
        }
        to.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let halves = text
            .split_at_checked(64)
            .and_then(|(a, b)| a.parse::<Hex>().ok().zip(b.parse::<Hex>().ok()));
        let (first, second) = halves
            .ok_or_else(|| serde::de::Error::custom("expected 128 lowercase hexadecimal digits"))?;
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&first.0);
        bytes[32..].copy_from_slice(&second.0);
        Ok(Self(bytes))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    signatures: Vec<Entry>,
    signed: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    keyid: Hex,
    sig: Signature,
}

/// Takes a file apart, and insists that we would put it together in the very same way.
fn split(name: &RoleName, file: &[u8]) -> Result<(Vec<u8>, Signatures), ReadError> {
    let unreadable = |source| ReadError::Unreadable {
        role: name.clone(),
        source,
    };
    let not_ours = || ReadError::NotOurs { role: name.clone() };
    let envelope: Envelope = serde_json::from_slice(file).map_err(unreadable)?;
    let signed = canonical::encode(&envelope.signed).map_err(|_| not_ours())?;
    let signatures = envelope
        .signatures
        .iter()
        .map(|entry| (entry.keyid, entry.sig))
        .collect();
    if write(&signed, &signatures) == file {
        Ok((signed, signatures))
    } else {
        Err(not_ours())
    }
}

/// The valid signatures, if there are enough for everyone. What nobody vouches for is never enough.
fn count(
    name: &RoleName,
    signed: &[u8],
    signatures: &Signatures,
    authorities: &[Authority],
) -> Result<Signatures, ReadError> {
    if authorities.is_empty() {
        return Err(ReadError::Nobody { role: name.clone() });
    }
    let mut valid = Signatures::new();
    for authority in authorities {
        let tally = authority.tally(signed, signatures);
        if tally.missing() > 0 {
            return Err(ReadError::Unsigned {
                role: name.clone(),
                by: tally.by,
                threshold: tally.threshold,
                found: tally.valid.len(),
            });
        }
        valid.extend(
            tally
                .valid
                .iter()
                .filter_map(|id| signatures.get(id).map(|signature| (*id, *signature))),
        );
    }
    Ok(valid)
}

/// Puts the signatures before the signed part, in the order of their key ids.
fn write(signed: &[u8], signatures: &Signatures) -> Vec<u8> {
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
