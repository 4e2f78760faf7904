//! `cuff sim new`: a blank wearable in a folder.
//!
//! It makes the folder whole or not at all and never touches one that is there.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use crate::board::Board;
use crate::board::catalogue::{Catalogue, EMBEDDED};
use crate::command::given;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::device::sim::folder::{self, CreateError};

/// Largest board description, in bytes.
const MAX_BOARD: u64 = 64 << 10;

/// Make a blank wearable
#[derive(Debug, clap::Args)]
pub struct New {
    /// The folder to make
    path: PathBuf,

    /// A board by name, as qemu-an386, or the path of a board.toml
    #[arg(long, value_name = "NAME|FILE")]
    board: String,

    /// Check everything, but make nothing
    #[arg(long)]
    dry_run: bool,
}

impl New {
    /// Makes the folder.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let (board, description) = self.board()?;
        let layout = folder::layout(&board)
            .exit(Exit::Usage)
            .rule("board-geometry")
            .help("choose another board, or give this one what the bootloader needs")?;
        if self.dry_run {
            if self.path.exists() {
                return Err(refused(CreateError::Taken(self.path.display().to_string())));
            }
        } else {
            folder::create(&self.path, &board, &description).map_err(refused)?;
        }
        console.answer(&Made {
            target: format!("sim:{}", self.path.display()),
            board: board.name.clone(),
            flash: layout.flash_length(),
            largest_image: layout.largest_image(),
            evidence: layout.evidence,
            dry_run: self.dry_run,
        })
    }

    /// A name is one of ours; anything that looks like a path is a file.
    fn board(&self) -> anyhow::Result<(Board, String)> {
        let path = Path::new(&self.board);
        let is_path = path
            .extension()
            .is_some_and(|extension| extension == "toml")
            || self.board.contains(['/', '\\']);
        if is_path {
            let text = given::read_text(path, MAX_BOARD)?;
            let board = Board::read(&self.board, &text)
                .exit(Exit::Usage)
                .rule("board")?;
            return Ok((board, text));
        }
        let catalogue = Catalogue::embedded()?;
        let board = catalogue
            .get(&self.board)
            .exit(Exit::Usage)
            .rule("unknown-board")
            .help("name one of those, or the path of a board.toml")?;
        let text = EMBEDDED
            .iter()
            .find(|(name, _)| *name == board.name)
            .map_or("", |(_, text)| *text);
        Ok((board.clone(), text.to_owned()))
    }
}

fn refused(error: CreateError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        CreateError::Taken(_) => (Exit::No, "exists", "choose another path, or remove it"),
        CreateError::Board(_) => (Exit::Usage, "board-geometry", "choose another board"),
        CreateError::Write(_) | CreateError::Io { .. } => (
            Exit::Unknown,
            "disk",
            "check the path, and that you may write there",
        ),
    };
    advised(error, exit, rule, help)
}

/// What was made.
#[derive(Serialize, JsonSchema)]
pub struct Made {
    /// How `cuff device` names it.
    target: String,
    /// The board.
    board: String,
    /// Bytes of flash.
    flash: u32,
    /// Bytes of the longest image.
    largest_image: u32,
    /// Bytes of evidence in a slot.
    evidence: u32,
    /// Whether nothing was made.
    dry_run: bool,
}

impl Answer for Made {
    const COMMAND: &'static str = "sim new";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let would = if self.dry_run { "would be " } else { "" };
        writeln!(
            out,
            "{} {would}made: a blank {} with {} KiB of flash, images up to {} bytes, evidence up to {} bytes",
            safe(&self.target),
            safe(&self.board),
            self.flash / 1024,
            self.largest_image,
            self.evidence
        )?;
        writeln!(
            out,
            "next: cuff device provision {} SEALED --serial S --hardware ID",
            safe(&self.target)
        )
    }
}
