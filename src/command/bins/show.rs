//! `cuff bins show`: how many bins there are, who signs them, what is in them, and what readers download.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::desk::published_failed;
use crate::command::publish::{Where, advice};
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::repository::bins;
use crate::repository::publish::PublishError;
use crate::repository::published::Published;
use crate::role::name::RoleName;
use crate::role::wire::Hex;

/// Show how many bins there are, who signs them, and what is in them
#[derive(Debug, clap::Args)]
pub struct Show {
    #[command(flatten)]
    place: Where,
}

impl Show {
    /// Reads every bin.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let (desk, address, store) = self.place.open(console)?;
        let pin = desk.pin().map_err(crate::command::desk::desk_failed)?;
        let live = Published::read(&*store, pin.as_ref()).map_err(published_failed)?;
        let live = live
            .ok_or_else(|| anyhow::anyhow!("nothing is published at `{address}`"))
            .exit(Exit::No)
            .rule("nothing-published")
            .help("`cuff publish --bin-key` comes first")?;
        let all = bins::read_all(&*store, &live);
        let all = all.map_err(|error| advice::of(PublishError::from(error)))?;
        let bins = live.targets().delegations.bins.as_ref();
        let length = |role: &RoleName| {
            live.signed(role)
                .map_or(0, |signed| signed.file().len() as u64)
        };
        let listed = bins.iter().flat_map(|bins| {
            let name = |bin| format!("{}.json", bins.count().name(bin));
            bins.count().bins().map(name)
        });
        let lengths = listed.filter_map(|name| Some(live.snapshot().meta.get(&name)?.length));
        console.answer(&Shown {
            store: address,
            bins: all.len() as u64,
            keys: bins
                .iter()
                .flat_map(|bins| &bins.keyids)
                .map(Hex::to_string)
                .collect(),
            targets: all.values().map(|bin| bin.targets.len() as u64).sum(),
            first_expires: all
                .values()
                .map(|bin| bin.expires)
                .min()
                .map(|at| at.to_string()),
            largest_bin_bytes: lengths.max().unwrap_or(0),
            snapshot_bytes: length(&RoleName::Snapshot),
            targets_role_bytes: length(&RoleName::Targets),
        })
    }
}

/// The bins of a repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    /// The store.
    store: String,
    /// How many bins there are.
    bins: u64,
    /// Ids of the keys that sign them.
    keys: Vec<String>,
    /// How many targets are in them.
    targets: u64,
    /// When the first of them expires.
    first_expires: Option<String>,
    /// Bytes of the largest of them.
    largest_bin_bytes: u64,
    /// Bytes of snapshot, which every reader downloads anew when anything changes.
    snapshot_bytes: u64,
    /// Bytes of targets, which readers download once.
    targets_role_bytes: u64,
}

impl Answer for Shown {
    const COMMAND: &'static str = "bins show";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(
            out,
            "{} targets in {} bins in `{}`",
            self.targets,
            self.bins,
            safe(&self.store)
        )?;
        for key in &self.keys {
            writeln!(out, "  signed by key {}", safe(key))?;
        }
        if let Some(expires) = &self.first_expires {
            writeln!(
                out,
                "  the first of them expires at {expires}; `cuff refresh --bin-key` signs it afresh"
            )?;
        }
        writeln!(
            out,
            "  a reader downloads snapshot ({} bytes), targets once ({} bytes), and a bin ({} bytes at most)",
            self.snapshot_bytes, self.targets_role_bytes, self.largest_bin_bytes
        )
    }
}
