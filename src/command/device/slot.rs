//! `cuff device slot assign`: another probe is wired to a slot from now on.
//!
//! It goes on record, and the station's description stays as it is.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::station::{now, read, records, unrecorded, wired};
use crate::command::unlock::Unlock;
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::device::station::records::record::Entry;
use crate::device::target::Target;

/// Say which probe is wired to which slot
#[derive(Debug, clap::Args)]
pub struct Slot {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Assign(Assign),
}

/// Wire another probe to a slot
#[derive(Debug, clap::Args)]
struct Assign {
    /// The slot's label
    slot: String,

    /// The probe, as probe:VID:PID:SERIAL
    #[arg(value_name = "TARGET")]
    probe: Target,

    /// The station
    #[arg(long, value_name = "FILE")]
    station: PathBuf,

    #[command(flatten)]
    unlock: Unlock,
}

impl Slot {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::Assign(command) => command.run(console),
        }
    }
}

impl Assign {
    fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let (station, base) = read(&self.station)?;
        let wrong = |text: String, rule| {
            advised(
                anyhow::anyhow!(text),
                Exit::Usage,
                rule,
                "see the [[slot]] tables of the station's description",
            )
        };
        if !matches!(self.probe, Target::Probe(Some(_))) {
            return Err(wrong(
                format!("`{}` names no debug probe", self.probe),
                "not-a-probe",
            ));
        }
        if !station.slots.iter().any(|slot| slot.label == self.slot) {
            return Err(wrong(
                format!("station {} has no slot {}", station.name, self.slot),
                "no-slot",
            ));
        }
        let mut records = records(console, &station, &base, &self.unlock)?;
        wired(&station, records.told(), Some((&self.slot, &self.probe)))?;
        let probe = self.probe.to_string();
        records
            .append(
                now(),
                Entry::Slot {
                    slot: self.slot.clone(),
                    probe: probe.clone(),
                },
            )
            .map_err(unrecorded)?;
        console.answer(&Assigned {
            slot: self.slot.clone(),
            probe,
        })
    }
}

/// What was wired.
#[derive(Serialize, JsonSchema)]
pub struct Assigned {
    /// The slot.
    slot: String,
    /// Its probe from now on.
    probe: String,
}

impl Answer for Assigned {
    const COMMAND: &'static str = "device slot assign";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(
            out,
            "slot {} has {} from now on",
            safe(&self.slot),
            safe(&self.probe)
        )
    }
}
