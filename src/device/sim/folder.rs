//! The folder of a simulated wearable: `board.toml`, `flash.bin`, `wearable.toml`, and a lock.
//!
//! Takes a path; makes the folder whole or not at all, and opens it for one process at a time. A folder that is something
//! else, or less than a whole wearable, is named for what it is.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::Sim;
use super::flash::FileFlash;
use super::outside::Outside;
use cuff_bootloader::layout::Layout;

use crate::board::{Board, BoardError};
use crate::device::link::LinkError;
use crate::durable::{self, Lock, LockError, WriteError};
use crate::intake;

/// The flash, byte for byte.
pub const FLASH: &str = "flash.bin";
/// What the board is.
pub const BOARD: &str = "board.toml";
/// What a real unit keeps outside flash.
pub const OUTSIDE: &str = "wearable.toml";
/// Held by the process that uses the wearable.
const LOCK: &str = "lock";
/// Longest flash that is simulated: it is held in memory.
const MOST_FLASH: u64 = 64 << 20;
/// Longest file of text in the folder.
const MOST_TEXT: u64 = 64 << 10;

/// Makes a blank wearable; `description` is the board's own text.
pub fn create(path: &Path, board: &Board, description: &str) -> Result<(), CreateError> {
    let layout = layout(board)?;
    if path.exists() {
        return Err(CreateError::Taken(path.display().to_string()));
    }
    let cannot = |source| CreateError::Io {
        path: path.display().to_string(),
        source,
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // Under another name until it is whole: a killed process leaves no half of a wearable.
    let making = tempfile::Builder::new()
        .prefix(".cuff-sim-")
        .tempdir_in(parent)
        .map_err(cannot)?;
    let length = usize::try_from(layout.flash_length()).map_err(io::Error::other);
    let blank = vec![0xff; length.map_err(cannot)?];
    let outside = Outside::fresh().text().map_err(io::Error::other);
    let outside = outside.map_err(cannot)?;
    for (name, bytes) in [
        (FLASH, blank.as_slice()),
        (BOARD, description.as_bytes()),
        (OUTSIDE, outside.as_bytes()),
    ] {
        durable::write(&making.path().join(name), bytes)?;
    }
    fs::rename(making.path(), path).map_err(cannot)?;
    // It has another name now: there is nothing left to clean up.
    let _ = making.keep();
    Ok(())
}

/// Opens the wearable at `path`; in a rehearsal nothing is ever written back.
pub(super) fn open(path: &Path, rehearsal: bool) -> Result<Sim, LinkError> {
    let target = format!("sim:{}", path.display());
    let absent = |why: String| LinkError::Absent {
        target: target.clone(),
        why,
    };
    if !path.is_dir() {
        let found = if path.exists() { "a file" } else { "nothing" };
        return Err(absent(format!(
            "expected the folder of a simulated wearable, found {found}"
        )));
    }
    for name in [OUTSIDE, BOARD, FLASH] {
        if !path.join(name).is_file() {
            return Err(absent(format!(
                "this folder is no simulated wearable, it has no {name}"
            )));
        }
    }
    let lock = Lock::take(&path.join(LOCK)).map_err(|error| match error {
        LockError::Held(_) => LinkError::Busy {
            target: target.clone(),
        },
        LockError::Io { path, source } => LinkError::Desk {
            path: path.display().to_string(),
            source,
        },
    })?;
    let text = |name: &str| {
        intake::read_text(&path.join(name), MOST_TEXT).map_err(|error| absent(error.to_string()))
    };
    let board_file = path.join(BOARD).display().to_string();
    let board = Board::read(&board_file, &text(BOARD)?)
        .map_err(|error: BoardError| absent(error.to_string()))?;
    let layout = layout(&board).map_err(|error| absent(error.to_string()))?;
    let outside =
        Outside::read(&text(OUTSIDE)?).map_err(|why| absent(format!("{OUTSIDE}: {why}")))?;
    let expected = u64::from(layout.flash_length());
    let flash_path = path.join(FLASH);
    let contents =
        intake::read(&flash_path, 2 * MOST_FLASH).map_err(|error| absent(error.to_string()))?;
    let found = contents.len() as u64;
    if found != expected {
        let wrong = if found < expected {
            "truncated"
        } else {
            "too long"
        };
        return Err(absent(format!(
            "{FLASH} is {wrong}: {found} bytes, and the board's flash has {expected}"
        )));
    }
    let file = if rehearsal {
        None
    } else {
        let opened = File::options().write(true).open(&flash_path);
        Some(opened.map_err(|source| LinkError::Desk {
            path: flash_path.display().to_string(),
            source,
        })?)
    };
    Ok(Sim {
        path: path.to_owned(),
        flash: FileFlash::new(contents, file, layout.program, layout.erase),
        board,
        layout,
        outside,
        rehearsal,
        _lock: lock,
    })
}

/// The geometry of a board that can be simulated.
pub fn layout(board: &Board) -> Result<Layout, UnfitBoard> {
    let layout = board.layout().map_err(|misfit| UnfitBoard {
        board: board.name.clone(),
        why: misfit.to_string(),
    })?;
    if u64::from(layout.flash_length()) > MOST_FLASH {
        return Err(UnfitBoard {
            board: board.name.clone(),
            why: format!("its flash is longer than {MOST_FLASH} bytes"),
        });
    }
    Ok(layout)
}

/// A board that cannot be simulated.
#[derive(Debug, thiserror::Error)]
#[error("board {board} cannot be simulated: {why}")]
pub struct UnfitBoard {
    board: String,
    why: String,
}

/// Why no wearable was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Something has that name.
    #[error("`{0}` exists already: a simulated wearable is never overwritten")]
    Taken(String),
    /// The board.
    #[error(transparent)]
    Board(#[from] UnfitBoard),
    /// A file.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The folder.
    #[error("cannot make `{path}`")]
    Io {
        /// Which.
        path: String,
        /// What the system said.
        source: io::Error,
    },
}
