//! `cuff tour`: the whole river in one go, on a machine with nothing set up.
//!
//! It makes keys, a repository and a simulated wearable in a folder of their own, runs this very program there, and tells
//! what it answered. A step that ends otherwise than it should ends the tour and makes the answer a no.

mod attacker;
mod attacks;
mod chip;
mod emulator;
mod founding;
mod guide;
mod kit;
mod mishaps;
mod releases;
mod rotation;
mod step;
mod table;
mod wrist;

use std::fmt::{self, Write};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{Advice, Answer, Console, Exit};
use emulator::Emulator;
use guide::{Guide, Surprise};
use step::Step;

/// See the whole river once: keys, releases, a simulated wearable, attacks and mishaps
///
/// Needs nothing but this program, opens no connection, and takes seconds. Everything is made in a temporary folder and
/// forgotten; --keep leaves it to be explored by hand.
#[derive(Debug, clap::Args)]
pub struct Tour {
    /// Make everything in this folder, which must be new or empty, and leave it there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Go on to a chip: run the bootloader's program and the demo firmware on a Cortex-M4F in QEMU (`qemu-system-arm`)
    #[arg(long)]
    qemu: bool,
}

impl Tour {
    /// Tells it all.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let emulator = self.qemu.then(Emulator::find).transpose()?;
        let of = STEPS + emulator.as_ref().map_or(0, |_| chip::STEPS);
        let temporary;
        let folder = if let Some(folder) = &self.keep {
            prepare(folder)?;
            folder.as_path()
        } else {
            temporary = tempfile::Builder::new()
                .prefix("cuff-tour-")
                .tempdir()
                .context("cannot make a temporary folder")
                .help("set TMPDIR to a folder you may write to, or name one with --keep")?;
            temporary.path()
        };
        // Commands run below it, where a relative path would lead elsewhere.
        let folder = fs::canonicalize(folder)
            .with_context(|| format!("cannot find `{}`", folder.display()))?;
        let mut guide = Guide::new(console, &folder, of)?;
        if let Err(error) = tell(&mut guide, emulator.as_ref())
            && !error.is::<Surprise>()
        {
            return Err(error);
        }
        console.answer(&Toured {
            steps: guide.finish(),
            of,
            kept: self.keep.as_ref().map(|_| folder.display().to_string()),
        })
    }
}

/// How many steps a tour has that needs nothing: one that skips any is no success.
const STEPS: usize = 34;

fn tell(guide: &mut Guide<'_>, emulator: Option<&Emulator>) -> anyhow::Result<()> {
    founding::tell(guide)?;
    releases::tell_first(guide)?;
    wrist::tell_first(guide)?;
    releases::tell_next(guide)?;
    wrist::tell_update(guide)?;
    rotation::tell(guide)?;
    attacks::tell(guide)?;
    mishaps::tell(guide)?;
    match emulator {
        Some(emulator) => chip::tell(guide, emulator),
        None => Ok(()),
    }
}

/// Makes the folder that is to be kept; never works in one that holds anything.
fn prepare(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    let mut entries = fs::read_dir(folder)
        .with_context(|| format!("cannot look into the folder `{}`", folder.display()))?;
    if entries.next().is_some() {
        return Err(anyhow::anyhow!("`{}` is not empty", folder.display()))
            .exit(Exit::No)
            .rule("exists")
            .help("name a folder that is new or empty: the tour touches nothing of yours");
    }
    Ok(())
}

/// What the tour showed.
#[derive(Serialize, JsonSchema)]
pub struct Toured {
    /// What was done, in order. The last one may have ended otherwise than it should; nothing was done after it.
    steps: Vec<Step>,
    /// How many steps a whole tour has.
    of: usize,
    /// The folder that was kept.
    kept: Option<String>,
}

impl Toured {
    fn is_whole(&self) -> bool {
        self.steps.len() == self.of && self.steps.iter().all(|step| step.as_expected)
    }
}

impl Answer for Toured {
    const COMMAND: &'static str = "tour";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        table::write(out, &self.steps)?;
        writeln!(out)?;
        if self.is_whole() {
            writeln!(out, "{} steps, every one ended as it should", self.of)?;
        } else {
            table::surprise(out, &self.steps, self.of)?;
        }
        match &self.kept {
            Some(folder) => kit::farewell(out, folder),
            None => writeln!(
                out,
                "all of it is gone again; `cuff tour --keep DIR` leaves it for you to explore"
            ),
        }
    }

    fn exit(&self) -> Exit {
        if self.is_whole() { Exit::Yes } else { Exit::No }
    }
}
