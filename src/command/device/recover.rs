//! `cuff device recover`: open a locked chip by erasing all it holds, and put that on record.
//!
//! A locked chip does not say which it is before it is erased, so the operator says why it is on the bench: virgin parts come
//! locked from some makers, and returned units were locked by a station. A chip that is on record is never made new by accident.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::station::{now, read, unrecorded};
use super::{At, explained, trouble};
use crate::command::unlock::Unlock;
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::device::probe::Probe;
use crate::device::station::records::{Entry, Records};
use crate::device::target::Target;
use crate::device::trouble::Trouble;

/// Open a locked chip by erasing everything on it
#[derive(Debug, clap::Args)]
pub struct Recover {
    #[command(flatten)]
    at: At,

    /// Yes, erase everything: bootloader, identity, trust, counter and log
    #[arg(long, required = true)]
    erase_all: bool,

    /// The station on whose record this goes
    #[arg(long, value_name = "FILE")]
    station: PathBuf,

    /// The part has never been a unit; if its number is on record all the same, this ends in FAIL
    #[arg(long, conflicts_with = "rma", required_unless_present = "rma")]
    virgin: bool,

    /// The part is a returned unit, with this ticket
    #[arg(long, value_name = "TICKET", requires = "unit")]
    rma: Option<String>,

    /// The returned unit's serial
    #[arg(long, value_name = "SERIAL", requires = "rma")]
    unit: Option<String>,

    /// Who stands at the bench; goes into the records
    #[arg(long, value_name = "NAME", env = "CUFF_OPERATOR", default_value = "")]
    operator: String,

    #[command(flatten)]
    unlock: Unlock,
}

impl Recover {
    /// Erases, reads which chip it was, and judges that.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let (Target::Probe(id), board) = (self.at.target()?, self.at.board()?) else {
            return Err(advised(
                anyhow::anyhow!("only a debug probe can erase a locked chip"),
                Exit::Usage,
                "not-a-probe",
                "name the probe, as probe:VID:PID:SERIAL",
            ));
        };
        let board = board.ok_or_else(|| trouble::explained(Trouble::NoBoard))?;
        let (station, base) = read(&self.station)?;
        let key = self.unlock.open_file(console, &base.join(&station.key))?;
        let mut records = Records::open(
            &base.join(&station.log),
            &station.name,
            Box::new(key),
            station.range(),
            now(),
        )
        .map_err(unrecorded)?;
        if let Some(unit) = &self.unit
            && records.told().passed_unit(unit).is_none()
        {
            return Err(advised(
                anyhow::anyhow!(
                    "unit {unit} is not on this station's record: nothing says what its counter was"
                ),
                Exit::No,
                "unit-unknown",
                "recover it at the station that made it",
            ));
        }
        let mut probe =
            Probe::open_by_erasing_everything(id.as_ref(), &board).map_err(explained)?;
        let uid = probe.uid().map_err(explained)?;
        let before = records.told().promised(&uid).map(str::to_owned);
        records
            .append(
                now(),
                Entry::Erased {
                    uid: uid.clone(),
                    unit: self.unit.clone(),
                    ticket: self.rma.clone(),
                    operator: self.operator.clone(),
                },
            )
            .map_err(unrecorded)?;
        match (&self.unit, before) {
            (None, Some(serial)) => {
                return Err(advised(
                    anyhow::anyhow!(
                        "the chip is erased, and it is no virgin: chip {uid} was unit {serial}"
                    ),
                    Exit::AlreadyProvisioned,
                    "no-virgin",
                    format!(
                        "if it came back, run the command again with --rma TICKET --unit {serial}"
                    ),
                ));
            }
            (Some(unit), before) if before.as_deref() != Some(unit) => {
                let was = before.unwrap_or_else(|| "none of this station's".to_owned());
                return Err(advised(
                    anyhow::anyhow!(
                        "the chip is erased, and it was not unit {unit}: chip {uid} was {was}"
                    ),
                    Exit::SerialTaken,
                    "other-unit",
                    "find out which unit is on the bench, and set this chip aside",
                ));
            }
            _ => {}
        }
        console.answer(&Recovered {
            target: self.at.target()?.to_string(),
            uid,
            unit: self.unit.clone(),
            ticket: self.rma.clone(),
        })
    }
}

/// What was erased.
#[derive(Serialize, JsonSchema)]
pub struct Recovered {
    /// The probe.
    target: String,
    /// The chip, as it named itself after the erase.
    uid: String,
    /// The unit it was.
    unit: Option<String>,
    /// The ticket it came back with.
    ticket: Option<String>,
}

impl Answer for Recovered {
    const COMMAND: &'static str = "device recover";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "chip {} is erased and open", self.uid)?;
        match &self.unit {
            Some(unit) => writeln!(
                out,
                "it was unit {}: `cuff device provision --station FILE --replace` makes it that unit again, with its counter and floor",
                safe(unit)
            ),
            None => writeln!(out, "it was never a unit of this station"),
        }
    }
}
