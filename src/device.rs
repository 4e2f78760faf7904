//! The device wing: how a wearable is reached, what is written to it, and what it says.
//!
//! A [`target`] names a device, [`reach`] opens its [`link`], [`shipment`] takes a sealed bundle apart, [`provision`] and
//! [`push`] carry it over, [`verify`] and [`chronicle`] judge what is read back. Whether something may run is decided by
//! the bootloader, never here. [`sim`] is the wearable without hardware, [`smp`] the line to one with.

pub mod chronicle;
pub mod event;
pub mod link;
pub mod memory;
pub mod nonce;
#[cfg(feature = "probe")]
pub mod probe;
pub mod provision;
pub mod push;
pub mod reach;
pub mod read;
pub mod regions;
pub mod shadow;
pub mod shipment;
pub mod sim;
pub mod smp;
pub mod state;
pub mod station;
pub mod target;
pub mod trouble;
pub mod unit;
pub mod verify;
