//! The access control lists of the nRF52840 ("nRF52840 Product Specification", ACL).
//!
//! Takes a run of flash pages; after that nothing writes or erases them until the next reset, whoever asks.

use crate::register::Peripheral;

const ACL: Peripheral = Peripheral(0x4001_E000);
const ADDRESS: usize = 0x800;
const SIZE: usize = 0x804;
const PERMISSIONS: usize = 0x808;
/// Neither write nor erase; reading stays allowed.
const NO_WRITE: u32 = 1 << 1;

/// Locks `length` bytes from `start` on, both in whole pages. The registers take one write each between two resets.
pub fn lock(start: u32, length: u32) {
    ACL.set(ADDRESS, start);
    ACL.set(SIZE, length);
    ACL.set(PERMISSIONS, NO_WRITE);
}
