//! `cuff device info`: who a device is, what it trusts and what it runs.
//!
//! It reads and changes nothing; `--save` writes the STATE file that `cuff verify --for` takes.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::{At, explained, provisioned};
use crate::board::{ClockQuality, Lock};
use crate::console::{Answer, Console, Exit, safe};
use crate::device::link::{Seen, Speaks};
use crate::device::state;
use crate::device::unit::{Standing, Unit, lock_means};
use crate::durable;
use crate::state::{Installed, State};

/// Show who a device is, what it trusts and what it runs
#[derive(Debug, clap::Args)]
pub struct Info {
    #[command(flatten)]
    at: At,

    /// Write what the device knows to this file, for `cuff verify --for`
    #[arg(long, value_name = "STATE")]
    save: Option<PathBuf>,
}

impl Info {
    /// Reads the device and shows it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut link = self.at.reach(console)?;
        let unit = link.unit().map_err(explained)?;
        let seen = link.seen().map_err(explained)?;
        let speaks = link.speaks().map_err(explained)?;
        let state = match &unit.standing {
            Standing::Provisioned(knowledge) => state::state(&unit, knowledge),
            Standing::Blank | Standing::Damaged => None,
        };
        if let Some(path) = &self.save {
            provisioned(&unit)?;
            let text = state.as_ref().map(State::to_json).unwrap_or_default();
            durable::write(path, text.as_bytes())?;
        }
        console.answer(&Described {
            target: self.at.target()?.to_string(),
            board: unit.board.name.clone(),
            lock: unit.board.lock,
            lock_means: lock_means(&unit.board).to_owned(),
            chip: seen.map(Chip::of),
            line: speaks.map(Line::of),
            bootloader: unit.bootloader,
            standing: standing(&unit).to_owned(),
            freshness: freshness(&unit).to_owned(),
            trial_starts: match &unit.standing {
                Standing::Provisioned(knowledge) if knowledge.record.trial.is_some() => {
                    Some(Starts {
                        done: knowledge.starts,
                        of: u32::from(unit.board.trials),
                    })
                }
                _ => None,
            },
            log_head: match &unit.standing {
                Standing::Provisioned(knowledge) => Some(LogHead {
                    sequence: knowledge.log_head.sequence,
                    hash: hex::encode(knowledge.log_head.hash),
                }),
                Standing::Blank | Standing::Damaged => None,
            },
            state,
            saved: self.save.as_ref().map(|path| path.display().to_string()),
        })
    }
}

/// What a device is.
#[derive(Serialize, JsonSchema)]
pub struct Described {
    /// The device, as it was named.
    target: String,
    /// The board it is built on.
    board: String,
    /// `hardware` or `none`.
    #[schemars(with = "String")]
    lock: Lock,
    /// What that means for whoever relies on the device.
    lock_means: String,
    /// What a debug probe sees of the chip; absent where the device speaks for itself.
    chip: Option<Chip>,
    /// Who answered on a serial line; absent where nobody had to.
    line: Option<Line>,
    /// Version of its bootloader.
    bootloader: u64,
    /// `provisioned`, `blank` or `damaged`.
    standing: String,
    /// What expiry is held against.
    freshness: String,
    /// How often the image on trial has started.
    trial_starts: Option<Starts>,
    /// The end of the tamper log.
    log_head: Option<LogHead>,
    /// What it knows; absent unless it was provisioned.
    state: Option<State>,
    /// Where the state was written.
    saved: Option<String>,
}

/// What a debug probe sees.
#[derive(Serialize, JsonSchema)]
struct Chip {
    /// The chip, by the name that was proved before anything else was read.
    name: String,
    /// The number no other chip has, in hex.
    uid: String,
    /// The debug port: `open`, or the probe would have seen nothing.
    port: String,
    /// Supply voltage in thousandths of a volt, where the probe tells.
    millivolts: Option<u32>,
}

impl Chip {
    fn of(seen: Seen) -> Self {
        Self {
            name: seen.chip,
            uid: seen.uid,
            port: "open".to_owned(),
            millivolts: seen.millivolts,
        }
    }
}

/// Who answered on a serial line.
#[derive(Serialize, JsonSchema)]
struct Line {
    /// `application`, which may say anything, or `bootloader`.
    speaker: String,
    /// Damaged packets that it dropped since it was reset.
    dropped: u32,
}

impl Line {
    fn of(speaks: Speaks) -> Self {
        let speaker = if speaks.bootloader {
            "bootloader"
        } else {
            "application"
        };
        Self {
            speaker: speaker.to_owned(),
            dropped: speaks.dropped,
        }
    }
}

/// Starts of a trial.
#[derive(Serialize, JsonSchema)]
struct Starts {
    /// So many so far.
    done: u32,
    /// So many there are.
    of: u32,
}

/// The end of the tamper log.
#[derive(Serialize, JsonSchema)]
struct LogHead {
    /// The last record.
    sequence: u32,
    /// Its hash, in hex.
    hash: String,
}

impl Answer for Described {
    const COMMAND: &'static str = "device info";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "device      {}", safe(&self.target))?;
        writeln!(
            out,
            "board       {}, bootloader {}",
            safe(&self.board),
            self.bootloader
        )?;
        if let Some(chip) = &self.chip {
            let supply = chip.millivolts.map_or(String::new(), |found| {
                format!(", supply {}.{:02} V", found / 1000, found % 1000 / 10)
            });
            writeln!(
                out,
                "chip        {}, uid {}, debug port {}{supply}",
                safe(&chip.name),
                chip.uid,
                chip.port
            )?;
        }
        if let Some(line) = &self.line {
            writeln!(
                out,
                "line        the {} answers, {} damaged packets since its reset",
                line.speaker, line.dropped
            )?;
        }
        let lock = match self.lock {
            Lock::Hardware => "hardware",
            Lock::None => "none",
        };
        writeln!(out, "lock        {lock}: {}", self.lock_means)?;
        match &self.state {
            None => {
                return writeln!(out, "standing    {}", said(&self.standing));
            }
            Some(state) => self.trusted(out, state)?,
        }
        if let Some(head) = &self.log_head {
            writeln!(
                out,
                "log         {} records, head {}",
                head.sequence, head.hash
            )?;
        }
        match &self.saved {
            Some(path) => writeln!(out, "saved       {}", safe(path)),
            None => Ok(()),
        }
    }

    fn exit(&self) -> Exit {
        match self.standing.as_str() {
            "blank" => Exit::NotProvisioned,
            "damaged" => Exit::Recovery,
            _ => Exit::Yes,
        }
    }
}

impl Described {
    fn trusted(&self, out: &mut dyn Write, state: &State) -> fmt::Result {
        writeln!(
            out,
            "identity    {} {}, serial {}",
            safe(&state.product),
            safe(&state.hardware),
            safe(&state.serial)
        )?;
        let versions = &state.versions;
        writeln!(
            out,
            "trust       root {}, timestamp {}, snapshot {}, targets {}, {} {}",
            state.root["version"],
            versions.timestamp,
            versions.snapshot,
            versions.targets,
            safe(&state.product),
            versions.product
        )?;
        writeln!(
            out,
            "floor       {}: {}",
            safe(&state.floor),
            self.freshness
        )?;
        writeln!(
            out,
            "counter     {}, signed minimum {}: releases below {} are refused",
            state.counter,
            state.minimum_counter,
            state.counter.max(state.minimum_counter)
        )?;
        image(out, "installed ", state.installed.as_ref())?;
        if let (Some(trial), Some(starts)) = (&state.trial, &self.trial_starts) {
            image(out, "on trial  ", Some(trial))?;
            writeln!(
                out,
                "            started {} of {} times",
                starts.done, starts.of
            )?;
        }
        if let Some(previous) = &state.previous {
            image(out, "previous  ", Some(previous))?;
        }
        Ok(())
    }
}

fn image(out: &mut dyn Write, label: &str, image: Option<&Installed>) -> fmt::Result {
    match image {
        Some(image) => writeln!(
            out,
            "{label}  {}, {} bytes, sha256 {}",
            safe(&image.release),
            image.length,
            safe(&image.sha256)
        ),
        None => writeln!(out, "{label}  nothing"),
    }
}

fn standing(unit: &Unit) -> &'static str {
    match unit.standing {
        Standing::Blank => "blank",
        Standing::Damaged => "damaged",
        Standing::Provisioned(_) => "provisioned",
    }
}

fn said(standing: &str) -> &'static str {
    match standing {
        "blank" => "never provisioned: it trusts nobody and runs nothing",
        _ => "both banks of the trust store are damaged: it stays in recovery",
    }
}

fn freshness(unit: &Unit) -> &'static str {
    match unit.board.clock {
        ClockQuality::Trusted => {
            "expiry is held against the device's own clock, and never below this"
        }
        ClockQuality::None | ClockQuality::Application => {
            "expiry is held against this moment, the latest that enough signers vouched for"
        }
    }
}
