//! The README, run: every command line in it, in order, against the real binary; every line of output compared.
//!
//! What differs from run to run (keys, digests, dates) is compared by shape. A digest that the README shows stands for the
//! one that was really printed there: the same one everywhere, later command lines included.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/cuff.rs"]
mod support;
#[path = "support/walk.rs"]
mod walk;

use std::collections::BTreeSet;
use std::fs;

use support::project;
use walk::{Block, Walk, blocks};

fn readme() -> String {
    fs::read_to_string(project().join("README.md")).unwrap()
}

#[test]
fn every_command_line_of_the_readme_does_what_it_shows() {
    let blocks = blocks(&readme());
    let walked = Walk::new().run(&blocks).unwrap();
    // Nothing is walked past: what the README is for must have been run, and have failed where it must.
    let ran: BTreeSet<&str> = walked
        .iter()
        .filter_map(|ran| ran.line.strip_prefix("cuff "))
        .map(|line| line.split(" -").next().unwrap())
        .map(|line| match line.split_once(' ') {
            Some((group @ ("key" | "device" | "sim"), rest)) => {
                let end = group.len() + 1 + rest.find(' ').unwrap_or(rest.len());
                &line[..end]
            }
            _ => line.split(' ').next().unwrap(),
        })
        .collect();
    let wanted = [
        "build",
        "check",
        "device info",
        "device log",
        "device provision",
        "device push",
        "device verify",
        "fetch",
        "init",
        "key new",
        "publish",
        "review",
        "sign",
        "sim boot",
        "sim cut",
        "sim new",
        "stage",
        "status",
        "verify",
    ];
    assert_eq!(ran, BTreeSet::from(wanted));
    let codes: BTreeSet<i32> = walked.iter().map(|ran| ran.code).collect();
    assert_eq!(codes, BTreeSet::from([0, 1, 10, 15]));
    let compared: usize = walked.iter().map(|ran| ran.compared).sum();
    assert!(compared > 90, "{compared} lines of output were compared");
}

#[test]
fn no_command_line_escapes_the_test() {
    let readme = readme();
    let fences: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("```"))
        .filter(|kind| !kind.is_empty())
        .collect();
    assert!(
        fences.iter().all(|kind| ["sh", "console"].contains(kind)),
        "{fences:?}"
    );
    let mut untested = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => untested.push(line),
            _ => {}
        }
    }
    // The tour and the tests have tests of their own.
    assert_eq!(
        untested,
        [
            "cargo run --release -- tour",
            "cargo xtask test",
            "cargo install --path ."
        ]
    );
    let consoles = fences.iter().filter(|kind| **kind == "console").count();
    assert_eq!(blocks(&readme).len(), consoles);
}

#[test]
fn the_comparison_can_fail() {
    let walk = |text: &str| Walk::new().run(&blocks(&format!("```console\n{text}\n```\n")));
    walk("$ printf 'a\\nb\\nc\\n'\na\n...\nc").unwrap();
    walk("$ echo some words\nsome wo...").unwrap();
    walk("$ false\n(exit code 1)").unwrap();
    walk("$ echo 0123456789ab\nba9876543210\n$ echo ba9876543210\nba9876543210").unwrap();
    for wrong in [
        "$ echo a\nb",
        "$ echo a",
        "$ echo a\na\nb",
        "$ printf 'a\\nb\\n'\na",
        "$ printf 'a\\nb\\n'\n...\na",
        "$ false",
        "$ true\n(exit code 1)",
        "$ echo 0123456789ab\n0123456789abc",
        "$ echo word\n0123abcd",
        "$ echo word\nwore...",
        // One digest in the README is one digest in the world.
        "$ echo 0123456789ab 0123456789ac\n000000000000 000000000000",
        "$ echo 0123456789ab 0123456789ab\n000000000000 111111111111",
    ] {
        assert!(walk(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn every_link_leads_somewhere() {
    let mut pages = vec![project().join("README.md")];
    for entry in fs::read_dir(project().join("docs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path);
        }
    }
    let mut followed = 0;
    for page in &pages {
        let text = fs::read_to_string(page).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap())
        {
            let path = link.split('#').next().unwrap();
            if !path.is_empty() && !path.contains("://") {
                followed += 1;
                assert!(
                    page.parent().unwrap().join(path).exists(),
                    "{}: {link}",
                    page.display()
                );
            }
        }
    }
    assert!(followed > 15, "{followed}");
    // The index is whole.
    let readme = readme();
    for page in &pages[1..] {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(
            readme.contains(&format!("(docs/{name})")),
            "the README does not lead to {name}"
        );
    }
}

#[test]
fn blocks_are_read_as_they_stand() {
    let text = "```console\n$ one\nout\n$ two\n(exit code 3)\n```\n";
    let read: Vec<Block> = blocks(text);
    let lines: Vec<(&str, usize, i32)> = read[0]
        .iter()
        .map(|command| (command.line.as_str(), command.output.len(), command.code))
        .collect();
    assert_eq!(lines, [("one", 1, 0), ("two", 0, 3)]);
}
