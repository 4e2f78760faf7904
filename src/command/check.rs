//! `cuff check`: everything that is wrong with a published repository, seen from outside.
//!
//! It takes a directory, a web address or a bucket, and the date, gives a list of problems, and leaves with 1 if one of them is an error. It writes
//! nothing and trusts nothing.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::fetch::advice::{explain_open, explain_source};
use crate::console::style::{BAD, DIM, GOOD, WARNING, paint};
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::instant::{self, Span};
use crate::repository::check::problem::{Problem, Severity};
use crate::repository::check::second_opinion::{Opinion, WITNESS};
use crate::repository::check::{self, Criteria, Report};
use crate::repository::source::open::open_site;

/// List everything that is wrong with a published repository
///
/// Looks at every file from outside, as anyone could: the chain of roots from the first, signatures, versions, dates, digests,
/// every bundle and its record, what devices would say, what caches are told, and what should not lie there. A root found there
/// is not a root you trust: `cuff fetch` begins with yours.
#[derive(Debug, clap::Args)]
pub struct Check {
    /// The repository's directory, its web address, or its bucket: `s3://BUCKET/PREFIX`, `gs://...`, `az://...`
    ///
    /// On a web server files are asked for and not listed: what nothing leads to is not seen. A bucket is listed, with
    /// credentials from the environment (docs/store.md).
    repository: String,

    /// Also ask the `tuf` crate, a TUF client by other people, about signatures
    ///
    /// It is asked about the signatures on root, timestamp, snapshot and targets and about nothing else, and its yes counts for
    /// nothing.
    #[arg(long)]
    second_opinion: bool,

    /// Warn about roles that people sign when they expire within this time
    #[arg(long, value_name = "TIME", default_value = "14d")]
    soon: Span,

    /// Check as if it were this date
    #[arg(long, value_name = "DATE", value_parser = instant::parse)]
    at: Option<cuff_verifier::time::Instant>,

    /// Tolerate the published example keys
    #[arg(long)]
    demo: bool,
}

impl Check {
    /// Checks and lists.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let now = match self.at {
            Some(date) => date,
            None => instant::now()?,
        };
        let criteria = Criteria {
            now,
            soon: self.soon,
            demo: self.demo,
        };
        let report = self.examine(console, criteria)?;
        console.answer(&Checked::of(
            self.repository.clone(),
            now.to_string(),
            report,
            self.second_opinion,
        ))
    }
}

impl Check {
    fn examine(&self, console: &Console, criteria: Criteria) -> anyhow::Result<Report> {
        let site = open_site(&self.repository, console.offline()).map_err(explain_open)?;
        let site = site
            .ok_or_else(|| anyhow::anyhow!("`{}` is a file, not a repository", self.repository))
            .exit(Exit::Unknown)
            .rule("no-repository")
            .help("name the directory that holds metadata/ and targets/, its web address, or its bucket; `cuff inspect` looks at one file")?;
        check::check(&*site, criteria, self.second_opinion).map_err(explain_source)
    }
}

/// The state of a repository.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Checked {
    /// The directory, the web address or the bucket.
    directory: String,
    /// The date it was checked for.
    at: String,
    /// Everything that is wrong, worst first.
    problems: Vec<Problem>,
    /// The current roles.
    roles: BTreeMap<String, CheckedRole>,
    /// Every release that is listed.
    releases: Vec<String>,
    /// Bytes of evidence that a device of each product needs which still trusts the first root.
    evidence: BTreeMap<String, u64>,
    /// What the second opinion was, with --second-opinion.
    second_opinion: Option<SecondOpinion>,
}

/// A role, as far as it could be read.
#[derive(Debug, Serialize, JsonSchema)]
struct CheckedRole {
    /// Its version.
    version: u64,
    /// When it expires.
    expires: String,
}

/// What another verifier says.
#[derive(Debug, Serialize, JsonSchema)]
struct SecondOpinion {
    /// Who was asked.
    witness: &'static str,
    /// About what.
    about: &'static str,
    /// What it says of each file.
    opinions: Vec<Opinion>,
}

impl Checked {
    fn of(directory: String, at: String, report: Report, second_opinion: bool) -> Self {
        let role = |(role, (version, expires)): (String, (u64, cuff_verifier::time::Instant))| {
            let expires = expires.to_string();
            (role, CheckedRole { version, expires })
        };
        Self {
            directory,
            at,
            problems: report.problems,
            roles: report.roles.into_iter().map(role).collect(),
            releases: report.releases,
            evidence: report.evidence,
            second_opinion: second_opinion.then_some(SecondOpinion {
                witness: WITNESS,
                about: "signatures on root, timestamp, snapshot and targets",
                opinions: report.opinions,
            }),
        }
    }

    fn count(&self, severity: Severity) -> usize {
        self.problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    }
}

impl Answer for Checked {
    const COMMAND: &'static str = "check";

    fn exit(&self) -> Exit {
        if self.count(Severity::Error) > 0 {
            Exit::No
        } else {
            Exit::Yes
        }
    }

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        for problem in &self.problems {
            let style = match problem.severity {
                Severity::Error => BAD,
                Severity::Warning => WARNING,
                Severity::Note => DIM,
            };
            writeln!(
                out,
                "{} {}: {} [{}]",
                paint(style, format!("{}:", problem.severity.name())),
                safe(&problem.subject),
                safe(&problem.message),
                problem.rule
            )?;
        }
        // Of a thousand bins nobody reads a thousand lines; `--json` has them all.
        let bins = self.roles.keys().filter(|role| role.starts_with("bin-"));
        let bins = bins.count();
        for (role, state) in &self.roles {
            if bins > MOST_LINES && role.starts_with("bin-") {
                continue;
            }
            writeln!(
                out,
                "{:<12} v{:<6} until {}",
                safe(role),
                state.version,
                state.expires
            )?;
        }
        if bins > MOST_LINES {
            writeln!(out, "{bins} bins")?;
        }
        for (product, bytes) in &self.evidence {
            writeln!(
                out,
                "evidence for {}: {bytes} bytes from root v1",
                safe(product)
            )?;
        }
        if let Some(second) = &self.second_opinion {
            let agrees = second.opinions.iter().filter(|opinion| opinion.agrees);
            writeln!(
                out,
                "second opinion: {} agrees about the signatures of {} of {} files; it was asked about root, timestamp, \
                 snapshot and targets and about nothing else, and its yes counts for nothing",
                second.witness,
                agrees.count(),
                second.opinions.len()
            )?;
        }
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let verdict = if errors > 0 {
            paint(BAD, "not healthy")
        } else {
            paint(GOOD, "healthy")
        };
        writeln!(
            out,
            "{verdict}: {}, {}, {}, checked for {}",
            counted(errors, "error"),
            counted(warnings, "warning"),
            counted(self.releases.len(), "release"),
            self.at
        )
    }
}

/// Bins that are named one by one.
const MOST_LINES: usize = 16;

/// `1 error`, `2 errors`.
fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
