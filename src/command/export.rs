//! `cuff export`: one release as one file for other people's tools.
//!
//! It takes a sealed bundle and writes evidence and image, one behind the other: what stock SMP tools upload. It judges
//! nothing; the device does.

use std::fmt::{self, Write};
use std::path::PathBuf;

use cuff_verifier::digest::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use super::boards;
use super::device::{one_release, shipment, unshipped};
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::device::shipment::{Shipment, ShipmentError};
use crate::durable;

/// Write a release as one file that stock SMP tools upload
///
/// The file holds the evidence (the chain of signed metadata) and behind it the image. It is made for devices that trust the root
/// with the version given by --from-root, or a later one.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The sealed bundle, as `cuff fetch --sealed` writes it
    sealed: PathBuf,

    /// For SMP, the protocol of `MCUmgr`: smpmgr, mcumgrctl and others upload it
    #[arg(long, required = true)]
    smp: bool,

    /// Where to write
    #[arg(short, long, value_name = "FILE", required_unless_present = "dry_run")]
    output: Option<PathBuf>,

    /// Which release, when the sealed bundle holds several
    #[arg(long, value_name = "RELEASE", conflicts_with = "trust_only")]
    release: Option<String>,

    /// Evidence alone for devices of this product: revocations, minimum counters and new roots, but no image
    #[arg(long, value_name = "PRODUCT")]
    trust_only: Option<String>,

    /// Version of the oldest root that a device may still trust
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    from_root: u64,

    /// Refuse what does not fit this board: a name, as qemu-an386, or the path of a board.toml
    #[arg(long, value_name = "BOARD")]
    board: Option<String>,

    /// Check everything, but write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Export {
    /// Takes the sealed bundle apart and writes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let shipment = shipment(&self.sealed)?;
        let (path, image) = self.goods(&shipment)?;
        let metadata = shipment.metadata().map_err(unshipped)?;
        let evidence = metadata
            .evidence(&path, self.from_root)
            .map_err(|error| unshipped(error.into()))?;
        self.check_room(&evidence, &image)?;
        let file = [evidence.as_slice(), &image].concat();
        if let Some(output) = self.output.as_deref().filter(|_| !self.dry_run) {
            durable::write(output, &file)?;
        }
        console.answer(&Exported {
            release: (!image.is_empty()).then_some(path),
            from_root: self.from_root,
            evidence: evidence.len() as u64,
            image: image.len() as u64,
            sha256: Digest::of(&file).to_string(),
            file: self.output.as_ref().map(|path| path.display().to_string()),
            dry_run: self.dry_run,
        })
    }

    /// The target path and the image behind it.
    fn goods(&self, shipment: &Shipment) -> anyhow::Result<(String, Vec<u8>)> {
        if let Some(product) = &self.trust_only {
            return Ok((format!("{product}/"), Vec::new()));
        }
        let goods = one_release(
            shipment,
            self.release.as_deref(),
            "name one with --release, or take its trust alone with --trust-only PRODUCT",
        )?;
        Ok((goods.path, goods.bundle.image().to_vec()))
    }

    fn check_room(&self, evidence: &[u8], image: &[u8]) -> anyhow::Result<()> {
        let Some(board) = &self.board else {
            return Ok(());
        };
        let board = boards::named(board)?;
        let layout = board
            .layout()
            .map_err(|misfit| anyhow::anyhow!("the bootloader cannot work on this board: {misfit}"))
            .exit(Exit::Usage)
            .rule("board-geometry")?;
        let room = match image {
            [] => layout.inbox_evidence().length,
            _ => layout.evidence,
        };
        if evidence.len() as u64 > u64::from(room) {
            return Err(unshipped(ShipmentError::TooLarge {
                bytes: evidence.len() as u64,
                room: u64::from(room),
            }));
        }
        if image.len() as u64 > u64::from(layout.largest_image()) {
            return Err(advised(
                anyhow::anyhow!(
                    "the image has {} bytes, and a slot of board {} takes {}",
                    image.len(),
                    board.name,
                    layout.largest_image()
                ),
                Exit::Refused,
                cuff_verifier::verdict::Reason::ImageTooLarge.name(),
                "it was made for another board",
            ));
        }
        Ok(())
    }
}

/// What was written.
#[derive(Serialize, JsonSchema)]
pub struct Exported {
    /// The release; absent when it is evidence alone.
    release: Option<String>,
    /// Version of the oldest root that a device may still trust.
    from_root: u64,
    /// Bytes of evidence.
    evidence: u64,
    /// Bytes of image behind it.
    image: u64,
    /// SHA-256 of the whole file: how a device's state lists it until it has judged it.
    sha256: String,
    /// Where it was written, or would be.
    file: Option<String>,
    /// Whether nothing was written.
    dry_run: bool,
}

impl Answer for Exported {
    const COMMAND: &'static str = "export";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let what = self.release.as_deref().unwrap_or("trust alone");
        let would = if self.dry_run { "would be " } else { "" };
        let file = self.file.as_deref().unwrap_or("nowhere");
        writeln!(
            out,
            "{} {would}written to {}: evidence {} bytes, image {} bytes",
            safe(what),
            safe(file),
            self.evidence,
            self.image
        )?;
        writeln!(out, "sha256 {}", self.sha256)?;
        writeln!(
            out,
            "for devices that trust root {} or a later one; any SMP tool uploads it, as\n  smpmgr --port PORT image upload --format any {}",
            self.from_root,
            safe(file)
        )
    }
}
