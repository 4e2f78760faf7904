//! Exit codes: what a script learns without reading a word.
//!
//! "No" and "could not find out" are different numbers, because a script must not treat a broken disk as a refusal, nor
//! the other way round. `docs/exit-codes.md` is the table for people.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Exit {
    /// The answer is yes; what was asked is done.
    Yes,
    /// The answer is no: refused, expired, under threshold, already there.
    No,
    /// The command line, a manifest or a configuration file is wrong.
    Usage,
    /// It could not be found out: disk, network, probe, an interrupted prompt.
    Unknown,
    /// A device refused, or holds something else than it should.
    Refused,
    /// A trial ended without a confirm; the release before it is back.
    TrialReverted,
    /// A device stays in recovery.
    Recovery,
    /// A device was never provisioned.
    NotProvisioned,
    /// A device was provisioned before.
    AlreadyProvisioned,
    /// A device went away in the middle of it.
    LinkLost,
    /// Another process is talking to the device.
    Busy,
    /// A device's tamper log lost records, or they were changed.
    LogBroken,
    /// No debug probe is plugged in, or not the one that was named.
    NoProbe,
    /// A debug probe is there, and this user may not use it.
    NoPermission,
    /// Nothing answers behind the probe.
    NoTarget,
    /// Another chip than the board's is connected.
    WrongChip,
    /// The chip's debug port is locked.
    Locked,
    /// The chip is there and its bootloader does not answer.
    Silent,
    /// The chip cannot be written, or does not hold what was written.
    WriteFailed,
    /// The debug port still answers after it was locked.
    LockNotProven,
    /// The chip holds firmware, or an identity, that this station did not put there.
    Foreign,
    /// A serial was used before, is reserved, or is not this station's to give.
    SerialTaken,
    /// There is no serial left.
    Exhausted,
    /// A station log was changed, cut short, or does not fit another one.
    RecordsBroken,
    /// Some units of a batch failed.
    PartialBatch,
}

impl Exit {
    /// All of them, for the table in the documentation.
    pub const ALL: &[Self] = &[
        Self::Yes,
        Self::No,
        Self::Usage,
        Self::Unknown,
        Self::Refused,
        Self::TrialReverted,
        Self::Recovery,
        Self::NotProvisioned,
        Self::AlreadyProvisioned,
        Self::LinkLost,
        Self::Busy,
        Self::LogBroken,
        Self::NoProbe,
        Self::NoPermission,
        Self::NoTarget,
        Self::WrongChip,
        Self::Locked,
        Self::Silent,
        Self::WriteFailed,
        Self::LockNotProven,
        Self::Foreign,
        Self::SerialTaken,
        Self::Exhausted,
        Self::RecordsBroken,
        Self::PartialBatch,
    ];

    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
            Self::Usage => 2,
            Self::Unknown => 3,
            // From 10 on: what only commands that talk to a device end with.
            Self::Refused => 10,
            Self::TrialReverted => 11,
            Self::Recovery => 12,
            Self::NotProvisioned => 13,
            Self::AlreadyProvisioned => 14,
            Self::LinkLost => 15,
            Self::Busy => 16,
            Self::LogBroken => 17,
            // From 20 on: the bench.
            Self::NoProbe => 20,
            Self::NoPermission => 21,
            Self::NoTarget => 22,
            Self::WrongChip => 23,
            Self::Locked => 24,
            Self::Silent => 25,
            Self::WriteFailed => 26,
            Self::LockNotProven => 27,
            Self::Foreign => 28,
            Self::SerialTaken => 29,
            Self::Exhausted => 30,
            Self::RecordsBroken => 31,
            Self::PartialBatch => 32,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_ends_share_a_code() {
        let codes: HashSet<u8> = Exit::ALL.iter().map(|exit| exit.code()).collect();
        assert_eq!(codes.len(), Exit::ALL.len());
    }
}
