//! The one function that counts signatures.
//!
//! Every role goes through it: root by the old and by the new keys, the online roles, delegations, at the desk, in the
//! client and in the bootloader. What it returns is the only way to the signed bytes; nothing of them is parsed before.

use core::fmt;
use core::num::NonZeroU16;

use crate::json::{self, Text, Value, foul, split};
use crate::key::{Keys, Schemes};
use crate::member::Member;
use crate::profile::Profile;
use crate::role::Malformed;
use crate::sure::{Sure, Tally};

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
    pub const fn threshold(&self) -> NonZeroU16 {
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
    keyids: Value<'a>,
    threshold: NonZeroU16,
}

impl<'a> Signers<'a> {
    /// Reads an object with both members; the same id twice is refused.
    #[inline(never)]
    pub(crate) fn parse(role: Value<'a>) -> Result<Self, Malformed> {
        let [keyids, threshold] = role.pick(&["keyids", "threshold"])?;
        Self::of(keyids, threshold)
    }

    /// The same, when the members are at hand.
    #[inline(never)]
    pub(crate) fn of(
        keyids: Option<Value<'a>>,
        threshold: Option<Value<'a>>,
    ) -> Result<Self, Malformed> {
        let keyids = keyids.ok_or(Malformed::Missing(Member::KeyIds))?;
        let threshold = threshold
            .ok_or(Malformed::Missing(Member::Threshold))?
            .unsigned()?;
        for (count, id) in keyids.elements()?.enumerate() {
            id.text()?;
            if count == MAX_SIGNERS {
                return Err(Malformed::TooManySigners);
            }
            if keyids.elements()?.take(count).any(|earlier| earlier == id) {
                return Err(Malformed::RepeatedKeyId);
            }
        }
        // More than a role may list is never met, however much more it is.
        let threshold = u16::try_from(threshold).unwrap_or(u16::MAX);
        Ok(Self {
            keyids,
            threshold: NonZeroU16::new(threshold).ok_or(Malformed::ThresholdZero)?,
        })
    }

    fn iter(&self) -> impl Iterator<Item = Text<'a>> + Clone + use<'a> {
        self.keyids
            .elements()
            .into_iter()
            .flatten()
            .filter_map(|id| id.text().ok())
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
    let mut tally = Tally::default();
    for (index, id) in authority.signers.iter().enumerate() {
        if tally.count == needed {
            break;
        }
        tally.add(counts(&envelope, authority, index, id, schemes));
    }
    if tally.count < needed || !tally.is_of(needed) {
        return Err(Unauthentic::UnderThreshold {
            needed,
            counted: tally.count,
        });
    }
    Ok(Authentic {
        signed: envelope.signed,
        profile,
    })
}

/// The ids of the keys that [`authenticate`] counts: not only as many as it takes, but all of them. For people who ask who
/// has signed. It proves nothing: whether they are enough is for [`authenticate`] to say.
pub fn signers<'a, 'k>(
    document: Document<'a>,
    authority: &'a Authority<'k>,
    profile: Profile,
    schemes: &'a impl Schemes,
) -> Result<impl Iterator<Item = Text<'k>>, Unauthentic> {
    let envelope = Envelope::parse(document.canonical, profile)?;
    let listed = authority.signers.iter().enumerate();
    Ok(listed
        .filter(move |(index, id)| counts(&envelope, authority, *index, *id, schemes).holds())
        .map(|(_, id)| id))
}

/// Whether the key listed at this place adds one to the count: it has a valid signature, and no id before it is of the
/// same key.
#[inline]
fn counts(
    envelope: &Envelope<'_>,
    authority: &Authority<'_>,
    index: usize,
    id: Text<'_>,
    schemes: &impl Schemes,
) -> Sure {
    let Some(key) = authority.keys.find(id) else {
        return Sure::NO;
    };
    let is_twin = |id: Text<'_>| {
        authority
            .keys
            .find(id)
            .is_some_and(|other| schemes.same(&key, &other))
    };
    // The first id of a key speaks for all of them.
    if authority.signers.iter().take(index).any(is_twin) {
        return Sure::NO;
    }
    envelope
        .pairs()
        .filter(|(id, _)| authority.signers.iter().any(|listed| listed == *id) && is_twin(*id))
        .map(|(_, signature)| schemes.verify(&key, envelope.signed, signature))
        .find(|verified| verified.holds())
        .unwrap_or(Sure::NO)
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
    signatures: Value<'a>,
    signed: &'a [u8],
}

impl<'a> Envelope<'a> {
    /// `signatures` sorts before `signed`, so `signed` runs to the last brace; what is inside is parsed after the count.
    #[inline(never)]
    fn parse(bytes: &'a [u8], profile: Profile) -> Result<Self, Unauthentic> {
        if let Some((fault, _)) = foul(bytes, profile) {
            return Err(fault.into());
        }
        let list = bytes
            .strip_prefix(b"{\"signatures\":")
            .ok_or(Unauthentic::Envelope)?;
        let (signatures, rest) = split(list)?;
        for (count, entry) in signatures.elements()?.enumerate() {
            let (id, _) = parse_pair(entry)?;
            if count == MAX_SIGNERS {
                return Err(Unauthentic::TooManySignatures);
            }
            if profile.is_device() && !entry.has_only(&["keyid", "sig"]) {
                return Err(Unauthentic::Envelope);
            }
            if pairs(signatures)
                .take(count)
                .any(|(earlier, _)| earlier == id)
            {
                return Err(Unauthentic::RepeatedSignature);
            }
        }
        let signed = rest
            .strip_prefix(b",\"signed\":")
            .and_then(|rest| rest.strip_suffix(b"}"));
        let signed = signed
            .filter(|signed| signed.starts_with(b"{"))
            .ok_or(Unauthentic::Envelope)?;
        Ok(Self { signatures, signed })
    }

    fn pairs(&self) -> impl Iterator<Item = (Text<'a>, Text<'a>)> + Clone + use<'a> {
        pairs(self.signatures)
    }
}

fn pairs<'a>(
    signatures: Value<'a>,
) -> impl Iterator<Item = (Text<'a>, Text<'a>)> + Clone + use<'a> {
    signatures
        .elements()
        .into_iter()
        .flatten()
        .filter_map(|entry| parse_pair(entry).ok())
}

fn parse_pair(entry: Value<'_>) -> Result<(Text<'_>, Text<'_>), Unauthentic> {
    let [keyid, sig] = entry.pick(&["keyid", "sig"])?;
    let (keyid, sig) = keyid.zip(sig).ok_or(Unauthentic::Envelope)?;
    Ok((keyid.text()?, sig.text()?))
}

/// Why a file is not authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthentic {
    /// The outer object is not canonical JSON.
    Json(json::Fault),
    /// The outer object is not `{"signatures": [...], "signed": {...}}` with (keyid, sig) pairs.
    Envelope,
    /// Two signatures under one key id.
    RepeatedSignature,
    /// More than [`MAX_SIGNERS`] signatures.
    TooManySignatures,
    /// Fewer distinct keys signed than the role demands.
    UnderThreshold {
        /// The role's threshold.
        needed: u16,
        /// Distinct keys with a valid signature.
        counted: u16,
    },
}

impl From<json::Fault> for Unauthentic {
    fn from(error: json::Fault) -> Self {
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
