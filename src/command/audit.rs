//! `cuff audit`: the log of who did what, shown and checked; and what other commands leave in it when they refuse.

pub mod identity;
pub mod show;
pub mod verify;

use super::desk::Place;
use crate::console::{Console, Exit, Failure};
use crate::instant;
use crate::repository::audit::entry::{Event, printable};
use crate::repository::audit::{Audit as Logs, AuditError};
use crate::repository::desk::Desk;

/// Show and check the log of who did what
#[derive(Debug, clap::Args)]
pub struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Identity(identity::Identity),
    Show(show::Show),
    Verify(verify::Verify),
}

impl Audit {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::Identity(command) => command.run(console),
            Action::Show(command) => command.run(console),
            Action::Verify(command) => command.run(console),
        }
    }
}

/// Leaves a refusal in the log of this clone, if there is a working directory. What cannot be left is said, and changes nothing.
pub fn note_refusal(console: &Console, place: &Place, command: &str, failure: &Failure) {
    let Ok(desk) = place.open() else {
        return;
    };
    if let Err(error) = note(&desk, command, failure) {
        console.warn(format_args!(
            "this refusal is not in the audit log: {error}"
        ));
    }
}

fn note(desk: &Desk, command: &str, failure: &Failure) -> Result<(), AuditError> {
    let Ok(now) = instant::now() else {
        return Ok(());
    };
    let event = Event::Refused {
        command: printable(command),
        rule: failure.rule().to_owned(),
        message: printable(failure.message()),
    };
    Logs::of(desk).note(now, event)
}
