//! `cargo xtask vectors [--check]`: writes `fixtures/vectors`, or checks that it is what would be written.
//!
//! A vector is a device's state, an update (evidence, then image), and the verdict that every judge must give. Its name is
//! the rule it keeps or breaks. What is expected is written by hand in the lists, never computed by the code under test.

// Lists of cases are long, and an author who makes a mistake should stop.
#![allow(clippy::expect_used, clippy::too_many_lines, clippy::assigning_clones)]

mod accepted;
pub(crate) mod author;
mod form;
mod release;
mod workflow;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use author::Repo;

/// How far trust moves, whatever becomes of the image.
#[derive(Clone, Copy)]
enum Trust {
    /// Nothing is committed.
    Stays,
    /// The new roots are committed.
    Root,
    /// The whole chain is committed.
    Chain,
}

/// One vector under construction.
struct Case {
    name: &'static str,
    says: &'static str,
    /// `boot`, or a reason's name and number.
    verdict: Option<(&'static str, u16)>,
    trust: Trust,
    state: Value,
    repo: Repo,
    /// Changes to the finished evidence and image.
    last: Option<Last>,
}

type Last = Box<dyn Fn(&mut Vec<u8>)>;

impl Case {
    fn accept(name: &'static str, says: &'static str, change: impl FnOnce(&mut Self)) -> Self {
        Self::build(name, says, None, Trust::Chain, change)
    }

    fn refuse(
        name: &'static str,
        (reason, code): (&'static str, u16),
        trust: Trust,
        says: &'static str,
        change: impl FnOnce(&mut Self),
    ) -> Self {
        Self::build(name, says, Some((reason, code)), trust, change)
    }

    fn build(
        name: &'static str,
        says: &'static str,
        verdict: Option<(&'static str, u16)>,
        trust: Trust,
        change: impl FnOnce(&mut Self),
    ) -> Self {
        let mut case = Self {
            name,
            says,
            verdict,
            trust,
            state: author::state(),
            repo: Repo::new(),
            last: None,
        };
        change(&mut case);
        case
    }

    fn files(mut self) -> Vec<(String, Vec<u8>)> {
        let mut update = self.repo.update();
        if let Some(last) = self.last {
            last(&mut update);
        }
        let base = self.state == author::state();
        let state = if base { "base" } else { self.name };
        let trust = match self.trust {
            Trust::Stays => "stays",
            Trust::Root => "root",
            Trust::Chain => "chain",
        };
        let verdict = match self.verdict {
            None => "verdict = \"boot\"".to_owned(),
            Some((reason, code)) => {
                format!("verdict = \"refuse\"\nreason = \"{reason}\"\ncode = {code}")
            }
        };
        let expected = format!(
            "# {}\nstate = \"{state}.state.json\"\n{verdict}\n# How far trust moves.\ntrust = \"{trust}\"\n",
            self.says
        );
        let mut files = vec![
            (format!("{}.update", self.name), update),
            (format!("{}.toml", self.name), expected.into_bytes()),
        ];
        if !base {
            files.push((format!("{}.state.json", self.name), pretty(&self.state)));
        }
        files
    }
}

fn pretty(state: &Value) -> Vec<u8> {
    // Sorted whatever features serde_json was built with.
    let sorted: Value = serde_json::from_str(&author::canonical(state)).unwrap_or_default();
    let mut text = serde_json::to_string_pretty(&sorted).unwrap_or_default();
    text.push('\n');
    text.into_bytes()
}

/// Writes the vectors below `root`, or with `check` compares what is there.
pub fn run(root: &Path, check: bool) -> Result<()> {
    let folder = root.join("fixtures/vectors");
    let mut files = BTreeMap::from([("base.state.json".to_owned(), pretty(&author::state()))]);
    let cases = accepted::cases()
        .into_iter()
        .chain(form::cases())
        .chain(workflow::cases())
        .chain(release::cases());
    for case in cases {
        let name = case.name;
        for (file, bytes) in case.files() {
            ensure!(
                files.insert(file, bytes).is_none(),
                "two vectors are called `{name}`"
            );
        }
    }
    if !check {
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if !path.ends_with("README.md") {
                fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
            }
        }
        for (file, bytes) in &files {
            fs::write(folder.join(file), bytes).with_context(|| format!("writing {file}"))?;
        }
        println!("wrote {} files to fixtures/vectors", files.len());
        return Ok(());
    }
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        found.insert(
            entry.file_name().to_string_lossy().into_owned(),
            fs::read(entry.path())?,
        );
    }
    found.remove("README.md");
    let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    ensure!(
        names(&found) == names(&files),
        "fixtures/vectors holds other files than `cargo xtask vectors` writes"
    );
    for (file, bytes) in &files {
        ensure!(
            found.get(file) == Some(bytes),
            "fixtures/vectors/{file} differs from what `cargo xtask vectors` writes"
        );
    }
    println!("fixtures/vectors is up to date ({} files)", files.len());
    Ok(())
}
