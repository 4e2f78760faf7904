//! `cuff fetch`: releases out of a repository, verified from a root somebody vouches for.
//!
//! It takes a repository and release names, writes bundles or one sealed bundle, and says until when and for which devices
//! the sealed bundle installs. A release whose own record differs from the signed one is refused.

mod advice;
mod answer;

use std::path::{Path, PathBuf};

use cuff_verifier::profile::Profile;
use cuff_verifier::time::Clock;

pub use answer::Fetched;

use advice::{
    explain_anchor, explain_client, explain_open, explain_release, explain_sealing, explain_trust,
};

use super::desk::Place;
use crate::console::{Advice, Console, Exit};
use crate::durable;
use crate::instant;
use crate::repository::anchor::{self, Anchor};
use crate::repository::client::Client;
use crate::repository::client::trust::Trust;
use crate::repository::release::{self, Release};
use crate::repository::sealing::{self, Sealing};
use crate::repository::source::Source;
use crate::repository::source::open;
use crate::repository::view::View;

/// Fetch releases from a repository and verify them
///
/// Begins with the root you name, or with the one this working directory trusts, follows the repository from there, and writes
/// nothing that is not exactly what was signed. With --sealed all of it goes into one file with every root since the
/// first, for places without a network.
#[derive(Debug, clap::Args)]
pub struct Fetch {
    /// Where the repository is: a web address, a directory or a sealed bundle
    repository: String,

    /// The releases, as PRODUCT/NAME
    #[arg(required = true, value_name = "RELEASE")]
    releases: Vec<String>,

    #[command(flatten)]
    place: Place,

    /// Root file to begin with, instead of the root this working directory trusts
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,

    /// Directory that remembers what was trusted, so that the next fetch notices an older repository
    #[arg(long, value_name = "DIR")]
    metadata_dir: Option<PathBuf>,

    /// Write one sealed bundle: the releases and the chain of metadata that proves them
    #[arg(long)]
    sealed: bool,

    /// Where to write: a file, or for several bundles a directory that exists
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Fetch and verify, but write and remember nothing
    #[arg(long)]
    dry_run: bool,
}

impl Fetch {
    /// Fetches, verifies and writes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let source = open::open(&self.repository, console.offline()).map_err(explain_open)?;
        let anchor = self.anchor()?;
        let clock = Clock::Exact(instant::now()?);
        let mut trust = self.trust(console, anchor)?;
        let wanted: Vec<&str> = self.releases.iter().map(String::as_str).collect();
        let client = Client {
            trust: &mut trust,
            profile: Profile::Device,
            clock,
        };
        let view = client.update(&*source, &wanted).map_err(|error| {
            explain_client(error).context(format!("nothing was fetched from {}", source.describe()))
        })?;
        let releases = fetch_all(console, &*source, &view)?;
        let sealing = self
            .sealed
            .then(|| sealing::seal(&*source, &view, &releases, clock))
            .transpose()
            .map_err(explain_sealing)?;
        let written = self.write(&releases, sealing.as_ref())?;
        console.answer(&Fetched::of(
            source.describe(),
            &view,
            &releases,
            sealing.as_ref(),
            written,
        ))
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

    fn trust(&self, console: &Console, anchor: Anchor) -> anyhow::Result<Trust> {
        let memory = self.metadata_dir.clone().or(anchor.memory);
        match memory {
            Some(folder) if !self.dry_run => {
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

    fn write(
        &self,
        releases: &[Release],
        sealing: Option<&Sealing>,
    ) -> anyhow::Result<Vec<String>> {
        let Some(output) = self.output.as_deref().filter(|_| !self.dry_run) else {
            return Ok(Vec::new());
        };
        let mut files: Vec<(PathBuf, &[u8])> = Vec::new();
        match (sealing, releases) {
            (Some(sealing), _) => files.push((output.to_owned(), sealing.seal.as_bytes())),
            (None, [only]) if !output.is_dir() => {
                files.push((output.to_owned(), only.bundle.as_bytes()));
            }
            (None, several) => {
                for release in several {
                    files.push((beside(output, release)?, release.bundle.as_bytes()));
                }
            }
        }
        for (path, bytes) in &files {
            durable::write(path, bytes)?;
        }
        Ok(files
            .into_iter()
            .map(|(path, _)| path.display().to_string())
            .collect())
    }
}

fn fetch_all(console: &Console, source: &dyn Source, view: &View) -> anyhow::Result<Vec<Release>> {
    let total = view
        .findings()
        .iter()
        .filter_map(|finding| Some(finding.listing.as_ref()?.length.0))
        .sum();
    let progress = console.progress("fetching", total);
    let mut releases: Vec<Release> = Vec::new();
    for finding in view.findings() {
        let release = release::fetch(source, finding).map_err(explain_release)?;
        progress.advance(release.bundle.length().0);
        releases.push(release);
    }
    Ok(releases)
}

/// The file of one of several bundles: `band-1.4.0.cuff` in a directory that exists.
fn beside(folder: &Path, release: &Release) -> anyhow::Result<PathBuf> {
    if !folder.is_dir() {
        return Err(anyhow::anyhow!(
            "several bundles need a directory to be written to, and `{}` is none",
            folder.display()
        ))
        .exit(Exit::Usage)
        .rule("output")
        .help("make the directory first, or write one file with --sealed");
    }
    Ok(folder.join(format!("{}.cuff", release.path.replace('/', "-"))))
}
