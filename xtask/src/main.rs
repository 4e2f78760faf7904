//! The project's tasks: `cargo xtask TASK`.

mod vectors;

use std::path::Path;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("xtask stands in the project's folder")?;
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        ["vectors"] => vectors::run(root, false),
        ["vectors", "--check"] => vectors::run(root, true),
        _ => bail!("usage: cargo xtask vectors [--check]"),
    }
}
