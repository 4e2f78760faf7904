//! `cuff bins rebalance`: another number of bins, or another key for them. Staged like every change to targets, signed by people;
//! `publish --bin-key` makes the bins then.

use std::path::PathBuf;

use crate::command::desk::{Place, bench_failed, edited};
use crate::command::role::change::stage;
use crate::command::role::holder::{keep, newcomer};
use crate::console::{Console, Exit};
use crate::key::public_file::PublicFile;
use crate::role::bins::Count;

/// Share the targets out among another number of bins, or give the bins another key
///
/// Readers go on reading the old bins until the new ones are published, all of them at once. Snapshot goes on listing the old ones:
/// TUF clients refuse one that forgets a role.
#[derive(Debug, clap::Args)]
pub struct Rebalance {
    /// How many bins: a power of two
    #[arg(value_name = "N", required_unless_present = "key")]
    count: Option<Count>,

    /// The key that signs the bins from now on
    #[arg(long, value_name = "FILE.pub")]
    key: Option<PathBuf>,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Rebalance {
    /// Stages it, and keeps the file in `keys/`.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let file = self.key.as_ref().map(|path| newcomer(&desk, path));
        let file = file.transpose()?;
        let edited = stage(&desk, self.dry_run, |bench| {
            bench
                .share_out(self.count, file.as_ref().map(PublicFile::key))
                .map_err(bench_failed)
        })?;
        if let Some(file) = file.filter(|_| !self.dry_run) {
            keep(&desk, &file)?;
        }
        console.answer(&Rebalanced(edited))
    }
}

edited!(Rebalanced, "bins rebalance");
