//! What the tour has to show: steps, the commands in them, and how they ended.
//!
//! Plain values, made by the guide from real answers; they decide nothing.

use schemars::JsonSchema;
use serde::Serialize;

use crate::device::event::Why;

/// One step.
#[derive(Serialize, JsonSchema)]
pub struct Step {
    /// Counted from 1.
    pub number: usize,
    /// The part of the story.
    pub chapter: String,
    /// What it shows.
    pub title: String,
    /// What was typed, and what came of it.
    pub commands: Vec<Ran>,
    /// How it ended.
    pub ending: Ending,
    /// The reason, where something was refused by number.
    pub reason: Option<Why>,
    /// Whether it ended as it should.
    pub as_expected: bool,
    /// What was expected and what was found, where they differ.
    pub surprise: Option<String>,
}

/// One command that was run.
#[derive(Serialize, JsonSchema)]
pub struct Ran {
    /// What was typed after `cuff`; in round brackets what was done without cuff.
    pub typed: String,
    /// The exit code; absent where it was done without cuff.
    pub exit: Option<u8>,
    /// The line of the answer that matters here.
    pub line: String,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// What was asked is done.
    Done,
    /// The working directory refused: nothing was published.
    RefusedAtDesk,
    /// The bootloader refused, with a reason.
    RefusedByDevice,
    /// The wearable lost power.
    PowerLost,
    /// The wearable went on after a mishap.
    Recovered,
    /// The release before is back.
    Reverted,
    /// Not as it should.
    Unexpected,
}

impl Ending {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::RefusedAtDesk => "desk: no",
            Self::RefusedByDevice => "device: no",
            Self::PowerLost => "power lost",
            Self::Recovered => "recovered",
            Self::Reverted => "reverted",
            Self::Unexpected => "NOT AS EXPECTED",
        }
    }
}
