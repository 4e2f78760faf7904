//! Whether the logs are whole: each for itself, against every publication, and against the signed snapshot.
//!
//! Takes all logs and the digest in the published snapshot; gives every problem with its place. What was added after the last
//! publication is only chained: cutting it off again leaves no trace, which docs/working-directory.md says.

use std::collections::BTreeMap;

use super::entry::{Event, Head};
use super::fold;
use super::log::Log;
use crate::role::wire::Hex;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The log.
    pub log: String,
    /// The line, where there is one.
    pub line: Option<usize>,
    /// One sentence.
    pub message: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is odd, and no proof of anything: clocks that went back.
    pub notes: Vec<Problem>,
    /// Whether the published snapshot vouches for the logs.
    pub vouched: bool,
    /// Entries that no publication covers yet.
    pub uncovered: u64,
}

/// Checks all logs. `published` is the version of the published snapshot and the digest it holds, if it holds one.
pub fn check(logs: &BTreeMap<String, Log>, published: Option<(u64, Hex)>) -> Report {
    let mut report = Report::default();
    let digests: BTreeMap<&str, Vec<Hex>> = logs
        .iter()
        .map(|(name, log)| (name.as_str(), log.lines().map(|line| line.digest).collect()))
        .collect();
    let mut vouched: Option<BTreeMap<String, Head>> = None;
    for (name, log) in logs {
        let problem = |line, message| Problem {
            log: name.clone(),
            line,
            message,
        };
        if log.is_in_conflict() {
            report.problems.push(problem(None, "git left both sides of a merge in it: the same key was used in two clones at once; keep one side".to_owned()));
            continue;
        }
        let faults = log.faults();
        report.problems.extend(
            faults
                .into_iter()
                .map(|(line, fault)| problem(Some(line), fault.to_string())),
        );
        let mut latest = None;
        for line in log.lines() {
            let Ok(entry) = line.entry else { continue };
            if latest.is_some_and(|latest| entry.time < latest) {
                report.notes.push(problem(
                    Some(line.number),
                    format!(
                        "its time {} lies before that of the entry before it: a clock was wrong",
                        entry.time
                    ),
                ));
            }
            latest = Some(entry.time);
            let Event::Publishing { heads, .. } = entry.event else {
                continue;
            };
            for (other, head) in &heads {
                if let Some(message) = missing(digests.get(other.as_str()), *head) {
                    report.problems.push(Problem {
                        log: other.clone(),
                        line: usize::try_from(head.number).ok(),
                        message: format!(
                            "{message} (noted when the publication of {} was made, {name}, entry {})",
                            entry.time, entry.number
                        ),
                    });
                }
            }
            let mut all = heads;
            all.insert(
                name.clone(),
                Head {
                    number: entry.number,
                    entry: line.digest,
                },
            );
            if published.is_some_and(|(_, digest)| digest == fold(&all)) {
                vouched = Some(all);
            }
        }
    }
    report.vouched = vouched.is_some();
    if let (Some((version, digest)), None) = (published, &vouched) {
        report.problems.push(Problem {
            log: "snapshot".to_owned(),
            line: None,
            message: format!(
                "the signed snapshot v{version} vouches for logs with the digest {digest}, and no publication in any log has it: entries were edited or cut off, or this clone lacks the commit of whoever published"
            ),
        });
    }
    let covered = vouched.unwrap_or_default();
    report.uncovered = digests
        .iter()
        .map(|(name, digests)| {
            let covered = covered.get(*name).map_or(0, |head| head.number);
            (digests.len() as u64).saturating_sub(covered)
        })
        .sum();
    report
}

/// What is wrong if a log does not hold this entry at this place.
fn missing(digests: Option<&Vec<Hex>>, head: Head) -> Option<String> {
    let digests = digests.map(Vec::as_slice).unwrap_or_default();
    let place = usize::try_from(head.number).ok()?.checked_sub(1)?;
    match digests.get(place) {
        None => Some(format!(
            "truncated: it had {} entries and has {}",
            head.number,
            digests.len()
        )),
        Some(found) if *found != head.entry => Some(format!(
            "edited: entry {} was {}, found {found}",
            head.number, head.entry
        )),
        Some(_) => None,
    }
}
