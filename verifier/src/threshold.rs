//! The one function that counts signatures.
//!
//! Every role goes through it: root by the old and by the new keys, the online roles, delegations, at the desk, in the
//! client and in the bootloader. What it returns is the only way to the signed bytes; nothing of them is parsed before.

use core::fmt;
use core::num::NonZeroU64;

use crate::json::{self, Cursor, Text, texts};
use crate::key::{Keys, Schemes};
use crate::profile::Profile;
use crate::role::Malformed;

/// Most signatures one file may carry, and most key ids one role may list.
pub const MAX_SIGNERS: usize = 64;

/// A metadata file: the bytes as they were served, and the canonical form that signatures are over.
#[derive(Clone, Copy, Debug)]
pub struct Document<'a> {
    served: &'a [u8],
    canonical: &'a [u8],
}

impl<'a> Document<'a> {
    /// A file that is canonical on the wire, as every file of ours is.
    pub const fn canonical(bytes: &'a [u8]) -> Self {
        Self {
            served: bytes,
            canonical: bytes,
        }
    }

    /// A foreign file: length and hash pins hold for `served`, signatures for `canonical`, which must say the same.
    pub const fn foreign(served: &'a [u8], canonical: &'a [u8]) -> Self {
        Self { served, canonical }
    }

    /// The bytes as they were served.
    pub const fn served(&self) -> &'a [u8] {
        self.served
    }
}

/// Proof that `signed` was signed by a threshold. Only this file makes it.
#[derive(Clone, Copy, Debug)]
pub struct Authentic<'a> {
    signed: &'a [u8],
    profile: Profile,
}

impl<'a> Authentic<'a> {
    /// Bytes that were authenticated before and have been in keeping nobody else writes to, such as a trust store.
    pub const fn kept_in_trust_store(signed: &'a [u8], profile: Profile) -> Self {
        Self { signed, profile }
    }

    /// The canonical bytes of the `signed` member.
    pub const fn signed(&self) -> &'a [u8] {
        self.signed
    }

    /// The reading these bytes were authenticated under.
    pub const fn profile(&self) -> Profile {
        self.profile
    }
}

/// Who may sign a role, and how many of them must.
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    keys: Keys<'a>,
    signers: Signers<'a>,
}

impl<'a> Authority<'a> {
    pub(crate) const fn new(keys: Keys<'a>, signers: Signers<'a>) -> Self {
        Self { keys, signers }
    }

    /// How many distinct keys must sign.
    pub const fn threshold(&self) -> NonZeroU64 {
        self.signers.threshold
    }

    /// Whether something this authority signed could have been made by keys that `next` no longer accepts: a key was
    /// taken away, or more of them are needed now. Only then is what the old keys said about versions forgotten
    /// (TUF 5.3.11).
    pub(crate) fn is_revoked_by(&self, next: &Authority<'_>, schemes: &impl Schemes) -> bool {
        let removed = self
            .signers
            .iter()
            .filter_map(|id| self.keys.find(id))
            .any(|old| {
                !next
                    .signers
                    .iter()
                    .filter_map(|id| next.keys.find(id))
                    .any(|new| schemes.same(&old, &new))
            });
        removed || next.signers.threshold > self.signers.threshold
    }
}

/// `keyids` and `threshold` of a role. A threshold of zero cannot be represented.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signers<'a> {
    keyids: &'a [u8],
    threshold: NonZeroU64,
    profile: Profile,
}

impl<'a> Signers<'a> {
    pub(crate) fn new(
        keyids: &'a [u8],
        threshold: u64,
        profile: Profile,
    ) -> Result<Self, Malformed> {
        let threshold = NonZeroU64::new(threshold).ok_or(Malformed::ThresholdZero)?;
        Ok(Self {
            keyids,
            threshold,
            profile,
        })
    }

    /// Walks a `keyids` array; the same id twice is refused.
    pub(crate) fn parse_keyids(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
        let start = cursor.position();
        let mut elements = cursor.array()?;
        let mut count = 0;
        while elements.next(cursor)? {
            let before = cursor.since(start);
            let id = cursor.text()?;
            count += 1;
            if count > MAX_SIGNERS {
                return Err(Malformed::TooManySigners);
            }
            if texts(before, cursor.profile()).any(|earlier| earlier == id) {
                return Err(Malformed::RepeatedKeyId);
            }
        }
        Ok(cursor.since(start))
    }

    fn iter(&self) -> impl Iterator<Item = Text<'a>> + Clone + use<'a> {
        texts(self.keyids, self.profile)
    }
}

/// Counts the distinct keys of `authority` with a valid signature over the `signed` member of `document`, and gives proof
/// when they reach its threshold (TUF 5.3.4, 5.4.2, 5.5.2, 5.6.3).
///
/// A key counts once, whatever number of ids or signatures it has. Signatures by unknown keys, empty signatures and invalid
/// ones do not count and do no harm; two signatures under one key id are refused.
pub fn authenticate<'a>(
    document: Document<'a>,
    authority: &Authority<'_>,
    profile: Profile,
    schemes: &impl Schemes,
) -> Result<Authentic<'a>, Unauthentic> {
    let envelope = Envelope::parse(document.canonical, profile)?;
    let needed = authority.threshold().get();
    let mut counted = 0;
    for (index, id) in authority.signers.iter().enumerate() {
        if counted == needed {
            break;
        }
        let Some(key) = authority.keys.find(id) else {
            continue;
        };
        let twin = |other: &Text<'_>| {
            authority
                .keys
                .find(*other)
                .is_some_and(|other| schemes.same(&key, &other))
        };
        if authority
            .signers
            .iter()
            .take(index)
            .any(|earlier| twin(&earlier))
        {
            continue;
        }
        // The first id of a key speaks for all of them.
        let signed = authority.signers.iter().skip(index).filter(twin).any(|id| {
            envelope
                .signature(id)
                .is_some_and(|signature| schemes.verify(&key, envelope.signed, signature))
        });
        counted += u64::from(signed);
    }
    if counted < needed {
        return Err(Unauthentic::UnderThreshold { needed, counted });
    }
    Ok(Authentic {
        signed: envelope.signed,
        profile,
    })
}

/// The `signed` member of a file that nobody has vouched for. For the trust anchor, which is read to find the keys it must
/// then be authenticated with, and for tools that show a file without trusting it.
pub fn unauthenticated<'a>(
    document: Document<'a>,
    profile: Profile,
) -> Result<Authentic<'a>, Unauthentic> {
    Ok(Authentic {
        signed: Envelope::parse(document.canonical, profile)?.signed,
        profile,
    })
}

/// Every (key id, signature) pair of a file, as it stands there.
pub fn signatures<'a>(
    document: Document<'a>,
    profile: Profile,
) -> Result<impl Iterator<Item = (Text<'a>, Text<'a>)> + Clone + use<'a>, Unauthentic> {
    Ok(Envelope::parse(document.canonical, profile)?.pairs())
}

/// The outer object: a list of signatures, and the bytes they are over, not yet looked into.
struct Envelope<'a> {
    signatures: &'a [u8],
    signed: &'a [u8],
    profile: Profile,
}

impl<'a> Envelope<'a> {
    /// `signatures` sorts before `signed`, so `signed` runs to the last brace; what is inside is parsed after the count.
    fn parse(bytes: &'a [u8], profile: Profile) -> Result<Self, Unauthentic> {
        let mut cursor = Cursor::new(bytes, profile)?;
        let mut members = cursor.object()?;
        let Some(b"signatures") = members.next(&mut cursor)?.map(Text::raw) else {
            return Err(Unauthentic::Envelope);
        };
        let start = cursor.position();
        let mut elements = cursor.array()?;
        let mut count = 0;
        while elements.next(&mut cursor)? {
            let before = Self {
                signatures: cursor.since(start),
                signed: &[],
                profile,
            };
            let (id, _) = parse_pair(&mut cursor)?;
            count += 1;
            if count > MAX_SIGNERS {
                return Err(Unauthentic::TooManySignatures);
            }
            if before.signature(id).is_some() {
                return Err(Unauthentic::RepeatedSignature);
            }
        }
        let signatures = cursor.since(start);
        let Some(b"signed") = members.next(&mut cursor)?.map(Text::raw) else {
            return Err(Unauthentic::Envelope);
        };
        let signed = cursor
            .rest()
            .strip_suffix(b"}")
            .filter(|signed| signed.starts_with(b"{"));
        Ok(Self {
            signatures,
            signed: signed.ok_or(Unauthentic::Envelope)?,
            profile,
        })
    }

    fn pairs(&self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> + Clone + use<'a> {
        let mut cursor = Cursor::revisit(self.signatures, self.profile);
        let mut elements = cursor.array().ok();
        core::iter::from_fn(move || match elements.as_mut()?.next(&mut cursor) {
            Ok(true) => parse_pair(&mut cursor).ok(),
            _ => None,
        })
    }

    fn signature(&self, id: Text<'_>) -> Option<Text<'a>> {
        self.pairs()
            .find(|(keyid, _)| *keyid == id)
            .map(|(_, signature)| signature)
    }
}

fn parse_pair<'a>(cursor: &mut Cursor<'a>) -> Result<(Text<'a>, Text<'a>), Unauthentic> {
    let (mut keyid, mut sig) = (None, None);
    let mut members = cursor.object()?;
    while let Some(name) = members.next(cursor)? {
        match name.raw() {
            b"keyid" => keyid = Some(cursor.text()?),
            b"sig" => sig = Some(cursor.text()?),
            _ if cursor.profile().is_device() => return Err(Unauthentic::Envelope),
            _ => {
                cursor.skip()?;
            }
        }
    }
    keyid.zip(sig).ok_or(Unauthentic::Envelope)
}

/// Why a file is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthentic {
    /// The outer object is not canonical JSON.
    Json(json::Error),
    /// The outer object is not `{"signatures": [...], "signed": {...}}` with (keyid, sig) pairs.
    Envelope,
    /// Two signatures under one key id.
    RepeatedSignature,
    /// More than [`MAX_SIGNERS`] signatures.
    TooManySignatures,
    /// Fewer distinct keys signed than the role demands.
    UnderThreshold {
        /// The role's threshold.
        needed: u64,
        /// Distinct keys with a valid signature.
        counted: u64,
    },
}

impl From<json::Error> for Unauthentic {
    fn from(error: json::Error) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for Unauthentic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => error.fmt(f),
            Self::Envelope => f.write_str(
                "not an object of exactly `signatures` (pairs of keyid and sig) and `signed`",
            ),
            Self::RepeatedSignature => f.write_str("two signatures under one key id"),
            Self::TooManySignatures => f.write_str("more than 64 signatures"),
            Self::UnderThreshold { needed, counted } => {
                write!(
                    f,
                    "{needed} valid signatures by distinct keys are needed, {counted} found"
                )
            }
        }
    }
}

impl core::error::Error for Unauthentic {}
