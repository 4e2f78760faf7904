//! The access control lists of the nRF52840 ("nRF52840 Product Specification", ACL).
//!
//! Takes a run of flash pages; after that nothing writes or erases them until the next reset, whoever asks.

use crate::register::Peripheral;

const ACL: Peripheral = Peripheral(0x4001_E000);
const LIST: usize = 0x10;
const ADDRESS: usize = 0x800;
const SIZE: usize = 0x804;
const PERMISSIONS: usize = 0x808;
/// Neither write nor erase; reading stays allowed.
const NO_WRITE: u32 = 1 << 1;

/// Locks `length` bytes from `start` on, both in whole pages and at most half of flash, by the list of this number (0 to 7). A
/// list takes one run of pages between two resets.
pub fn lock(list: usize, start: u32, length: u32) {
    let list = list * LIST;
    ACL.set(list + ADDRESS, start);
    ACL.set(list + SIZE, length);
    ACL.set(list + PERMISSIONS, NO_WRITE);
}
