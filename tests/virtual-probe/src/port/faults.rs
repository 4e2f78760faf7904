//! What goes wrong, and when.
//!
//! Takes orders and counts transfers; says which fault is due.

/// What goes wrong, and when.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Power goes after this many transfers.
    pub power_after: Option<u64>,
    /// The cable comes off after this many transfers; the unit keeps its power.
    pub cable_after: Option<u64>,
    /// One FAULT after this many transfers.
    pub fault_after: Option<u64>,
    /// One transfer that nobody acknowledges, after this many.
    pub silent_after: Option<u64>,
    /// A byte of flash that always reads with this mask flipped.
    pub flipped: Option<(u32, u8)>,
    /// A page of flash, by an address in it, that neither erases nor programs.
    pub stuck: Option<u32>,
    /// Each answer comes so much later, in milliseconds.
    pub slow: u64,
}

/// What is due.
#[allow(clippy::struct_excessive_bools, reason = "each can be due by itself")]
#[derive(Clone, Copy, Debug, Default)]
pub struct Due {
    pub power: bool,
    pub cable: bool,
    pub fault: bool,
    pub silence: bool,
}

impl Faults {
    /// So many transfers later.
    pub fn count(&mut self, by: u64) -> Due {
        Due {
            power: run_out(&mut self.power_after, by),
            cable: run_out(&mut self.cable_after, by),
            fault: run_out(&mut self.fault_after, by),
            silence: run_out(&mut self.silent_after, by),
        }
    }

    /// Whether nothing falls due within so many transfers.
    pub fn are_far(&self, transfers: u64) -> bool {
        [
            self.power_after,
            self.cable_after,
            self.fault_after,
            self.silent_after,
        ]
        .iter()
        .all(|after| after.is_none_or(|after| after > transfers))
    }

    /// No fault that counts is left.
    pub fn forget(&mut self) {
        self.power_after = None;
        self.cable_after = None;
        self.fault_after = None;
        self.silent_after = None;
    }
}

fn run_out(left: &mut Option<u64>, by: u64) -> bool {
    match left {
        Some(count) if *count <= by => {
            *left = None;
            true
        }
        Some(count) => {
            *count -= by;
            false
        }
        None => false,
    }
}
