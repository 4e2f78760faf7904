//! `cuff device upload`: a release's image to a device with another bootloader than ours.
//!
//! Such a device knows nothing of our signatures, so the desk judges, from a pinned root, before a byte is sent.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::pinned::{Pinned, unordered};
use super::{At, explained, one_release, shipment};
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::device::provision::{Order, identity};
use crate::device::smp::foreign::{self, Foreign};
use crate::judgement::Room;
use crate::name::Hardware;

/// Bring a release's image to a device with another bootloader, over a serial line
///
/// The device must speak SMP, as those with `MCUboot` do. It knows nothing of cuff's signatures: they are verified here, from a root
/// you pin, and its own bootloader then decides by its own rules. Neither counters nor revocations reach it.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Upload {
    #[command(flatten)]
    at: At,

    /// The sealed bundle, as `cuff fetch --sealed` writes it
    sealed: PathBuf,

    /// The hardware id that the release must list, as band-a
    #[arg(long, value_name = "ID")]
    hardware: String,

    /// Which release, when the sealed bundle holds several
    #[arg(long)]
    release: Option<String>,

    #[command(flatten)]
    pinned: Pinned,

    /// Verify everything and look at the device, but send nothing
    #[arg(long)]
    dry_run: bool,
}

impl Upload {
    /// Verifies, uploads, resets and looks.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let shipment = shipment(&self.sealed)?;
        Hardware::parse(&self.hardware)
            .exit(Exit::Usage)
            .rule("hardware")?;
        let goods = one_release(
            &shipment,
            self.release.as_deref(),
            "name one with --release",
        )?;
        let product = goods.path.split('/').next().unwrap_or_default();
        let who = identity(product, &self.hardware, "none of ours").map_err(unordered)?;
        let order =
            Order::prepare(&shipment, &goods, &self.pinned.pin()?, who).map_err(unordered)?;
        // Which bootloader a release needs is said in versions of ours.
        let room = Room {
            evidence: u64::MAX,
            image: u64::MAX,
        };
        order.judge(u64::MAX, room).map_err(unordered)?;

        self.at.refuse_offline(console)?;
        let mut device = Foreign::open(self.at.target()?).map_err(explained)?;
        let image = goods.bundle.image();
        let before = device.slots().map_err(explained)?;
        let mut answer = Uploaded {
            target: self.at.target()?.to_string(),
            bootloader: device.bootloader().to_owned(),
            release: goods.path.clone(),
            image: image.len() as u64,
            dry_run: self.dry_run,
            before: before.iter().map(Slot::of).collect(),
            after: Vec::new(),
            runs: None,
        };
        if !self.dry_run {
            let progress = console.progress("writing", image.len() as u64);
            let (hash, after) = device
                .update(image, &mut |done| progress.reach(done))
                .map_err(explained)?;
            drop(progress);
            let runs = |slot: &foreign::Slot| slot.active && slot.hash == hash;
            answer.runs = Some(after.iter().any(runs));
            answer.after = after.iter().map(Slot::of).collect();
        }
        console.answer(&answer)
    }
}

/// What became of an upload.
#[derive(Serialize, JsonSchema)]
pub struct Uploaded {
    /// The device, as it was named.
    target: String,
    /// What it says of its bootloader.
    bootloader: String,
    /// The release, verified at the desk.
    release: String,
    /// Bytes of its image.
    image: u64,
    /// Whether nothing was sent.
    dry_run: bool,
    /// Its slots before.
    before: Vec<Slot>,
    /// Its slots after the reset.
    after: Vec<Slot>,
    /// Whether it runs the image now; absent when nothing was sent.
    runs: Option<bool>,
}

/// What a slot holds, as the device says.
#[derive(Serialize, JsonSchema)]
struct Slot {
    /// Its number.
    slot: u32,
    /// The version in the image's header.
    version: String,
    /// The digest that the device lists, in hex.
    hash: String,
    /// Whether it runs.
    active: bool,
    /// Whether it stays.
    confirmed: bool,
}

impl Slot {
    fn of(slot: &foreign::Slot) -> Self {
        Self {
            slot: slot.slot,
            version: slot.version.clone(),
            hash: hex::encode(&slot.hash),
            active: slot.active,
            confirmed: slot.confirmed,
        }
    }
}

impl Answer for Uploaded {
    const COMMAND: &'static str = "device upload";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let would = if self.dry_run { "would go" } else { "went" };
        writeln!(
            out,
            "{} {would} to {}, whose bootloader is {}: image {} bytes",
            safe(&self.release),
            safe(&self.target),
            safe(&self.bootloader),
            self.image
        )?;
        for (when, slots) in [("before", &self.before), ("after", &self.after)] {
            for slot in slots {
                let runs = if slot.active { ", runs" } else { "" };
                let stays = if slot.confirmed { ", confirmed" } else { "" };
                writeln!(
                    out,
                    "  {when} slot {}: {} {}{runs}{stays}",
                    slot.slot,
                    safe(&slot.version),
                    slot.hash
                )?;
            }
        }
        match self.runs {
            Some(true) => writeln!(
                out,
                "it runs: whether it stays is between its application and its bootloader"
            ),
            Some(false) => writeln!(out, "refused: its bootloader did not start the image"),
            None => Ok(()),
        }
    }

    fn exit(&self) -> Exit {
        match self.runs {
            Some(false) => Exit::Refused,
            Some(true) | None => Exit::Yes,
        }
    }
}
