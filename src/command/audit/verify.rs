//! `cuff audit verify`: whether anything in the logs was edited, exchanged or cut off.
//!
//! It holds the logs against each other and against the signed snapshot in `metadata/`; one problem makes it a no.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::show;
use crate::command::desk::{Place, audit_failed, bench, people};
use crate::console::{Answer, Console, Exit, safe};
use crate::repository::audit::Audit;
use crate::repository::audit::check::{self, Problem};
use crate::repository::people::People;

/// Check that the log was only ever added to
#[derive(Debug, clap::Args)]
pub struct Verify {
    #[command(flatten)]
    place: Place,
}

impl Verify {
    /// Checks.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let people = people(&desk)?;
        let bench = bench(&desk, true)?;
        let published = bench.published().and_then(|published| {
            let snapshot = published.snapshot();
            Some((snapshot.version, snapshot.audit?))
        });
        let logs = Audit::of(&desk).logs().map_err(audit_failed)?;
        let report = check::check(&logs, published);
        let found = |problems: Vec<Problem>| {
            problems
                .into_iter()
                .map(|problem| Found::of(problem, &people))
                .collect()
        };
        console.answer(&Checked {
            logs: logs.len(),
            entries: logs.values().map(|log| log.lines().count()).sum(),
            vouched: report.vouched,
            uncovered: report.uncovered,
            problems: found(report.problems),
            notes: found(report.notes),
        })
    }
}

/// Whether the logs are whole.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    /// How many logs there are.
    logs: usize,
    /// How many entries.
    entries: usize,
    /// Whether the signed snapshot vouches for them.
    vouched: bool,
    /// Entries since then, which are only chained: whoever can write the files can cut them off again.
    uncovered: u64,
    /// What is wrong.
    problems: Vec<Found>,
    /// What is odd, and proves nothing.
    notes: Vec<Found>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Found {
    /// The log.
    log: String,
    /// The person, or the name of the log again.
    who: String,
    /// The line, where there is one.
    line: Option<usize>,
    /// One sentence.
    message: String,
}

impl Found {
    fn of(problem: Problem, people: &People) -> Self {
        Self {
            who: show::show(&problem.log, people),
            log: problem.log,
            line: problem.line,
            message: problem.message,
        }
    }

    fn write(&self, mark: char, out: &mut dyn Write) -> fmt::Result {
        write!(out, "{mark} {}", safe(&self.who))?;
        if let Some(line) = self.line {
            write!(out, ", entry {line}")?;
        }
        writeln!(out, ": {}", safe(&self.message))
    }
}

impl Answer for Checked {
    const COMMAND: &'static str = "audit verify";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        for problem in &self.problems {
            problem.write('!', out)?;
        }
        for note in &self.notes {
            note.write('-', out)?;
        }
        write!(out, "{} entries in {} logs", self.entries, self.logs)?;
        match (self.problems.is_empty(), self.vouched) {
            (false, _) => writeln!(out, "; {} problems", self.problems.len()),
            (true, true) if self.uncovered == 0 => {
                writeln!(out, ", whole; the signed snapshot vouches for all of them")
            }
            (true, true) => writeln!(
                out,
                ", whole; the signed snapshot vouches for all but the last {}",
                self.uncovered
            ),
            (true, false) => writeln!(
                out,
                ", chained; nothing is published yet that vouches for them"
            ),
        }
    }

    fn exit(&self) -> Exit {
        if self.problems.is_empty() {
            Exit::Yes
        } else {
            Exit::No
        }
    }
}
