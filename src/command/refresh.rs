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
}

impl Refresh {
    /// Refreshes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let (report, store) = self.shared.run(console, Scope::OnlineOnly)?;
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
