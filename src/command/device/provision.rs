//! `cuff device provision`: a blank unit becomes somebody.
//!
//! It verifies a sealed bundle from a pinned root, writes identity, trust and application, and boots the unit once. A unit
//! that is somebody already is never touched.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::pinned::{Pinned, unordered};
use super::station::AtStation;
use super::{At, explained, layout, shipment, unshipped};
use crate::board::Lock;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::device::event::{Event, list};
use crate::device::provision::{Order, identity};
use crate::device::shipment::{Goods, Shipment, listed};
use crate::device::unit::{Standing, lock_means};
use crate::judgement::Room;
use crate::name::{Hardware, Product};

/// Give a blank unit its identity, its trust and its first release
///
/// The root it will trust is pinned by --root, by --root-sha256, or by the working directory you stand in.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Provision {
    #[command(flatten)]
    at: At,

    /// The sealed bundle, as `cuff fetch --sealed` writes it
    #[arg(required_unless_present = "station")]
    sealed: Option<PathBuf>,

    #[command(flatten)]
    bench: AtStation,

    /// The unit's own name, 1 to 31 printable characters
    #[arg(long, required_unless_present = "station", conflicts_with = "station")]
    serial: Option<String>,

    /// The hardware id that releases must list, as band-a
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "station",
        conflicts_with = "station"
    )]
    hardware: Option<String>,

    /// The product, when the sealed bundle holds releases of several
    #[arg(long)]
    product: Option<String>,

    /// Which release, when the sealed bundle holds several
    #[arg(long)]
    release: Option<String>,

    #[command(flatten)]
    pinned: Pinned,

    /// Verify everything and say what would be written, but write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Provision {
    /// Verifies, writes and boots.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        if let Some(station) = &self.bench.station {
            return self.bench.run(console, station, self.dry_run);
        }
        let sealed = self.sealed.as_deref().unwrap_or(Path::new(""));
        let serial = self.serial.clone().unwrap_or_default();
        let hardware = self.hardware.clone().unwrap_or_default();
        let shipment = shipment(sealed)?;
        let product = self.product(&shipment)?;
        Hardware::parse(&hardware)
            .exit(Exit::Usage)
            .rule("hardware")?;
        let goods = self.goods(&shipment, product.as_str())?;
        let who = identity(product.as_str(), &hardware, &serial).map_err(unordered)?;
        let order =
            Order::prepare(&shipment, &goods, &self.pinned.pin()?, who).map_err(unordered)?;

        let mut link = self.at.reach(console)?;
        let unit = link.unit().map_err(explained)?;
        match &unit.standing {
            Standing::Blank => {}
            Standing::Damaged => console.warn(
                "this unit's trust store was written before and cannot be read: it begins anew, and its log with it",
            ),
            Standing::Provisioned(knowledge) => {
                return Err(advised(
                    anyhow::anyhow!(
                        "this unit is {} {} already",
                        knowledge.product(),
                        knowledge.serial()
                    ),
                    Exit::AlreadyProvisioned,
                    "already-provisioned",
                    "bring it an update with `cuff device push`",
                ));
            }
        }
        let layout = layout(&unit)?;
        let room = Room {
            evidence: u64::from(layout.evidence),
            image: u64::from(layout.largest_image()),
        };
        order.judge(unit.bootloader, room).map_err(unordered)?;
        let mut events = Vec::new();
        if !self.dry_run {
            console.note(format!(
                "writing {} to {}",
                order.release(),
                self.at.target()?
            ));
            order
                .carry_out(link.as_mut(), unit.bootloader)
                .map_err(explained)?;
            events = link.reset().map_err(explained)?.events;
        }
        console.answer(&Provisioned {
            target: self.at.target()?.to_string(),
            product: product.as_str().to_owned(),
            hardware,
            serial,
            root: order.root_version(),
            root_sha256: order.root_sha256().to_string(),
            release: order.release().to_owned(),
            lock: unit.board.lock,
            lock_means: lock_means(&unit.board).to_owned(),
            dry_run: self.dry_run,
            events,
        })
    }

    fn product(&self, shipment: &Shipment) -> anyhow::Result<Product> {
        let named = match (&self.product, &self.release) {
            (Some(product), _) => product.clone(),
            (None, Some(release)) => release.split('/').next().unwrap_or_default().to_owned(),
            (None, None) => {
                let releases = shipment.releases();
                let mut products: Vec<&str> = releases
                    .iter()
                    .filter_map(|path| path.split('/').next())
                    .collect();
                products.dedup();
                match products.as_slice() {
                    [one] => (*one).to_owned(),
                    _ => {
                        return Err(advised(
                            anyhow::anyhow!("the sealed bundle holds {}", listed(&releases)),
                            Exit::Usage,
                            "which-product",
                            "name the unit's product with --product",
                        ));
                    }
                }
            }
        };
        Product::parse(&named).exit(Exit::Usage).rule("product")
    }

    fn goods(&self, shipment: &Shipment, product: &str) -> anyhow::Result<Goods> {
        shipment
            .goods(product, self.release.as_deref())
            .map_err(unshipped)?
            .ok_or_else(|| {
                advised(
                    anyhow::anyhow!(
                        "the sealed bundle holds {}, nothing for {product}",
                        listed(&shipment.releases())
                    ),
                    Exit::No,
                    "release-not-inside",
                    "fetch a sealed bundle with a release of that product in it",
                )
            })
    }
}

/// What a unit became.
#[derive(Serialize, JsonSchema)]
pub struct Provisioned {
    /// The device, as it was named.
    target: String,
    /// Its product.
    product: String,
    /// Its hardware id.
    hardware: String,
    /// Its own name.
    serial: String,
    /// Version of the root it trusts.
    root: u64,
    /// SHA-256 of that root's signed bytes.
    root_sha256: String,
    /// What it runs.
    release: String,
    /// `hardware` or `none`.
    #[schemars(with = "String")]
    lock: Lock,
    /// What that means for whoever relies on the device.
    lock_means: String,
    /// Whether nothing was written.
    dry_run: bool,
    /// What its first boot did.
    events: Vec<Event>,
}

impl Answer for Provisioned {
    const COMMAND: &'static str = "device provision";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let would = if self.dry_run { "would be" } else { "is" };
        writeln!(
            out,
            "{} {would} {} {}, serial {}",
            safe(&self.target),
            safe(&self.product),
            safe(&self.hardware),
            safe(&self.serial)
        )?;
        writeln!(
            out,
            "trusts root {}, sha256 {}",
            self.root, self.root_sha256
        )?;
        writeln!(out, "runs {}", safe(&self.release))?;
        list(out, &self.events)?;
        if self.lock == Lock::None {
            writeln!(out, "lock none: {}", self.lock_means)?;
        }
        Ok(())
    }

    fn exit(&self) -> Exit {
        let stays = |event: &Event| matches!(event, Event::Recovery { .. });
        if self.events.iter().any(stays) {
            Exit::Recovery
        } else {
            Exit::Yes
        }
    }
}
