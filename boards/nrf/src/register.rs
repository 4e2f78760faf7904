//! Access to the registers of one peripheral.

use core::ptr;

/// A peripheral.
#[derive(Clone, Copy, Debug)]
pub struct Peripheral(pub usize);

impl Peripheral {
    /// Reads the register at `offset`.
    pub fn get(self, offset: usize) -> u32 {
        let register: *const u32 = ptr::with_exposed_provenance(self.0 + offset);
        // SAFETY: every `Peripheral` in this crate is one of the chip's, every offset one of its registers, and reading has no
        // effect on memory.
        unsafe { register.read_volatile() }
    }

    /// Writes it.
    pub fn set(self, offset: usize, value: u32) {
        let register: *mut u32 = ptr::with_exposed_provenance_mut(self.0 + offset);
        // SAFETY: as in `get`; what a write does to flash is the business of `nvmc`, the one owner of it.
        unsafe { register.write_volatile(value) }
    }
}
