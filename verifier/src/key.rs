//! Public keys as metadata lists them, and the signature schemes that read them.
//!
//! Key ids are opaque here: a key is what it can verify, so two ids over one key are one signer.

use crate::digest::decode_hex;
use crate::json::{Text, Value};
use crate::member::Member;
use crate::profile::Profile;
use crate::role::Malformed;
use crate::sure::Sure;

/// Most keys one root or delegating role may list.
pub const MAX_KEYS: usize = 1024;

/// One public key (TUF 4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// `keytype`, for example `ed25519`.
    pub keytype: Text<'a>,
    /// `scheme`, for example `ed25519`.
    pub scheme: Text<'a>,
    /// `keyval.public`, in the encoding of the key type.
    pub public: Text<'a>,
}

impl<'a> Key<'a> {
    fn parse(value: Value<'a>) -> Result<Self, Malformed> {
        let [keytype, keyval, scheme] = value.pick(&["keytype", "keyval", "scheme"])?;
        let [public] = keyval
            .ok_or(Malformed::Missing(Member::KeyvalPublic))?
            .pick(&["public"])?;
        Ok(Self {
            keytype: keytype.ok_or(Malformed::Missing(Member::KeyType))?.text()?,
            scheme: scheme.ok_or(Malformed::Missing(Member::Scheme))?.text()?,
            public: public
                .ok_or(Malformed::Missing(Member::KeyvalPublic))?
                .text()?,
        })
    }

    fn ed25519(&self) -> Option<[u8; 32]> {
        let mut public = [0; 32];
        let named = self.keytype.is("ed25519") && self.scheme.is("ed25519");
        decode_hex(self.public.raw(), &mut public)
            .filter(|()| named)
            .map(|()| public)
    }
}

/// How signatures are verified. A device has [`Ed25519`] alone; a host may know more.
///
/// What no device needs has a default that says no, so that a device's build holds no code for it.
pub trait Schemes {
    /// Whether delegations by hash of the target path are read: `path_hash_prefixes`, and succinct bins (TAP 15).
    const HASHED_PATHS: bool = false;

    /// Whether `signature` (as it stands in metadata) is by `key` over exactly `message`. Unknown schemes verify nothing.
    fn verify(&self, key: &Key<'_>, message: &[u8], signature: Text<'_>) -> Sure;

    /// Whether two entries hold the same key, whatever their ids are.
    fn same(&self, left: &Key<'_>, right: &Key<'_>) -> bool {
        left.public == right.public
    }

    /// What the digests by algorithms other than SHA-256 in `hashes` say of `bytes`: whether all that are known hold, and
    /// nothing when none is known.
    fn other_digests_hold(&self, hashes: Value<'_>, bytes: &[u8]) -> Option<bool> {
        let _ = (hashes, bytes);
        None
    }
}

/// Ed25519 with the strict rule set: no weak key, no malleable signature.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ed25519;

impl Schemes for Ed25519 {
    fn verify(&self, key: &Key<'_>, message: &[u8], signature: Text<'_>) -> Sure {
        let said = || {
            let mut bytes = [0; 64];
            decode_hex(signature.raw(), &mut bytes)?;
            let signature = ed25519_dalek::Signature::from_bytes(&bytes);
            let key = ed25519_dalek::VerifyingKey::from_bytes(&key.ed25519()?).ok()?;
            key.verify_strict(message, &signature).ok()
        };
        Sure::twice(&said(), Option::is_some)
    }
}

/// The `keys` member of root metadata or of delegations: key id to key, in ascending order of ids.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a>(Value<'a>);

impl<'a> Keys<'a> {
    /// Checks every entry; under [`Profile::Device`] every key must be Ed25519.
    pub(crate) fn parse(value: Value<'a>, profile: Profile) -> Result<Self, Malformed> {
        for (count, (_, entry)) in value.members()?.enumerate() {
            let key = Key::parse(entry)?;
            if count == MAX_KEYS {
                return Err(Malformed::TooManyKeys);
            }
            if profile.is_device() && key.ed25519().is_none() {
                return Err(Malformed::KeyType);
            }
        }
        Ok(Self(value))
    }

    /// An object that [`parse`](Self::parse) has checked before.
    pub(crate) const fn checked(value: Value<'a>) -> Self {
        Self(value)
    }

    /// The key with this id.
    #[inline(never)]
    pub fn find(&self, id: Text<'_>) -> Option<Key<'a>> {
        let (_, entry) = self.0.members().ok()?.find(|(name, _)| *name == id)?;
        Key::parse(entry).ok()
    }
}
