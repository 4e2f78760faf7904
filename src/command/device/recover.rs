//! `cuff device recover`: open a locked chip by erasing all it holds, and put that on record.
//!
//! A locked chip does not say which it is before it is erased, so the operator says why it is on the bench: virgin parts come
//! locked from some makers, and returned units were locked by a station. A chip that is on record is never made new by accident.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::station::{now, read, records, unrecorded};
use super::{At, explained, trouble};
use crate::command::unlock::Unlock;
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::device::chronicle::judge;
use crate::device::link::Link;
use crate::device::probe::Probe;
use crate::device::reach::reach;
use crate::device::station::records::record::{Entry, Said};
use crate::device::target::Target;
use crate::device::trouble::Trouble;
use crate::device::unit::Standing;

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

    /// Where the unit still speaks for itself, as serial:PATH or tcp:HOST:PORT: its log is read before it is erased
    #[arg(long, value_name = "TARGET", requires = "rma")]
    listen: Option<Target>,

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
        let mut records = records(console, &station, &base, &self.unlock)?;
        if let Some(unit) = &self.unit
            && records.told().holder(unit).is_none()
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
        let said = self.listen(console)?;
        let mut probe =
            Probe::open_by_erasing_everything(id.as_ref(), &board).map_err(explained)?;
        let uid = probe.uid().map_err(explained)?;
        let before = records.told().promised(&uid).map(str::to_owned);
        let judged = self.judge(&uid, before);
        records
            .append(
                now(),
                Entry::Erased {
                    uid: uid.clone(),
                    unit: self.unit.clone(),
                    ticket: self.rma.clone(),
                    operator: self.operator.clone(),
                    said: said.clone(),
                    failed: judged.as_ref().err().map(|wrong| wrong.rule().to_owned()),
                },
            )
            .map_err(unrecorded)?;
        judged.map_err(Wrong::explained)?;
        console.answer(&Recovered {
            target: self.at.target()?.to_string(),
            uid,
            unit: self.unit.clone(),
            ticket: self.rma.clone(),
            said,
        })
    }
}

impl Recover {
    /// What the unit says of itself while it still can. One that says nothing is erased all the same; one that says it is
    /// another unit is not.
    fn listen(&self, console: &Console) -> anyhow::Result<Option<Said>> {
        let Some(target) = &self.listen else {
            return Ok(None);
        };
        let heard = reach(target, None)
            .map_err(anyhow::Error::from)
            .and_then(|mut link| hear(link.as_mut()));
        match heard {
            Ok(Some(said)) if Some(&said.serial) == self.unit.as_ref() => Ok(Some(said)),
            Ok(Some(said)) => Err(advised(
                anyhow::anyhow!(
                    "nothing was erased: what speaks at {target} says that it is unit {}",
                    said.serial
                ),
                Exit::SerialTaken,
                "other-unit",
                "find out which unit is on the bench",
            )),
            Ok(None) => {
                console.warn(format!("what speaks at {target} says that it is nobody"));
                Ok(None)
            }
            Err(error) => {
                console.warn(format!(
                    "nothing was heard from {target}, and the unit's log is lost: {error:#}"
                ));
                Ok(None)
            }
        }
    }

    /// Whether the chip is what the operator said; `before` is the unit it is on record.
    fn judge(&self, uid: &str, before: Option<String>) -> Result<(), Wrong> {
        match (&self.unit, before) {
            (None, Some(serial)) => Err(Wrong::NoVirgin {
                uid: uid.to_owned(),
                serial,
            }),
            (Some(unit), before) if before.as_deref() != Some(unit) => Err(Wrong::OtherUnit {
                uid: uid.to_owned(),
                unit: unit.clone(),
                was: before.unwrap_or_else(|| "none of this station's".to_owned()),
            }),
            _ => Ok(()),
        }
    }
}

fn hear(link: &mut dyn Link) -> anyhow::Result<Option<Said>> {
    let Standing::Provisioned(knowledge) = link.unit()?.standing else {
        return Ok(None);
    };
    let log = link.log()?;
    let (entries, _) = judge(&log, None);
    Ok(Some(Said {
        serial: knowledge.serial().to_owned(),
        counter: knowledge.counter.0,
        floor: knowledge.record.floor.0,
        log: entries
            .iter()
            .map(|entry| format!("{} {}", entry.sequence, entry.sentence()))
            .collect(),
        log_head: hex::encode(log.head.hash),
    }))
}

/// The chip is erased, and it is not what the operator said. It stays erased.
#[derive(Debug, thiserror::Error)]
enum Wrong {
    #[error("FAIL: the chip is erased, and it is no virgin: chip {uid} was unit {serial}")]
    NoVirgin { uid: String, serial: String },
    #[error("FAIL: the chip is erased, and it was not unit {unit}: chip {uid} was {was}")]
    OtherUnit {
        uid: String,
        unit: String,
        was: String,
    },
}

impl Wrong {
    fn rule(&self) -> &'static str {
        match self {
            Self::NoVirgin { .. } => "no-virgin",
            Self::OtherUnit { .. } => "other-unit",
        }
    }

    fn explained(self) -> anyhow::Error {
        let (rule, exit) = (
            self.rule(),
            match self {
                Self::NoVirgin { .. } => Exit::AlreadyProvisioned,
                Self::OtherUnit { .. } => Exit::SerialTaken,
            },
        );
        let help = match &self {
            Self::NoVirgin { serial, .. } => format!(
                "it stays erased: if it came back, run the command again with --rma TICKET --unit {serial}"
            ),
            Self::OtherUnit { .. } => {
                "find out which unit is on the bench, and set this chip aside".to_owned()
            }
        };
        advised(self, exit, rule, help)
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
    /// What it said of itself before.
    said: Option<Said>,
}

impl Answer for Recovered {
    const COMMAND: &'static str = "device recover";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        if let Some(said) = &self.said {
            writeln!(
                out,
                "before, it said: counter {}, {} log records, which are on the station's record now",
                said.counter,
                said.log.len()
            )?;
        }
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
