//! `cuff refresh`: signs snapshot and timestamp afresh. What people signed, and what is staged, stays as it is.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::publish::{PublishedFacts, Shared};
use crate::console::{Answer, Console, Exit, safe};
use crate::instant;
use crate::repository::bins::edits::Edits;
use crate::repository::publish::{Report, Scope};
use crate::role::wire::Utc;

/// Sign snapshot and timestamp afresh, before they expire
///
/// For a machine that runs it every day, and a monitor that reads what it says: exit code 0 means that the new timestamp is in the
/// store, 1 that somebody must look, 3 that it could not be done this time. What people sign is not renewed; the answer says
/// which of it expires first.
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
        let (report, store, retried) =
            self.shared
                .run_again(console, Scope::OnlineOnly, self.retries, &Edits::default())?;
        console.answer(&Refreshed::of(
            &report,
            PublishedFacts::of(&report, store, self.shared.dry_run()),
            retried,
        )?)
    }
}

/// What was refreshed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Refreshed {
    #[serde(flatten)]
    facts: PublishedFacts,
    /// How often it was tried.
    attempts: usize,
    /// Why it was tried again, in order.
    retried: Vec<String>,
    /// Until when the timestamp was valid that was replaced.
    replaced_expires: Option<String>,
    /// For how many seconds from now readers can go on without another refresh.
    valid_seconds: Option<u64>,
    /// What people must sign next.
    first_to_expire: Option<RoleExpiry>,
}

/// A role people sign, which no refresh renews.
#[derive(Debug, Serialize, JsonSchema)]
struct RoleExpiry {
    /// The role.
    role: String,
    /// When it expires.
    expires: String,
    /// Seconds from now; 0 when it has expired.
    seconds: u64,
}

impl Refreshed {
    fn of(report: &Report, facts: PublishedFacts, retried: Vec<String>) -> anyhow::Result<Self> {
        let now = instant::now()?;
        let seconds = |until: Utc| until.0.0.saturating_sub(now.0);
        let first = report.first_to_expire.as_ref();
        Ok(Self {
            facts,
            attempts: retried.len() + 1,
            retried,
            replaced_expires: report.replaced.map(|until| until.to_string()),
            valid_seconds: [&report.timestamp, &report.snapshot]
                .into_iter()
                .flatten()
                .map(|(_, expires)| seconds(*expires))
                .min(),
            first_to_expire: first.map(|(role, expires)| RoleExpiry {
                role: role.clone(),
                expires: expires.to_string(),
                seconds: seconds(*expires),
            }),
        })
    }
}

impl Answer for Refreshed {
    const COMMAND: &'static str = "refresh";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        self.facts.write(out)?;
        if let Some(first) = &self.first_to_expire {
            writeln!(
                out,
                "  of what people sign {} expires first, at {}",
                safe(&first.role),
                first.expires
            )?;
        }
        Ok(())
    }
}
