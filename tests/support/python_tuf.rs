//! python-tuf, asked for its opinion of a repository in a directory.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cuff_verifier::time::Instant;

use crate::support::project;

/// Whether foreign programs are left out: a quick run does without them, a whole one fails where they are missing.
pub fn quick() -> bool {
    std::env::var_os("CUFF_QUICK").is_some()
}

/// Whether python-tuf, which `cargo xtask setup` installs, finds `target`, beginning with `root` and knowing nothing else.
pub fn python(folder: &Path, root: &[u8], now: Instant, target: &str) -> Result<bool, String> {
    python_that_knows(
        tempfile::tempdir().unwrap().path(),
        folder,
        root,
        now,
        target,
    )
}

/// The same for one that keeps in `memory` what it has seen.
pub fn python_that_knows(
    memory: &Path,
    folder: &Path,
    root: &[u8],
    now: Instant,
    target: &str,
) -> Result<bool, String> {
    let python = std::env::var_os("CUFF_PYTHON").map_or_else(
        || project().join("target/tools/python/bin/python"),
        PathBuf::from,
    );
    assert!(
        python.is_file(),
        "`{}` is missing: run `cargo xtask setup`, or set CUFF_QUICK=1 to leave foreign programs out",
        python.display()
    );
    let given = tempfile::tempdir().unwrap();
    let root_file = given.path().join("root.json");
    fs::write(&root_file, root).unwrap();
    let output = Command::new(&python)
        .arg(project().join("tests/support/python_tuf.py"))
        .args([folder, &root_file])
        .args([&now.to_string(), target])
        .arg(memory)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match (output.status.code(), said.as_str()) {
        (Some(0), "found") => Ok(true),
        (Some(0), "absent") => Ok(false),
        (Some(1), refusal) if !refusal.is_empty() => Err(refusal.to_owned()),
        _ => panic!("{}", String::from_utf8_lossy(&output.stderr)),
    }
}
