//! What a device holds, judged at the desk.
//!
//! Takes the bytes read back from the active slot, gives whether they are the image that the unit says it installed, and
//! whether a sealed bundle's signers say the same. The judge is the bootloader's; only the place is another.

use cuff_bootloader::record::Image;
use cuff_verifier::digest::Digest;

use super::link::{Link, LinkError};
use super::shipment::{Goods, Shipment, ShipmentError};
use super::unit::{Knowledge, Unit};
use crate::judgement::{Judgement, Update, judge};

/// The image in the active slot.
#[derive(Clone, Debug)]
pub struct Held {
    /// The image the unit says it is: on trial if a trial is open, else installed.
    pub image: Image,
    /// SHA-256 of what is there.
    pub found: Digest,
    /// What is there.
    pub bytes: Vec<u8>,
}

impl Held {
    /// Reads back what must be there; `None` when the unit has nothing installed.
    pub fn read(link: &mut dyn Link, knowledge: &Knowledge) -> Result<Option<Self>, LinkError> {
        let Some(image) = knowledge.record.expected().copied() else {
            return Ok(None);
        };
        let bytes = link.active(image.length)?;
        Ok(Some(Self {
            image,
            found: Digest::of(&bytes),
            bytes,
        }))
    }

    /// Whether it is what the unit says.
    pub fn is_whole(&self) -> bool {
        self.found == self.image.sha256
    }
}

/// What the signers of a sealed bundle say about what the unit holds.
pub fn against(
    shipment: &Shipment,
    goods: &Goods,
    unit: &Unit,
    knowledge: &Knowledge,
    held: &Held,
) -> Result<Judgement, ShipmentError> {
    let evidence = shipment
        .metadata()?
        .evidence(&goods.path, knowledge.record.root.version)?;
    Ok(judge(
        &knowledge.known(unit.bootloader),
        &Update {
            evidence: &evidence,
            image: Some(&held.bytes),
        },
        None,
    ))
}
