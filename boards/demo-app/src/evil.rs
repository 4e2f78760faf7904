//! The evil band: goes for what is the bootloader's, past the driver's rules where it can.
//!
//! Takes the flash driver; says on the serial line what it goes for, and what the chip let it do. Nothing on `lock: none` stops
//! it, which is what it is there to show; on a chip that locks each of its words faults. It remembers, in RAM that a reset
//! leaves alone, how far it came, and goes on with the next.

use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use cuff_bootloader::flash::Flash;
use cuff_bootloader::layout::{Layout, Region};

use crate::chip::{Hardware, open_flash};

/// Clears one bit in each trust bank, at the end of the bootloader's region, which holds no code, in what counts and remembers,
/// and in the candidate slot, which during a trial holds the way back.
pub fn act<F: Flash>(flash: &F, layout: &Layout, hardware: &Hardware) {
    let half = layout.trust.length / 2;
    let prey = [
        ("trust bank A", layout.trust.part(0, 4)),
        ("trust bank B", layout.trust.part(half, 4)),
        ("bootloader", layout.boot.part(layout.boot.length - 4, 4)),
        ("counter", layout.counter.part(0, 4)),
        ("log", layout.log.part(0, 4)),
        ("way back", layout.candidate.part(0, 4)),
    ];
    // Whatever was in that RAM when power came is as good a beginning.
    let first = TRIED.load(Ordering::Relaxed) as usize % prey.len();
    for (name, place) in prey.into_iter().skip(first) {
        TRIED.fetch_add(1, Ordering::Relaxed);
        hardware.text("evil: ");
        hardware.text(name);
        hardware.text(if clear(flash, place) {
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
    open_flash();
    // SAFETY: none in the sense of the story. For this program: the word is memory, aligned, and nothing borrows it now.
    unsafe {
        let before = word.read_volatile();
        word.write_volatile(before & (before.wrapping_sub(1)));
        word.read_volatile() != before
    }
}

/// How many it has gone for. No start-up code writes here.
// SAFETY: a section of RAM that the linker script knows, with nothing else of this name in it.
#[unsafe(link_section = ".uninit.tried")]
static TRIED: AtomicU32 = AtomicU32::new(0);
