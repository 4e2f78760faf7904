//! Small mistakes, put into the verifier one at a time: its tests must notice each.
//!
//! Takes a shard; gives an error for every mistake that passes and is not explained in `verifier/survivors.toml`, and for
//! every explanation of one that is noticed. First the quick tests are run, then the vectors over what those let pass.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::place;
use crate::tool::Tool;

const CARGO_MUTANTS: &str = "27.1.0";

/// Where the explanations are.
const SURVIVORS: &str = "verifier/survivors.toml";

/// Tests all mistakes, or those of a shard `K/N` (K from 0).
pub fn run(shard: Option<&str>) -> Result<()> {
    let program = Tool::installed("cargo-mutants", CARGO_MUTANTS)?;
    let out = place::root().join("target/mutants");
    if out.exists() {
        fs::remove_dir_all(&out).with_context(|| format!("could not empty {}", out.display()))?;
    }
    fs::create_dir_all(&out)?;
    let mutants = |log: &str, words: &str| {
        let mut tool = Tool::new(&program)
            .words("mutants --package cuff-verifier --profile mutants --jobs 2 --colors never")
            .words("--timeout 20 --build-timeout 600 --output")
            .arg(&out);
        if let Some(shard) = shard {
            tool = tool.arg("--shard").arg(shard);
        }
        // It says by its exit code that some were missed; which ones is in its files.
        tool.words(words).log(&out.join(log))
    };
    println!("the quick tests first; the story is in target/mutants/quick.log");
    mutants(
        "quick.log",
        // For the building too: the vectors take longer to compile than all else.
        "--cargo-arg=--lib --cargo-arg=--test=workflow",
    )?;
    let quick = Outcome::read(&out)?;
    println!("{quick}");
    if !quick.missed.is_empty() {
        println!("all tests for those that were missed; the story is in target/mutants/all.log");
        mutants("all.log", "--iterate --cargo-test-arg=--tests")?;
    }
    let missed = Outcome::read(&out)?.missed;
    judge(&missed, &explained()?, shard.is_some())
}

/// What cargo-mutants found.
struct Outcome {
    tested: u64,
    caught: u64,
    timed_out: u64,
    unviable: u64,
    missed: Vec<String>,
}

impl Outcome {
    fn read(out: &Path) -> Result<Self> {
        let folder = out.join("mutants.out");
        let outcomes = fs::read(folder.join("outcomes.json"))
            .context("cargo-mutants tested nothing; its story is in target/mutants/")?;
        let outcomes: Value = serde_json::from_slice(&outcomes)?;
        let number = |name: &str| {
            let number = outcomes[name].as_u64();
            number.with_context(|| format!("cargo-mutants does not say `{name}`"))
        };
        let missed = fs::read_to_string(folder.join("missed.txt"))?;
        let outcome = Self {
            tested: number("total_mutants")?,
            caught: number("caught")?,
            timed_out: number("timeout")?,
            unviable: number("unviable")?,
            missed: missed.lines().map(named).collect(),
        };
        let finished =
            outcome.caught + outcome.timed_out + outcome.unviable + outcome.missed.len() as u64;
        ensure!(
            outcome.tested > 0 && finished == outcome.tested,
            "cargo-mutants ended early: {finished} of {}; its story is in target/mutants/",
            outcome.tested
        );
        Ok(outcome)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} mistakes: {} noticed, {} never ended, {} did not compile, {} missed",
            self.tested,
            self.caught,
            self.timed_out,
            self.unviable,
            self.missed.len()
        )
    }
}

/// A mistake's name without line and column, which change with every edit above it.
fn named(line: &str) -> String {
    let mut parts = line.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(what)) => format!("{file}:{what}"),
        _ => line.to_owned(),
    }
}

/// The explanations: for each mistake, how often it may pass (the same may stand in one function more than once).
fn explained() -> Result<BTreeMap<String, i64>> {
    let text = fs::read_to_string(place::root().join(SURVIVORS))
        .with_context(|| format!("could not read {SURVIVORS}"))?;
    let table: toml::Table = toml::from_str(&text)?;
    let mut explained = BTreeMap::new();
    for reason in table
        .get("reason")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
    {
        let why = reason.get("why").and_then(toml::Value::as_str);
        ensure!(
            why.is_some_and(|why| why.len() > 20),
            "{SURVIVORS}: a reason without a `why`"
        );
        let mutants = reason.get("mutants").and_then(toml::Value::as_array);
        for mutant in mutants.with_context(|| format!("{SURVIVORS}: a reason without `mutants`"))? {
            let name = mutant.as_str().context("a mutant is a text")?;
            *explained.entry(name.to_owned()).or_default() += 1;
        }
    }
    Ok(explained)
}

fn judge(missed: &[String], explained: &BTreeMap<String, i64>, part: bool) -> Result<()> {
    let mut open = explained.clone();
    let mut unexplained = Vec::new();
    for mutant in missed {
        match open.get_mut(mutant) {
            Some(left) if *left > 0 => *left -= 1,
            _ => unexplained.push(mutant.as_str()),
        }
    }
    println!(
        "{} passed, {} of them explained in {SURVIVORS}",
        missed.len(),
        missed.len() - unexplained.len()
    );
    if !unexplained.is_empty() {
        bail!(
            "no test notices, and {SURVIVORS} does not say why:\n  {}",
            unexplained.join("\n  ")
        );
    }
    let noticed: Vec<&str> = open
        .iter()
        .filter(|(_, left)| **left > 0)
        .map(|(name, _)| name.as_str())
        .collect();
    if !part && !noticed.is_empty() {
        bail!(
            "{SURVIVORS} explains what is noticed now:\n  {}",
            noticed.join("\n  ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistake_is_named_without_its_place() {
        assert_eq!(
            named("verifier/src/json.rs:30:9: replace Value::check -> X with Ok(Y::a())"),
            "verifier/src/json.rs: replace Value::check -> X with Ok(Y::a())"
        );
    }

    #[test]
    fn what_passes_is_explained_and_what_is_explained_passes() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let explained = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);
        let judged = |missed: &[&str], part| judge(&names(missed), &explained, part).is_ok();
        assert!(judged(&["a", "a", "b"], false));
        assert!(!judged(&["a", "a", "a", "b"], false));
        assert!(!judged(&["a", "a", "b", "c"], true));
        assert!(!judged(&["a", "b"], false));
        assert!(judged(&["a", "b"], true));
    }

    #[test]
    fn the_explanations_can_be_read() {
        assert!(explained().is_ok());
    }
}
