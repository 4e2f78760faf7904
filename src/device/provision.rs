//! A unit's first state: whom it will trust, who it is, and what it runs.
//!
//! Takes a sealed bundle and a root the factory pins, follows the root chain to its newest link (TUF 5.3), asks the
//! bootloader's judge for the rest, and has the bootloader's own encoder write it. It takes no time from this machine's clock: freshness is judged at
//! the floor that the signed metadata gives.

use cuff_bootloader::field::Text;
use cuff_bootloader::provision::First;
use cuff_bootloader::record::Identity;
use cuff_verifier::digest::Digest;
use cuff_verifier::judge::Known;
use cuff_verifier::key::Ed25519;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::Refusal;
use cuff_verifier::threshold::{Document, unauthenticated};
use cuff_verifier::time::{Clock, Instant};
use cuff_verifier::trusted::{Policy, RootChain};
use cuff_verifier::verdict::{Reason, Verdict};
use cuff_verifier::version::Counter;

use super::link::{Link, LinkError};
use super::shipment::{Goods, Shipment, ShipmentError};
use crate::evidence::Metadata;
use crate::judgement::{Room, Update, judge};

/// The root a factory trusts.
#[derive(Clone, Debug)]
pub enum Pin {
    /// A root file that came over a way the factory trusts.
    File(Vec<u8>),
    /// The SHA-256 of a root's `signed` bytes; the root itself is in the sealed bundle.
    Fingerprint(Digest),
}

/// What to write.
#[derive(Debug)]
pub struct Order {
    identity: Identity,
    root: Vec<u8>,
    root_version: u64,
    evidence: Vec<u8>,
    image: Vec<u8>,
    release: String,
}

impl Order {
    /// Prepares the first state of a unit. Only the root chain is verified here: [`Order::judge`] is for the rest.
    pub fn prepare(
        shipment: &Shipment,
        goods: &Goods,
        pin: &Pin,
        identity: Identity,
    ) -> Result<Self, OrderError> {
        let metadata = shipment.metadata()?;
        let (root, root_version) = newest_root(&metadata, pin)?;
        let evidence = metadata
            .evidence(&goods.path, root_version)
            .map_err(ShipmentError::from)?;
        Ok(Self {
            identity,
            root,
            root_version,
            evidence,
            image: goods.bundle.image().to_vec(),
            release: goods.path.clone(),
        })
    }

    /// Version of the root the unit will trust.
    pub fn root_version(&self) -> u64 {
        self.root_version
    }

    /// SHA-256 of that root's `signed` bytes.
    pub fn root_sha256(&self) -> Digest {
        Digest::of(&self.root)
    }

    /// The release it will run.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// Asks the bootloader's judge, at the desk, what the unit will ask it again.
    pub fn judge(&self, bootloader: u64, room: Room) -> Result<(), OrderError> {
        let known = Known::of_new_unit(
            self.identity.product.as_str(),
            self.identity.hardware.as_str(),
            bootloader,
            &self.root,
        );
        let update = Update {
            evidence: &self.evidence,
            image: Some(&self.image),
        };
        match judge(&known, &update, Some(room)).verdict {
            Verdict::Boot => Ok(()),
            Verdict::Refuse(reason) => Err(OrderError::Refused(reason)),
        }
    }

    /// Writes it.
    pub fn carry_out(&self, link: &mut dyn Link, bootloader: u64) -> Result<(), LinkError> {
        link.provision(&First {
            identity: self.identity,
            root: &self.root,
            evidence: &self.evidence,
            image: &self.image,
            floor: Instant(0),
            counter: Counter(0),
            bootloader,
        })
    }
}

/// Who a unit will be; its names must fit the bootloader's fields.
pub fn identity(product: &str, hardware: &str, serial: &str) -> Result<Identity, OrderError> {
    let field = |name: &'static str, text: &str| {
        Some(text)
            .filter(|text| !text.is_empty())
            .and_then(Text::new)
            .ok_or_else(|| OrderError::Name {
                name,
                text: text.to_owned(),
            })
    };
    Ok(Identity {
        product: field("product", product)?,
        hardware: field("hardware id", hardware)?,
        serial: field("serial", serial)?,
    })
}

/// From the pinned root to the newest in the sealed bundle: its `signed` bytes and version.
pub fn newest_root(metadata: &Metadata<'_>, pin: &Pin) -> Result<(Vec<u8>, u64), OrderError> {
    let pinned = match pin {
        Pin::File(bytes) => bytes.as_slice(),
        Pin::Fingerprint(wanted) => metadata
            .roots
            .values()
            .copied()
            .find(|root| {
                unauthenticated(Document::canonical(root), Profile::Device)
                    .is_ok_and(|root| Digest::of(root.signed()) == *wanted)
            })
            .ok_or(OrderError::PinUnknown { wanted: *wanted })?,
    };
    let policy = Policy {
        profile: Profile::Device,
        clock: Clock::Absent,
        schemes: &Ed25519,
    };
    let mut chain = RootChain::anchor(Document::canonical(pinned), policy)?;
    loop {
        let root = chain.root();
        let version = root.head.version.get();
        let Some(next) = metadata.roots.get(&(version + 1)) else {
            return Ok((root.signed().to_vec(), version));
        };
        chain = chain.extend(Document::canonical(next))?;
    }
}

/// Why a unit cannot be provisioned with this.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// No such root.
    #[error("no root in the sealed bundle has the pinned SHA-256 {wanted}")]
    PinUnknown {
        /// The pin.
        wanted: Digest,
    },
    /// The chain does not hold.
    #[error("the root chain does not hold: {0}")]
    Root(Refusal),
    /// The judge says no.
    #[error("the sealed bundle is refused: {} (reason {}, {})", .0, .0.code(), .0.name())]
    Refused(Reason),
    /// The sealed bundle.
    #[error(transparent)]
    Shipment(#[from] ShipmentError),
    /// A name that a unit cannot keep.
    #[error(
        "{name} `{text}` cannot be kept by a unit: expected 1 to 31 printable ASCII characters"
    )]
    Name {
        /// Which.
        name: &'static str,
        /// The text.
        text: String,
    },
}

impl From<Refusal> for OrderError {
    fn from(refusal: Refusal) -> Self {
        Self::Root(refusal)
    }
}
