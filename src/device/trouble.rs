//! What goes wrong between a debug probe and a chip, in words for whoever stands at the bench.
//!
//! Every trouble is told apart from its neighbours, because each wants another hand: a cable, a rule, an operator, a repair.

/// Why a probe could not do it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// This program was built without probe-rs.
    #[error("this build of cuff has no debug probes in it")]
    NotBuilt,
    /// Nothing plugged in, or not the one that was named.
    #[error("no debug probe {wanted}")]
    NoProbe {
        /// Which one, or `is plugged in`.
        wanted: String,
    },
    /// Several fit.
    #[error("several debug probes fit: {}", found.join(", "))]
    Several {
        /// As targets.
        found: Vec<String>,
    },
    /// The system does not let us.
    #[error("the debug probe {probe} is there, and this user may not use it")]
    NoPermission {
        /// The probe.
        probe: String,
        /// The udev rule that lets this user, where the probe is on this machine's USB.
        rule: Option<String>,
    },
    /// Somebody else has it open.
    #[error("the debug probe {probe} does not answer: another program uses it, or it is stuck")]
    InUse {
        /// The probe.
        probe: String,
    },
    /// No description of the device.
    #[error("nothing says what board is behind the probe")]
    NoBoard,
    /// The board's description does not speak of probes.
    #[error(
        "the description of board {board} has no [debug] table: a probe would not know its chip"
    )]
    NoDebug {
        /// The board.
        board: String,
    },
    /// The chip's name leads to nothing.
    #[error("probe-rs does not know the chip {chip} of board {board}: {why}")]
    UnknownChip {
        /// The chip.
        chip: String,
        /// The board.
        board: String,
        /// What it said.
        why: String,
    },
    /// The chip erases more at once than the board's regions allow.
    #[error(
        "the chip erases {chip} bytes at once, and its board says {board}: a neighbour would be lost"
    )]
    EraseUnit {
        /// What the chip description says.
        chip: u64,
        /// What the board says.
        board: u64,
    },
    /// Nothing answers behind the probe.
    #[error("no target answers the probe{}", volts(*millivolts))]
    NoTarget {
        /// Supply voltage, where the probe tells.
        millivolts: Option<u32>,
    },
    /// Another chip.
    #[error(
        "another chip than {chip} is connected: {address:#010x} reads {found:#010x}, expected {expected:#010x}"
    )]
    WrongChip {
        /// Which it should be.
        chip: String,
        /// The word that tells.
        address: u64,
        /// What is there.
        found: u32,
        /// What should be.
        expected: u32,
    },
    /// The debug port is closed.
    #[error("the chip's debug port is locked")]
    Locked,
    /// What was written is not what is there.
    #[error(
        "{region} does not hold what was written: {address:#010x} reads {found:#04x}, expected {expected:#04x}"
    )]
    ReadBack {
        /// The region.
        region: String,
        /// First address that differs.
        address: u64,
        /// What is there.
        found: u8,
        /// What should be.
        expected: u8,
    },
    /// The chip refuses to be written.
    #[error("the chip's flash cannot be written: {why}")]
    Write {
        /// The whole chain.
        why: String,
    },
    /// The bootloader does not answer, or not as one.
    #[error("the bootloader does not answer: {why}")]
    Silent {
        /// What is known.
        why: String,
    },
    /// The lock did not take.
    #[error("the debug port still answers after it was locked")]
    StillOpen,
    /// The chip has no lock, or its board does not say where.
    #[error("the description of board {board} names no lock word: this port cannot be locked")]
    NoLock {
        /// The board.
        board: String,
    },
}

fn volts(millivolts: Option<u32>) -> String {
    millivolts.map_or(String::new(), |found| {
        format!(
            ": its supply is at {}.{:02} V",
            found / 1000,
            found % 1000 / 10
        )
    })
}

/// The udev rule that lets the person at the console use a probe.
pub fn udev_rule(vendor: u16, product: u16) -> String {
    format!(
        "SUBSYSTEM==\"usb\", ATTRS{{idVendor}}==\"{vendor:04x}\", ATTRS{{idProduct}}==\"{product:04x}\", TAG+=\"uaccess\""
    )
}
