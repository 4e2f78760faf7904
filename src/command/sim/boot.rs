//! `cuff sim boot`: power cycles of a simulated wearable, told step by step.
//!
//! What still runs may confirm first; then the bootloader runs, and what it jumped to runs and confirms unless it is sick.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::device::explained;
use crate::console::{Answer, Console, Exit, safe};
use crate::device::event::{Event, list};
use crate::device::link::Link;
use crate::device::sim::Sim;
use crate::device::unit::Standing;

/// Reset the wearable and let its application run
///
/// An application on trial returns the trial's id, and the next boot installs it. With --sick it never does.
#[derive(Debug, clap::Args)]
pub struct Boot {
    /// The wearable's folder
    path: PathBuf,

    /// The application never confirms
    #[arg(long)]
    sick: bool,

    /// How often
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    times: u32,

    /// Show what would happen, but keep nothing of it
    #[arg(long)]
    dry_run: bool,
}

impl Boot {
    /// Boots and tells.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut sim = Sim::at(&self.path, self.dry_run).map_err(explained)?;
        let mut boots = Vec::new();
        for _ in 0..self.times {
            let events = cycle(&mut sim, self.sick)?;
            boots.push(events);
            if sim.is_dark() {
                break;
            }
        }
        let blank = matches!(sim.unit().map_err(explained)?.standing, Standing::Blank);
        console.answer(&Booted {
            target: format!("sim:{}", self.path.display()),
            dry_run: self.dry_run,
            blank,
            boots,
        })
    }
}

/// One power cycle: what still runs, the bootloader, and what runs then.
fn cycle(sim: &mut Sim, sick: bool) -> anyhow::Result<Vec<Event>> {
    let mut events = Vec::new();
    // Whatever was left running by the last command goes on first.
    if !sick {
        events.extend(sim.run_application(false).map_err(explained)?);
    }
    if sim.is_dark() {
        return Ok(events);
    }
    events.extend(sim.boot().map_err(explained)?.events);
    if !sim.is_dark() {
        events.extend(sim.run_application(sick).map_err(explained)?);
    }
    Ok(events)
}

/// What happened.
#[derive(Serialize, JsonSchema)]
pub struct Booted {
    /// The wearable.
    target: String,
    /// Whether nothing was kept.
    dry_run: bool,
    /// Whether the unit was never provisioned.
    blank: bool,
    /// Boot by boot, step by step.
    boots: Vec<Vec<Event>>,
}

impl Answer for Booted {
    const COMMAND: &'static str = "sim boot";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        for (index, events) in self.boots.iter().enumerate() {
            writeln!(out, "{}, boot {}", safe(&self.target), index + 1)?;
            list(out, events)?;
        }
        if self.blank {
            writeln!(
                out,
                "this unit was never provisioned: it trusts nobody and runs nothing"
            )?;
        }
        if self.dry_run {
            writeln!(out, "nothing of this was kept")?;
        }
        Ok(())
    }

    /// The gravest thing that happened.
    fn exit(&self) -> Exit {
        let events = || self.boots.iter().flatten();
        if events().any(|event| matches!(event, Event::PowerLost { .. })) {
            Exit::LinkLost
        } else if self.blank {
            Exit::NotProvisioned
        } else if events().any(|event| matches!(event, Event::Recovery { .. })) {
            Exit::Recovery
        } else if events().any(|event| matches!(event, Event::Reverted { .. })) {
            Exit::TrialReverted
        } else if events().any(|event| matches!(event, Event::Refused { .. })) {
            Exit::Refused
        } else {
            Exit::Yes
        }
    }
}
