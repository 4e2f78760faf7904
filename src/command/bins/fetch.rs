//! `cuff bins fetch`: one target out of a repository of bins, verified from a root somebody vouches for.

use std::fmt::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use cuff_verifier::profile::Profile;
use schemars::JsonSchema;
use serde::Serialize;

use crate::bundle::MAX_BUNDLE;
use crate::command::fetch::advice::explain_target;
use crate::command::origin::Origin;
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::repository::target;
use crate::role::bin::TargetPath;

/// Fetch a target and verify it
///
/// Reads root, timestamp, snapshot, targets and the one bin that may speak for the target.
#[derive(Debug, clap::Args)]
pub struct Fetch {
    /// Where the repository is: a web address, a directory or a bucket
    repository: String,

    /// The target
    #[arg(value_name = "PATH")]
    target: TargetPath,

    #[command(flatten)]
    origin: Origin,

    /// Where to write it
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Fetch and verify, but write and remember nothing
    #[arg(long)]
    dry_run: bool,
}

impl Fetch {
    /// Fetches, verifies and writes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let path = self.target.as_str();
        let verified = self.origin.update_as(
            console,
            &self.repository,
            &[path],
            self.dry_run,
            Profile::Foreign,
        )?;
        let finding = verified.view.findings().first();
        let finding = finding.context("nothing was asked for")?;
        let Some(listing) = &finding.listing else {
            return Err(advised(
                anyhow::anyhow!("no role that may speak for `{path}` lists it"),
                Exit::No,
                "target-unknown",
                "name targets as they were added",
            ));
        };
        let source = &*verified.source;
        let consistent = verified.view.is_consistent();
        let file = match self.output.as_deref().filter(|_| !self.dry_run) {
            Some(output) => target::download(source, path, listing, consistent, MAX_BUNDLE, output),
            None => {
                target::fetch(source, path, listing, consistent, MAX_BUNDLE).map(|(file, _)| file)
            }
        };
        let file = file.map_err(explain_target)?;
        console.answer(&Fetched {
            source: source.describe(),
            target: path.to_owned(),
            bin: finding.role.clone(),
            file,
            length: listing.length.0,
            dry_run: self.dry_run,
        })
    }
}

/// A target that was fetched.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fetched {
    /// From where.
    source: String,
    /// The target.
    target: String,
    /// The bin that lists it.
    bin: Option<String>,
    /// The file it was in.
    file: String,
    /// Its length in bytes.
    length: u64,
    /// Whether nothing was written.
    dry_run: bool,
}

impl Answer for Fetched {
    const COMMAND: &'static str = "bins fetch";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(
            out,
            "{}: {} bytes, as {} lists them",
            safe(&self.target),
            self.length,
            safe(self.bin.as_deref().unwrap_or("targets"))
        )
    }
}
