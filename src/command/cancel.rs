//! `cuff cancel`: takes staged roles off the desk, with their signatures and bundles. What is published stays.

use super::desk::{Edited, Place, bench, bench_failed, edited};
use crate::console::{Console, Exit};
use crate::role::name::RoleName;

/// Drop what is staged
#[derive(Debug, clap::Args)]
pub struct Cancel {
    /// Drop this role only
    #[arg(value_name = "ROLE")]
    role: Option<RoleName>,

    #[command(flatten)]
    place: Place,

    /// Show what would be dropped, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Cancel {
    /// Drops it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let mut bench = bench(&desk, self.dry_run)?;
        bench.cancel(self.role.as_ref()).map_err(bench_failed)?;
        let edited = Edited::of(&bench, self.dry_run);
        bench.save().map_err(bench_failed)?;
        console.answer(&Cancelled(edited))
    }
}

edited!(Cancelled, "cancel");
