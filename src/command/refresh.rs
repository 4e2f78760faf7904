//! `cuff refresh`: signs snapshot and timestamp afresh. What people signed, and what is staged, stays as it is.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::publish::{PublishedFacts, Shared};
use crate::console::{Answer, Console, Exit};
use crate::repository::publish::Scope;

/// Sign snapshot and timestamp afresh, before they expire
#[derive(Debug, clap::Args)]
pub struct Refresh {
    #[command(flatten)]
    shared: Shared,

    /// How often to try again when somebody else was faster or the store did not answer
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
}

impl Refresh {
    /// Refreshes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let (report, store) = self
            .shared
            .run_again(console, Scope::OnlineOnly, self.retries)?;
        console.answer(&Refreshed(PublishedFacts::of(
            &report,
            store,
            self.shared.dry_run(),
        )))
    }
}

/// What was refreshed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Refreshed(PublishedFacts);

impl Answer for Refreshed {
    const COMMAND: &'static str = "refresh";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        self.0.write(out)
    }
}
