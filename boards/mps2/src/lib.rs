//! What the MPS2 boards share, as QEMU models them. All of it is for one program at a time.
#![no_std]

pub mod an386;
pub mod an505;
pub mod psram;
pub mod serial;
pub mod watchdog;
