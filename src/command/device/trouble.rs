//! What trouble at the bench means to whoever called: exit code, rule, and what to do. Not a command.

use crate::console::{Exit, advised};
use crate::device::trouble::Trouble;

/// The advice that goes with each trouble.
pub fn explained(trouble: Trouble) -> anyhow::Error {
    let exit = exit(&trouble);
    let (rule, help) = advice(&trouble);
    advised(trouble, exit, rule, help)
}

/// The exit code of a trouble.
pub fn exit(trouble: &Trouble) -> Exit {
    match trouble {
        Trouble::NotBuilt
        | Trouble::Several { .. }
        | Trouble::NoBoard
        | Trouble::NoDebug { .. }
        | Trouble::UnknownChip { .. }
        | Trouble::EraseUnit { .. }
        | Trouble::NoLock { .. } => Exit::Usage,
        Trouble::NoProbe { .. } => Exit::NoProbe,
        Trouble::NoPermission { .. } => Exit::NoPermission,
        Trouble::InUse { .. } => Exit::Busy,
        Trouble::NoTarget { .. } => Exit::NoTarget,
        Trouble::WrongChip { .. } => Exit::WrongChip,
        Trouble::Locked => Exit::Locked,
        Trouble::Silent { .. } => Exit::Silent,
        Trouble::ReadBack { .. } | Trouble::Write { .. } => Exit::WriteFailed,
        Trouble::StillOpen => Exit::LockNotProven,
    }
}

fn advice(trouble: &Trouble) -> (&'static str, String) {
    let (rule, help) = match trouble {
        Trouble::NotBuilt => (
            "no-probes-built",
            "use a build with the feature `probe`, which is the default",
        ),
        Trouble::NoProbe { .. } => (
            "no-probe",
            "plug it in; `cuff device list` shows what is there",
        ),
        Trouble::Several { .. } => ("several-probes", "name one of them"),
        Trouble::NoPermission { rule: None, .. } => (
            "no-permission",
            "ask whoever runs that probe's server to let this user connect",
        ),
        Trouble::NoPermission {
            rule: Some(rule), ..
        } => {
            return (
                "no-permission",
                format!(
                    "write this line to /etc/udev/rules.d/70-cuff.rules, run `udevadm control --reload` and plug the probe in again:\n{rule}"
                ),
            );
        }
        Trouble::InUse { .. } => (
            "probe-busy",
            "close the other program, a debugger, an IDE or another cuff; if there is none, plug the probe in again",
        ),
        Trouble::NoBoard => (
            "no-board",
            "name it with --board, as --board qemu-an386, or set CUFF_BOARD",
        ),
        Trouble::NoDebug { .. } => (
            "no-debug-table",
            "give the description a [debug] table, as docs/factory.md shows",
        ),
        Trouble::UnknownChip { .. } => ("unknown-chip", "name the chip as probe-rs does"),
        Trouble::EraseUnit { .. } => (
            "erase-unit",
            "give the board's description the chip's erase unit",
        ),
        Trouble::NoTarget { .. } => (
            "no-target",
            "check that the unit has power and that the cable is seated",
        ),
        Trouble::WrongChip { .. } => (
            "wrong-chip",
            "nothing was written: connect the board that was named, or name the board that is connected",
        ),
        Trouble::Locked => (
            "locked",
            "`cuff device recover --erase-all` opens it by erasing all it holds; over serial it still answers for itself",
        ),
        Trouble::Silent { .. } => (
            "no-answer",
            "check that the board's bootloader was written; if it was, set the unit aside",
        ),
        Trouble::ReadBack { .. } => (
            "read-back",
            "repeat the command; if the same address fails again, the flash is damaged",
        ),
        Trouble::Write { .. } => (
            "write",
            "repeat the command; if it fails again, the flash is damaged or protected",
        ),
        Trouble::StillOpen => (
            "lock-not-proven",
            "set the unit aside: its lock did not take",
        ),
        Trouble::NoLock { .. } => (
            "no-lock-word",
            "give the [debug] table of its description a lock, if the chip has one",
        ),
    };
    (rule, help.to_owned())
}
