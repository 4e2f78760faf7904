//! The bootloader over flash that holds anything at all: a provisioned unit, and an application that wrote all over it.
//!
//! Takes patches (where, how many bytes, which); what then jumps must be the one image that was ever signed.

use std::sync::OnceLock;

use cuff_bootloader::boot::boot;
use cuff_bootloader::field::Text;
use cuff_bootloader::flash::Chip;
use cuff_bootloader::layout::{Layout, Region, Slot};
use cuff_bootloader::log;
use cuff_bootloader::nor::Nor;
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::provision::{First, provision};
use cuff_bootloader::record::Identity;
use cuff_bootloader::report::Report;
use cuff_verifier::time::Instant;
use cuff_verifier::version::Counter;

use crate::author::{self, Repo};

const ERASE: u32 = 1024;

pub(crate) const LAYOUT: Layout = Layout {
    program: 16,
    erase: ERASE,
    evidence: 8 * ERASE,
    trials: 2,
    largest_root: 2304,
    boot: Region::new(0, ERASE),
    trust: Region::new(ERASE, 6 * ERASE),
    counter: Region::new(7 * ERASE, 4 * ERASE),
    journal: Region::new(11 * ERASE, 2 * ERASE),
    log: Region::new(13 * ERASE, 4 * ERASE),
    inbox: Region::new(17 * ERASE, 9 * ERASE),
    active: Region::new(26 * ERASE, 12 * ERASE),
    candidate: Region::new(38 * ERASE, 12 * ERASE),
};
const _: () = assert!(LAYOUT.check().is_ok());

/// Writes patches, boots up to four times, and reads everything a host would read.
///
/// A patch is a little-endian offset (2 bytes, in units of 4 bytes), a length (1 byte) and that many bytes. An odd first byte
/// of the input adds the signed update to the candidate slot and offers it, so that swaps are under way.
pub fn flash(data: &[u8]) {
    let Some((mode, mut rest)) = data.split_first() else {
        return;
    };
    let (clean, signed) = provisioned();
    let mut bytes = clean.clone();
    if mode & 1 == 1 {
        let mut nor = Nor::new(bytes, LAYOUT.program, LAYOUT.erase);
        let mut chip = Chip::new(&mut nor, &LAYOUT);
        let (evidence, image) = signed.split_at(signed.len() - author::image(1).len());
        cuff_bootloader::upload::candidate(&mut chip, evidence, image).expect("it fits");
        for _ in 0..(mode >> 1) % 4 {
            let _ = boot(&mut chip, 1);
        }
        bytes = nor.raw().to_vec();
    }
    while let [low, high, length, tail @ ..] = rest {
        let at = 4 * usize::from(u16::from_le_bytes([*low, *high]));
        let (patch, next) = tail.split_at(usize::from(*length).min(tail.len()));
        if let Some(place) = bytes.get_mut(at..at + patch.len()) {
            place.copy_from_slice(patch);
        }
        rest = next;
    }
    let mut nor = Nor::new(bytes, LAYOUT.program, LAYOUT.erase);
    let mut chip = Chip::new(&mut nor, &LAYOUT);
    for _ in 0..4 {
        let ended = boot(&mut chip, 1);
        if let HandOver::Jump { .. } = ended.hand_over {
            let image = author::image(1);
            let length = u32::try_from(image.len()).expect("small");
            let active = LAYOUT.image(Slot::Active).part(0, length);
            assert_eq!(
                chip.mapped(active).expect("mapped"),
                image,
                "it jumps into bytes nobody signed"
            );
        }
        let _ = Report::of(&mut chip, 1, ended, [7; 16]).encode();
        let _ = log::read(&mut chip, |_| {});
        let _ = log::head(&mut chip);
    }
}

/// The flash of a unit from the factory, and an update for it.
pub(crate) fn provisioned() -> &'static (Vec<u8>, Vec<u8>) {
    static FLASH: OnceLock<(Vec<u8>, Vec<u8>)> = OnceLock::new();
    FLASH.get_or_init(|| {
        let mut repo = Repo::new();
        let update = repo.update();
        let (evidence, image) = update.split_at(update.len() - repo.image.len());
        let root = author::canonical(&author::root().body);
        let length = usize::try_from(LAYOUT.flash_length()).expect("small");
        let mut nor = Nor::new(vec![0xff; length], LAYOUT.program, LAYOUT.erase);
        let mut chip = Chip::new(&mut nor, &LAYOUT);
        let first = First {
            identity: Identity {
                product: Text::new("band").expect("short"),
                hardware: Text::new("band-a").expect("short"),
                serial: Text::new("fuzz-1").expect("short"),
            },
            bootloader: 1,
            root: root.as_bytes(),
            evidence,
            image,
            floor: Instant(0),
            counter: Counter(0),
        };
        provision(&mut chip, &first).expect("a sound first release");
        (nor.raw().to_vec(), update)
    })
}
