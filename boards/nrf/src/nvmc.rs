//! Flash behind Nordic's non-volatile memory controller (NVMC), the same registers on nRF51 and nRF52.
//!
//! Takes words and pages; programs a word once between two erases, as the datasheets want it, and refuses what they do not
//! allow. Flash lies at address 0.

use core::ptr;
use core::slice;

use cuff_bootloader::flash::Flash;
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
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

    fn word(&self, at: usize) -> u32 {
        // SAFETY: `new` was promised this memory, and every caller has checked that the word lies in it.
        unsafe { self.base.cast_const().byte_add(at).read_volatile() }
    }
}

/// Opens the controller to stores into any word, as this driver does for its own, and leaves it open.
pub fn open() {
    ready();
    NVMC.set(CONFIGURATION, WRITE);
    ready();
}

/// Waits until the controller is idle; an erase takes up to 90 ms, and the watchdog may be running.
fn ready() {
    while NVMC.get(READY) & 1 == 0 {
        watchdog::feed();
    }
}

impl<const LENGTH: usize, const PAGE: usize> ErrorType for Nvmc<LENGTH, PAGE> {
    type Error = NorFlashErrorKind;
}

impl<const LENGTH: usize, const PAGE: usize> ReadNorFlash for Nvmc<LENGTH, PAGE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, out.len())?;
        let at = offset as usize;
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

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        let (at, length) = (from as usize, to.wrapping_sub(from) as usize);
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

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let at = offset as usize;
        let (words, _) = bytes.as_chunks::<WORD>();
        let place = |index: usize| at.wrapping_add(index.wrapping_mul(WORD));
        if (0..words.len()).any(|index| self.word(place(index)) != u32::MAX) {
            // A word that is not blank.
            return Err(NorFlashErrorKind::Other);
        }
        open();
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
        check_read(self, offset, length as usize).ok()?;
        let at = offset as usize;
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
