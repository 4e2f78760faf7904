//! The verifier and the bootloader's library under an interpreter that sees what no test does: undefined behaviour, in our
//! dependencies too, and what would differ on another machine.
//!
//! Takes nothing; gives the tests' answer. It is slow, some thousand times: signatures are checked by a scheme made up for the
//! tests, most of which go through many files and are left to the compiled run: a few of them walk every part of the workflow.

use anyhow::Result;

use crate::tool::Tool;

/// The compiler with Miri. Its date is fixed, because Miri changes with every night.
const NIGHTLY: &str = "nightly-2026-05-20";

/// What is run, as `cargo test` has it, and on which pretended machine.
const RUNS: [(&str, &str); 5] = [
    ("--package cuff-verifier --lib", "x86_64-unknown-linux-gnu"),
    ("--package cuff-verifier --lib", "i686-unknown-linux-gnu"),
    (
        "--package cuff-bootloader --lib",
        "x86_64-unknown-linux-gnu",
    ),
    ("--package cuff-bootloader --lib", "i686-unknown-linux-gnu"),
    (
        "--package cuff-verifier --test workflow -- words::a_text words::versions words::numbers words::what_was_read \
         release::a_path_in_evidence release::every_file roots::links_are_followed online::the_same_version \
         online::roles_may_be_added search::hash_prefixes",
        "x86_64-unknown-linux-gnu",
    ),
];

/// Runs all of it.
pub fn run() -> Result<()> {
    Tool::new("rustup")
        .words("toolchain install --no-self-update --profile minimal --component miri,rust-src")
        .arg(NIGHTLY)
        .run()?;
    for (tests, target) in RUNS {
        Tool::new("cargo")
            .arg(format!("+{NIGHTLY}"))
            .words("miri test --quiet --locked --target")
            .arg(target)
            .words(tests)
            // The fixed compiler of the checkout must not win over the one with Miri.
            .without("RUSTUP_TOOLCHAIN")
            .without("CARGO")
            .run()?;
    }
    Ok(())
}
