//! What any way of reaching a device can do.
//!
//! A link carries bytes and answers; it never judges. The verdict is the bootloader's, given after a reset together with
//! the nonce it was asked with, so that an old answer cannot pass for a new one.

use cuff_bootloader::boot::Ended;
use cuff_bootloader::flash::Fault;
use cuff_bootloader::log::{Head, Line};
use cuff_bootloader::provision::First;
use cuff_verifier::digest::Digest;
use cuff_verifier::verdict::Reason;

use super::event::Event;
use super::trouble::Trouble;
use super::unit::Unit;

/// A device that was reached.
pub trait Link {
    /// Who is there. Changes nothing.
    fn unit(&mut self) -> Result<Unit, LinkError>;

    /// Writes a unit's first state, with the bootloader's own encoder. Only possible before the unit is locked.
    fn provision(&mut self, first: &First<'_>) -> Result<(), LinkError>;

    /// Writes evidence without an image; the next boot judges it.
    fn write_inbox(&mut self, evidence: &[u8], sent: &mut Sent<'_>) -> Result<(), LinkError>;

    /// Writes evidence and an image into the candidate slot and offers them to the next boot.
    fn write_candidate(
        &mut self,
        evidence: &[u8],
        image: &[u8],
        sent: &mut Sent<'_>,
    ) -> Result<(), LinkError>;

    /// Resets the device and waits for its bootloader's answer.
    fn reset(&mut self) -> Result<Boot, LinkError>;

    /// The tamper log.
    fn log(&mut self) -> Result<Log, LinkError>;

    /// SHA-256 of the first `length` bytes of the active slot.
    fn active_digest(&mut self, length: u32) -> Result<Digest, LinkError>;

    /// All of flash, where the link can read it.
    fn flash(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        Ok(None)
    }

    /// What a debug probe sees of the chip; nothing where the device speaks for itself.
    fn seen(&mut self) -> Result<Option<Seen>, LinkError> {
        Ok(None)
    }

    /// Who speaks for the unit, where it speaks for itself over a line.
    fn speaks(&mut self) -> Result<Option<Speaks>, LinkError> {
        Ok(None)
    }
}

/// Who speaks on a line.
#[derive(Clone, Copy, Debug)]
pub struct Speaks {
    /// The bootloader; otherwise the application, which may say anything.
    pub bootloader: bool,
    /// Damaged packets it dropped.
    pub dropped: u32,
}

/// What a debug probe sees of a chip whose port is open.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The chip, by the name that was proved.
    pub chip: String,
    /// The number no other chip has, in hex.
    pub uid: String,
    /// Supply voltage in thousandths of a volt, where the probe tells.
    pub millivolts: Option<u32>,
}

/// Told how many bytes have arrived so far.
pub type Sent<'s> = dyn FnMut(u64) + 's;

/// What a boot did.
#[derive(Clone, Debug)]
pub struct Boot {
    /// Step by step.
    pub events: Vec<Event>,
    /// How it ended, and what the bootloader answered to inbox and candidate.
    pub ended: Ended,
}

/// The tamper log as read.
#[derive(Clone, Debug)]
pub struct Log {
    /// Line by line, oldest first.
    pub lines: Vec<Line>,
    /// Where it ends.
    pub head: Head,
}

/// Why a link did not do it.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nothing, or something else, is at the target.
    #[error("no device at `{target}`: {why}")]
    Absent {
        /// The target as typed.
        target: String,
        /// What is there instead.
        why: String,
    },
    /// Somebody else is talking to it.
    #[error("`{target}` is in use by another process")]
    Busy {
        /// The target as typed.
        target: String,
    },
    /// The device said no.
    #[error("the device refuses: {} (reason {}, {})", .0, .0.code(), .0.name())]
    Refused(Reason),
    /// The device went away in the middle of it.
    #[error("the device went away: {why}")]
    Lost {
        /// What is known.
        why: String,
    },
    /// Its flash failed.
    #[error("the device's flash failed: {0}")]
    Flash(Fault),
    /// The line cannot be opened.
    #[error("cannot open `{target}`: {why}")]
    Line {
        /// The target as typed.
        target: String,
        /// What the system said.
        why: String,
    },
    /// It speaks SMP, and is none of ours.
    #[error("`{target}` speaks SMP, but it is no cuff device: its bootloader is {bootloader}")]
    Foreign {
        /// The target as typed.
        target: String,
        /// What it says of its bootloader.
        bootloader: String,
    },
    /// It is one of ours, and something for others was wanted.
    #[error("`{target}` is a cuff device")]
    Ours {
        /// The target as typed.
        target: String,
    },
    /// Nothing describes the board it says it is.
    #[error("`{target}` says its board is `{board}`, which cuff does not know")]
    UnknownBoard {
        /// The target as typed.
        target: String,
        /// The name.
        board: String,
    },
    /// It answered with an error that is no reason of ours.
    #[error("the device answers: {said}")]
    Answer {
        /// The error, in SMP's words.
        said: String,
    },
    /// Not over this kind of link.
    #[error("a serial line cannot {what}")]
    Unable {
        /// What was wanted.
        what: &'static str,
    },
    /// Something between a debug probe and a chip.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// This machine failed, not the device.
    #[error("cannot keep `{path}`")]
    Desk {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
}
