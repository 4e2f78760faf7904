//! Files the user names, read whole up to a limit.
//! Takes a path and a limit; gives the bytes. Follows links, reads no folder, and never holds more than the limit.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Reads `path` if it holds at most `limit` bytes.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, IntakeError> {
    let cannot = |source| IntakeError::Io {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(cannot)?;
    let about = file.metadata().map_err(cannot)?;
    if about.is_dir() {
        return Err(IntakeError::Folder(path.to_owned()));
    }
    let about = about.len().min(limit).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(about).unwrap_or_default());
    // One byte more than allowed: the length a system reports is not the length it delivers.
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(cannot)?;
    if bytes.len() as u64 > limit {
        return Err(IntakeError::TooLong {
            path: path.to_owned(),
            limit,
        });
    }
    Ok(bytes)
}

/// Reads `path` as UTF-8 text of at most `limit` bytes.
pub fn read_text(path: &Path, limit: u64) -> Result<String, IntakeError> {
    String::from_utf8(read(path, limit)?).map_err(|error| IntakeError::NotText {
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })
}

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
    /// Missing, not readable, or the disk failed.
    #[error("cannot read `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder has no bytes.
    #[error("`{}` is a folder: expected a file", .0.display())]
    Folder(PathBuf),
    /// More bytes than any good file of its kind has.
    #[error("`{}` is longer than {limit} bytes: expected less", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: u64,
    },
    /// Bytes that are no text.
    #[error("`{}` must be UTF-8 text, found another byte at offset {offset}", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// Where text ends.
        offset: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        std::fs::write(&path, [0xFF; 4]).unwrap();
        assert_eq!(read(&path, 4).unwrap(), [0xFF; 4]);
        assert!(matches!(read(&path, 3), Err(IntakeError::TooLong { .. })));
        assert!(matches!(
            read_text(&path, 4),
            Err(IntakeError::NotText { offset: 0, .. })
        ));
        assert!(matches!(
            read(folder.path(), 4),
            Err(IntakeError::Folder(_))
        ));
        let missing = folder.path().join("g");
        assert!(matches!(read(&missing, 4), Err(IntakeError::Io { .. })));
    }
}
