//! `cuff sim`: the wearable without hardware.

pub mod boot;
pub mod cut;
pub mod new;
pub mod serve;

use crate::console::{Console, Exit};

/// Make, boot and torment a simulated wearable
///
/// Its folder is the device `sim:PATH` of every `cuff device` command.
#[derive(Debug, clap::Args)]
pub struct Sim {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Boot(boot::Boot),
    Cut(cut::Cut),
    New(new::New),
    Serve(serve::Serve),
}

impl Sim {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::Boot(command) => command.run(console),
            Action::Cut(command) => command.run(console),
            Action::New(command) => command.run(console),
            Action::Serve(command) => command.run(console),
        }
    }
}
