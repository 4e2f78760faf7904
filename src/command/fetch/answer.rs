//! What `cuff fetch` answers.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::console::{Answer, safe};
use crate::repository::release::Release;
use crate::repository::sealing::Sealing;
use crate::repository::view::View;

/// Releases that were fetched and verified.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fetched {
    /// Where they came from.
    source: String,
    /// Version of the newest root, which they were verified under.
    root: u64,
    /// The releases, in the order they were asked for.
    releases: Vec<FetchedRelease>,
    /// Files that were written; none with --dry-run.
    written: Vec<String>,
    /// What the sealed bundle is good for, with --sealed.
    sealed: Option<Sealed>,
}

/// One release.
#[derive(Debug, Serialize, JsonSchema)]
struct FetchedRelease {
    /// PRODUCT/NAME.
    release: String,
    /// The role whose people signed it.
    role: String,
    /// Security counter.
    counter: u64,
    /// Hardware ids it is for.
    hardware: Vec<String>,
    /// Oldest bootloader that installs it.
    minimum_bootloader: u64,
    /// Length of the bundle in bytes.
    length: u64,
    /// SHA-256 of the bundle.
    sha256: String,
}

/// Until when, and for which devices, a sealed bundle installs.
#[derive(Debug, Serialize, JsonSchema)]
struct Sealed {
    /// Length in bytes.
    length: u64,
    /// SHA-256 of the file.
    sha256: String,
    /// How devices judge it: `floor`, against the latest date they have seen signed.
    freshness: &'static str,
    /// It installs on devices that have seen nothing signed at or after this date.
    installs_until: String,
    /// The role that expires then.
    expires_first: String,
    /// It installs on devices that trust a root from this version on ...
    from_root: u64,
    /// ... up to this one.
    to_root: u64,
    /// Roots before this version lead to the trusted one, and nobody vouched for them here.
    vouched_from_root: u64,
    /// It installs on devices that have seen these roles in these versions or older ones.
    up_to_versions: BTreeMap<String, u64>,
}

impl Fetched {
    pub(super) fn of(
        source: String,
        view: &View,
        releases: &[Release],
        sealing: Option<&Sealing>,
        written: Vec<String>,
    ) -> Self {
        Self {
            source,
            root: view.root_version(),
            releases: releases.iter().map(FetchedRelease::of).collect(),
            written,
            sealed: sealing.map(Sealed::of),
        }
    }
}

impl FetchedRelease {
    fn of(release: &Release) -> Self {
        let record = release.bundle.record();
        Self {
            release: release.path.clone(),
            role: release.role.clone(),
            counter: record.counter.0,
            hardware: record.hardware.iter().map(ToString::to_string).collect(),
            minimum_bootloader: record.minimum_bootloader,
            length: release.bundle.length().0,
            sha256: release.digest.to_string(),
        }
    }
}

impl Sealed {
    fn of(sealing: &Sealing) -> Self {
        let bytes = sealing.seal.as_bytes();
        let (until, role) = &sealing.until;
        Self {
            length: bytes.len() as u64,
            sha256: cuff_verifier::digest::Digest::of(bytes).to_string(),
            freshness: "floor",
            installs_until: until.to_string(),
            expires_first: role.clone(),
            from_root: 1,
            to_root: sealing.newest_root,
            vouched_from_root: sealing.vouched_from,
            up_to_versions: sealing.versions.clone(),
        }
    }
}

impl Answer for Fetched {
    const COMMAND: &'static str = "fetch";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        for release in &self.releases {
            writeln!(
                out,
                "{}  counter {}, for {}, signed as {}",
                safe(&release.release),
                release.counter,
                safe(&release.hardware.join(", ")),
                safe(&release.role)
            )?;
            writeln!(
                out,
                "  sha256 {} ({} bytes)",
                release.sha256, release.length
            )?;
        }
        writeln!(
            out,
            "verified under root v{} of {}",
            self.root,
            safe(&self.source)
        )?;
        if let Some(sealed) = &self.sealed {
            sealed.human(out)?;
        }
        match self.written.as_slice() {
            [] => writeln!(out, "nothing was written"),
            files => files
                .iter()
                .try_for_each(|file| writeln!(out, "wrote {}", safe(file))),
        }
    }
}

impl Sealed {
    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let versions: Vec<String> = self
            .up_to_versions
            .iter()
            .map(|(role, version)| format!("{role} v{version}"))
            .collect();
        writeln!(
            out,
            "sealed: installs on devices that have seen nothing signed since {} (then {} has expired),",
            self.installs_until,
            safe(&self.expires_first)
        )?;
        writeln!(
            out,
            "  that trust root v{} to v{}, and that have seen no newer than {}",
            self.from_root,
            self.to_root,
            safe(&versions.join(", "))
        )?;
        if self.vouched_from_root > self.from_root {
            writeln!(
                out,
                "  roots before v{} are packed as the repository has them: they lead to the root you trust, \
                 and nobody vouched for them here",
                self.vouched_from_root
            )?;
        }
        writeln!(out, "  sha256 {} ({} bytes)", self.sha256, self.length)
    }
}
