//! `cuff device log`: the tamper log, its chain verified.
//!
//! It reads the device and compares with the head it remembers of this unit; only `--save` remembers a new one.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::{At, explained, provisioned};
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::device::chronicle::{self, Finding};
use crate::device::memory::{Memory, MemoryError};

/// Show a device's tamper log, and whether it is whole
///
/// The log is compared with the head that `--save` kept of this unit. It is evidence, not proof: on a board without a
/// lock a hostile application can write a new one.
#[derive(Debug, clap::Args)]
pub struct Log {
    #[command(flatten)]
    at: At,

    /// Remember where the log ends, to notice later if it was cut short
    #[arg(long)]
    save: bool,

    /// Keep that in this file instead of the user's state folder
    #[arg(long, value_name = "FILE")]
    since: Option<PathBuf>,
}

impl Log {
    /// Reads, judges and shows the log.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut link = self.at.reach(console)?;
        let unit = link.unit().map_err(explained)?;
        let knowledge = provisioned(&unit)?;
        let (product, serial) = (knowledge.product(), knowledge.serial());
        let memory = match &self.since {
            Some(path) => Memory::at(path),
            None => Memory::of_unit(product, serial).map_err(forgetful)?,
        };
        let remembered = memory.recall(product, serial).map_err(forgetful)?;
        let log = link.log().map_err(explained)?;
        let (entries, findings) = chronicle::judge(&log, remembered);
        let broken = findings.iter().any(Finding::is_broken);
        let mut saved = None;
        if self.save && !broken {
            memory.keep(product, serial, log.head).map_err(forgetful)?;
            saved = Some(memory.path().display().to_string());
        }
        if self.save && broken {
            console.warn("the log is broken: what was remembered of it is kept as it was");
        }
        console.answer(&Told {
            target: self.at.target()?.to_string(),
            serial: serial.to_owned(),
            head: Head {
                sequence: log.head.sequence,
                hash: hex::encode(log.head.hash),
            },
            since: remembered.map(|head| head.sequence),
            entries,
            findings,
            broken,
            saved,
        })
    }
}

/// A tamper log.
#[derive(Serialize, JsonSchema)]
pub struct Told {
    /// The device, as it was named.
    target: String,
    /// The unit.
    serial: String,
    /// The records, oldest first; the first of each kind is there twice as long as the log still holds it.
    entries: Vec<chronicle::told::Told>,
    /// What is to be known about the log as a whole.
    findings: Vec<Finding>,
    /// Whether records were lost or changed.
    broken: bool,
    /// The record it was compared with; absent when nothing was remembered.
    since: Option<u32>,
    /// Where the log ends.
    head: Head,
    /// Where that was remembered.
    saved: Option<String>,
}

/// Where a log ends.
#[derive(Serialize, JsonSchema)]
#[schemars(inline)]
struct Head {
    /// The last record.
    sequence: u32,
    /// Its hash, in hex.
    hash: String,
}

impl Answer for Told {
    const COMMAND: &'static str = "device log";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let kept: Vec<u32> = self
            .entries
            .iter()
            .filter(|entry| !entry.first_of_kind)
            .map(|entry| entry.sequence)
            .collect();
        for entry in &self.entries {
            // The copy kept aside says nothing new as long as the record itself is still there.
            if entry.first_of_kind && kept.contains(&entry.sequence) {
                continue;
            }
            let aside = if entry.first_of_kind {
                " (kept aside)"
            } else {
                ""
            };
            let again = match entry.repeated {
                0 => String::new(),
                count => format!(", and {count} times more"),
            };
            writeln!(
                out,
                "{:>5}  floor {}  {}{again}{aside}",
                entry.sequence,
                entry.floor,
                safe(&entry.sentence())
            )?;
        }
        for finding in &self.findings {
            writeln!(
                out,
                "{}: {finding}",
                if finding.is_broken() {
                    "BROKEN"
                } else {
                    "note"
                }
            )?;
        }
        let compared = match self.since {
            Some(sequence) => format!("compared with record {sequence}, seen before"),
            None => "nothing was remembered to compare it with".to_owned(),
        };
        let verdict = if self.broken { "broken" } else { "whole" };
        writeln!(
            out,
            "log {verdict}: ends at record {}, {}; {compared}",
            self.head.sequence, self.head.hash
        )?;
        match &self.saved {
            Some(path) => writeln!(out, "remembered in {}", safe(path)),
            None => Ok(()),
        }
    }

    fn exit(&self) -> Exit {
        if self.broken {
            Exit::LogBroken
        } else {
            Exit::Yes
        }
    }
}

fn forgetful(error: MemoryError) -> anyhow::Error {
    let (exit, help) = match &error {
        MemoryError::NoFolder => (Exit::Usage, "name a file with --since"),
        MemoryError::Wrong { .. } => (
            Exit::Usage,
            "name the right file with --since, or remove this one",
        ),
        MemoryError::Io { .. } | MemoryError::Write(_) => (
            Exit::Unknown,
            "check that the disk has room and that you may write there",
        ),
    };
    advised(error, exit, "remembered-log", help)
}
