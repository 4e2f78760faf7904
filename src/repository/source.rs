//! Where a repository is read from.
//!
//! A source gives bytes by path and knows nothing of roles or signatures: whoever owns it can stop updates, never change
//! one. Nothing it gives is trusted, not even its length: every read is bounded by the caller.

pub mod bucket;
pub mod directory;
pub mod http;
pub mod kept;
pub mod open;
pub mod part;
pub mod sealed;
pub mod site;

use std::error::Error;
use std::io;

use part::Part;

/// The read side of a repository.
pub trait Source {
    /// The source in words, for messages.
    fn describe(&self) -> String;

    /// The file at `path` (`metadata/timestamp.json`), or nothing when there is none. Longer than `limit` bytes is an
    /// error, and no more than that is ever held. Names of metadata files are escaped as in a URL, those of targets are not.
    fn get(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError>;

    /// Like [`get`](Self::get), but hands the file over in pieces; gives whether there is one. Sources that hold a file whole in
    /// any case hand it over as one.
    fn pour(&self, path: &str, limit: u64, into: &mut dyn Sink) -> Result<bool, SourceError> {
        let Some(bytes) = self.get(path, limit)? else {
            return Ok(false);
        };
        into.add(&bytes)
            .map_err(|error| self.not_taken(path, error))?;
        Ok(true)
    }

    /// Why a piece was not taken.
    fn not_taken(&self, path: &str, error: io::Error) -> SourceError {
        SourceError::Read {
            path: path.to_owned(),
            place: self.describe(),
            source: Box::new(NotTaken(error)),
        }
    }

    /// Like [`get`](Self::get), but goes on from a part that an earlier run has left, and leaves one when this run breaks off.
    /// The whole may then be wrong because the part was. Sources that are near have no use for parts.
    fn resume(
        &self,
        path: &str,
        limit: u64,
        _part: &mut Part,
    ) -> Result<Option<Vec<u8>>, SourceError> {
        self.get(path, limit)
    }

    /// Whether it takes time and money to ask, so that what it gives is worth keeping.
    fn is_far(&self) -> bool {
        false
    }
}

/// Where a file goes as it comes.
pub trait Sink {
    /// Takes the next piece.
    fn add(&mut self, piece: &[u8]) -> io::Result<()>;

    /// Forgets what came: it comes once more, from the beginning.
    fn clear(&mut self) -> io::Result<()>;
}

impl Sink for Vec<u8> {
    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.extend_from_slice(piece);
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        Self::clear(self);
        Ok(())
    }
}

/// A source that did not give what it should.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A path that leaves the repository, or no file system takes.
    #[error("\"{}\" cannot be the path of a repository's file", path.escape_debug())]
    Path {
        /// The path.
        path: String,
    },
    /// More bytes than a file of its kind may have.
    #[error("`{path}` in {place} is longer than {limit} bytes, the most that is read of it")]
    TooLong {
        /// The file.
        path: String,
        /// The source.
        place: String,
        /// The most that is read.
        limit: u64,
    },
    /// Something other than a file has the name.
    #[error("`{path}` in {place} is not a plain file")]
    NotAFile {
        /// The path.
        path: String,
        /// The source.
        place: String,
    },
    /// The disk or the network failed.
    #[error("cannot read `{path}` from {place}")]
    Read {
        /// The file.
        path: String,
        /// The source.
        place: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// The disk that a file was for did not take it.
#[derive(Debug, thiserror::Error)]
#[error("what came of it cannot be written")]
pub struct NotTaken(#[source] pub io::Error);
