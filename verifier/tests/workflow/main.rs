//! The client workflow, stage by stage, over repositories signed with a scheme made up for it.
//!
//! The vectors hold the device's side against real signatures; here stands what only foreign repositories have, every member
//! of every file, and the edges of each rule. No cryptography, so that it is quick where it is run very often, or very slowly.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::similar_names,
    clippy::too_many_lines,
    missing_docs
)]

mod counting;
mod form;
mod online;
mod release;
mod repository;
mod roots;
mod search;
mod words;
