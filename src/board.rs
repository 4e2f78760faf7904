//! Board descriptions: where things lie in a device's memory, and what its chip can do.
//! Takes `board.toml` text; gives a `Board` that has passed every check in `check`. Talks to no device.

#[cfg(test)]
pub(crate) mod bench;
pub mod catalogue;
mod check;
pub mod debug;
pub mod layout;
pub mod region;

use cuff_bootloader::layout::Misfit;
use cuff_verifier::release::Kind;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::place::{Malformed, Place, read_toml};
use check::Fault;
use debug::Debug;
use region::Region;

/// A description that holds together. It can only be had by reading one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Board {
    /// Name that manifests and targets use.
    pub name: String,
    /// Instruction set of the core.
    pub core: Core,
    /// Whether the chip can protect trust and boot from the application.
    pub lock: Lock,
    /// How far the board's clock can be trusted.
    pub clock: ClockQuality,
    /// Smallest unit that is written at once, and only once between erases, in bytes.
    pub program_unit: u64,
    /// Smallest unit that is erased, in bytes.
    pub erase_unit: u64,
    /// Version of the bootloader the board ships with.
    pub bootloader: u64,
    /// Whether an image must begin with a vector table.
    pub vector_table: bool,
    /// Bytes at the tail of each slot kept for evidence.
    pub evidence: u64,
    /// How often a new image may be tried before the old one comes back.
    pub trials: u8,
    /// Memory an application's initial stack pointer must point into.
    pub ram: Region,
    /// The same for the bootloader; it has its own where a chip keeps the two apart.
    pub bootloader_ram: Region,
    /// Flash regions by purpose.
    pub regions: Regions,
    /// How a debug probe knows the chip; absent where none can reach it.
    pub debug: Option<Debug>,
}

impl Board {
    /// Reads and checks a description; `file` is used in messages only.
    pub fn read(file: &str, text: &str) -> Result<Self, BoardError> {
        let written: Written = read_toml(file, text)?;
        let board = written
            .into_board()
            .map_err(|(offset, fault)| BoardError::Unsound {
                place: Place::at(file, text, offset),
                fault,
            })?;
        match board.layout() {
            Ok(_) => Ok(board),
            Err(misfit) => Err(BoardError::Unbootable {
                file: file.to_owned(),
                misfit,
            }),
        }
    }

    /// Where an image of this kind may lie: its region, without the tail kept for evidence.
    pub fn room(&self, kind: Kind) -> Region {
        match kind {
            Kind::Bootloader => self.regions.boot,
            Kind::Application => Region {
                start: self.regions.active.start,
                length: self.regions.active.length - self.evidence,
            },
        }
    }
}

/// The core, by the name its Rust target goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Core {
    /// Armv6-M.
    #[serde(rename = "cortex-m0")]
    CortexM0,
    /// Armv7E-M with single-precision floating point.
    #[serde(rename = "cortex-m4f")]
    CortexM4f,
    /// Armv8-M mainline.
    #[serde(rename = "cortex-m33")]
    CortexM33,
}

/// Whether hardware stands between the application and the trust store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// The chip refuses writes by the application until the next reset.
    Hardware,
    /// Nothing does.
    None,
}

/// Who can set the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockQuality {
    /// There is no clock.
    None,
    /// The application can set it, so it decides nothing.
    Application,
    /// Only trusted code can set it; expiry is strict.
    Trusted,
}

/// The flash regions every board has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regions {
    /// The bootloader.
    pub boot: Region,
    /// Two equal banks of the trust store.
    pub trust: Region,
    /// Mirrored counter pages.
    pub counter: Region,
    /// Swap steps.
    pub journal: Region,
    /// Tamper log.
    pub log: Region,
    /// Evidence that came without an image.
    pub inbox: Region,
    /// The running image and its evidence.
    pub active: Region,
    /// The next image and its evidence.
    pub candidate: Region,
}

impl Regions {
    /// All regions with their names, in the order of the description.
    pub fn named(&self) -> [(&'static str, Region); 8] {
        [
            ("boot", self.boot),
            ("trust", self.trust),
            ("counter", self.counter),
            ("journal", self.journal),
            ("log", self.log),
            ("inbox", self.inbox),
            ("active", self.active),
            ("candidate", self.candidate),
        ]
    }
}

/// Why a description was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// Not TOML, or other fields than a description has.
    #[error("board description is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// Well-formed, but not a device that could work.
    #[error("{place}: {fault}")]
    Unsound {
        /// Where the offending value stands.
        place: Place,
        /// The rule it breaks.
        fault: Fault,
    },
    /// Sound by itself, but the bootloader cannot work with it.
    #[error("{file}: the bootloader cannot work with this board: {misfit}")]
    Unbootable {
        /// The file.
        file: String,
        /// The bootloader's own word.
        misfit: Misfit,
    },
}

/// The file as written, with the place of each value that a check may point at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    name: Spanned<String>,
    core: Core,
    lock: Lock,
    clock: ClockQuality,
    program_unit: Spanned<u64>,
    erase_unit: Spanned<u64>,
    bootloader: Spanned<u64>,
    vector_table: bool,
    evidence: Spanned<u64>,
    trials: Spanned<u8>,
    ram: Spanned<Region>,
    bootloader_ram: Option<Spanned<Region>>,
    regions: WrittenRegions,
    debug: Option<Spanned<Debug>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRegions {
    boot: Spanned<Region>,
    trust: Spanned<Region>,
    counter: Spanned<Region>,
    journal: Spanned<Region>,
    log: Spanned<Region>,
    inbox: Spanned<Region>,
    active: Spanned<Region>,
    candidate: Spanned<Region>,
}

impl Written {
    fn into_board(self) -> Result<Board, (usize, Fault)> {
        check::check(&self)?;
        let regions = &self.regions;
        Ok(Board {
            regions: Regions {
                boot: *regions.boot.get_ref(),
                trust: *regions.trust.get_ref(),
                counter: *regions.counter.get_ref(),
                journal: *regions.journal.get_ref(),
                log: *regions.log.get_ref(),
                inbox: *regions.inbox.get_ref(),
                active: *regions.active.get_ref(),
                candidate: *regions.candidate.get_ref(),
            },
            name: self.name.into_inner(),
            core: self.core,
            lock: self.lock,
            clock: self.clock,
            program_unit: self.program_unit.into_inner(),
            erase_unit: self.erase_unit.into_inner(),
            bootloader: self.bootloader.into_inner(),
            vector_table: self.vector_table,
            evidence: self.evidence.into_inner(),
            trials: self.trials.into_inner(),
            bootloader_ram: *self.bootloader_ram.as_ref().unwrap_or(&self.ram).get_ref(),
            ram: self.ram.into_inner(),
            debug: self.debug.map(Spanned::into_inner),
        })
    }
}
