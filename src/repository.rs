//! Repositories: how one comes to be at the desk, and what is published of it.
//!
//! Desk: [`desk::Desk`] (the working directory) holds what is [`published`] and what is in [`staging`]; [`bench::Bench`]
//! edits, [`review`] says what it means, [`signing`] and [`status`] bring it to its thresholds, [`publish`] puts it into a
//! store.

pub mod bench;
pub mod candidate;
pub mod capacity;
pub mod desk;
pub mod foundation;
pub mod join;
pub mod people;
pub mod preflight;
pub mod publish;
pub mod published;
pub mod recompute;
pub mod review;
pub mod settings;
pub mod signing;
pub mod staging;
pub mod status;
