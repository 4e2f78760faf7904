//! `cuff device records`: the station log, checked and handed on.
//!
//! It reads and changes nothing.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::station::unrecorded;
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::device::station::records::told::Told;
use crate::key::PublicKey;
use crate::key::public_file::PublicFile;

/// Check and export what a station recorded
#[derive(Debug, clap::Args)]
pub struct Records {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Verify(Verify),
    Export(Export),
}

impl Records {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::Verify(command) => command.run(console),
            Action::Export(command) => command.run(console),
        }
    }
}

/// Check every line of one log, or of several and that no serial is in two of them
#[derive(Debug, clap::Args)]
struct Verify {
    /// Station logs
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,

    /// The station's public key; without it the log's own first line is believed. Several logs take one each, in order
    #[arg(long, value_name = "PUB")]
    key: Vec<PathBuf>,
}

impl Verify {
    fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut told = Vec::new();
        for (index, path) in self.logs.iter().enumerate() {
            let key: Option<PublicKey> = match self.key.get(index) {
                Some(path) => Some(
                    PublicFile::read(path)
                        .exit(Exit::Usage)
                        .rule("public-key")?
                        .key(),
                ),
                None => None,
            };
            told.push(Told::read(path, key.as_ref()).map_err(unrecorded)?);
        }
        let mut overlaps = Vec::new();
        for (index, one) in told.iter().enumerate() {
            for other in told.iter().skip(index + 1) {
                overlaps.extend(one.overlap(other));
            }
        }
        let logs = told.iter().zip(&self.logs).enumerate();
        console.answer(&Verified {
            logs: logs
                .map(|(index, (told, path))| Checked {
                    path: path.display().to_string(),
                    station: told
                        .records
                        .first()
                        .map(|first| first.station.clone())
                        .unwrap_or_default(),
                    key: told.key.to_string(),
                    key_was_given: self.key.get(index).is_some(),
                    records: told.records.len(),
                    attempts: told.attempts().count(),
                    passed: told.attempts().filter(|attempt| attempt.passed).count(),
                    head: told.head.clone(),
                })
                .collect(),
            overlaps,
        })
    }
}

/// What the logs say.
#[derive(Serialize, JsonSchema)]
pub struct Verified {
    /// Each log; all of them hold.
    logs: Vec<Checked>,
    /// Serials and chips that two of them share.
    overlaps: Vec<String>,
}

/// One log.
#[derive(Serialize, JsonSchema)]
struct Checked {
    /// The file.
    path: String,
    /// Whose it is.
    station: String,
    /// The key that signed every line.
    key: String,
    /// Whether that key was given, or is the log's own word.
    key_was_given: bool,
    /// Lines.
    records: usize,
    /// Attempts among them.
    attempts: usize,
    /// Units that passed.
    passed: usize,
    /// SHA-256 of the last line: keep it elsewhere, and no line can be cut off unseen.
    head: String,
}

impl Answer for Verified {
    const COMMAND: &'static str = "device records verify";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        for log in &self.logs {
            writeln!(
                out,
                "{}: station {}, {} records whole, {} attempts, {} passed",
                safe(&log.path),
                safe(&log.station),
                log.records,
                log.attempts,
                log.passed
            )?;
            let whose = if log.key_was_given {
                "as given"
            } else {
                "by its own word: give --key to be sure"
            };
            writeln!(out, "  signed by {}, {whose}", log.key)?;
            writeln!(out, "  ends with {}", log.head)?;
        }
        self.overlaps
            .iter()
            .try_for_each(|overlap| writeln!(out, "OVERLAP: {}", safe(overlap)))
    }

    fn exit(&self) -> Exit {
        if self.overlaps.is_empty() {
            Exit::Yes
        } else {
            Exit::RecordsBroken
        }
    }
}

/// Write every attempt as a table, after checking every line
#[derive(Debug, clap::Args)]
struct Export {
    /// The way of writing
    #[arg(value_parser = ["csv"])]
    format: String,

    /// The station log
    #[arg(value_name = "LOG")]
    log: PathBuf,
}

impl Export {
    fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let told = Told::read(&self.log, None).map_err(unrecorded)?;
        let attempts = told.attempts().map(|attempt| Row {
            station: told
                .records
                .first()
                .map(|first| first.station.clone())
                .unwrap_or_default(),
            operator: attempt.operator.clone(),
            slot: attempt.slot.clone(),
            serial: attempt.serial.clone().unwrap_or_default(),
            uid: attempt.uid.clone().unwrap_or_default(),
            passed: attempt.passed,
            exit: attempt.exit,
            step: attempt.step.clone().unwrap_or_default(),
            error: attempt.error.join(": "),
            release: attempt.release.clone(),
            bootloader: attempt.bootloader.clone(),
            locked: attempt.locked,
            milliseconds: attempt.steps.iter().map(|step| step.milliseconds).sum(),
        });
        console.answer(&Exported {
            attempts: attempts.collect(),
        })
    }
}

/// Every attempt.
#[derive(Serialize, JsonSchema)]
pub struct Exported {
    /// In the order of the log.
    attempts: Vec<Row>,
}

/// One attempt, as a row.
#[derive(Serialize, JsonSchema)]
struct Row {
    /// The station.
    station: String,
    /// Who.
    operator: String,
    /// The slot.
    slot: String,
    /// The unit.
    serial: String,
    /// The chip.
    uid: String,
    /// Whether it passed.
    passed: bool,
    /// Its exit code.
    exit: u8,
    /// The step that failed.
    step: String,
    /// Why.
    error: String,
    /// The release.
    release: String,
    /// The bootloader.
    bootloader: String,
    /// Whether its port was proven to be locked.
    locked: bool,
    /// How long all steps took.
    milliseconds: u64,
}

impl Answer for Exported {
    const COMMAND: &'static str = "device records export";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(
            out,
            "station,operator,slot,serial,uid,passed,exit,step,error,release,bootloader,locked,milliseconds"
        )?;
        for row in &self.attempts {
            let texts = [
                &row.station,
                &row.operator,
                &row.slot,
                &row.serial,
                &row.uid,
            ];
            for text in texts {
                write!(out, "{},", field(text))?;
            }
            writeln!(
                out,
                "{},{},{},{},{},{},{},{}",
                row.passed,
                row.exit,
                field(&row.step),
                field(&row.error),
                field(&row.release),
                field(&row.bootloader),
                row.locked,
                row.milliseconds
            )?;
        }
        Ok(())
    }
}

/// A field as RFC 4180 has it, and none that a spreadsheet would take for a formula.
fn field(text: &str) -> String {
    let text = safe(text).to_string();
    let text = if text.starts_with(['=', '+', '-', '@']) {
        format!("'{text}")
    } else {
        text
    };
    if text.contains([',', '"', '\n', '\r', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}
