//! The beginning of a file that broke off, on disk, so that a later run goes on from there.
//!
//! Takes pieces as they come, gives them back next time together with what the server called that version of the file. What is
//! in it is believed by nobody: whoever puts the whole together checks it. A disk that does not take it stops nothing.
//!
//! ```text
//! FILE    the server's name for this version, a line feed, the bytes so far
//! ```

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use crate::intake;

/// Where a beginning is kept.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    open: Option<File>,
}

impl Part {
    /// Kept at `path`.
    pub const fn at(path: PathBuf) -> Self {
        Self { path, open: None }
    }

    /// What is there, when it can be gone on from: the server's name for the version, and at most `limit` bytes.
    pub fn recall(&self, limit: u64) -> Option<(String, Vec<u8>)> {
        let mut bytes = intake::read(&self.path, limit.saturating_add(MAX_TAG)).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let rest = bytes.split_off(end + 1);
        bytes.pop();
        let tag = String::from_utf8(bytes).ok()?;
        let usable = !tag.is_empty() && !rest.is_empty() && rest.len() as u64 <= limit;
        usable.then_some((tag, rest))
    }

    /// Begins anew, with another version of the file.
    pub fn begin(&mut self, tag: &str) {
        self.open = None;
        if tag.len() as u64 >= MAX_TAG || tag.contains('\n') {
            self.remove();
            return;
        }
        let begun = File::create(&self.path).and_then(|mut file| {
            file.write_all(tag.as_bytes())?;
            file.write_all(b"\n")?;
            Ok(file)
        });
        self.open = begun.ok();
        if self.open.is_none() {
            self.remove();
        }
    }

    /// Goes on behind what was recalled.
    pub fn go_on(&mut self) {
        self.open = File::options().append(true).open(&self.path).ok();
    }

    /// Adds what came.
    pub fn add(&mut self, piece: &[u8]) {
        if let Some(file) = &mut self.open
            && file.write_all(piece).is_err()
        {
            self.remove();
        }
    }

    /// Forgets it.
    pub fn remove(&mut self) {
        self.open = None;
        // What stays is looked at again before it is used.
        let _ = fs::remove_file(&self.path);
    }
}

/// Longest name of a version, with its line feed.
const MAX_TAG: u64 = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_given_back_with_its_tag() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.part");
        let mut part = Part::at(path.clone());
        assert_eq!(part.recall(9), None);
        part.begin("\"v1\"");
        assert_eq!(part.recall(9), None, "nothing came yet");
        part.add(b"abc");
        assert_eq!(part.recall(9), Some(("\"v1\"".into(), b"abc".to_vec())));
        let mut later = Part::at(path.clone());
        later.go_on();
        later.add(b"\nd");
        assert_eq!(later.recall(5), Some(("\"v1\"".into(), b"abc\nd".to_vec())));
        assert_eq!(later.recall(4), None, "longer than the file may be");
        later.begin("\"v2\"");
        later.add(b"z");
        assert_eq!(later.recall(9), Some(("\"v2\"".into(), b"z".to_vec())));
        later.remove();
        assert_eq!(later.recall(9), None);
        assert!(!path.exists());
    }

    #[test]
    fn what_cannot_be_kept_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.part");
        let mut part = Part::at(path.clone());
        part.begin(&"t".repeat(600));
        part.add(b"abc");
        assert!(!path.exists());
        fs::write(&path, b"no line at all").unwrap();
        assert_eq!(part.recall(9), None);
        let mut nowhere = Part::at(folder.path().join("missing/x.part"));
        nowhere.begin("t");
        nowhere.add(b"abc");
        assert_eq!(nowhere.recall(9), None);
    }
}
