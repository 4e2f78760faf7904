//! What the MPS2 boards share, as QEMU models them. Addresses come from the board; all of it is for one program at a time.
#![no_std]

pub mod psram;
pub mod serial;
pub mod watchdog;
