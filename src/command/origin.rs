//! Where a command's repository is, and what it is believed by. Not a command; shared by those that read one.
//!
//! It takes a repository somebody named and a root somebody vouches for; gives what was verified, and remembers it.

use std::path::PathBuf;

use cuff_verifier::profile::Profile;
use cuff_verifier::time::Clock;

use super::desk::Place;
use super::fetch::advice::{
    explain_anchor, explain_client, explain_open, explain_release, explain_sealing, explain_trust,
};
use crate::console::{Advice, Console};
use crate::instant;
use crate::repository::anchor::{self, Anchor};
use crate::repository::client::Client;
use crate::repository::client::trust::Trust;
use crate::repository::release::{self, Release};
use crate::repository::sealing::{self, Sealing};
use crate::repository::source::kept::Kept;
use crate::repository::source::{Source, open};
use crate::repository::view::View;

/// What a repository is believed by.
#[derive(Debug, clap::Args)]
pub struct Origin {
    /// The working directory, if there is one.
    #[command(flatten)]
    pub place: Place,

    /// Root file to begin with, instead of the root this working directory trusts
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,

    /// Directory that remembers what was trusted, so that the next time an older repository is noticed
    #[arg(long, value_name = "DIR")]
    metadata_dir: Option<PathBuf>,
}

/// A verified repository, and where it was read from.
pub struct Verified {
    /// The repository.
    pub source: Box<dyn Source>,
    /// What was verified.
    pub view: View,
    clock: Clock,
}

impl Origin {
    /// Updates from `repository`, and looks for every path in `wanted`. A dry run remembers nothing.
    pub fn update(
        &self,
        console: &Console,
        repository: &str,
        wanted: &[&str],
        dry_run: bool,
    ) -> anyhow::Result<Verified> {
        self.update_as(console, repository, wanted, dry_run, Profile::Device)
    }

    /// The same, reading as this kind of repository demands.
    pub fn update_as(
        &self,
        console: &Console,
        repository: &str,
        wanted: &[&str],
        dry_run: bool,
        profile: Profile,
    ) -> anyhow::Result<Verified> {
        let mut source = open::open(repository, console.offline()).map_err(explain_open)?;
        let anchor = self.anchor()?;
        let memory = self.metadata_dir.clone().or(anchor.memory.clone());
        if let Some(folder) = memory.as_ref().filter(|_| !dry_run) {
            source = Box::new(Kept::new(source, folder.join("targets")));
        }
        let clock = Clock::Exact(instant::now()?);
        let mut trust = trust(console, anchor, memory, dry_run)?;
        let client = Client {
            trust: &mut trust,
            profile,
            clock,
        };
        let view = client.update(&*source, wanted).map_err(|error| {
            explain_client(error).context(format!("nothing was fetched from {}", source.describe()))
        })?;
        Ok(Verified {
            source,
            view,
            clock,
        })
    }

    fn anchor(&self) -> anyhow::Result<Anchor> {
        if let Some(path) = &self.root {
            return anchor::named(path).map_err(explain_anchor);
        }
        let desk = self.place.open();
        let desk =
            desk.help("or name a root file you have from somebody you trust: --root FILE")?;
        anchor::pinned(&desk).map_err(explain_anchor)
    }
}

fn trust(
    console: &Console,
    anchor: Anchor,
    memory: Option<PathBuf>,
    dry_run: bool,
) -> anyhow::Result<Trust> {
    match memory {
        Some(folder) if !dry_run => {
            Trust::in_folder(&folder, Some(anchor.root)).map_err(explain_trust)
        }
        Some(folder) => Trust::looking_at(&folder, Some(anchor.root)).map_err(explain_trust),
        None => {
            console.note(
                "nothing is remembered of this repository, so that a later fetch cannot notice an older one; \
                 --metadata-dir DIR remembers",
            );
            Ok(Trust::in_memory(anchor.root))
        }
    }
}

impl Verified {
    /// The bundles of everything that was found.
    pub fn releases(&self, console: &Console) -> anyhow::Result<Vec<Release>> {
        let findings = self.view.findings();
        let total = findings
            .iter()
            .filter_map(|finding| Some(finding.listing.as_ref()?.length.0))
            .sum();
        let progress = console.progress("fetching", total);
        let mut releases: Vec<Release> = Vec::new();
        for finding in findings {
            let release = release::fetch(&*self.source, finding).map_err(explain_release)?;
            progress.advance(release.bundle.length().0);
            releases.push(release);
        }
        Ok(releases)
    }

    /// These releases, and the chain that proves them, in one file.
    pub fn seal(&self, releases: &[Release]) -> anyhow::Result<Sealing> {
        sealing::seal(&*self.source, &self.view, releases, self.clock).map_err(explain_sealing)
    }
}
