//! Where the files lie that the host brings: the PSRAM of the board, given out piece by piece and never taken back.
//!
//! The verifier's stages borrow every file they were built from. One place is used over and over: that of targets, which are
//! looked at one at a time and long after.

use core::cell::Cell;
use core::slice;

/// Largest target, in bytes.
pub const MAX_TARGET: usize = 4 << 20;

/// Room for files.
pub struct Shelf {
    free: Cell<&'static mut [u8]>,
}

impl Shelf {
    /// The whole PSRAM, in two parts: for metadata, and for one target.
    ///
    /// # Safety
    ///
    /// Called once, on mps2-an386, in a program that puts nothing there itself.
    pub unsafe fn open() -> (Self, &'static mut [u8]) {
        // SAFETY: the memory is there (AN386, memory map), QEMU has it zeroed, and nobody else has it, as was promised.
        let all = unsafe { slice::from_raw_parts_mut(PSRAM as *mut u8, LENGTH) };
        let (target, free) = all.split_at_mut(MAX_TARGET);
        (
            Self {
                free: Cell::new(free),
            },
            target,
        )
    }

    /// A piece of this length, filled by `fill`; nothing when there is no more room or nothing was filled in.
    pub fn piece(
        &self,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Option<()>,
    ) -> Option<&'static [u8]> {
        let free = self.free.take();
        if length > free.len() {
            self.free.set(free);
            return None;
        }
        let (piece, rest) = free.split_at_mut(length);
        self.free.set(rest);
        fill(piece)?;
        Some(piece)
    }
}

const PSRAM: usize = 0x2100_0000;
const LENGTH: usize = 16 << 20;
