//! cuff: sign, publish and deliver firmware for wearables.
//!
//! Read it from the top: [`cli`] picks a [`command`], a command asks the rooms below and answers through [`console`].

pub mod board;
pub mod bundle;
pub mod cli;
pub mod command;
pub mod console;
pub mod device;
pub mod durable;
pub mod evidence;
pub mod firmware;
pub mod instant;
pub mod intake;
pub mod judgement;
pub mod key;
pub mod manifest;
pub mod name;
pub mod place;
pub mod repository;
pub mod role;
pub mod state;
pub mod store;
