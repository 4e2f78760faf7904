//! `cuff sim cut`: pull the plug at a chosen moment.
//!
//! It arms a cut for the next command that powers the wearable, and does nothing else.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::device::explained;
use crate::console::{Answer, Console, Exit, safe};
use crate::device::sim;
use crate::device::sim::outside::{ArmedCut, Torn};

/// Cut the power of the next boot, push or provisioning after so many flash operations
///
/// The cut is used up by that command, whether it was reached or not.
#[derive(Debug, clap::Args)]
pub struct Cut {
    /// The wearable's folder
    path: PathBuf,

    /// Flash operations that are still done whole; the next one is torn
    #[arg(long, value_name = "N")]
    after: u64,

    /// What is left of the torn one
    #[arg(long, value_enum, default_value_t)]
    tear: Torn,

    /// Check everything, but arm nothing
    #[arg(long)]
    dry_run: bool,
}

impl Cut {
    /// Arms the cut.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let mut sim = sim::Sim::open(&self.path).map_err(explained)?;
        if !self.dry_run {
            let cut = ArmedCut {
                after: self.after,
                tear: self.tear,
            };
            sim.arm(cut.into()).map_err(explained)?;
        }
        console.answer(&Armed {
            target: format!("sim:{}", self.path.display()),
            after: self.after,
            dry_run: self.dry_run,
        })
    }
}

/// What was armed.
#[derive(Serialize, JsonSchema)]
pub struct Armed {
    /// The wearable.
    target: String,
    /// Flash operations that are still done whole.
    after: u64,
    /// Whether nothing was armed.
    dry_run: bool,
}

impl Answer for Armed {
    const COMMAND: &'static str = "sim cut";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let will = if self.dry_run {
            "would lose"
        } else {
            "will lose"
        };
        writeln!(
            out,
            "{} {will} power after {} flash operations of the next boot, push or provisioning",
            safe(&self.target),
            self.after
        )
    }
}
