//! How much of the verifier its own tests run: lines and regions of `verifier/src`, as the compiler counts them.
//!
//! Takes nothing; gives a table, and an error when too little is run. What stands behind `#[cfg(test)]` is not counted, and
//! neither is what other packages' tests reach.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::place;
use crate::tool::Tool;

/// Per cent of lines and of regions that must be run.
const LEAST: f64 = 95.0;

/// Builds with counters, runs the verifier's tests, reads the counters.
pub fn run() -> Result<()> {
    let llvm = llvm_tools()?;
    let target = place::root().join("target/coverage");
    let raw = target.join("raw");
    if raw.exists() {
        fs::remove_dir_all(&raw).with_context(|| format!("could not empty {}", raw.display()))?;
    }
    let cargo = |words| {
        Tool::cargo(words)
            .words("--locked --package cuff-verifier --tests")
            .env("RUSTFLAGS", "-C instrument-coverage")
            .env("CARGO_TARGET_DIR", &target)
            .env("LLVM_PROFILE_FILE", raw.join("%p-%m.profraw"))
    };
    cargo("test --quiet").run()?;
    let built = cargo("test --quiet --no-run --message-format json").output()?;
    let programs = programs(&built)?;

    let merged = target.join("merged.profdata");
    let counters: Vec<PathBuf> = fs::read_dir(&raw)?
        .map(|file| Ok(file?.path()))
        .collect::<Result<_>>()?;
    Tool::new(llvm.join("llvm-profdata"))
        .words("merge --sparse --output")
        .arg(&merged)
        .args(&counters)
        .run()?;
    let export = |format| {
        let mut tool = Tool::new(llvm.join("llvm-cov"))
            .words("export --format")
            .arg(format)
            .arg("--instr-profile")
            .arg(&merged);
        for program in &programs {
            tool = tool.arg("--object").arg(program);
        }
        tool.arg("--sources")
            .arg(place::root().join("verifier/src"))
            .output()
    };
    let mut files = BTreeMap::new();
    regions(&serde_json::from_str(&export("text")?)?, &mut files)?;
    lines(&export("lcov")?, &mut files)?;
    show(&files)
}

/// Where the compiler's own tools are; the component is added when it is missing.
fn llvm_tools() -> Result<PathBuf> {
    let libraries = Tool::new("rustc").words("--print target-libdir").output()?;
    let tools = Path::new(libraries.trim()).with_file_name("bin");
    if !tools.join("llvm-cov").is_file() {
        Tool::new("rustup")
            .words("component add llvm-tools")
            .run()?;
    }
    Ok(tools)
}

/// The test programs among what cargo says it built.
fn programs(messages: &str) -> Result<Vec<String>> {
    let programs: Vec<String> = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| message["executable"].as_str().map(str::to_owned))
        .collect();
    ensure!(!programs.is_empty(), "cargo built no test program");
    Ok(programs)
}

/// What is run of one file.
struct Seen {
    /// The first line that is a test.
    tests: u64,
    /// Regions by where they begin and end, and how often each was run by whoever ran it most.
    regions: BTreeMap<[u64; 4], u64>,
    lines: BTreeMap<u64, u64>,
}

type Files = BTreeMap<String, Seen>;

fn file<'f>(files: &'f mut Files, path: &str) -> Result<&'f mut Seen> {
    if !files.contains_key(path) {
        let text = fs::read_to_string(path).with_context(|| format!("could not read {path}"))?;
        let tests = text.lines().position(|line| line == "#[cfg(test)]");
        let seen = Seen {
            tests: tests.map_or(u64::MAX, |line| line as u64 + 1),
            regions: BTreeMap::new(),
            lines: BTreeMap::new(),
        };
        files.insert(path.to_owned(), seen);
    }
    files.get_mut(path).context("it was just put there")
}

/// llvm's export: a region is `[line, column, line, column, count, file, expanded file, kind]`, and kind 0 is code.
fn regions(export: &Value, files: &mut Files) -> Result<()> {
    let functions = export["data"][0]["functions"].as_array();
    for function in functions.context("llvm-cov exports no functions")? {
        for region in function["regions"].as_array().into_iter().flatten() {
            let numbers: Vec<u64> = region
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_u64)
                .collect();
            let [line, column, to_line, to_column, count, index, _, kind] = numbers[..] else {
                bail!("llvm-cov exports regions of another shape");
            };
            let path = function["filenames"][usize::try_from(index)?].as_str();
            let Some(path) = path.filter(|path| path.contains("/verifier/src/")) else {
                continue;
            };
            let seen = file(files, path)?;
            if kind == 0 && line < seen.tests {
                let most = seen
                    .regions
                    .entry([line, column, to_line, to_column])
                    .or_default();
                *most = count.max(*most);
            }
        }
    }
    Ok(())
}

/// Lines, by the older format, which has them ready: `SF:file`, then `DA:line,count`.
fn lines(export: &str, files: &mut Files) -> Result<()> {
    let mut path = "";
    for line in export.lines() {
        if let Some(name) = line.strip_prefix("SF:") {
            path = name;
        }
        let Some((number, count)) = line
            .strip_prefix("DA:")
            .and_then(|line| line.split_once(','))
        else {
            continue;
        };
        let number: u64 = number.parse()?;
        let seen = file(files, path)?;
        if number < seen.tests {
            let most = seen.lines.entry(number).or_default();
            *most = count.parse::<u64>()?.max(*most);
        }
    }
    Ok(())
}

fn show(files: &Files) -> Result<()> {
    println!("\n{:<24} {:>14} {:>14}", "verifier/src", "lines", "regions");
    let (mut all_lines, mut all_regions) = (Share::default(), Share::default());
    for (path, seen) in files {
        let (lines, regions) = (Share::of(&seen.lines), Share::of(&seen.regions));
        let name = path
            .rsplit_once("/verifier/src/")
            .map_or("", |(_, name)| name);
        println!("{name:<24} {:>14} {:>14}", lines.text(), regions.text());
        all_lines.add(&lines);
        all_regions.add(&regions);
    }
    println!(
        "{:<24} {:>14} {:>14}",
        "all of it",
        all_lines.text(),
        all_regions.text()
    );
    println!(
        "{:<24} {:>13.1}% {:>13.1}%",
        "",
        all_lines.per_cent(),
        all_regions.per_cent()
    );
    if all_lines.per_cent() < LEAST || all_regions.per_cent() < LEAST {
        bail!("the verifier's own tests must run {LEAST} % of its lines and of its regions");
    }
    Ok(())
}

#[derive(Default)]
struct Share {
    run: u32,
    all: u32,
}

impl Share {
    fn of<K>(counts: &BTreeMap<K, u64>) -> Self {
        let mut share = Self::default();
        for count in counts.values() {
            share.add(&Self {
                run: u32::from(*count > 0),
                all: 1,
            });
        }
        share
    }

    fn add(&mut self, other: &Self) {
        self.run += other.run;
        self.all += other.all;
    }

    fn per_cent(&self) -> f64 {
        100.0 * f64::from(self.run) / f64::from(self.all.max(1))
    }

    fn text(&self) -> String {
        format!("{} of {}", self.run, self.all)
    }
}
