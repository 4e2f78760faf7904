//! Everything that is wrong with a published repository, seen from outside.
//!
//! Takes a place, the date, and what to tolerate; gives a list of typed problems, never just the first. It goes on past
//! a broken file as far as the file can still be read; what clients and devices decide is asked of the verifier.

pub mod caches;
pub mod files;
pub mod fleet;
pub mod metadata;
pub mod problem;
pub mod releases;
pub mod second_opinion;

use std::collections::{BTreeMap, BTreeSet};

use cuff_verifier::profile::Profile;
use cuff_verifier::time::{Clock, Instant};

use super::client::trust::Trust;
use super::client::{Client, ClientError};
use super::source::SourceError;
use super::source::site::Site;
use crate::instant::Span;
use problem::{Problem, Severity};

/// What to hold a repository against.
#[derive(Clone, Copy, Debug)]
pub struct Criteria {
    /// The date.
    pub now: Instant,
    /// Metadata that people sign should not expire within this time.
    pub soon: Span,
    /// Whether the published example keys are tolerated.
    pub demo: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Everything that is wrong, worst first.
    pub problems: Vec<Problem>,
    /// Current version and expiry of every role that could be read.
    pub roles: BTreeMap<String, (u64, Instant)>,
    /// Every release that is listed.
    pub releases: Vec<String>,
    /// Bytes of evidence that a device of each product needs which still trusts the first root.
    pub evidence: BTreeMap<String, u64>,
    /// What the second opinion was, if it was asked for.
    pub opinions: Vec<second_opinion::Opinion>,
}

impl Report {
    /// Whether anything is an error.
    pub fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }
}

/// A repository under examination: what has been read of it, and what was wrong.
pub struct Case<'a> {
    source: &'a dyn Site,
    criteria: Criteria,
    /// As a device reads it, or, where targets delegates to hashed bins, as hosts do.
    profile: Profile,
    report: Report,
    /// Files that current metadata leads to.
    referenced: BTreeSet<String>,
}

/// Examines a repository. Where it can be read and not listed, what nothing leads to is not seen, nor what lies behind a
/// missing root.
pub fn check(
    source: &dyn Site,
    criteria: Criteria,
    second_opinion: bool,
) -> Result<Report, SourceError> {
    let listed = source.list()?;
    let mut case = Case {
        source,
        criteria,
        profile: Profile::Device,
        report: Report::default(),
        referenced: BTreeSet::new(),
    };
    let found = metadata::examine(&mut case, listed.as_deref())?;
    releases::examine(&mut case, &found)?;
    fleet::examine(&mut case, found.snapshot.as_deref())?;
    files::examine(&mut case, listed.unwrap_or_default());
    caches::examine(&mut case);
    ask_a_client(&mut case, &found)?;
    if second_opinion {
        let opinions = second_opinion::ask(&asked_about(&case, found));
        for opinion in opinions.iter().filter(|opinion| !opinion.agrees) {
            case.error("second-opinion", &opinion.file, &opinion.says);
        }
        case.report.opinions = opinions;
    }
    let mut report = case.report;
    report.problems.sort();
    Ok(report)
}

impl Case<'_> {
    fn tell(&mut self, severity: Severity, rule: &str, subject: &str, message: impl Into<String>) {
        let problem = Problem {
            severity,
            rule: rule.to_owned(),
            subject: subject.to_owned(),
            message: message.into(),
        };
        if !self.report.problems.contains(&problem) {
            self.report.problems.push(problem);
        }
    }

    fn error(&mut self, rule: &str, subject: &str, message: impl Into<String>) {
        self.tell(Severity::Error, rule, subject, message);
    }

    /// A file that should be there. What is missing or too long is a problem of the repository, a failing disk is not.
    fn read(&mut self, file: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        self.referenced.insert(file.to_owned());
        match self.source.get(file, limit) {
            Ok(Some(bytes)) => Ok(Some(bytes)),
            Ok(None) => {
                self.error("missing-file", file, "the file is missing");
                Ok(None)
            }
            Err(error @ SourceError::Read { .. }) => Err(error),
            Err(error) => {
                self.error("unfit-file", file, error.to_string());
                Ok(None)
            }
        }
    }
}

/// The other verifier knows no hashed bins, and is not asked about the role that delegates to them.
fn asked_about(case: &Case<'_>, found: metadata::Found) -> metadata::Found {
    metadata::Found {
        targets: found.targets.filter(|_| case.profile.is_device()),
        ..found
    }
}

/// The whole workflow, as a client that begins with the first root: what it refuses must be among the problems.
fn ask_a_client(case: &mut Case<'_>, found: &metadata::Found) -> Result<(), SourceError> {
    let Some(root) = found.roots.values().next() else {
        return Ok(());
    };
    let client = Client {
        trust: &mut Trust::in_memory(root.clone()),
        profile: case.profile,
        clock: Clock::Exact(case.criteria.now),
    };
    let wanted: Vec<String> = if case.profile.is_device() {
        found.roles.keys().map(|role| format!("{role}/")).collect()
    } else {
        // Every bin was looked into already; some are gone through as a client does.
        case.report
            .releases
            .iter()
            .take(MOST_ASKED)
            .cloned()
            .collect()
    };
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    match client.update(case.source, &wanted) {
        Ok(_) => Ok(()),
        Err(ClientError::Source(error @ SourceError::Read { .. })) => Err(error),
        Err(error) => {
            case.error("client-refuses", "repository", error.to_string());
            Ok(())
        }
    }
}

/// Targets in bins that a client is asked for.
const MOST_ASKED: usize = 16;
