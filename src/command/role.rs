//! `cuff role`: who may sign what. Changes are staged like a release and signed by people.

pub mod change;
pub mod list;
pub mod show;

use crate::console::{Console, Exit};

/// List and change who may sign what
#[derive(Debug, clap::Args)]
pub struct Role {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    AddKey(change::AddKey),
    Expiry(change::Expiry),
    List(list::List),
    RemoveKey(change::RemoveKey),
    SetThreshold(change::SetThreshold),
    Show(show::Show),
}

impl Role {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::AddKey(command) => command.run(console),
            Action::Expiry(command) => command.run(console),
            Action::List(command) => command.run(console),
            Action::RemoveKey(command) => command.run(console),
            Action::SetThreshold(command) => command.run(console),
            Action::Show(command) => command.run(console),
        }
    }
}
