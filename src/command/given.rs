//! Files given on the command line. Not a command; shared by those that read one whole.
//!
//! It takes a path and a limit; a wrong kind of file is a usage mistake, a failing disk is not.

use std::path::Path;

use crate::console::{Exit, advised};
use crate::intake::{self, IntakeError};

/// Reads a file the user named.
pub fn read(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    intake::read(path, limit).map_err(explained)
}

/// Reads a text file the user named.
pub fn read_text(path: &Path, limit: u64) -> anyhow::Result<String> {
    intake::read_text(path, limit).map_err(explained)
}

fn explained(error: IntakeError) -> anyhow::Error {
    let (exit, rule, help) = match &error {
        IntakeError::Io { .. } => (
            Exit::Unknown,
            "unreadable-file",
            "check the path, and that you may read it",
        ),
        IntakeError::Folder(_) | IntakeError::TooLong { .. } | IntakeError::NotText { .. } => {
            (Exit::Usage, "unfit-file", "name another file")
        }
    };
    advised(error, exit, rule, help)
}
