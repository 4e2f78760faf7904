//! `cuff audit show`: all logs as one story, by time.
//!
//! It reads the logs of a working directory. It shows what they say; whether they are whole is for `audit verify`.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::desk::{Place, audit_failed, people};
use crate::console::{Answer, Console, Exit, safe};
use crate::repository::audit::Audit;
use crate::repository::audit::entry::{Entry, Event};
use crate::repository::people::People;
use crate::role::wire::Hex;

/// Show who did what, in the order of time
#[derive(Debug, clap::Args)]
pub struct Show {
    /// Only what this person's keys did, or the log that begins so
    #[arg(long, value_name = "NAME")]
    who: Option<String>,

    #[command(flatten)]
    place: Place,
}

impl Show {
    /// Reads and shows.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let people = people(&desk)?;
        let mut shown = Shown {
            entries: Vec::new(),
            unreadable: 0,
        };
        for (name, log) in Audit::of(&desk).logs().map_err(audit_failed)? {
            let who = show(&name, &people);
            let wanted = self.who.as_ref().is_none_or(|wanted| {
                name.starts_with(wanted.as_str()) || who.split(' ').next() == Some(wanted)
            });
            if !wanted {
                continue;
            }
            for line in log.lines() {
                match line.entry {
                    Ok(entry) => shown.entries.push(Shown::entry(&entry, &who)),
                    Err(_) => shown.unreadable += 1,
                }
            }
        }
        // Stable: entries of one second stay in the order of their logs.
        shown
            .entries
            .sort_by(|one, other| one.time.cmp(&other.time));
        console.answer(&shown)
    }
}

/// The person behind a log, or its name.
pub(super) fn show(log: &str, people: &People) -> String {
    log.parse::<Hex>()
        .map_or_else(|_| log.to_owned(), |key| people.show(&key))
}

/// Who did what.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Shown {
    /// By time.
    entries: Vec<Told>,
    /// Lines that are no entries.
    unreadable: u64,
}

/// One entry.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Told {
    /// When, by the clock of the machine.
    time: String,
    /// The person, or the name of the clone.
    who: String,
    /// The log.
    log: String,
    /// The entry's number in it.
    number: u64,
    /// `staged`, `reviewed`, `signed`, `publishing` or `refused`.
    event: &'static str,
    /// What signed, where something did.
    signer: Option<String>,
    /// Roles and their versions, or the command that refused.
    what: Vec<String>,
    /// The digest of the review.
    digest: Option<String>,
    /// Why it was refused.
    reason: Option<String>,
}

impl Shown {
    fn entry(entry: &Entry, who: &str) -> Told {
        let (signer, what, digest, reason) = match &entry.event {
            Event::Staged { roles, digest } => (None, roles.clone(), Some(digest), None),
            Event::Reviewed { digest } => (None, Vec::new(), Some(digest), None),
            Event::Signed {
                signer,
                roles,
                digest,
            } => (Some(signer.clone()), roles.clone(), Some(digest), None),
            Event::Publishing { signer, roles, .. } => {
                (Some(signer.clone()), roles.clone(), None, None)
            }
            Event::Refused {
                command,
                rule,
                message,
            } => (
                None,
                vec![command.clone()],
                None,
                Some(format!("{rule}: {message}")),
            ),
        };
        Told {
            time: entry.time.to_string(),
            who: who.to_owned(),
            log: entry.log.clone(),
            number: entry.number,
            event: entry.event.name(),
            signer,
            what,
            digest: digest.map(Hex::to_string),
            reason,
        }
    }
}

impl Answer for Shown {
    const COMMAND: &'static str = "audit show";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        for told in &self.entries {
            write!(out, "{}  {} {}", told.time, safe(&told.who), told.event)?;
            if !told.what.is_empty() {
                write!(out, " {}", safe(&told.what.join(", ")))?;
            }
            if let Some(digest) = told.digest.as_deref().and_then(|digest| digest.get(..16)) {
                write!(out, ", review {digest}")?;
            }
            if let Some(signer) = &told.signer {
                write!(out, ", with {}", safe(signer))?;
            }
            if let Some(reason) = &told.reason {
                write!(out, ": {}", safe(reason))?;
            }
            writeln!(out)?;
        }
        if self.entries.is_empty() {
            writeln!(out, "the audit log is empty")?;
        }
        if self.unreadable > 0 {
            writeln!(
                out,
                "{} lines are no entries: `cuff audit verify`",
                self.unreadable
            )?;
        }
        Ok(())
    }
}
