//! Stock SMP tools, as `cargo xtask setup` installs them.
#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Desk, project};

fn tool(name: &str) -> PathBuf {
    let path = project().join("target/tools/smp/bin").join(name);
    assert!(
        path.is_file(),
        "`{}` is missing: run `cargo xtask setup`, or set CUFF_QUICK=1 to leave foreign programs out",
        path.display()
    );
    path
}

/// What a tool says, whether it is pleased or not.
pub fn run(desk: &Desk, name: &str, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(tool(name))
        .args(arguments)
        .env("COLUMNS", "400")
        .env("TERM", "dumb")
        .current_dir(desk.path(""))
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}
