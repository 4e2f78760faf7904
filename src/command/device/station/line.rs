//! What `cuff device provision --station --json` says while it works: one object a line, as soon as it is known.
//!
//! Plain values; their schema is published beside those of the answers.

use schemars::JsonSchema;
use serde::Serialize;

/// A line.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "cuff device provision --station, line by line")]
pub struct Line<'l> {
    /// Version of this schema; grows when a field is removed or changes its meaning.
    schema_version: u32,
    #[serde(flatten)]
    said: Said<'l>,
}

impl<'l> From<Said<'l>> for Line<'l> {
    fn from(said: Said<'l>) -> Self {
        Self {
            schema_version: 1,
            said,
        }
    }
}

/// What a line is about.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Said<'l> {
    /// Work in a slot begins.
    TaskBegin {
        /// The slot's label.
        slot: &'l str,
    },
    /// A step begins (`done` and `total` are 0), or is done.
    TaskProgress {
        /// The slot's label.
        slot: &'l str,
        /// The step, named as in bars and records.
        step: &'l str,
        /// So much is done, in bytes where the step counts them.
        done: u64,
        /// Of so much.
        total: u64,
    },
    /// Work in a slot ends.
    TaskEnd {
        /// The slot's label.
        slot: &'l str,
        /// The unit's serial; null when none was promised.
        serial: Option<&'l str>,
        /// The chip's number; null when it was not reached.
        uid: Option<&'l str>,
        /// Whether everything was done and proven; with `--dry-run`, whether it would be written.
        passed: bool,
        /// The step that failed.
        step: Option<&'l str>,
        /// The unit's exit code.
        code: u8,
        /// A stable name for what was broken; empty when nothing was.
        rule: &'l str,
        /// Why, outermost first.
        error: &'l [String],
        /// What to do next.
        help: &'l [String],
        /// What is or would be written first: bootloader, trust and identity.
        planned: Vec<Stretch>,
        /// Whether the debug port was proven to be locked.
        locked: bool,
        /// How long all steps took.
        milliseconds: u64,
    },
    /// Every slot is done.
    BatchEnd {
        /// Units that passed.
        passed: usize,
        /// Units that did not.
        failed: usize,
        /// The exit code of the command.
        exit: u8,
    },
}

/// A stretch of flash, in pages that are erased first.
#[derive(Serialize, JsonSchema)]
pub struct Stretch {
    /// Its address.
    pub address: u64,
    /// Its length in bytes.
    pub length: u64,
}

/// The schema of a line.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Line<'_>).to_value()
}
