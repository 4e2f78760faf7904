//! `cuff fetch`: releases out of a repository, verified from a root somebody vouches for.
//!
//! It takes a repository and release names, writes bundles or one sealed bundle, and says until when and for which devices
//! the sealed bundle installs. A release whose own record differs from the signed one is refused.

pub mod advice;
mod answer;

use std::path::{Path, PathBuf};

pub use answer::Fetched;

use super::origin::Origin;
use crate::console::{Advice, Console, Exit};
use crate::durable;
use crate::repository::release::Release;
use crate::repository::sealing::Sealing;

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
    origin: Origin,

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
        let wanted: Vec<&str> = self.releases.iter().map(String::as_str).collect();
        let verified = self
            .origin
            .update(console, &self.repository, &wanted, self.dry_run)?;
        let releases = verified.releases(console)?;
        let sealing = self.sealed.then(|| verified.seal(&releases)).transpose()?;
        let written = self.write(&releases, sealing.as_ref())?;
        console.answer(&Fetched::of(
            verified.source.describe(),
            &verified.view,
            &releases,
            sealing.as_ref(),
            written,
        ))
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
