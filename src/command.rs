//! One file a command.
//!
//! A command is a `clap::Args` struct with `run(&self, &Console) -> anyhow::Result<Exit>`. To add one: its file here, one
//! line below, one line in the table of `cli.rs`, and one line per answer in the table of `schema.rs`.
//! No commands, but shared by several: [`unlock`] opens a private key, [`given`] reads a file somebody named, [`boards`]
//! knows the boards, `--board FILE` included.

pub mod boards;
pub mod build;
pub mod given;
pub mod inspect;
pub mod key;
pub mod schema;
pub mod unlock;
