//! `cuff key`: make, list, show and export keys.

pub mod export;
pub mod list;
pub mod new;
pub mod show;

use std::path::Path;

use crate::console::{Console, Exit, advised};
use crate::key::public_file::{PublicFile, ReadError};

/// Make, list, show and export keys
#[derive(Debug, clap::Args)]
pub struct Key {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Export(export::Export),
    List(list::List),
    New(new::New),
    Show(show::Show),
}

impl Key {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::Export(command) => command.run(console),
            Action::List(command) => command.run(console),
            Action::New(command) => command.run(console),
            Action::Show(command) => command.run(console),
        }
    }
}

/// Reads a `.pub` file for a command: a refused one is a no, a missing one could not be found out.
pub fn read_public(path: &Path) -> anyhow::Result<PublicFile> {
    PublicFile::read(path).map_err(|error| {
        let (exit, rule, help) = match &error {
            ReadError::Read { .. } => (
                Exit::Unknown,
                "unreadable-key",
                "give the path of a `.pub` file",
            ),
            ReadError::Refused { .. } => (
                Exit::No,
                "refused-public-key",
                "ask its holder for the file again, over a way you trust",
            ),
        };
        advised(error, exit, rule, help)
    })
}
