//! `cuff device`: what a device is, what it remembers, and what it is given.

pub mod info;
pub mod list;
#[cfg(feature = "probe")]
pub mod lock;
pub mod log;
pub mod pinned;
pub mod provision;
pub mod push;
pub mod records;
#[cfg(feature = "probe")]
pub mod recover;
#[cfg(feature = "probe")]
pub mod slot;
pub mod station;
pub mod trouble;
pub mod upload;
pub mod verify;

use std::path::Path;

use cuff_bootloader::layout::Layout;
use cuff_verifier::verdict::Reason;

use crate::board::Board;
use crate::bundle::seal::MAX_SEAL;
use crate::command::boards;
use crate::command::given;
use crate::console::{Advice, Console, Exit, advised};
use crate::device::link::{Link, LinkError};
use crate::device::reach::reach;
use crate::device::shipment::{Goods, Shipment, ShipmentError, listed};
use crate::device::target::Target;
use crate::device::unit::{Knowledge, Standing, Unit};

/// Provision, update and examine devices
///
/// TARGET is `sim:PATH`, `probe:[VID:PID[:SERIAL]]`, `serial:PATH[@BAUD]` or `tcp:HOST:PORT`, or stands in `CUFF_DEVICE`.
/// A line is asked in SMP, the protocol of `MCUmgr`; behind a debug probe --board says what is there.
#[derive(Debug, clap::Args)]
pub struct Device {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    Info(info::Info),
    List(list::List),
    #[cfg(feature = "probe")]
    Lock(lock::Lock),
    Log(log::Log),
    Provision(provision::Provision),
    Push(push::Push),
    Records(records::Records),
    #[cfg(feature = "probe")]
    Recover(recover::Recover),
    #[cfg(feature = "probe")]
    Slot(slot::Slot),
    Upload(upload::Upload),
    Verify(verify::Verify),
}

impl Device {
    /// Runs the subcommand.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        match &self.action {
            Action::Info(command) => command.run(console),
            Action::List(command) => command.run(console),
            #[cfg(feature = "probe")]
            Action::Lock(command) => command.run(console),
            Action::Log(command) => command.run(console),
            Action::Provision(command) => command.run(console),
            Action::Push(command) => command.run(console),
            Action::Records(command) => command.run(console),
            #[cfg(feature = "probe")]
            Action::Recover(command) => command.run(console),
            #[cfg(feature = "probe")]
            Action::Slot(command) => command.run(console),
            Action::Upload(command) => command.run(console),
            Action::Verify(command) => command.run(console),
        }
    }
}

/// Which device: the first argument, or `CUFF_DEVICE`.
#[derive(Debug, clap::Args)]
pub struct At {
    /// The device
    #[arg(value_name = "TARGET", env = "CUFF_DEVICE", hide_env_values = true)]
    target: Option<Target>,

    /// What board it is: a name, as qemu-an386, or the path of a board.toml. A debug probe asks for it, and a device on a
    /// line whose board cuff does not know
    #[arg(long, value_name = "BOARD", env = "CUFF_BOARD", hide_env_values = true)]
    board: Option<String>,
}

impl At {
    /// The target; nobody guesses one.
    pub fn target(&self) -> anyhow::Result<&Target> {
        self.target
            .as_ref()
            .ok_or_else(|| anyhow::anyhow!("no device was named"))
            .exit(Exit::Usage)
            .rule("no-target")
            .help("give TARGET, as sim:PATH, or set CUFF_DEVICE")
    }

    /// A socket is a network connection, wherever it leads.
    pub fn refuse_offline(&self, console: &Console) -> anyhow::Result<()> {
        match self.target()? {
            target @ Target::Tcp { .. } if console.offline() => Err(advised(
                anyhow::anyhow!("--offline forbids network connections, and `{target}` is one"),
                Exit::Usage,
                "offline",
                "leave --offline away, or reach the device over a serial port",
            )),
            _ => Ok(()),
        }
    }

    /// The board that was named; a simulated wearable brings its own.
    pub fn board(&self) -> anyhow::Result<Option<Board>> {
        match (&self.target, &self.board) {
            (Some(Target::Sim(_)) | None, _) | (_, None) => Ok(None),
            (Some(_), Some(board)) => Ok(Some(boards::named(board)?)),
        }
    }

    /// The device, reached.
    pub fn reach(&self, console: &Console) -> anyhow::Result<Box<dyn Link>> {
        self.refuse_offline(console)?;
        let board = self.board()?;
        reach(self.target()?, board.as_ref()).map_err(explained)
    }
}

/// What a link's failure means to whoever called.
pub fn explained(error: LinkError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        LinkError::Absent { .. } => (
            Exit::Unknown,
            "no-device",
            "check the path, or make a wearable with `cuff sim new`",
        ),
        LinkError::Busy { .. } => (Exit::Busy, "busy", "wait until the other command is done"),
        LinkError::Refused(reason) => (Exit::Refused, reason.name(), after(*reason)),
        LinkError::Lost { .. } => (
            Exit::LinkLost,
            "link-lost",
            "power the device again and repeat the command: it goes on from what it has",
        ),
        LinkError::Flash(_) => (
            Exit::Unknown,
            "flash",
            "repeat the command; if it fails again, the flash is worn or damaged",
        ),
        LinkError::Answer { .. } => (
            Exit::Unknown,
            "device-error",
            "the device does not do that: check that bootloader and cuff are of one time",
        ),
        LinkError::Line { .. } => (
            Exit::Unknown,
            "line",
            "check the port, and that this user may open it",
        ),
        LinkError::Foreign { .. } => (
            Exit::Foreign,
            "foreign-device",
            "its bootloader is none of cuff's: `cuff device upload` brings it an image",
        ),
        LinkError::Ours { .. } => (
            Exit::Usage,
            "cuff-device",
            "push to it: `cuff device push` brings evidence and image, and its own bootloader judges",
        ),
        LinkError::UnknownBoard { .. } => (
            Exit::Usage,
            "unknown-board",
            "name the description of its board with --board",
        ),
        LinkError::Unable { .. } => (
            Exit::Usage,
            "no-way-there",
            "reach it over a debug probe, probe:",
        ),
        LinkError::Trouble(trouble) => return trouble::explained(trouble.clone()),
        LinkError::Desk { .. } => (
            Exit::Unknown,
            "disk",
            "check that the disk has room and that you may write there",
        ),
    };
    advised(error, exit, rule, help)
}

/// What to do after a device said no.
pub fn after(reason: Reason) -> &'static str {
    match reason {
        Reason::TrialOpen => {
            "let the application confirm and reset the device, or let the trial run out: on a simulated wearable, `cuff sim boot`"
        }
        Reason::RootExpired
        | Reason::TimestampExpired
        | Reason::SnapshotExpired
        | Reason::TargetsExpired
        | Reason::ProductExpired
        | Reason::SignedAfterExpiry
        | Reason::TimestampRollback
        | Reason::SnapshotRollback
        | Reason::TargetsRollback
        | Reason::ProductRollback => {
            "fetch the sealed bundle again: this one is older than what the device knows"
        }
        Reason::EvidenceRootGap => {
            "fetch a sealed bundle that holds every root from the one the device trusts on"
        }
        Reason::CounterRollback | Reason::CounterBelowMinimum => {
            "this release may not be installed any more: push one with a higher security counter"
        }
        Reason::OtherHardware | Reason::OtherProduct | Reason::PathOutsideProduct => {
            "push a release that was made for this unit"
        }
        Reason::UnderThreshold => {
            "it was signed by others than those the unit trusts: check where it comes from"
        }
        _ => "`cuff device info` shows what the device knows, docs/device.md what to do",
    }
}

/// What a shipment's failure means to whoever called.
pub fn unshipped(error: ShipmentError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        ShipmentError::Seal(_) => (
            Exit::No,
            "sealed-bundle",
            "name a file that `cuff fetch --sealed` wrote",
        ),
        ShipmentError::Bundle { .. } | ShipmentError::Unpinned { .. } => (
            Exit::No,
            "sealed-bundle",
            "fetch the sealed bundle again: it was damaged or changed on its way",
        ),
        ShipmentError::Several { .. } => {
            (Exit::Usage, "several-releases", "name one with --release")
        }
        ShipmentError::NotInside { .. } => (
            Exit::No,
            "release-not-inside",
            "fetch a sealed bundle with that release in it",
        ),
        ShipmentError::Evidence(error) => {
            let reason = error.reason();
            (Exit::Refused, reason.name(), after(reason))
        }
        ShipmentError::TooLarge { .. } => (
            Exit::Refused,
            Reason::EvidenceTooLarge.name(),
            "the repository has outgrown this board: shorten the metadata of its product",
        ),
    };
    advised(error, exit, rule, help)
}

/// Reads a sealed bundle the user named.
pub fn shipment(path: &Path) -> anyhow::Result<Shipment> {
    Shipment::open(given::read(path, MAX_SEAL)?).map_err(unshipped)
}

/// The release that was named, or the only one inside; `help` says what to do where there are several.
pub fn one_release(
    shipment: &Shipment,
    named: Option<&str>,
    help: &'static str,
) -> anyhow::Result<Goods> {
    let releases = shipment.releases();
    let wanted = match (named, releases.as_slice()) {
        (Some(named), _) => named,
        (None, [only]) => only,
        (None, _) => {
            return Err(advised(
                anyhow::anyhow!("the sealed bundle holds {}", listed(&releases)),
                Exit::Usage,
                "several-releases",
                help,
            ));
        }
    };
    let goods = shipment.goods("", Some(wanted)).map_err(unshipped)?;
    // A release that was named is there, or that is the error.
    goods.ok_or_else(|| anyhow::anyhow!("{wanted} is not inside"))
}

/// What the unit knows, or why it knows nothing.
pub fn provisioned(unit: &Unit) -> anyhow::Result<&Knowledge> {
    match &unit.standing {
        Standing::Provisioned(knowledge) => Ok(knowledge),
        Standing::Blank => Err(advised(
            anyhow::anyhow!("this unit was never provisioned: it trusts nobody"),
            Exit::NotProvisioned,
            "not-provisioned",
            "provision it with `cuff device provision`",
        )),
        Standing::Damaged => Err(advised(
            anyhow::anyhow!(
                "both banks of this unit's trust store are damaged: it stays in recovery"
            ),
            Exit::Recovery,
            Reason::TrustDamaged.name(),
            "if provisioning was interrupted, repeat `cuff device provision`; otherwise keep the unit for whoever investigates",
        )),
    }
}

/// Where things lie in the unit's flash.
pub fn layout(unit: &Unit) -> anyhow::Result<Layout> {
    let board = &unit.board;
    let fits = board.layout();
    fits.map_err(|misfit| {
        anyhow::anyhow!(
            "the bootloader cannot work on board {}: {misfit}",
            board.name
        )
    })
    .exit(Exit::Usage)
    .rule("board-geometry")
}
