//! Everything that must hold before a change lands.
//!
//! Takes options; gives a table of steps. The full run fails when a foreign part is missing; `--quick` leaves those out.

use anyhow::Result;

use crate::boards;
use crate::dependencies;
use crate::fixtures;
use crate::setup;
use crate::size;
use crate::steps::Steps;
use crate::tool::Tool;

/// How much to check.
#[derive(Clone, Copy, Default)]
pub struct Options {
    quick: bool,
    keep_going: bool,
}

impl Options {
    /// Reads them; nothing for a word that is not one.
    pub fn read(words: &[&str]) -> Option<Self> {
        let mut options = Self::default();
        for word in words {
            match *word {
                "--quick" => options.quick = true,
                "--keep-going" => options.keep_going = true,
                _ => return None,
            }
        }
        Some(options)
    }
}

/// Checks.
pub fn run(options: Options) -> Result<()> {
    let full = !options.quick;
    let mut steps = Steps::new(options.keep_going);
    if full {
        steps.step("setup", setup::run);
    }
    steps.step("format", || Tool::cargo("fmt --all --check").run());
    steps.step("lints", || {
        Tool::cargo("clippy --quiet --locked --workspace --all-targets -- -D warnings").run()
    });
    if full {
        steps.step("lints of the boards", boards::lint);
        steps.step("licences and sources", dependencies::check);
        steps.step("builds without std", without_std);
        steps.step("board programs", boards::build);
        steps.step("fixtures", fixtures::check);
        steps.step("documentation", documentation);
    }
    steps.step("documentation tests", || {
        testing("test --quiet --locked --workspace --doc", options).run()
    });
    if full {
        steps.step("tests of the boards", boards::test);
    }
    steps.step("tests", || {
        let nextest = Tool::cargo("nextest --version").answers();
        let words = if nextest {
            "nextest run --locked --workspace --no-fail-fast"
        } else {
            "test --locked --workspace --lib --bins --tests"
        };
        testing(words, options).run()
    });
    if full {
        steps.step("size on a wearable", size::run);
    }
    steps.finish()
}

/// Runs the tests of a target that hold this word, at every point (`all`) or a share of them (`K/N`) instead of a sample, and
/// shows how many there were.
pub fn sweep(target: &str, word: &str, points: &str) -> Result<()> {
    setup::run()?;
    Tool::cargo("test --quiet --locked --package cuff --test")
        .arg(target)
        .arg(word)
        .words("-- --nocapture")
        .env("CUFF_SWEEP", points)
        .without("CUFF_QUICK")
        .run()
}

fn testing(words: &str, options: Options) -> Tool {
    let tool = Tool::cargo(words);
    if options.quick {
        tool.env("CUFF_QUICK", "1")
    } else {
        tool.without("CUFF_QUICK")
    }
}

fn without_std() -> Result<()> {
    for target in setup::TARGETS {
        Tool::cargo("build --quiet --locked --package cuff-verifier --package cuff-bootloader")
            .words("--target")
            .arg(target)
            .run()?;
    }
    Ok(())
}

fn documentation() -> Result<()> {
    Tool::cargo("doc --quiet --locked --workspace --no-deps")
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}
