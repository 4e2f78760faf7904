//! `cuff bins`: targets that hosts read, in hashed bins that a machine signs.
//!
//! How many bins there are and which key signs them is in targets, which people sign; what is in them is published at once.

pub mod change;
pub mod fetch;
pub mod rebalance;
pub mod show;

use crate::console::{Console, Exit};

/// Keep very many targets for hosts, in a repository of hashed bins
///
/// `cuff init --bins N` makes one. Every target falls into the bin that the SHA-256 of its path begins with, so that adding one
/// touches one bin, and a reader needs one. Devices do not read bins.
#[derive(Debug, clap::Args)]
pub struct Bins {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Add(change::Add),
    Fetch(fetch::Fetch),
    Rebalance(rebalance::Rebalance),
    Remove(change::Remove),
    Show(show::Show),
}

impl Bins {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::Add(command) => command.run(console),
            Action::Fetch(command) => command.run(console),
            Action::Rebalance(command) => command.run(console),
            Action::Remove(command) => command.run(console),
            Action::Show(command) => command.run(console),
        }
    }
}
