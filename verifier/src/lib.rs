//! The verifier: the whole TUF 1.0.34 client workflow and the device's verdict, without I/O and without allocation.
//!
//! Bytes in, trust or a named refusal out. The same crate judges at the desk, in the client and in the bootloader.
//! It never fetches, stores, prints or reads a clock.
//!
//! | room | what it decides |
//! |---|---|
//! | [`verdict`] | the numbered reasons, and the one [`Boot`](verdict::Verdict::Boot) |
//! | [`judge`] | evidence against what a device knows |
//! | [`evidence`], [`release`] | what the evidence carries; what a release says of itself |
//! | [`trusted`], [`search`], [`refusal`] | TUF sections 5.3 to 5.7 as stages that consume each other |
//! | [`role`] | the five kinds of metadata, borrowed from authenticated bytes |
//! | [`threshold`], [`key`] | the one function that counts signatures |
//! | [`sure`] | a yes that is held twice |
//! | [`json`], [`member`], [`digest`], [`version`], [`time`], [`profile`] | the ground floor |
#![no_std]

pub mod digest;
pub mod evidence;
pub mod json;
pub mod judge;
pub mod key;
pub mod member;
pub mod profile;
pub mod refusal;
pub mod release;
pub mod role;
pub mod search;
pub mod sure;
pub mod threshold;
pub mod time;
pub mod trusted;
pub mod verdict;
pub mod version;
