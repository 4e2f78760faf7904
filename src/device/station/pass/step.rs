//! The steps of a unit's making.
//!
//! Plain names: the same in bars, records and JSON.

use std::fmt;

/// The steps, in order. Their names are the same in bars, records and JSON.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// Reach the chip and prove which it is.
    Attach,
    /// Find out whether this unit may be made here.
    Preflight,
    /// Promise it a serial.
    Reserve,
    /// Work out every write.
    Rehearse,
    /// Write bootloader, trust and identity.
    Write,
    /// Ask the bootloader who it is.
    Answer,
    /// Bring the first release.
    Push,
    /// Have the bootloader judge it.
    Judge,
    /// Wait until the application confirms, and have it installed.
    Confirm,
    /// Read everything back.
    Verify,
    /// Close the debug port.
    Lock,
    /// Prove that it is closed.
    Prove,
}

impl Step {
    /// As it is written everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Preflight => "preflight",
            Self::Reserve => "reserve",
            Self::Rehearse => "rehearse",
            Self::Write => "write",
            Self::Answer => "answer",
            Self::Push => "push",
            Self::Judge => "judge",
            Self::Confirm => "confirm",
            Self::Verify => "verify",
            Self::Lock => "lock",
            Self::Prove => "prove",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
