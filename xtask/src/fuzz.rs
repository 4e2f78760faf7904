//! Fuzzing: hostile bytes for every reader, hostile repositories for the whole walk (`fuzz/`).
//!
//! Takes targets and a time; gives the first input that breaks a promise, kept under `fuzz/artifacts/`. Begins with what
//! lies in `fixtures/`, keeps what it learns in `fuzz/corpus/`, and never runs two targets at once.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use seeds::SEEDS;

use crate::place;
use crate::tool::Tool;

#[path = "../../fuzz/seeds.rs"]
mod seeds;

const CARGO_FUZZ: &str = "0.13.2";

/// How long, and which.
pub struct Options<'a> {
    seconds: u64,
    target: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// Reads them; nothing for a word that is not one.
    pub fn read(words: &[&'a str]) -> Option<Self> {
        let (seconds, rest) = match words {
            ["--hours", hours, rest @ ..] => (hours.parse::<u64>().ok()?.checked_mul(3600)?, rest),
            ["--seconds", seconds, rest @ ..] => (seconds.parse().ok()?, rest),
            rest => (10, rest),
        };
        let target = match rest {
            [] => None,
            [target] if SEEDS.iter().any(|(name, _)| name == target) => Some(*target),
            _ => return None,
        };
        Some(Self { seconds, target })
    }
}

/// Runs one target, or all of them one after another, the time shared among them.
pub fn run(options: &Options<'_>) -> Result<()> {
    Tool::installed("cargo-fuzz", CARGO_FUZZ)?;
    let targets: Vec<_> = SEEDS
        .iter()
        .filter(|(name, _)| options.target.is_none_or(|target| target == *name))
        .collect();
    cargo_fuzz("build").run()?;
    // Seconds are for each target; hours are for all of them together.
    let each = if options.seconds >= 3600 {
        options.seconds / targets.len() as u64
    } else {
        options.seconds
    };
    let mut broken = Vec::new();
    println!("\n{:<16} {:>12} {:>10}", "target", "executions", "a second");
    for (name, seeds) in targets {
        let corpus = place::root().join("fuzz/corpus").join(name);
        plant(&corpus, seeds)?;
        let log = place::root()
            .join("fuzz/target")
            .join(format!("{name}.log"));
        let passed = cargo_fuzz("run")
            .arg(name)
            .arg("--")
            .arg(format!("-max_total_time={each}"))
            .words("-rss_limit_mb=2048 -timeout=20 -print_final_stats=1 -use_value_profile=1 -len_control=0")
            .log(&log)?;
        let said = fs::read_to_string(&log).unwrap_or_default();
        let figure = |label: &str| {
            said.lines()
                .find_map(|line| line.strip_prefix(label)?.trim().parse::<u64>().ok())
                .unwrap_or_default()
        };
        println!(
            "{name:<16} {:>12} {:>10}  {}",
            figure("stat::number_of_executed_units:"),
            figure("stat::average_exec_per_sec:"),
            if passed { "ok" } else { "BROKEN" }
        );
        if !passed {
            let tail: Vec<&str> = said.lines().rev().take(40).collect();
            for line in tail.iter().rev() {
                eprintln!("{line}");
            }
            broken.push(*name);
        }
    }
    if !broken.is_empty() {
        bail!(
            "broken: {}; the inputs lie in fuzz/artifacts/, the whole story in fuzz/target/TARGET.log",
            broken.join(", ")
        );
    }
    Ok(())
}

/// Copies the seeds that are not there yet.
fn plant(corpus: &Path, seeds: &[(&str, &str)]) -> Result<()> {
    fs::create_dir_all(corpus).with_context(|| format!("no {}", corpus.display()))?;
    for (folder, ending) in seeds {
        let folder = place::root().join(folder);
        let files = fs::read_dir(&folder).with_context(|| format!("no {}", folder.display()))?;
        let mut planted = 0;
        for file in files {
            let path = file?.path();
            let fits = ending.is_empty() || path.extension().is_some_and(|is| is == *ending);
            if let Some(name) = path.file_name().filter(|_| fits) {
                fs::copy(&path, corpus.join(name))?;
                planted += 1;
            }
        }
        ensure!(planted > 0, "{} holds no seed", folder.display());
    }
    Ok(())
}

/// No sanitizer: what we fuzz forbids `unsafe`, and the compiler that builds the product can build it.
fn cargo_fuzz(command: &str) -> Tool {
    Tool::new(place::tools().join("bin/cargo-fuzz"))
        .words("fuzz")
        .arg(command)
        .words("--sanitizer none --fuzz-dir fuzz")
        .env("CARGO_TARGET_DIR", place::root().join("fuzz/target"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_line_and_every_line_a_target() {
        let mut files: Vec<String> = fs::read_dir(place::root().join("fuzz/targets"))
            .expect("fuzz/targets")
            .map(|file| file.expect("a file").path())
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        files.sort();
        let listed: Vec<&str> = SEEDS.iter().map(|(name, _)| *name).collect();
        assert_eq!(files, listed);
    }

    #[test]
    fn hours_are_read_and_nonsense_is_not() {
        let read = |words: &[&'static str]| {
            Options::read(words).map(|options| (options.seconds, options.target))
        };
        assert_eq!(read(&[]), Some((10, None)));
        assert_eq!(read(&["--hours", "2"]), Some((7200, None)));
        assert_eq!(read(&["--seconds", "5", "tape"]), Some((5, Some("tape"))));
        assert_eq!(read(&["--hours"]), None);
        assert_eq!(read(&["no-such-target"]), None);
    }
}
