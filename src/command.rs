//! One file a command.
//!
//! A command is a `clap::Args` struct with `run(&self, &Console) -> anyhow::Result<Exit>`. To add one: its file here, one
//! line below, one line in the table of `cli.rs`, and one line per answer in the table of `schema.rs`.
//! No commands, but shared by several: [`unlock`] opens a private key, [`desk`] finds the working directory, [`given`] reads
//! a file somebody named, [`origin`] a repository, [`boards`] knows the boards, `--board FILE` included, [`bucket`] what to do
//! about a store that failed.

pub mod amend;
pub mod audit;
pub mod bins;
pub mod boards;
pub mod bucket;
pub mod build;
pub mod cancel;
pub mod check;
pub mod completions;
pub mod desk;
pub mod device;
pub mod export;
pub mod fetch;
pub mod given;
pub mod init;
pub mod inspect;
pub mod key;
pub mod man;
pub mod origin;
pub mod prune;
pub mod publish;
pub mod refresh;
pub mod review;
pub mod role;
pub mod schema;
pub mod sign;
pub mod sim;
pub mod stage;
pub mod status;
pub mod tour;
pub mod tuf_client;
pub mod unlock;
pub mod verify;
pub mod yank;
