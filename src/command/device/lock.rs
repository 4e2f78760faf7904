//! `cuff device lock`: close the debug port of a unit that was provisioned, and prove that it is closed.
//!
//! It refuses a chip that is nobody yet: what cannot be reached any more must be able to speak for itself.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::{At, explained, provisioned, trouble};
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::device::link::{Link as _, LinkError};
use crate::device::probe::Probe;
use crate::device::target::Target;
use crate::device::trouble::Trouble;

/// Close a provisioned unit's debug port for good
#[derive(Debug, clap::Args)]
pub struct Lock {
    #[command(flatten)]
    at: At,

    /// Say what would be written, but write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Lock {
    /// Locks and proves it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let (Target::Probe(id), board) = (self.at.target()?, self.at.board()?) else {
            return Err(advised(
                anyhow::anyhow!("only a debug probe can lock a debug port"),
                Exit::Usage,
                "not-a-probe",
                "name the probe, as probe:VID:PID:SERIAL",
            ));
        };
        let board = board.ok_or_else(|| trouble::explained(Trouble::NoBoard))?;
        let mut probe = Probe::open(id.as_ref(), &board).map_err(explained)?;
        let unit = probe.unit().map_err(explained)?;
        let serial = provisioned(&unit)?.serial().to_owned();
        let uid = probe.uid().map_err(explained)?;
        let word = board.debug.as_ref().and_then(|debug| debug.lock);
        let word = word.ok_or_else(|| {
            trouble::explained(Trouble::NoLock {
                board: board.name.clone(),
            })
        })?;
        if !self.dry_run {
            probe.lock().map_err(explained)?;
            match Probe::open(id.as_ref(), &board) {
                Err(LinkError::Trouble(Trouble::Locked)) => {}
                Ok(_) => return Err(trouble::explained(Trouble::StillOpen)),
                Err(other) => return Err(explained(other)),
            }
        }
        console.answer(&Locked {
            target: self.at.target()?.to_string(),
            serial,
            uid,
            address: format!("{:#010x}", word.address),
            value: format!("{:#010x}", word.value),
            dry_run: self.dry_run,
        })
    }
}

/// What was locked.
#[derive(Serialize, JsonSchema)]
pub struct Locked {
    /// The probe.
    target: String,
    /// The unit.
    serial: String,
    /// Its chip.
    uid: String,
    /// The lock word's address.
    address: String,
    /// What was written there.
    value: String,
    /// Whether nothing was written.
    dry_run: bool,
}

impl Answer for Locked {
    const COMMAND: &'static str = "device lock";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        if self.dry_run {
            return writeln!(
                out,
                "unit {}, chip {}: would be locked by writing {} to {}",
                safe(&self.serial),
                self.uid,
                self.value,
                self.address
            );
        }
        writeln!(
            out,
            "unit {}, chip {}: the debug port is locked, and a new attach was refused",
            safe(&self.serial),
            self.uid
        )
    }
}
