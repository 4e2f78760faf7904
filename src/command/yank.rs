//! `cuff yank`: takes a release back. A staged one vanishes; a published one is no longer named by the next version.
//!
//! Devices that run it keep it; `--minimum-counter` makes them refuse it, and everything below, from then on.

use super::desk::{Edited, Place, bench, bench_failed, edited};
use crate::console::{Console, Exit};
use crate::role::name::ReleaseName;

/// Take a release back
#[derive(Debug, clap::Args)]
pub struct Yank {
    /// PRODUCT/VERSION
    #[arg(value_name = "RELEASE")]
    release: ReleaseName,

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
        bench.yank(&self.release).map_err(bench_failed)?;
        if let Some(minimum) = self.minimum_counter {
            bench
                .raise_minimum(self.release.product(), minimum)
                .map_err(bench_failed)?;
        }
        let edited = Edited::of(&bench, self.dry_run);
        bench.save().map_err(bench_failed)?;
        console.answer(&Yanked(edited))
    }
}

edited!(Yanked, "yank");
