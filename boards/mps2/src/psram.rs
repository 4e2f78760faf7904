//! PSRAM that behaves as NOR flash: bits are only cleared, a unit is programmed once, pages are erased to 0xFF.
//!
//! Takes the place of the memory; gives the driver that bootloader and application use. The memory itself would forgive
//! everything, so every rule is enforced here. One program unit is one store a word, one page erase is one store a word
//! from its first byte on: what a power cut between two stores leaves is what torn flash looks like.

use core::ptr;
use core::slice;

use cuff_bootloader::flash::Flash;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};

/// What keeps stores out of the memory while the driver does not write.
pub trait Guard {
    /// Lets them in.
    fn open(&mut self);
    /// Keeps them out again.
    fn close(&mut self);
}

/// Nothing does.
impl Guard for () {
    fn open(&mut self) {}
    fn close(&mut self) {}
}

/// `LENGTH` bytes of it, programmed `UNIT` bytes at a time. The one owner of that memory.
#[derive(Debug)]
pub struct Psram<const LENGTH: usize, const UNIT: usize, G = ()> {
    base: *mut u32,
    guard: G,
}

impl<const LENGTH: usize, const UNIT: usize, G: Guard> Psram<LENGTH, UNIT, G> {
    /// The memory at `base`, behind a guard that is closed.
    ///
    /// # Safety
    ///
    /// `LENGTH` bytes of readable and writable memory lie at `base`, aligned to a page. While this value lives, nothing else
    /// writes to them, except what is executed from there and leaves itself alone.
    pub const unsafe fn at(base: usize, guard: G) -> Self {
        const {
            assert!(UNIT.is_multiple_of(WORD) && UNIT > 0);
            assert!(LENGTH.is_multiple_of(PAGE));
        }
        Self {
            base: ptr::with_exposed_provenance_mut(base),
            guard,
        }
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: `at` was promised this memory; writing needs `&mut self`, which nobody has while this is borrowed.
        unsafe { slice::from_raw_parts(self.base.cast::<u8>(), LENGTH) }
    }

    /// Clears the bits of one word that `value` has clear.
    fn clear(&mut self, at: usize, value: u32) {
        // SAFETY: every caller has checked that the word at `at` lies inside, and that `at` is a multiple of a word.
        unsafe {
            let cell = self.base.byte_add(at);
            cell.write_volatile(cell.read_volatile() & value);
        }
    }
}

impl<const LENGTH: usize, const UNIT: usize, G> ErrorType for Psram<LENGTH, UNIT, G> {
    type Error = NorFlashErrorKind;
}

impl<const LENGTH: usize, const UNIT: usize, G: Guard> ReadNorFlash for Psram<LENGTH, UNIT, G> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, out.len())?;
        let from = self.bytes().get(offset as usize..);
        let from = from.ok_or(NorFlashErrorKind::OutOfBounds)?;
        for (to, from) in out.iter_mut().zip(from) {
            *to = *from;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        LENGTH
    }
}

impl<const LENGTH: usize, const UNIT: usize, G: Guard> NorFlash for Psram<LENGTH, UNIT, G> {
    const WRITE_SIZE: usize = UNIT;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        let at = from as usize;
        self.guard.open();
        for step in 0..to.wrapping_sub(from) as usize / WORD {
            // SAFETY: the range was checked to lie inside and to begin at a page, and so at a word.
            unsafe {
                self.base
                    .byte_add(at.wrapping_add(step.wrapping_mul(WORD)))
                    .write_volatile(u32::MAX);
            }
        }
        self.guard.close();
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let at = offset as usize;
        let old = self.bytes().get(at..);
        let old = old.ok_or(NorFlashErrorKind::OutOfBounds)?;
        if old.iter().take(bytes.len()).any(|byte| *byte != u8::MAX) {
            // A unit that is not blank.
            return Err(NorFlashErrorKind::Other);
        }
        let (words, _) = bytes.as_chunks::<WORD>();
        self.guard.open();
        for (index, word) in words.iter().enumerate() {
            let word_at = at.wrapping_add(index.wrapping_mul(WORD));
            self.clear(word_at, u32::from_le_bytes(*word));
        }
        self.guard.close();
        Ok(())
    }
}

impl<const LENGTH: usize, const UNIT: usize, G: Guard> Flash for Psram<LENGTH, UNIT, G> {
    fn mapped(&self, offset: u32, length: u32) -> Option<&[u8]> {
        check_read(self, offset, length as usize).ok()?;
        self.bytes().get(offset as usize..)?.get(..length as usize)
    }
}

const WORD: usize = 4;
const PAGE: usize = 4096;
