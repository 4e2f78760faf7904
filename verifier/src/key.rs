//! Public keys as metadata lists them, and the signature schemes that read them.
//!
//! Key ids are opaque here: a key is what it can verify, so two ids over one key are one signer.

use crate::digest::decode_hex;
use crate::json::{Cursor, Text};
use crate::profile::Profile;
use crate::role::Malformed;

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

/// How signatures are verified. A device has [`Ed25519`] alone; a host may know more.
pub trait Schemes {
    /// Whether `signature` (as it stands in metadata) is by `key` over exactly `message`. Unknown schemes verify nothing.
    fn verify(&self, key: &Key<'_>, message: &[u8], signature: Text<'_>) -> bool;

    /// Whether two entries hold the same key, whatever their ids are.
    fn same(&self, left: &Key<'_>, right: &Key<'_>) -> bool {
        left.public == right.public
    }
}

/// Ed25519 with the strict rule set: no weak key, no malleable signature.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ed25519;

impl Schemes for Ed25519 {
    fn verify(&self, key: &Key<'_>, message: &[u8], signature: Text<'_>) -> bool {
        let (mut public, mut bytes) = ([0; 32], [0; 64]);
        if !is_ed25519(key)
            || decode_hex(key.public.raw(), &mut public).is_none()
            || decode_hex(signature.raw(), &mut bytes).is_none()
        {
            return false;
        }
        let Ok(verifying) = ed25519_dalek::VerifyingKey::from_bytes(&public) else {
            return false;
        };
        verifying
            .verify_strict(message, &ed25519_dalek::Signature::from_bytes(&bytes))
            .is_ok()
    }
}

/// The `keys` member of root metadata or of delegations: key id to key, in ascending order of ids.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    span: &'a [u8],
    profile: Profile,
}

impl<'a> Keys<'a> {
    /// Walks the whole member once; under [`Profile::Device`] every key must be Ed25519.
    pub(crate) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let start = cursor.position();
        let mut members = cursor.object()?;
        let mut count = 0;
        while members.next(cursor)?.is_some() {
            let key = parse_key(cursor)?;
            count += 1;
            if count > MAX_KEYS {
                return Err(Malformed::TooManyKeys);
            }
            if cursor.profile().is_device()
                && !(is_ed25519(&key) && decode_hex(key.public.raw(), &mut [0; 32]).is_some())
            {
                return Err(Malformed::KeyType);
            }
        }
        Ok(Self {
            span: cursor.since(start),
            profile: cursor.profile(),
        })
    }

    /// The key with this id.
    pub fn find(&self, id: Text<'_>) -> Option<Key<'a>> {
        let mut cursor = Cursor::revisit(self.span, self.profile);
        let mut members = cursor.object().ok()?;
        while let Some(name) = members.next(&mut cursor).ok()? {
            if name == id {
                return parse_key(&mut cursor).ok();
            }
            cursor.skip().ok()?;
        }
        None
    }
}

fn is_ed25519(key: &Key<'_>) -> bool {
    key.keytype.raw() == b"ed25519" && key.scheme.raw() == b"ed25519"
}

fn parse_key<'a>(cursor: &mut Cursor<'a>) -> Result<Key<'a>, Malformed> {
    let (mut keytype, mut scheme, mut public) = (None, None, None);
    let mut members = cursor.object()?;
    while let Some(name) = members.next(cursor)? {
        match name.raw() {
            b"keytype" => keytype = Some(cursor.text()?),
            b"scheme" => scheme = Some(cursor.text()?),
            b"keyval" => {
                let mut inner = cursor.object()?;
                while let Some(name) = inner.next(cursor)? {
                    match name.raw() {
                        b"public" => public = Some(cursor.text()?),
                        _ => {
                            cursor.skip()?;
                        }
                    }
                }
            }
            _ => {
                cursor.skip()?;
            }
        }
    }
    Ok(Key {
        keytype: keytype.ok_or(Malformed::Missing("keytype"))?,
        scheme: scheme.ok_or(Malformed::Missing("scheme"))?,
        public: public.ok_or(Malformed::Missing("keyval.public"))?,
    })
}
