//! `cuff build`: from firmware and a manifest to a bundle.
//!
//! It takes a manifest and writes one file, the same bytes for the same input on any machine. It signs nothing.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use schemars::JsonSchema;
use serde::Serialize;

use super::{boards, given};
use crate::board::catalogue::Catalogue;
use crate::bundle::extras::Extras;
use crate::bundle::{Bundle, MAX_RECIPIENTS, MAX_SBOM};
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::durable;
use crate::firmware::image::Image;
use crate::firmware::{Firmware, MAX_FILE, Pieces};
use crate::manifest::{MAX_MANIFEST, Manifest};

/// Make a bundle from firmware and a manifest
///
/// The same manifest and firmware give the same bytes on every machine, so two people can build, and compare one digest.
#[derive(Debug, clap::Args)]
pub struct Build {
    /// The manifest, as in manifests/
    manifest: PathBuf,

    /// Firmware to take instead of the one the manifest names
    #[arg(long, value_name = "FILE")]
    firmware: Option<PathBuf>,

    /// Description of a board of your own that the manifest names; can be given again
    #[arg(long = "board", value_name = "FILE")]
    boards: Vec<PathBuf>,

    /// Where to write the bundle
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Check everything and show the digests, but write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Build {
    /// Builds, checks and writes the bundle.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let manifest = self.manifest()?;
        let catalogue = boards::catalogue(&self.boards)?;
        boards::named_all(&catalogue, &self.boards, &manifest.boards)?;

        let firmware_path = match &self.firmware {
            Some(path) => path.clone(),
            None => self.beside(&manifest.firmware),
        };
        let firmware = measured(&firmware_path, &manifest)?;
        let image = admitted(&firmware, &firmware_path, &manifest, &catalogue)?;
        let extras = self.extras(&manifest)?;
        let bundle = Bundle::make(&manifest, &image, &extras)
            .context("the bundle cannot be made")
            .exit(Exit::No)
            .rule("bundle")?;

        let written = match &self.output {
            Some(output) if !self.dry_run => {
                self.spare_inputs(output, &firmware_path, &manifest)?;
                durable::write(output, bundle.as_bytes())?;
                Some(output.display().to_string())
            }
            _ => None,
        };
        console.answer(&Built::of(&bundle, &firmware, &manifest, written))
    }

    fn manifest(&self) -> anyhow::Result<Manifest> {
        let text = given::read_text(&self.manifest, MAX_MANIFEST)?;
        Manifest::read(&self.manifest.display().to_string(), &text)
            .context("the manifest is refused")
            .exit(Exit::Usage)
            .rule("manifest")
    }

    /// Paths in a manifest start where the manifest lies.
    fn beside(&self, path: &Path) -> PathBuf {
        self.manifest
            .parent()
            .map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    fn extras(&self, manifest: &Manifest) -> anyhow::Result<Extras> {
        let mut extras = Extras::default();
        if let Some(path) = &manifest.sbom {
            let path = self.beside(path);
            extras = extras
                .with_sbom(given::read(&path, MAX_SBOM)?)
                .with_context(|| format!("`{}` is refused", path.display()))
                .exit(Exit::No)
                .rule("sbom")?;
        }
        if let Some(path) = &manifest.recipients {
            let path = self.beside(path);
            extras = extras
                .with_recipients(given::read(&path, MAX_RECIPIENTS)?)
                .with_context(|| format!("`{}` is refused", path.display()))
                .exit(Exit::No)
                .rule("recipients")?;
        }
        Ok(extras)
    }

    /// The output must not be one of the files it is made from.
    fn spare_inputs(
        &self,
        output: &Path,
        firmware: &Path,
        manifest: &Manifest,
    ) -> anyhow::Result<()> {
        let Ok(output) = output.canonicalize() else {
            return Ok(());
        };
        let extras = manifest.sbom.iter().chain(&manifest.recipients);
        let inputs = [self.manifest.clone(), firmware.to_owned()]
            .into_iter()
            .chain(self.boards.iter().cloned())
            .chain(extras.map(|path| self.beside(path)));
        for input in inputs {
            if input.canonicalize().is_ok_and(|input| input == output) {
                return Err(anyhow::anyhow!(
                    "`{}` would be overwritten by the bundle made from it",
                    input.display()
                ))
                .exit(Exit::Usage)
                .rule("output-is-input")
                .help("choose another name for --output");
            }
        }
        Ok(())
    }
}

fn measured(path: &Path, manifest: &Manifest) -> anyhow::Result<Firmware> {
    let bytes = given::read(path, MAX_FILE)?;
    Pieces::read(&bytes, manifest.address)
        .and_then(|pieces| pieces.measure(&manifest.leave_out))
        .with_context(|| format!("the firmware `{}` is refused", path.display()))
        .exit(Exit::No)
        .rule("firmware")
}

fn admitted(
    firmware: &Firmware,
    path: &Path,
    manifest: &Manifest,
    catalogue: &Catalogue,
) -> anyhow::Result<Image> {
    let boards = manifest
        .boards
        .iter()
        .map(|name| catalogue.get(name))
        .collect::<Result<Vec<_>, _>>()
        .context("the manifest names a board that is not described")
        .exit(Exit::Usage)
        .rule("board")?;
    Image::admit(firmware, manifest.kind, &boards)
        .with_context(|| format!("the firmware `{}` is refused", path.display()))
        .exit(Exit::No)
        .rule("firmware-misfit")
}

/// A bundle that was built.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Built {
    /// The release: `PRODUCT/VERSION`, its path among the targets.
    release: String,
    /// The product, and the role that signs it.
    product: String,
    /// The version people see; it decides nothing.
    version: String,
    /// The security counter.
    counter: u64,
    /// Hardware ids that may run it.
    hardware: Vec<String>,
    /// Boards whose slot and memory the image was checked against.
    boards: Vec<String>,
    /// Oldest bootloader that may start it.
    minimum_bootloader: u64,
    /// `application` or `bootloader`.
    kind: &'static str,
    /// The image as a device will hold it.
    image: BuiltImage,
    /// SHA-256 of the bill of materials inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    sbom_sha256: Option<String>,
    /// SHA-256 of the data-recipients declaration inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients_sha256: Option<String>,
    /// The bundle file.
    bundle: BuiltBundle,
    /// Where the bundle was written; absent after a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    written: Option<String>,
}

/// The image in a bundle.
#[derive(Debug, Serialize, JsonSchema)]
struct BuiltImage {
    /// What the firmware file was.
    format: String,
    /// Address of the first byte.
    address: u64,
    /// Length in bytes.
    length: u64,
    /// SHA-256.
    sha256: String,
    /// Bytes of holes filled with 0xFF.
    filled: u64,
    /// Bytes of the firmware file that the manifest leaves out.
    left_out: u64,
}

/// A bundle file.
#[derive(Debug, Serialize, JsonSchema)]
struct BuiltBundle {
    /// Length in bytes.
    length: u64,
    /// SHA-256.
    sha256: String,
}

impl Built {
    fn of(
        bundle: &Bundle,
        firmware: &Firmware,
        manifest: &Manifest,
        written: Option<String>,
    ) -> Self {
        let record = bundle.record();
        let total = |regions: &[crate::board::region::Region]| {
            regions.iter().map(|region| region.length).sum()
        };
        Self {
            release: record.target(),
            product: record.product.to_string(),
            version: record.version.to_string(),
            counter: record.counter.0,
            hardware: record.hardware.iter().map(ToString::to_string).collect(),
            boards: manifest.boards.clone(),
            minimum_bootloader: record.minimum_bootloader,
            kind: record.kind.name(),
            image: BuiltImage {
                format: firmware.format().to_string(),
                address: firmware.address(),
                length: record.image.length.0,
                sha256: record.image.sha256.to_string(),
                filled: total(firmware.filled()),
                left_out: total(firmware.left_out()),
            },
            sbom_sha256: record.sbom.map(|digest| digest.to_string()),
            recipients_sha256: record.recipients.map(|digest| digest.to_string()),
            bundle: BuiltBundle {
                length: bundle.length().0,
                sha256: bundle.digest().to_string(),
            },
            written,
        }
    }
}

impl Answer for Built {
    const COMMAND: &'static str = "build";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "release   {} ({})", safe(&self.release), self.kind)?;
        writeln!(out, "counter   {}", self.counter)?;
        writeln!(out, "hardware  {}", safe(&self.hardware.join(", ")))?;
        writeln!(
            out,
            "boards    {}, bootloader {} or later",
            safe(&self.boards.join(", ")),
            self.minimum_bootloader
        )?;
        let image = &self.image;
        write!(
            out,
            "image     {} bytes at {:#010x}, from {}",
            image.length, image.address, image.format
        )?;
        if image.filled > 0 {
            write!(out, ", {} bytes of holes filled with 0xff", image.filled)?;
        }
        if image.left_out > 0 {
            write!(out, ", {} bytes left out", image.left_out)?;
        }
        writeln!(out, "\n          sha256 {}", image.sha256)?;
        if let Some(digest) = &self.sbom_sha256 {
            writeln!(out, "sbom      sha256 {digest}")?;
        }
        if let Some(digest) = &self.recipients_sha256 {
            writeln!(out, "recipients sha256 {digest}")?;
        }
        writeln!(out, "bundle    {} bytes", self.bundle.length)?;
        writeln!(out, "          sha256 {}", self.bundle.sha256)?;
        match &self.written {
            Some(path) => writeln!(out, "written   {}", safe(path)),
            None => writeln!(out, "written   nothing, this was a dry run"),
        }
    }
}
