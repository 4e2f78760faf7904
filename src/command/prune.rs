//! `cuff prune`: removes from a store what no client can need any more. Never a root, and nothing that is not ours.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::bucket::of_store;
use super::desk::{desk_failed, published_failed};
use super::publish::Where;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::instant::{self, Span};
use crate::repository::prune::{PruneError, Pruning};
use crate::repository::published::Published;

/// Remove from a store what no client can need any more
///
/// Keeps every root, all that is current, and all that a client needs which began its update no longer ago than the grace time.
/// Removes older versions of metadata, bundles that no role lists any more, and what interrupted publications left. Needs
/// permission to list and to delete; `publish` needs neither.
#[derive(Debug, clap::Args)]
pub struct Prune {
    #[command(flatten)]
    place: Where,

    /// How long ago a client may have begun its update, or somebody a publication; an hour at least
    #[arg(long, value_name = "TIME", default_value = "7d")]
    grace: Span,

    /// List what would be removed, remove nothing
    #[arg(long)]
    dry_run: bool,
}

impl Prune {
    /// Removes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        if self.grace.seconds() < LEAST {
            return Err(anyhow::anyhow!(
                "a grace time of {} would break clients and publishers that are at it just now",
                self.grace
            ))
            .exit(Exit::Usage)
            .rule("grace")
            .help("give an hour (1h) or more");
        }
        let (desk, address, store) = self.place.open(console)?;
        let pin = desk.pin().map_err(desk_failed)?;
        let live = Published::read(&*store, pin.as_ref()).map_err(published_failed)?;
        let live = live
            .ok_or_else(|| anyhow::anyhow!("nothing is published at `{address}`"))
            .exit(Exit::No)
            .rule("nothing-published")
            .help("name the store with --to")?;
        let pruning = Pruning::of(&*store, &live, instant::now()?, self.grace).map_err(explain)?;
        let bytes = pruning.gone.iter().map(|(_, length)| length).sum();
        if !self.dry_run {
            let progress = console.progress("pruning", bytes);
            pruning
                .remove(&*store, &mut |length| progress.advance(length))
                .map_err(explain)?;
        }
        console.answer(&Pruned {
            store: address,
            dry_run: self.dry_run,
            removed: pruning
                .gone
                .iter()
                .map(|(name, _)| name.to_string())
                .collect(),
            bytes,
            needed: pruning.needed,
            young: pruning.young,
            foreign: pruning.foreign,
        })
    }
}

fn explain(error: PruneError) -> anyhow::Error {
    let (exit, rule, help) = match error {
        PruneError::Store(error) => return of_store(error),
        PruneError::Missing(_) | PruneError::Unreadable { .. } => (
            Exit::No,
            "broken-store",
            "nothing was removed; `cuff check` lists everything that is wrong with it",
        ),
        PruneError::Published => (
            Exit::Unknown,
            "raced",
            "run the same command again: it looks anew",
        ),
    };
    advised(error, exit, rule, help)
}

/// What was removed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Pruned {
    /// The store.
    store: String,
    /// Whether nothing was removed.
    dry_run: bool,
    /// Objects that no client can need.
    removed: Vec<String>,
    /// Their bytes.
    bytes: u64,
    /// Objects that are needed.
    needed: u64,
    /// Objects that stay for the grace time.
    young: u64,
    /// Objects that are not ours, and were left alone.
    foreign: Vec<String>,
}

impl Answer for Pruned {
    const COMMAND: &'static str = "prune";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let verb = if self.dry_run {
            "would remove"
        } else {
            "removed"
        };
        writeln!(
            out,
            "{verb} {} objects with {} bytes from `{}`",
            self.removed.len(),
            self.bytes,
            safe(&self.store)
        )?;
        for name in &self.removed {
            writeln!(out, "  {}", safe(name))?;
        }
        writeln!(
            out,
            "  {} are needed, {} stay for the grace time",
            self.needed, self.young
        )?;
        for name in &self.foreign {
            writeln!(
                out,
                "  left alone, because it is not cuff's: {}",
                safe(name)
            )?;
        }
        Ok(())
    }
}

/// A client on a slow line takes minutes, not hours.
const LEAST: u64 = 3_600;
