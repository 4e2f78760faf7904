//! `cuff device provision --station` and what its neighbours share: the bench, read once. Not a command of its own.
//!
//! It reads the description, opens the records and says what broken ones mean; the work itself is in `batch`.

#[cfg(feature = "probe")]
mod batch;
pub mod line;
#[cfg(feature = "probe")]
mod order;
#[cfg(feature = "probe")]
mod unmade;

use std::path::{Path, PathBuf};

use crate::command::given;
use crate::command::unlock::Unlock;
use crate::console::{Advice, Console, Exit, advised};
use crate::device::station::Station;
#[cfg(feature = "probe")]
use crate::device::station::records::Records;
use crate::device::station::records::RecordsError;
#[cfg(feature = "probe")]
use crate::device::station::records::told::Told;
#[cfg(feature = "probe")]
use crate::device::station::{Slot, check_slots};
#[cfg(feature = "probe")]
use crate::device::target::Target;
use crate::durable::LockError;
use crate::instant;

/// Largest station description, in bytes.
const MAX_STATION: u64 = 64 << 10;

/// What `--station` takes besides the file.
#[derive(Debug, clap::Args)]
pub struct AtStation {
    /// The bench, described in a file: board, sealed bundle, serials, log, key and slots
    #[arg(long, value_name = "FILE")]
    pub station: Option<PathBuf>,

    /// Only this slot, where the station has several
    #[arg(long, value_name = "LABEL", requires = "station")]
    slot: Option<String>,

    /// Who stands at the bench; goes into the records
    #[arg(long, value_name = "NAME", requires = "station", env = "CUFF_OPERATOR")]
    operator: Option<String>,

    /// Make a unit anew that passed here before; it keeps its serial, its counter and its floor
    #[arg(long, requires = "station")]
    replace: bool,

    /// Overwrite firmware that this station did not write
    #[arg(long, requires = "station")]
    overwrite: bool,

    /// Close the debug port, last of all and only once everything is proven
    #[arg(long, requires = "station")]
    lock: bool,

    #[command(flatten)]
    unlock: Unlock,
}

/// Reads a station's description; paths in it count from its folder.
pub fn read(path: &Path) -> anyhow::Result<(Station, PathBuf)> {
    let text = given::read_text(path, MAX_STATION)?;
    let station = Station::read(&path.display().to_string(), &text)
        .exit(Exit::Usage)
        .rule("station")?;
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    Ok((station, base))
}

/// Opens the station's records; every line there is checked, and from now on this process alone adds to them.
#[cfg(feature = "probe")]
pub fn records(
    console: &Console,
    station: &Station,
    base: &Path,
    unlock: &Unlock,
) -> anyhow::Result<Records> {
    let key = unlock.open_file(console, &base.join(&station.key))?;
    Records::open(
        &base.join(&station.log),
        &station.name,
        Box::new(key),
        station.range(),
        now(),
    )
    .map_err(unrecorded)
}

/// The slots with the probes that are wired to them by now; `other` is one that shall be wired.
#[cfg(feature = "probe")]
pub fn wired(
    station: &Station,
    told: &Told,
    other: Option<(&str, &Target)>,
) -> anyhow::Result<Vec<Slot>> {
    let mut slots = station.slots.clone();
    for slot in &mut slots {
        let on_record = told
            .probe_of(&slot.label)
            .and_then(|probe| probe.parse().ok());
        let now = other.filter(|(label, _)| *label == slot.label);
        if let Some(Target::Probe(probe)) = now.map(|(_, probe)| probe.clone()).or(on_record) {
            slot.probe = probe;
        }
    }
    check_slots(&slots)
        .map_err(anyhow::Error::msg)
        .exit(Exit::Usage)
        .rule("slots")
        .help("give every slot a probe with a serial of its own, with `cuff device slot assign`")?;
    Ok(slots)
}

/// What this machine's clock says, for records.
pub fn now() -> String {
    instant::now().map_or_else(|_| "unknown".to_owned(), |now| now.to_string())
}

/// What broken or unwritable records mean to whoever called.
pub fn unrecorded(error: RecordsError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        RecordsError::Broken { .. } => (
            Exit::RecordsBroken,
            "records-broken",
            "stop the line, keep the file as it is, and find out who changed it",
        ),
        RecordsError::Lock(LockError::Held(_)) => (
            Exit::Busy,
            "station-busy",
            "another cuff works at this station: wait until it is done",
        ),
        RecordsError::Io { .. }
        | RecordsError::Lock(_)
        | RecordsError::Write(_)
        | RecordsError::Sign(_) => (
            Exit::Unknown,
            "records-unwritable",
            "nothing is done that cannot be recorded: check the disk and that you may write there",
        ),
    };
    advised(error, exit, rule, help)
}

#[cfg(not(feature = "probe"))]
impl AtStation {
    /// There is no bench without probes.
    pub fn run(&self, _: &Console, _: &Path, _: bool) -> anyhow::Result<Exit> {
        Err(super::trouble::explained(
            crate::device::trouble::Trouble::NotBuilt,
        ))
    }
}
