//! `cuff yank`: takes a release back. A staged one vanishes; a published one is no longer named by the next version.
//!
//! With a reason the next version carries a signed advisory, and `fetch` refuses the release by it. Devices that run it
//! keep it; `--minimum-counter` makes them refuse it, and everything below, from the next metadata on that they see.

use super::desk::{Edited, Place, bench, bench_failed, capacity_failed, edited};
use crate::console::{Console, Exit};
use crate::repository::capacity;
use crate::role::name::ReleaseName;
use crate::role::product::{Advisory, Severity};

/// Take a release back
#[derive(Debug, clap::Args)]
pub struct Yank {
    /// PRODUCT/VERSION
    #[arg(value_name = "RELEASE")]
    release: ReleaseName,

    /// Why, in one sentence; signed, and shown to whoever asks for the release
    #[arg(long, value_name = "TEXT", requires = "severity", value_parser = sentence)]
    reason: Option<String>,

    /// How bad it is: low, medium, high or critical
    #[arg(long, value_name = "SEVERITY", requires = "reason")]
    severity: Option<Severity>,

    /// The release to take instead
    #[arg(long, value_name = "RELEASE", requires = "reason")]
    replaced_by: Option<ReleaseName>,

    /// Raise the minimum counter of the product: devices refuse every release below it
    #[arg(long, value_name = "N")]
    minimum_counter: Option<u64>,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Yank {
    /// Stages it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let mut bench = bench(&desk, self.dry_run)?;
        let advisory = self.reason.clone().zip(self.severity);
        let advisory = advisory.map(|(reason, severity)| Advisory {
            reason,
            replaced_by: self.replaced_by.as_ref().map(ToString::to_string),
            severity,
        });
        bench.yank(&self.release, advisory).map_err(bench_failed)?;
        if let Some(minimum) = self.minimum_counter {
            bench
                .raise_minimum(self.release.product(), minimum)
                .map_err(bench_failed)?;
        }
        capacity::foresee(&bench, self.release.product()).map_err(capacity_failed)?;
        let edited = Edited::of(&bench, self.dry_run);
        bench.save().map_err(bench_failed)?;
        console.answer(&Yanked(edited))
    }
}

/// Short, because devices read it too: evidence has little room.
fn sentence(text: &str) -> Result<String, String> {
    let printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if (1..=MAX_REASON).contains(&text.len()) && printable {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "expected 1 to {MAX_REASON} printable ASCII characters, found {}",
            text.chars().count()
        ))
    }
}

const MAX_REASON: usize = 200;

edited!(Yanked, "yank");
