//! `cuff device provision`: a blank unit becomes somebody.
//!
//! It verifies a sealed bundle from a pinned root, writes identity, trust and application, and boots the unit once. A unit
//! that is somebody already is never touched.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use cuff_verifier::digest::Digest;
use cuff_verifier::verdict::Reason;
use schemars::JsonSchema;
use serde::Serialize;

use super::station::AtStation;
use super::{At, after, explained, layout, shipment, unshipped};
use crate::board::Lock;
use crate::command::desk::desk_failed;
use crate::command::given;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::device::event::{Event, list};
use crate::device::provision::{Order, OrderError, Pin, identity};
use crate::device::shipment::{Goods, Shipment, listed};
use crate::device::unit::{Standing, lock_means};
use crate::judgement::Room;
use crate::name::{Hardware, Product};
use crate::repository::desk::{Desk, DeskError};

/// Largest root file, in bytes.
const MAX_ROOT: u64 = 1 << 20;

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

    /// A root file that came to you over a way you trust
    #[arg(long, value_name = "FILE", conflicts_with = "root_sha256")]
    root: Option<PathBuf>,

    /// The SHA-256 of a root's signed bytes, as `cuff role show root` prints it
    #[arg(long, value_name = "HEX")]
    root_sha256: Option<String>,

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
        let order = Order::prepare(&shipment, &goods, &self.pin()?, who).map_err(unordered)?;

        let mut link = self.at.reach()?;
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

    /// The root that was pinned: by file, by fingerprint, or by the working directory.
    fn pin(&self) -> anyhow::Result<Pin> {
        if let Some(path) = &self.root {
            return Ok(Pin::File(given::read(path, MAX_ROOT)?));
        }
        let (text, whence) = match &self.root_sha256 {
            Some(text) => (Some(text.clone()), "--root-sha256"),
            None => (working_directory_pin()?, "the working directory"),
        };
        let text = text
            .ok_or_else(|| anyhow::anyhow!("no root is pinned: nothing says whom the unit shall trust"))
            .exit(Exit::Usage)
            .rule("no-pin")
            .help("give --root FILE or --root-sha256 HEX, or stand in a working directory that has joined its repository")?;
        Digest::from_hex(text.as_bytes())
            .map(Pin::Fingerprint)
            .ok_or_else(|| {
                anyhow::anyhow!("{whence} holds `{text}`: expected 64 lower-case hex digits")
            })
            .exit(Exit::Usage)
            .rule("root-sha256")
    }
}

/// What the working directory around us pins, if we stand in one.
fn working_directory_pin() -> anyhow::Result<Option<String>> {
    match Desk::discover(&std::env::current_dir()?) {
        Ok(desk) => Ok(desk
            .pin()
            .map_err(desk_failed)?
            .map(|pin| pin.sha256.to_string())),
        Err(DeskError::NotFound(_)) => Ok(None),
        Err(error) => Err(desk_failed(error)),
    }
}

fn unordered(error: OrderError) -> anyhow::Error {
    match error {
        OrderError::Shipment(error) => unshipped(error),
        OrderError::Name { .. } => advised(
            error,
            Exit::Usage,
            "identity",
            "choose a shorter, plainer name",
        ),
        OrderError::PinUnknown { .. } => advised(
            error,
            Exit::No,
            "pinned-root-missing",
            "fetch a sealed bundle that begins at the pinned root, or check the fingerprint over a way you trust",
        ),
        OrderError::Root(refusal) => {
            let reason = Reason::from(refusal);
            advised(error, Exit::Refused, reason.name(), after(reason))
        }
        OrderError::Refused(reason) => advised(error, Exit::Refused, reason.name(), after(reason)),
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
