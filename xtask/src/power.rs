//! The power-cut sweep of a wearable in process, at every flash operation of every story on every layout.
//!
//! Takes what the bootloader's tests print; gives a table of points and of distinct (phase, operation, torn kind) triples,
//! and the wear of a thousand updates. A loss, or a seeded mistake that is not caught, fails the test that finds it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::tool::Tool;

/// Sweeps and reports.
pub fn run() -> Result<()> {
    let told =
        Tool::cargo("test --locked --profile sweep --package cuff-bootloader --test device --")
            .words("sweep:: mutants:: pattern:: endurance:: --nocapture")
            .env("CUFF_SWEEP", "all")
            .output()?;
    let swept = Swept::read(&told);
    swept.print();
    ensure!(swept.points() > 0, "nothing was swept");
    for (mark, what) in [
        ("pattern\t", "attacked, none took a unit back: "),
        ("wear\t", ""),
    ] {
        for told in told.lines().filter_map(|line| after(line, mark)) {
            println!("{what}{}", told.replace('\t', ", "));
        }
    }
    println!("\nthe simulated wearable, with its desk around it");
    Tool::cargo("test --quiet --locked --package cuff --test power_cut")
        .env("CUFF_SWEEP", "all")
        .run()
}

/// What was swept, layout by layout and story by story.
#[derive(Default)]
struct Swept {
    layouts: BTreeMap<String, Points>,
    stories: BTreeMap<String, Points>,
    triples: BTreeSet<String>,
}

#[derive(Clone, Copy, Default)]
struct Points {
    once: u64,
    twice: u64,
}

impl Swept {
    fn read(told: &str) -> Self {
        let mut swept = Self::default();
        for line in told.lines() {
            if let Some(fields) = after(line, "swept\t")
                && let [program, erase, story, once, twice] =
                    *fields.split('\t').collect::<Vec<_>>()
            {
                let points = Points {
                    once: once.parse().unwrap_or(0),
                    twice: twice.parse().unwrap_or(0),
                };
                let layout = format!("program unit {program:>2}, page {erase}");
                for sum in [
                    swept.layouts.entry(layout).or_default(),
                    swept.stories.entry(story.to_owned()).or_default(),
                ] {
                    sum.once += points.once;
                    sum.twice += points.twice;
                }
            }
            if let Some(triple) = after(line, "triple\t") {
                swept.triples.insert(triple.to_owned());
            }
        }
        swept
    }

    fn points(&self) -> u64 {
        self.layouts.values().map(|points| points.once).sum()
    }

    fn print(&self) {
        for (title, rows) in [("layout", &self.layouts), ("story", &self.stories)] {
            println!("\n{title:<44} {:>8} {:>8}", "cuts", "twice");
            for (name, points) in rows {
                println!("{name:<44} {:>8} {:>8}", points.once, points.twice);
            }
        }
        println!(
            "\n{} cuts, {} distinct (phase, operation, torn kind) triples, 0 losses\n",
            self.points(),
            self.triples.len()
        );
    }
}

/// What follows a mark in a line of a test's output.
fn after<'l>(line: &'l str, mark: &str) -> Option<&'l str> {
    line.find(mark).and_then(|at| line.get(at + mark.len()..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tests_print_is_added_up() {
        let told = "running 2 tests\n.swept\t16\t1024\tan update\t40\t8\ntriple\ta\tb\tc\td\n\
                    swept\t16\t1024\ta revert\t2\t1\nswept\t4\t1024\tan update\t5\t1\ntriple\ta\tb\tc\td\n";
        let swept = Swept::read(told);
        assert_eq!(swept.points(), 47);
        assert_eq!(swept.layouts["program unit 16, page 1024"].twice, 9);
        assert_eq!(swept.stories["an update"].once, 45);
        assert_eq!(swept.triples.len(), 1);
    }
}
