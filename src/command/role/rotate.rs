//! `cuff role rotate`: new keys for old ones, in every role that has them, as one event.
//!
//! Any number at once, a whole threshold included: the new root is signed by the old keys and by the new ones.

use super::change::stage;
use super::holder::{all_keys, keep, replacements, split};
use crate::command::desk::{Place, bench, bench_failed, edited};
use crate::console::{Console, Exit, advised};
use crate::role::name::RoleName;

/// Replace keys by new ones, in every role that has them
#[derive(Debug, clap::Args)]
pub struct Rotate {
    /// The key that goes, by its holder's name or the beginning of its id, and the one that comes: `bob=bob-2.pub`
    #[arg(required = true, value_name = "OLD=FILE.pub", value_parser = split)]
    keys: Vec<(String, String)>,

    /// In this role only; repeat for several
    #[arg(long, value_name = "ROLE")]
    role: Vec<RoleName>,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Rotate {
    /// Stages it, and keeps the files in `keys/`.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let known = all_keys(&bench(&desk, true)?);
        let files = replacements(&desk, &known, &self.keys)?;
        let gone = files
            .iter()
            .map(|(old, new)| (*old, Some(new.key())))
            .collect();
        let edited = stage(&desk, self.dry_run, |bench| {
            let changed = bench.replace(&gone, &self.role).map_err(bench_failed)?;
            if changed.is_empty() {
                return Err(advised(
                    anyhow::anyhow!("none of these roles has any of these keys"),
                    Exit::No,
                    "unknown-key",
                    "`cuff role list` shows whose keys there are",
                ));
            }
            Ok(())
        })?;
        if !self.dry_run {
            for file in files.values() {
                keep(&desk, file)?;
            }
        }
        console.answer(&Rotated(edited))
    }
}

edited!(Rotated, "role rotate");
