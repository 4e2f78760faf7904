//! The evil band: goes for the trust store and the bootloader, past the driver's rules where it can.
//!
//! Takes the flash driver; says on the serial line what it goes for, and what the chip let it do. Nothing on `lock: none` stops
//! it, which is what it is there to show; on a chip that locks, its first word faults.

use core::ptr;

use cuff_bootloader::flash::Flash;
use cuff_bootloader::layout::{Layout, Region};
use mps2::serial::Serial;

/// Clears one bit in each trust bank, and one at the end of the bootloader's region, which holds no code.
pub fn act<F: Flash>(flash: &F, layout: &Layout, serial: &Serial) {
    let half = layout.trust.length / 2;
    let prey = [
        ("trust bank A", layout.trust.part(IN_RECORD, 4)),
        ("trust bank B", layout.trust.part(half + IN_RECORD, 4)),
        ("bootloader", layout.boot.part(layout.boot.length - 4, 4)),
    ];
    for (name, place) in prey {
        serial.text("evil: ");
        serial.text(name);
        serial.text(if clear(flash, place) {
            " written to\n"
        } else {
            " not written to\n"
        });
    }
}

/// Writes past the driver: its rules are for honest programs.
fn clear<F: Flash>(flash: &F, place: Region) -> bool {
    let Some(address) = flash
        .mapped(place.offset, place.length)
        .map(|bytes| bytes.as_ptr().expose_provenance())
    else {
        return false;
    };
    let word: *mut u32 = ptr::with_exposed_provenance_mut(address);
    // SAFETY: none in the sense of the story. For this program: the word is memory, aligned, and nothing borrows it now.
    unsafe {
        let before = word.read_volatile();
        word.write_volatile(before & (before.wrapping_sub(1)));
        word.read_volatile() != before
    }
}

/// Where in a bank: the first word of the record, which is never zero.
const IN_RECORD: u32 = 0;
