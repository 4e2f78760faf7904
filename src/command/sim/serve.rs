//! `cuff sim serve`: a simulated wearable on a serial line.
//!
//! It powers the wearable, says where it is reached, and answers SMP there until it is interrupted or its power is cut.

use std::fmt::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::device::explained;
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::device::event::Event;
use crate::device::sim::Sim;
use crate::device::sim::line::Line;

/// Power the wearable and let hosts reach it over a serial line
///
/// It answers SMP, the protocol of `MCUmgr`: the application does, or the bootloader while the unit stays in recovery. Interrupt
/// it to end it; what it keeps is valid at any moment.
#[derive(Debug, clap::Args)]
pub struct Serve {
    /// The wearable's folder
    path: PathBuf,

    /// Where hosts come; port 0 lets the system choose
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:1337")]
    tcp: SocketAddr,

    /// A pseudo-terminal instead, as a serial port of this machine
    #[cfg(target_os = "linux")]
    #[arg(long, conflicts_with = "tcp")]
    pty: bool,

    /// The application never confirms
    #[arg(long)]
    sick: bool,

    /// Serve a copy in memory: everything happens, nothing is kept
    #[arg(long)]
    dry_run: bool,
}

impl Serve {
    /// Serves.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut sim = Sim::at(&self.path, self.dry_run).map_err(explained)?;
        let (line, target) = self
            .line()
            .exit(Exit::Unknown)
            .rule("line")
            .help("name another address, or port 0")?;
        console.answer(&Serving {
            path: self.path.display().to_string(),
            board: sim.board().name.clone(),
            target,
            dry_run: self.dry_run,
        })?;
        let mut tell = |events: &[Event]| {
            for event in events {
                console.note(event);
            }
        };
        sim.serve(&line, self.sick, &mut tell).map_err(explained)?;
        Ok(Exit::Yes)
    }

    #[cfg(target_os = "linux")]
    fn line(&self) -> anyhow::Result<(Line, String)> {
        if self.pty {
            let (line, path) = Line::pty()?;
            return Ok((line, format!("serial:{}", path.display())));
        }
        self.socket()
    }

    #[cfg(not(target_os = "linux"))]
    fn line(&self) -> anyhow::Result<(Line, String)> {
        self.socket()
    }

    fn socket(&self) -> anyhow::Result<(Line, String)> {
        let (line, address) = Line::tcp(self.tcp)?;
        Ok((line, format!("tcp:{address}")))
    }
}

/// Where it is reached.
#[derive(Serialize, JsonSchema)]
pub struct Serving {
    /// The wearable's folder.
    path: String,
    /// Its board.
    board: String,
    /// How `cuff device` names it from now on.
    target: String,
    /// Whether nothing is kept.
    dry_run: bool,
}

impl Answer for Serving {
    const COMMAND: &'static str = "sim serve";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let copy = if self.dry_run {
            ", a copy of which nothing is kept"
        } else {
            ""
        };
        writeln!(
            out,
            "{} answers as {}{copy}",
            safe(&self.path),
            safe(&self.target)
        )
    }
}
