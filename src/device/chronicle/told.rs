//! One record of the tamper log, in words.
//!
//! Takes a record as the device keeps it, gives a sentence; a kind or reason this cuff does not know keeps its number.

use cuff_bootloader::log::{Entry, Kind};
use cuff_verifier::verdict::Reason;
use schemars::JsonSchema;
use serde::Serialize;

use crate::device::event::Why;

/// One record in words.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Told {
    /// Counts records from 1.
    pub sequence: u32,
    /// What happened, in kebab case; `unknown` for a number this cuff does not know.
    pub kind: String,
    /// The number of the kind.
    pub code: u8,
    /// The time floor then, not a clock.
    pub floor: String,
    /// What it was about: a reason's number, a count, a version or the low half of a counter.
    pub argument: u32,
    /// The reason, where the argument is one.
    pub reason: Option<Why>,
    /// How often the same happened again before anything else did.
    pub repeated: u32,
    /// Whether this is the copy that is kept for ever because it was the first of its kind.
    pub first_of_kind: bool,
}

impl Told {
    pub(super) fn of(entry: &Entry, first_of_kind: bool) -> Self {
        let kind = Kind::from_code(entry.kind);
        let reason = match kind {
            Some(Kind::RefusedEvidence | Kind::RefusedCandidate | Kind::RecoveryEntered) => {
                u16::try_from(entry.argument)
                    .ok()
                    .and_then(Reason::from_code)
                    .map(Why::from)
            }
            _ => None,
        };
        Self {
            sequence: entry.sequence,
            kind: kind.map_or("unknown", name).to_owned(),
            code: entry.kind,
            floor: entry.floor.to_string(),
            argument: entry.argument,
            reason,
            repeated: 0,
            first_of_kind,
        }
    }

    /// The record as one sentence.
    pub fn sentence(&self) -> String {
        let argument = self.argument;
        let told = match Kind::from_code(self.code) {
            Some(Kind::RefusedEvidence) => "evidence refused".to_owned(),
            Some(Kind::RefusedCandidate) => "candidate refused".to_owned(),
            Some(Kind::TrialFailed) => {
                format!("a trial started {argument} times and never confirmed")
            }
            Some(Kind::ActiveMismatch) => "the active slot did not hold what it must".to_owned(),
            Some(Kind::TrustRepaired) => "a trust bank was repaired from the other".to_owned(),
            Some(Kind::CounterChanged) => format!("the security counter went to {argument}"),
            Some(Kind::RootChanged) => format!("the trusted root went to version {argument}"),
            Some(Kind::DebugSession) => "a debugger was attached".to_owned(),
            Some(Kind::RecoveryEntered) => "recovery".to_owned(),
            Some(Kind::Installed) => format!("a release confirmed, security counter {argument}"),
            Some(Kind::Restored) => "the release before came back".to_owned(),
            Some(Kind::CounterRepaired) => "the counter pages were repaired".to_owned(),
            Some(Kind::Provisioned) => "provisioned".to_owned(),
            None => format!(
                "kind {}, argument {argument}: newer than this cuff",
                self.code
            ),
        };
        match &self.reason {
            Some(reason) => format!("{told}: {reason}"),
            None => told,
        }
    }
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::RefusedEvidence => "refused-evidence",
        Kind::RefusedCandidate => "refused-candidate",
        Kind::TrialFailed => "trial-failed",
        Kind::ActiveMismatch => "active-mismatch",
        Kind::TrustRepaired => "trust-repaired",
        Kind::CounterChanged => "counter-changed",
        Kind::RootChanged => "root-changed",
        Kind::DebugSession => "debug-session",
        Kind::RecoveryEntered => "recovery-entered",
        Kind::Installed => "installed",
        Kind::Restored => "restored",
        Kind::CounterRepaired => "counter-repaired",
        Kind::Provisioned => "provisioned",
    }
}
