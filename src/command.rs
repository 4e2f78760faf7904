//! One file a command.
//!
//! A command is a `clap::Args` struct with `run(&self, &Console) -> anyhow::Result<Exit>`. To add one: its file here, one
//! line below, one line in the table of `cli.rs`, and one line per answer in the table of `schema.rs`.
//! [`unlock`] is no command: it is how every command that signs opens a private key.

pub mod key;
pub mod schema;
pub mod unlock;
