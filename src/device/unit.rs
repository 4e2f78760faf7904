//! What a unit is and knows, as read from the unit itself.
//!
//! Takes the bootloader's own records, gives them with the facts of the board. Nothing here is believed because a device
//! says so: whoever needs proof asks the judge.

use cuff_bootloader::judge;
use cuff_bootloader::log::Head;
use cuff_bootloader::record::Record;
use cuff_verifier::judge::Known;
use cuff_verifier::version::Counter;

use crate::board::Board;

/// A unit: its board, and where it stands.
#[derive(Clone, Debug)]
pub struct Unit {
    /// What it is made of.
    pub board: Board,
    /// The version of its bootloader.
    pub bootloader: u64,
    /// Whether it is anyone yet.
    pub standing: Standing,
}

/// Whether a unit is anyone yet.
#[derive(Clone, Debug)]
pub enum Standing {
    /// Its trust store was never written.
    Blank,
    /// Its trust store was written and cannot be read: recovery, or a provisioning that was interrupted.
    Damaged,
    /// It was provisioned.
    Provisioned(Box<Knowledge>),
}

/// All that a provisioned unit knows.
#[derive(Clone, Debug)]
pub struct Knowledge {
    /// The trust record that counts.
    pub record: Record,
    /// Canonical `signed` bytes of the trusted root.
    pub root: Vec<u8>,
    /// The security counter: the larger of record and counter pages.
    pub counter: Counter,
    /// How often the image on trial has started.
    pub starts: u32,
    /// The end of the tamper log.
    pub log_head: Head,
}

impl Knowledge {
    /// What the judge is told.
    pub fn known(&self, bootloader: u64) -> Known<'_> {
        judge::known(&self.record, &self.root, self.counter, bootloader)
    }

    /// The product it belongs to.
    pub fn product(&self) -> &str {
        self.record.identity.product.as_str()
    }

    /// Its own name.
    pub fn serial(&self) -> &str {
        self.record.identity.serial.as_str()
    }
}

/// What a board's `lock` means, in one sentence for whoever relies on it.
pub fn lock_means(board: &Board) -> &'static str {
    match board.lock {
        crate::board::Lock::Hardware => {
            "the chip keeps the application out of bootloader, trust store, counter, journal and log until the next reset"
        }
        crate::board::Lock::None => {
            "nothing on this chip keeps a hostile application from rewriting bootloader and trust store: what it runs is only as trustworthy as what it ran before"
        }
    }
}
