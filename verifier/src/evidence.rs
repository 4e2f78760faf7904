//! Evidence: the chain of metadata that a device is shown, in one piece of memory.
//!
//! Encoding and decoding stand side by side here; nothing in the header is trusted, it only says where the files begin.
//!
//! | offset | bytes | what (little-endian) |
//! |---|---|---|
//! | 0 | 8 | magic `cuff-ev1` |
//! | 8 | 4 | length of the whole evidence |
//! | 12 | 2 | number of root files R |
//! | 14 | 2 | number of delegated files D, in the order a search meets them |
//! | 16 | 2 | length of the target path P |
//! | 18 | 2 | zero |
//! | 20 | 4 | version of the first root file; the others follow without gaps. 0 when there is none |
//! | 24 | 4 (R + 3 + D) | lengths: roots, timestamp, snapshot, targets, delegated |
//! | | P | target path: `PRODUCT/NAME`, or `PRODUCT/` when no image comes with it, or nothing for a step of root links |
//! | | | the files, in the same order, without gaps |
//!
//! Timestamp, snapshot and targets are all there, or all empty in a step of root links alone. The version of the first root
//! is stated so that known roots can be skipped without looking into files that nobody has authenticated yet.

use core::fmt;

use crate::threshold::Document;

/// The first eight bytes; the format number is their last.
pub const MAGIC: &[u8; 8] = b"cuff-ev1";

/// Most root links in one piece of evidence; a device that is further behind is brought up in steps.
pub const MAX_ROOTS: usize = 1024;

const HEADER: usize = 24;

/// What evidence is made of, on the side that writes it.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Target path; `PRODUCT/` when no image comes with it, empty for root links alone.
    pub path: &'a str,
    /// Version of the first root file; 0 when there is none.
    pub first_root: u32,
    /// Root files, ascending without gaps.
    pub roots: &'a [&'a [u8]],
    /// Timestamp, snapshot and targets; `None` for a step of root links alone.
    pub online: Option<[&'a [u8]; 3]>,
    /// Delegated files in the order of the search for `path`.
    pub delegated: &'a [&'a [u8]],
}

impl Parts<'_> {
    /// Hands the encoded evidence to `emit`, piece by piece. `None`, before anything was emitted, when a part is too large
    /// for the format.
    pub fn encode(&self, emit: &mut dyn FnMut(&[u8])) -> Option<()> {
        let total = u32::try_from(self.length()?).ok()?;
        let counts = [self.roots.len(), self.delegated.len(), self.path.len(), 0];
        if self.roots.len() > MAX_ROOTS || counts.iter().any(|count| u16::try_from(*count).is_err())
        {
            return None;
        }
        emit(MAGIC);
        emit(&total.to_le_bytes());
        for count in counts {
            emit(&u16::try_from(count).ok()?.to_le_bytes());
        }
        emit(&self.first_root.to_le_bytes());
        for file in self.files() {
            emit(&u32::try_from(file.len()).ok()?.to_le_bytes());
        }
        emit(self.path.as_bytes());
        self.files().for_each(emit);
        Some(())
    }

    /// Length in bytes of the encoded evidence.
    pub fn length(&self) -> Option<usize> {
        self.files()
            .try_fold(HEADER.checked_add(self.path.len())?, |sum, file| {
                sum.checked_add(file.len())?.checked_add(4)
            })
    }

    fn files(&self) -> impl Iterator<Item = &[u8]> {
        let online = self.online.unwrap_or_default();
        self.roots
            .iter()
            .copied()
            .chain(online)
            .chain(self.delegated.iter().copied())
    }
}

/// Evidence as a device finds it in memory.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    whole: &'a [u8],
    first_root: u64,
    roots: usize,
    delegated: usize,
    path: &'a str,
}

impl<'a> Evidence<'a> {
    /// Reads the header. `memory` may be longer than the evidence, as the tail of a slot is.
    pub fn parse(memory: &'a [u8]) -> Result<Self, BadEvidence> {
        let header = memory.get(..HEADER).ok_or(BadEvidence::Truncated)?;
        if header.get(..8) != Some(MAGIC) {
            return Err(BadEvidence::Magic);
        }
        let total = u32_at(memory, 8).ok_or(BadEvidence::Truncated)?;
        let whole = memory.get(..total).ok_or(BadEvidence::Truncated)?;
        let count = |at| u16_at(header, at).ok_or(BadEvidence::Truncated);
        let (roots, delegated, path_length, zero) =
            (count(12)?, count(14)?, count(16)?, count(18)?);
        if zero != 0 || roots > MAX_ROOTS {
            return Err(BadEvidence::Header);
        }
        let first_root = u32_at(header, 20).ok_or(BadEvidence::Truncated)?;
        let files = roots + 3 + delegated;
        let path_start = HEADER + 4 * files;
        let path = whole
            .get(path_start..path_start + path_length)
            .ok_or(BadEvidence::Truncated)?;
        let path = core::str::from_utf8(path).map_err(|_| BadEvidence::Path)?;
        let evidence = Self {
            whole,
            first_root: first_root as u64,
            roots,
            delegated,
            path,
        };
        let lengths = (0..files).try_fold(path_start + path_length, |sum, index| {
            sum.checked_add(u32_at(whole, HEADER + 4 * index)?)
        });
        let online = [
            evidence.file(roots),
            evidence.file(roots + 1),
            evidence.file(roots + 2),
        ];
        let empty = online
            .iter()
            .filter(|file| file.is_some_and(<[u8]>::is_empty))
            .count();
        let whole_or_none =
            empty == 0 || empty == 3 && delegated == 0 && path.is_empty() && roots > 0;
        if lengths != Some(total) || !whole_or_none || (first_root == 0) != (roots == 0) {
            return Err(BadEvidence::Header);
        }
        Ok(evidence)
    }

    /// The bytes of the evidence, without what follows it in memory.
    pub const fn bytes(&self) -> &'a [u8] {
        self.whole
    }

    /// The target path it speaks of. A hint, nothing more.
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// Whether it speaks for an image, rather than bringing trust state alone.
    pub fn has_image(&self) -> bool {
        !self.path.is_empty() && !self.path.ends_with('/')
    }

    /// The root files, with the version each is said to have.
    pub fn roots(&self) -> impl Iterator<Item = (u64, Document<'a>)> + use<'a> {
        let evidence = *self;
        let files = (0..self.roots)
            .filter_map(move |index| evidence.file(index))
            .map(Document::canonical);
        (self.first_root..).zip(files)
    }

    /// Timestamp, snapshot and targets, or `None` for a step of root links alone.
    pub fn online(&self) -> Option<[Document<'a>; 3]> {
        let file = |index| {
            self.file(self.roots + index)
                .filter(|file| !file.is_empty())
                .map(Document::canonical)
        };
        Some([file(0)?, file(1)?, file(2)?])
    }

    /// The delegated files, in the order a search meets them.
    pub fn delegated(&self) -> impl Iterator<Item = Document<'a>> + use<'a> {
        let evidence = *self;
        let first = self.roots + 3;
        (first..first + self.delegated)
            .filter_map(move |index| evidence.file(index))
            .map(Document::canonical)
    }

    fn file(&self, index: usize) -> Option<&'a [u8]> {
        let first = HEADER + 4 * (self.roots + 3 + self.delegated) + self.path.len();
        let start = (0..index).try_fold(first, |sum, index| {
            sum.checked_add(u32_at(self.whole, HEADER + 4 * index)?)
        })?;
        self.whole
            .get(start..start.checked_add(u32_at(self.whole, HEADER + 4 * index)?)?)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let pair = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(usize::from(u16::from_le_bytes(pair)))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(word)).ok()
}

/// Why memory holds no evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadEvidence {
    /// Does not begin with [`MAGIC`].
    Magic,
    /// Ends before its own lengths say.
    Truncated,
    /// Lengths or counts contradict each other.
    Header,
    /// The target path is not text.
    Path,
}

impl fmt::Display for BadEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Magic => "does not begin with the evidence magic `cuff-ev1`",
            Self::Truncated => "ends before the length it states",
            Self::Header => "its lengths and counts contradict each other",
            Self::Path => "its target path is not text",
        })
    }
}

impl core::error::Error for BadEvidence {}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn encode(parts: &Parts<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        parts
            .encode(&mut |piece| bytes.extend_from_slice(piece))
            .expect("encodable");
        assert_eq!(Some(bytes.len()), parts.length());
        bytes
    }

    const PARTS: Parts<'static> = Parts {
        path: "band/1.0",
        first_root: 2,
        roots: &[b"root2", b"root3!"],
        online: Some([b"t", b"ss", b"ggg"]),
        delegated: &[b"band"],
    };

    fn served<'d>(documents: impl Iterator<Item = Document<'d>>) -> Vec<&'d [u8]> {
        documents.map(|document| document.served()).collect()
    }

    #[test]
    fn reads_what_was_written_and_ignores_what_follows() {
        let mut memory = encode(&PARTS);
        memory.extend([0xff; 64]);
        let evidence = Evidence::parse(&memory).expect("whole");
        assert_eq!(evidence.path(), "band/1.0");
        assert_eq!(served(evidence.roots().map(|(_, root)| root)), PARTS.roots);
        assert_eq!(
            evidence
                .roots()
                .map(|(version, _)| version)
                .collect::<Vec<_>>(),
            [2, 3]
        );
        assert_eq!(
            served(evidence.online().expect("there").into_iter()),
            PARTS.online.expect("there")
        );
        assert_eq!(served(evidence.delegated()), PARTS.delegated);
        assert_eq!(evidence.bytes().len() + 64, memory.len());
    }

    #[test]
    fn a_step_has_no_more_root_links_than_it_may() {
        let roots = vec![&b"r"[..]; MAX_ROOTS + 1];
        let most = Parts {
            roots: &roots[..MAX_ROOTS],
            ..PARTS
        };
        let mut memory = encode(&most);
        let evidence = Evidence::parse(&memory).expect("as many as may be");
        // An interpreter counts a few: each is found from the beginning.
        let some = if cfg!(miri) { 8 } else { MAX_ROOTS };
        assert_eq!(evidence.roots().take(some).count(), some);
        assert_eq!(evidence.roots, MAX_ROOTS);
        let more = Parts {
            roots: &roots,
            ..PARTS
        };
        let mut emitted = 0;
        assert_eq!(more.encode(&mut |_| emitted += 1), None);
        assert_eq!(emitted, 0);
        memory[12] += 1;
        assert_eq!(
            Evidence::parse(&memory).map(|_| ()),
            Err(BadEvidence::Header)
        );
    }

    #[test]
    fn online_files_are_all_there_or_none() {
        for missing in 0..3 {
            let mut online = [&b"t"[..], b"ss", b"ggg"];
            online[missing] = b"";
            let memory = encode(&Parts {
                roots: &[b"root2", b"root3!", b"root4"],
                online: Some(online),
                ..PARTS
            });
            let read = Evidence::parse(&memory).map(|_| ());
            assert_eq!(read, Err(BadEvidence::Header), "{missing}");
        }
    }

    #[test]
    fn a_name_below_a_product_speaks_for_an_image() {
        for (path, image) in [("band/1.0", true), ("band/", false)] {
            let memory = encode(&Parts { path, ..PARTS });
            let evidence = Evidence::parse(&memory).expect("whole");
            assert_eq!(evidence.has_image(), image, "{path}");
        }
        let links = Parts {
            path: "",
            online: None,
            delegated: &[],
            ..PARTS
        };
        let memory = encode(&links);
        assert!(!Evidence::parse(&memory).expect("whole").has_image());
    }

    #[test]
    fn root_links_may_come_alone() {
        let bytes = encode(&Parts {
            path: "",
            online: None,
            delegated: &[],
            ..PARTS
        });
        assert!(Evidence::parse(&bytes).expect("whole").online().is_none());
    }

    #[test]
    fn every_truncation_and_every_contradiction_is_refused() {
        let bytes = encode(&PARTS);
        for end in 0..bytes.len() {
            assert_eq!(
                Evidence::parse(&bytes[..end]).map(|_| ()),
                Err(BadEvidence::Truncated),
                "{end}"
            );
        }
        for (at, error) in [
            (0, BadEvidence::Magic),
            (18, BadEvidence::Header),
            (24, BadEvidence::Header),
        ] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert_eq!(Evidence::parse(&changed).map(|_| ()), Err(error), "{at}");
        }
        let nothing = Parts {
            path: "",
            first_root: 0,
            roots: &[],
            online: None,
            delegated: &[],
        };
        assert_eq!(
            Evidence::parse(&encode(&nothing)).map(|_| ()),
            Err(BadEvidence::Header)
        );
        assert_eq!(
            Evidence::parse(&vec![0xff; 4096]).map(|_| ()),
            Err(BadEvidence::Magic)
        );
    }

    #[test]
    fn what_the_format_cannot_say_is_not_written() {
        let path = "x".repeat(70_000);
        let mut calls = 0;
        assert_eq!(
            Parts {
                path: &path,
                ..PARTS
            }
            .encode(&mut |_| calls += 1),
            None
        );
        assert_eq!(calls, 0);
    }
}
