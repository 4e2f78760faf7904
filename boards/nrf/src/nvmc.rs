//! Flash behind Nordic's non-volatile memory controller (NVMC), the same registers on nRF51 and nRF52.
//!
//! Takes words and pages; programs a word once between two erases, as the datasheets want it, and refuses what they do not
//! allow. Flash lies at address 0.

use core::ptr;
use core::slice;

use cuff_bootloader::flash::Flash;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::register::Peripheral;
use crate::watchdog;

const NVMC: Peripheral = Peripheral(0x4001_E000);
const READY: usize = 0x400;
const CONFIGURATION: usize = 0x504;
const ERASE_PAGE: usize = 0x508;

const READ_ONLY: u32 = 0;
const WRITE: u32 = 1;
const ERASE: u32 = 2;

const WORD: usize = 4;

/// `LENGTH` bytes of flash, erased `PAGE` bytes at a time. The one owner of them.
#[derive(Debug)]
pub struct Nvmc<const LENGTH: usize, const PAGE: usize> {
    base: *mut u32,
}

impl<const LENGTH: usize, const PAGE: usize> Nvmc<LENGTH, PAGE> {
    /// The chip's flash.
    ///
    /// # Safety
    ///
    /// The chip has `LENGTH` bytes of flash at address 0, in pages of `PAGE`. While this value lives, nothing else writes to
    /// them or to the controller.
    pub const unsafe fn new() -> Self {
        const { assert!(PAGE.is_multiple_of(WORD) && PAGE > 0 && LENGTH.is_multiple_of(PAGE)) }
        Self {
            base: ptr::with_exposed_provenance_mut(0),
        }
    }

    fn inside(offset: u32, length: usize) -> Result<usize, Refused> {
        let at = offset as usize;
        match at.checked_add(length) {
            Some(end) if end <= LENGTH => Ok(at),
            _ => Err(Refused::OutOfBounds),
        }
    }

    fn word(&self, at: usize) -> u32 {
        // SAFETY: `new` was promised this memory, and every caller has checked that the word lies in it.
        unsafe { self.base.cast_const().byte_add(at).read_volatile() }
    }
}

/// Waits until the controller is idle; an erase takes up to 90 ms, and the watchdog may be running.
fn ready() {
    while NVMC.get(READY) & 1 == 0 {
        watchdog::feed();
    }
}

impl<const LENGTH: usize, const PAGE: usize> ErrorType for Nvmc<LENGTH, PAGE> {
    type Error = Refused;
}

impl<const LENGTH: usize, const PAGE: usize> ReadNorFlash for Nvmc<LENGTH, PAGE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), Refused> {
        let at = Self::inside(offset, out.len())?;
        for (index, byte) in out.iter_mut().enumerate() {
            let from = at.wrapping_add(index);
            let word = self.word(from & !3).to_le_bytes();
            *byte = word.get(from & 3).copied().unwrap_or_default();
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        LENGTH
    }
}

impl<const LENGTH: usize, const PAGE: usize> NorFlash for Nvmc<LENGTH, PAGE> {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Refused> {
        let length = to.checked_sub(from).ok_or(Refused::OutOfBounds)? as usize;
        let at = Self::inside(from, length)?;
        if !at.is_multiple_of(PAGE) || !length.is_multiple_of(PAGE) {
            return Err(Refused::NotAligned);
        }
        ready();
        NVMC.set(CONFIGURATION, ERASE);
        ready();
        for page in 0..length / PAGE {
            let address = at.wrapping_add(page.wrapping_mul(PAGE));
            NVMC.set(ERASE_PAGE, u32::try_from(address).unwrap_or(u32::MAX));
            ready();
        }
        NVMC.set(CONFIGURATION, READ_ONLY);
        ready();
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Refused> {
        let at = Self::inside(offset, bytes.len())?;
        let (words, rest) = bytes.as_chunks::<WORD>();
        if !at.is_multiple_of(WORD) || !rest.is_empty() {
            return Err(Refused::NotAligned);
        }
        let place = |index: usize| at.wrapping_add(index.wrapping_mul(WORD));
        if (0..words.len()).any(|index| self.word(place(index)) != u32::MAX) {
            return Err(Refused::WrittenTwice);
        }
        ready();
        NVMC.set(CONFIGURATION, WRITE);
        ready();
        for (index, word) in words.iter().enumerate() {
            // SAFETY: the range was checked to lie inside, at a word; with the controller open a store programs that word.
            unsafe {
                self.base
                    .byte_add(place(index))
                    .write_volatile(u32::from_le_bytes(*word));
            }
            ready();
        }
        NVMC.set(CONFIGURATION, READ_ONLY);
        ready();
        Ok(())
    }
}

impl<const LENGTH: usize, const PAGE: usize> Flash for Nvmc<LENGTH, PAGE> {
    fn mapped(&self, offset: u32, length: u32) -> Option<&[u8]> {
        let at = Self::inside(offset, length as usize).ok()?;
        // A slice may not begin at address 0, and nothing asks for the bootloader's own first word.
        let start = self.base.cast_const().cast::<u8>().wrapping_add(at);
        if start.is_null() {
            return None;
        }
        // SAFETY: `new` was promised this memory; writing needs `&mut self`, which nobody has while this is borrowed.
        Some(unsafe { slice::from_raw_parts(start, length as usize) })
    }

    fn breathe(&mut self) {
        watchdog::feed();
    }
}

/// What the controller is not asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Beyond the end.
    OutOfBounds,
    /// Not at a word or a page.
    NotAligned,
    /// A word that is not blank.
    WrittenTwice,
}

impl NorFlashError for Refused {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::WrittenTwice => NorFlashErrorKind::Other,
        }
    }
}
