//! What Nordic's nRF51 and nRF52 share, by their product specifications. None of it has run on silicon by us.
#![no_std]

pub mod acl;
pub mod nvmc;
mod register;
pub mod serial;
pub mod ticks;
pub mod watchdog;
