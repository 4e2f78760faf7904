//! Repositories: how one comes to be at the desk, what is published of it, and how it is read from outside.
//!
//! Desk: [`desk::Desk`] (the working directory) holds what is [`published`] and what is in [`staging`]; [`bench::Bench`]
//! edits, [`review`] says what it means, [`signing`] and [`status`] bring it to its thresholds, [`publish`] puts it into a
//! store.
//!
//! Reader: [`source::Source`] gives bytes, [`client::Client`] turns them into a verified [`view::View`], [`release`]
//! fetches what a view lists, [`sealing`] packs it for places without a network, and [`check`] lists everything that is
//! wrong.

pub mod anchor;
pub mod audit;
pub mod bench;
pub mod bins;
pub mod candidate;
pub mod capacity;
pub mod check;
pub mod client;
pub mod desk;
pub mod drill;
pub mod fleet;
pub mod foreign;
pub mod foundation;
pub mod join;
pub mod papers;
pub mod people;
pub mod preflight;
pub mod prune;
pub mod publish;
pub mod published;
pub mod release;
pub mod request;
pub mod review;
pub mod sealing;
pub mod settings;
pub mod signing;
pub mod source;
pub mod staging;
pub mod status;
pub mod target;
pub mod view;
