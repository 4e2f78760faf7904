//! What a failed unit means to whoever stands at the bench: exit code, rule, and what to do. Not a command.

use crate::command::device::explained;
use crate::command::device::station::unrecorded;
use crate::console::{Exit, advised};
use crate::device::station::pass::Failed;
use crate::device::station::pass::preflight::Unfit;
use crate::device::station::pass::promise::Unpromised;

/// The advice that goes with each failure.
pub fn unmade(error: Failed) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        Failed::Report { .. } => (
            Exit::Silent,
            "other-report",
            "set the unit aside: its bootloader does not say what was written",
        ),
        Failed::Unconfirmed { .. } => (
            Exit::TrialReverted,
            "unconfirmed",
            "the application is sick on this unit: repeat the command once, then set it aside",
        ),
        Failed::Differs { .. } => (
            Exit::WriteFailed,
            "differs",
            "repeat the command; if the same address differs again, the flash is damaged",
        ),
        Failed::Link(_) | Failed::Unfit(_) | Failed::Unpromised(_) => {
            return match error {
                Failed::Link(error) => explained(error),
                Failed::Unfit(error) => unfit(error),
                Failed::Unpromised(error) => unpromised(error),
                other => other.into(),
            };
        }
    };
    advised(error, exit, rule, help)
}

fn unfit(error: Unfit) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        Unfit::NoUid { .. } => (
            Exit::WrongChip,
            "no-uid",
            "check the uid address in the board's [debug] table",
        ),
        Unfit::Twice { .. } => (
            Exit::WrongChip,
            "same-uid",
            "set both chips aside: a number that two chips have names neither",
        ),
        Unfit::WantsTicket { .. } => (
            Exit::AlreadyProvisioned,
            "no-virgin",
            "run `cuff device recover --erase-all` once more: with --rma TICKET --unit SERIAL for the unit it is, with --virgin if it is none",
        ),
        Unfit::PassedBefore { .. } => (
            Exit::AlreadyProvisioned,
            "passed-before",
            "take the next unit, or make this one anew with --replace",
        ),
        Unfit::Somebody { .. } => (
            Exit::AlreadyProvisioned,
            "already-provisioned",
            "a unit from elsewhere comes in through `cuff device recover --erase-all --rma`",
        ),
        Unfit::OtherRoot { .. } => (
            Exit::Foreign,
            "other-root",
            "it is another company's unit, or another product line's: set it aside",
        ),
        Unfit::Foreign => (
            Exit::Foreign,
            "foreign-firmware",
            "set it aside, or overwrite what it holds with --overwrite",
        ),
        Unfit::Link(_) => {
            return match error {
                Unfit::Link(error) => explained(error),
                other => other.into(),
            };
        }
    };
    advised(error, exit, rule, help)
}

fn unpromised(error: Unpromised) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        Unpromised::SerialTaken { .. } => (
            Exit::SerialTaken,
            "serial-taken",
            "scan this unit's own label; a label that exists twice goes back to the printer",
        ),
        Unpromised::OtherLabel { .. } => (
            Exit::SerialTaken,
            "other-label",
            "scan the label that this unit was promised",
        ),
        Unpromised::NoSerial { .. } => (Exit::SerialTaken, "no-serial", "scan the label again"),
        Unpromised::Exhausted { .. } => (
            Exit::Exhausted,
            "serials-exhausted",
            "give the station a new range, list or label",
        ),
        Unpromised::List { .. } => (
            Exit::Unknown,
            "serial-list",
            "check the path in the station's description",
        ),
        Unpromised::Records(_) => {
            return match error {
                Unpromised::Records(error) => unrecorded(error),
                other => other.into(),
            };
        }
    };
    advised(error, exit, rule, help)
}
