//! `cuff amend`: changes what is staged, at the price of the signatures made so far.
//!
//! With a bundle it replaces a staged release of the same name; without one it stages everything afresh: new dates, and on
//! top of what is published now.

use std::path::PathBuf;

use super::desk::{Edited, Place, bench, bench_failed, capacity_failed, edited};
use super::stage::open;
use crate::console::{Console, Exit};
use crate::repository::capacity;

/// Replace a staged release, or stage everything afresh
#[derive(Debug, clap::Args)]
pub struct Amend {
    /// The new bundle of a staged release; without it everything staged gets new dates and the next free versions
    #[arg(value_name = "BUNDLE")]
    bundle: Option<PathBuf>,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Amend {
    /// Amends.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let mut bench = bench(&desk, self.dry_run)?;
        match &self.bundle {
            Some(path) => {
                let (record, bytes) = open(path)?;
                let product = record.product.clone();
                bench.stage(record, bytes, true).map_err(bench_failed)?;
                capacity::foresee(&bench, &product).map_err(capacity_failed)?;
            }
            None => bench.restage().map_err(bench_failed)?,
        }
        let edited = Edited::of(&bench, self.dry_run);
        bench.save().map_err(bench_failed)?;
        console.answer(&Amended(edited))
    }
}

edited!(Amended, "amend");
