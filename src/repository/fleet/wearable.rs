//! One device of a cohort, made in memory: the bootloader itself, over flash that shows what such a device has.
//!
//! Takes a cohort, the root it trusts and a layout; is sent evidence and an image as a device is, and boots. What it gives is what
//! the bootloader's plan came to, down to the jump. The application it runs is made up: nobody looks into it.

use super::Cohort;
use cuff_bootloader::boot::{Ended, boot};
use cuff_bootloader::counter;
use cuff_bootloader::field::Text;
use cuff_bootloader::flash::{Chip, Fault};
use cuff_bootloader::layout::{Layout, Region, Slot};
use cuff_bootloader::nor::Nor;
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::record::{Identity, Image, RECORD, Record, Root};
use cuff_bootloader::trust;
use cuff_bootloader::upload::{self, Refused};
use cuff_verifier::digest::Digest;
use cuff_verifier::verdict::Reason;
use cuff_verifier::version::Counter;

/// A device in memory.
pub struct Wearable<'l> {
    flash: Nor<Vec<u8>>,
    layout: &'l Layout,
    bootloader: u64,
}

impl<'l> Wearable<'l> {
    /// A device of this cohort, as it was when it had installed its release.
    pub fn of(cohort: &Cohort, root: &[u8], layout: &'l Layout) -> Result<Self, Reason> {
        let length = usize::try_from(layout.flash_length()).map_err(|_| Reason::FlashFault)?;
        let mut device = Self {
            flash: Nor::new(vec![0xff; length], layout.program, layout.erase),
            layout,
            bootloader: cohort.bootloader,
        };
        device.found(cohort, root)?;
        Ok(device)
    }

    fn found(&mut self, cohort: &Cohort, root: &[u8]) -> Result<(), Reason> {
        let running = vec![0; APPLICATION as usize];
        let record = Record {
            sequence: 1,
            identity: Identity {
                product: Text::new(cohort.release.product().as_str())
                    .ok_or(Reason::OtherProduct)?,
                hardware: Text::new(cohort.hardware.as_str()).ok_or(Reason::OtherHardware)?,
                serial: Text::new("fleet").ok_or(Reason::FlashFault)?,
            },
            root: Root {
                length: u32::try_from(root.len()).map_err(|_| Reason::EvidenceTooLarge)?,
                version: cohort.root,
                sha256: Digest::of(root),
            },
            versions: cohort.versions(),
            // Asked for only when nothing is newer, and what is about to be published is.
            timestamp_sha256: Digest([0; 32]),
            floor: cohort.floor.0,
            minimum_counter: Counter(cohort.minimum_counter),
            counter: Counter(cohort.counter),
            installed: Some(Image {
                length: APPLICATION,
                sha256: Digest::of(&running),
                counter: Counter(cohort.counter),
                release: Text::new(&cohort.release.to_string()).ok_or(Reason::EvidencePath)?,
            }),
            trial: None,
            former: None,
        };
        let chip = &mut Chip::new(&mut self.flash, self.layout);
        let fault = |_: Fault| Reason::FlashFault;
        chip.program(self.layout.image(Slot::Active), 0, &running)
            .map_err(fault)?;
        counter::raise(chip, record.counter).map_err(fault)?;
        trust::found(chip, &record, root).map_err(fault)
    }

    /// Is sent evidence alone, and boots.
    pub fn take_evidence(&mut self, evidence: &[u8]) -> Result<(), Reason> {
        let chip = &mut Chip::new(&mut self.flash, self.layout);
        upload::inbox(chip, evidence).map_err(Refused::reason)?;
        let Ended {
            hand_over, inbox, ..
        } = boot(chip, self.bootloader);
        match (inbox, hand_over) {
            (Some(Ok(())), HandOver::Jump { .. }) => Ok(()),
            (Some(Err(reason)), _) | (_, HandOver::Recovery(reason)) => Err(reason),
            (None, HandOver::Jump { .. }) => Err(Reason::EvidenceIncomplete),
        }
    }

    /// Is sent a release, and boots: the plan must end in a trial of it.
    pub fn take_release(&mut self, evidence: &[u8], image: &[u8]) -> Result<(), Reason> {
        let chip = &mut Chip::new(&mut self.flash, self.layout);
        upload::candidate(chip, evidence, image).map_err(Refused::reason)?;
        let Ended {
            hand_over,
            candidate,
            ..
        } = boot(chip, self.bootloader);
        match (hand_over, candidate) {
            (HandOver::Jump { trial: Some(_) }, _) => Ok(()),
            (_, Some(Err(reason))) | (HandOver::Recovery(reason), _) => Err(reason),
            (HandOver::Jump { trial: None }, _) => Err(Reason::NoImage),
        }
    }
}

/// A layout with room for all of it, for products whose boards nobody has named.
pub fn roomy(evidence: u64, image: u64, root: u64) -> Layout {
    let pages = |bytes: u64| {
        let pages = bytes.div_ceil(u64::from(PAGE)).max(1);
        u32::try_from(pages).unwrap_or(u32::MAX / PAGE) * PAGE
    };
    let (evidence, root) = (pages(evidence), pages(root + u64::from(RECORD)));
    let slot = pages(image.max(u64::from(APPLICATION))) + evidence + 4 * PAGE;
    // Two marks a page of a slot.
    let journal = pages(u64::from(slot / PAGE) * 2 * u64::from(PROGRAM) + 1024);
    let mut end = 0;
    let mut region = |length: u32| {
        let region = Region::new(end, length);
        end += length;
        region
    };
    Layout {
        program: PROGRAM,
        erase: PAGE,
        evidence,
        trials: 3,
        largest_root: root - RECORD,
        boot: region(PAGE),
        trust: region(2 * root),
        counter: region(counter::PAGES * PAGE),
        journal: region(2 * journal),
        log: region(4 * PAGE),
        inbox: region(evidence + 2 * PAGE),
        active: region(slot),
        candidate: region(slot),
    }
}

/// Bytes of the made-up application.
const APPLICATION: u32 = 4096;
const PAGE: u32 = 4096;
const PROGRAM: u32 = 4;

#[cfg(test)]
mod tests {
    use super::roomy;

    #[test]
    fn a_roomy_layout_satisfies_the_bootloader() {
        for (evidence, image, root) in
            [(1, 1, 1), (5_000, 300_000, 3_000), (70_000, 2 << 20, 9_000)]
        {
            let layout = roomy(evidence, image, root);
            layout.check().unwrap();
            assert!(u64::from(layout.largest_image()) >= image);
        }
    }
}
