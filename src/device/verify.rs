//! What a device holds, judged at the desk.
//!
//! Takes what is read back, gives whether the active slot holds the image that the unit says it installed, whether a sealed
//! bundle's signers say the same, and what every region holds. The judge is the bootloader's; only the place is another.

use cuff_bootloader::flash::Chip;
use cuff_bootloader::layout::{Layout, Region};
use cuff_bootloader::record::Image;
use cuff_verifier::digest::Digest;
use cuff_verifier::judge::Known;
use cuff_verifier::release::Kind;
use cuff_verifier::verdict::{Reason, Verdict};

use super::link::{Link, LinkError};
use super::regions;
use super::shadow::Shadow;
use super::shipment::{Goods, Shipment, ShipmentError};
use super::unit::{Knowledge, Unit};
use crate::judgement::{Judgement, Update, bootloader, judge};

/// The image in the active slot.
#[derive(Clone, Debug)]
pub struct Held {
    /// The image the unit says it is: on trial if a trial is open, else installed.
    pub image: Image,
    /// SHA-256 of what is there.
    pub found: Digest,
}

impl Held {
    /// Reads back what must be there; `None` when the unit has nothing installed.
    pub fn read(link: &mut dyn Link, knowledge: &Knowledge) -> Result<Option<Self>, LinkError> {
        let Some(image) = knowledge.record.expected().copied() else {
            return Ok(None);
        };
        Ok(Some(Self {
            image,
            found: link.active_digest(image.length)?,
        }))
    }

    /// Whether it is what the unit says.
    pub fn is_whole(&self) -> bool {
        self.found == self.image.sha256
    }
}

/// Every region, where the link can read flash; the bootloader is held against the one in the sealed bundle, if its signers
/// are those the unit trusts.
pub fn regions(
    link: &mut dyn Link,
    layout: &Layout,
    unit: &Unit,
    knowledge: &Knowledge,
    shipment: Option<&Shipment>,
) -> Result<Option<Vec<regions::Held>>, Unread> {
    let Some(bytes) = link.flash()? else {
        return Ok(None);
    };
    let mut flash = Shadow::erased(layout);
    flash.fill(Region::new(0, layout.flash_length()), &bytes);
    let signed = match shipment {
        Some(shipment) => signed_bootloader(shipment, unit, knowledge)?,
        None => None,
    };
    let signed = signed.as_ref().map(|goods| regions::Signed {
        release: &goods.path,
        image: goods.bundle.image(),
    });
    Ok(Some(regions::look(
        &mut Chip::new(&mut flash, layout),
        signed.as_ref(),
    )))
}

/// The bootloader in a sealed bundle, if its signers are those the unit trusts.
fn signed_bootloader(
    shipment: &Shipment,
    unit: &Unit,
    knowledge: &Knowledge,
) -> Result<Option<Goods>, ShipmentError> {
    for path in shipment.releases() {
        let Some(goods) = shipment.goods(knowledge.product(), Some(&path))? else {
            continue;
        };
        if goods.bundle.record().kind != Kind::Bootloader {
            continue;
        }
        let evidence = shipment
            .metadata()?
            .evidence(&path, knowledge.record.root.version)?;
        // A bootloader is what a unit began with: what the unit has installed since does not count against it.
        let known = Known::of_new_unit(
            knowledge.product(),
            knowledge.record.identity.hardware.as_str(),
            unit.bootloader,
            &knowledge.root,
        );
        if bootloader(&known, &evidence, goods.bundle.image()).is_ok() {
            return Ok(Some(goods));
        }
    }
    Ok(None)
}

/// Why nothing is known of the regions.
#[derive(Debug, thiserror::Error)]
pub enum Unread {
    /// The unit.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// The sealed bundle.
    #[error(transparent)]
    Shipment(#[from] ShipmentError),
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
    let image = goods.bundle.image();
    let mut judgement = judge(
        &knowledge.known(unit.bootloader),
        &Update {
            evidence: &evidence,
            image: Some(image),
        },
        None,
    );
    // The signers speak of the image in the bundle; the unit must hold the same one.
    if judgement.verdict == Verdict::Boot && held.found != Digest::of(image) {
        judgement.verdict = Verdict::Refuse(Reason::ImageDigest);
    }
    Ok(judgement)
}
