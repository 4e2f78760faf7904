//! `cuff bins add` and `remove`: puts targets into bins and takes them out, and publishes that at once.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::given;
use crate::command::publish::advice::of_edit;
use crate::command::publish::{PublishedFacts, Shared};
use crate::console::{Advice, Answer, Console, Exit};
use crate::repository::bins::edits::Edits;
use crate::repository::publish::{Report, Scope};
use crate::role::bin::TargetPath;

/// Add targets, or give them other bytes, and publish that
///
/// Touches the bins they fall into, snapshot and timestamp, and nothing else. Killed at any point, the same command finishes the
/// work.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// A target and the file that holds it: `unit/0001=calibration.bin`; or a directory, every file in it under its path there
    #[arg(value_name = "PATH=FILE|DIR", required_unless_present = "list")]
    targets: Vec<String>,

    /// Lines of `SHA256 LENGTH PATH`: targets whose files somebody else brings to the store
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,

    #[command(flatten)]
    shared: Shared,

    /// How often to try again when somebody else was faster or the store did not answer
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
}

impl Add {
    /// Adds and publishes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut edits = Edits::default();
        for given in &self.targets {
            match given.split_once('=') {
                Some((path, file)) => {
                    let path = path.parse().exit(Exit::Usage).rule("target")?;
                    edits.add_file(path, file.as_ref()).map_err(of_edit)?;
                }
                None => edits.add_tree(given.as_ref()).map_err(of_edit)?,
            }
        }
        if let Some(list) = &self.list {
            let text = given::read_text(list, MAX_LIST)?;
            edits.add_list(&text).map_err(of_edit)?;
        }
        let facts = publish(&self.shared, console, self.retries, &edits)?;
        console.answer(&Added(facts))
    }
}

/// Take targets out, and publish that
#[derive(Debug, clap::Args)]
pub struct Remove {
    /// The targets
    #[arg(value_name = "PATH", required = true)]
    targets: Vec<TargetPath>,

    #[command(flatten)]
    shared: Shared,

    /// How often to try again when somebody else was faster or the store did not answer
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
}

impl Remove {
    /// Takes out and publishes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut edits = Edits::default();
        edits.remove.extend(self.targets.iter().cloned());
        let facts = publish(&self.shared, console, self.retries, &edits)?;
        console.answer(&Removed(facts))
    }
}

fn publish(
    shared: &Shared,
    console: &Console,
    retries: u32,
    edits: &Edits,
) -> anyhow::Result<Facts> {
    shared.need_bin_key()?;
    let (report, store, reasons) = shared.run_again(console, Scope::Bins, retries, edits)?;
    Ok(Facts::of(
        &report,
        PublishedFacts::of(&report, store, shared.dry_run()),
        reasons.len() + 1,
    ))
}

/// What became of the bins.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Facts {
    #[serde(flatten)]
    published: PublishedFacts,
    /// How often it was tried.
    attempts: usize,
    /// Targets that were not there before.
    added: u64,
    /// Targets that have other bytes now.
    replaced: u64,
    /// Targets that are there no more.
    removed: u64,
}

impl Facts {
    fn of(report: &Report, published: PublishedFacts, attempts: usize) -> Self {
        let (added, replaced, removed) = report.bins;
        Self {
            published,
            attempts,
            added,
            replaced,
            removed,
        }
    }

    fn write(&self, out: &mut dyn Write) -> fmt::Result {
        self.published.write(out)?;
        writeln!(
            out,
            "  targets: {} added, {} replaced, {} removed",
            self.added, self.replaced, self.removed
        )
    }
}

/// What was added.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Added(Facts);

impl Answer for Added {
    const COMMAND: &'static str = "bins add";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        self.0.write(out)
    }
}

/// What was taken out.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Removed(Facts);

impl Answer for Removed {
    const COMMAND: &'static str = "bins remove";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        self.0.write(out)
    }
}

/// Ten million lines.
const MAX_LIST: u64 = 2 << 30;
