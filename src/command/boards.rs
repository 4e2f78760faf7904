//! `--board FILE`: boards the user describes, beside the embedded ones. Not a command; shared by those that take it.
//!
//! It takes paths and gives a catalogue, and refuses a description nobody asked for.

use std::path::{Path, PathBuf};

use anyhow::Context;

use super::given;
use crate::board::Board;
use crate::board::catalogue::Catalogue;
use crate::console::{Advice, Exit};

/// Largest board description, in bytes.
const MAX_BOARD: u64 = 64 << 10;

/// The embedded boards and those in the files.
pub fn catalogue(files: &[PathBuf]) -> anyhow::Result<Catalogue> {
    let mut catalogue = Catalogue::embedded()?;
    for path in files {
        catalogue
            .add(read(path)?)
            .with_context(|| format!("board description `{}` is refused", path.display()))
            .exit(Exit::Usage)
            .rule("board")?;
    }
    Ok(catalogue)
}

/// Refuses a foreign board that the manifest does not name: the caller believes it was checked against.
pub fn named_all(catalogue: &Catalogue, files: &[PathBuf], named: &[String]) -> anyhow::Result<()> {
    for (path, name) in files.iter().zip(catalogue.foreign()) {
        if !named.iter().any(|other| other == name) {
            return Err(anyhow::anyhow!(
                "board \"{name}\" of `{}` is not one the manifest names ({})",
                path.display(),
                named.join(", ")
            ))
            .exit(Exit::Usage)
            .rule("board")
            .help(format!(
                "add \"{name}\" to boards in the manifest, or leave --board away"
            ));
        }
    }
    Ok(())
}

/// A board by name, or by the path of its description.
pub fn named(board: &str) -> anyhow::Result<Board> {
    let path = Path::new(board);
    if board.contains(['/', '\\']) || path.extension().is_some_and(|ending| ending == "toml") {
        return read(path);
    }
    let catalogue = Catalogue::embedded()?;
    let found = catalogue.get(board).cloned();
    found.exit(Exit::Usage).rule("unknown-board")
}

fn read(path: &Path) -> anyhow::Result<Board> {
    let text = given::read_text(path, MAX_BOARD)?;
    Board::read(&path.display().to_string(), &text)
        .context("the board description is refused")
        .exit(Exit::Usage)
        .rule("board")
}
