//! `cuff role`: who may sign what. Changes are staged like a release and signed by people.

pub mod change;
pub mod delegate;
pub mod drill;
pub mod holder;
pub mod list;
pub mod rotate;
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
    Delegate(delegate::Delegate),
    Drill(drill::Drill),
    Expiry(change::Expiry),
    List(list::List),
    RemoveKey(change::RemoveKey),
    Rotate(rotate::Rotate),
    SetThreshold(change::SetThreshold),
    Show(show::Show),
    Undelegate(delegate::Undelegate),
}

impl Role {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::AddKey(command) => command.run(console),
            Action::Delegate(command) => command.run(console),
            Action::Drill(command) => command.run(console),
            Action::Expiry(command) => command.run(console),
            Action::List(command) => command.run(console),
            Action::RemoveKey(command) => command.run(console),
            Action::Rotate(command) => command.run(console),
            Action::SetThreshold(command) => command.run(console),
            Action::Show(command) => command.run(console),
            Action::Undelegate(command) => command.run(console),
        }
    }
}
