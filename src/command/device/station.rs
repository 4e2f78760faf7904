//! `cuff device provision --station` and what its neighbours share: the bench, read once. Not a command of its own.
//!
//! It reads the description and says what broken records mean; the work itself is in `batch`.

#[cfg(feature = "probe")]
mod batch;

use std::path::{Path, PathBuf};

use crate::command::given;
use crate::command::unlock::Unlock;
use crate::console::{Advice, Exit, advised};
use crate::device::station::Station;
use crate::device::station::records::RecordsError;
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
    pub fn run(&self, _: &crate::console::Console, _: &Path, _: bool) -> anyhow::Result<Exit> {
        Err(super::trouble::explained(
            crate::device::trouble::Trouble::NotBuilt,
        ))
    }
}
