//! Sealed bundles: a small TUF repository in one file, for stations and sticks without a network.
//! Takes named files, or the bytes of a sealed bundle; gives the files by path. Judges nothing: the client that reads
//! it as a repository verifies every byte.

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

use super::MAX_BUNDLE;
use super::tape::{self, Entry, Limits, TapeError};

/// Largest sealed bundle, in bytes.
pub const MAX_SEAL: u64 = 256 << 20;
/// Most files in a sealed bundle.
pub const MAX_FILES: usize = 4096;
/// Largest metadata file in a sealed bundle, in bytes.
pub const MAX_METADATA: u64 = 4 << 20;
/// Folder of metadata files.
pub const METADATA: &str = "metadata/";
/// Folder of target files.
pub const TARGETS: &str = "targets/";

/// A sealed bundle, taken apart but not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    bytes: Bytes,
    files: BTreeMap<String, Range<usize>>,
}

impl Seal {
    /// Packs files under `metadata/` and `targets/`, in the order of their names.
    pub fn pack(files: &BTreeMap<String, Vec<u8>>) -> Result<Self, SealError> {
        let entries: Vec<Entry<'_>> = files
            .iter()
            .map(|(name, bytes)| Entry { name, bytes })
            .collect();
        Self::open(tape::write(&entries)?)
    }

    /// Takes a sealed bundle apart.
    pub fn open(bytes: impl Into<Bytes>) -> Result<Self, SealError> {
        let bytes = bytes.into();
        let mut files = BTreeMap::new();
        let mut previous = String::new();
        for (name, range) in tape::index(&bytes, &LIMITS)? {
            if !is_ours(name) {
                return Err(SealError::Folder {
                    name: name.to_owned(),
                });
            }
            if name <= previous.as_str() {
                return Err(SealError::Order {
                    name: name.to_owned(),
                    previous,
                });
            }
            name.clone_into(&mut previous);
            files.insert(name.to_owned(), range);
        }
        if files.is_empty() {
            return Err(SealError::Empty);
        }
        Ok(Self { bytes, files })
    }

    /// All files with their paths, by path.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .map(|(path, range)| (path.as_str(), &self.bytes[range.clone()]))
    }

    /// The file at `path`: `metadata/timestamp.json`.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.bytes.get(self.files.get(path)?.clone())
    }

    /// The same, without a copy to be kept longer.
    pub fn share(&self, path: &str) -> Option<Bytes> {
        Some(self.bytes.slice_ref(self.get(path)?))
    }

    /// The file as a whole.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why bytes are no sealed bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The container is not the one way cuff writes it.
    #[error("not a sealed bundle as cuff writes it: {0}")]
    Tape(#[from] TapeError),
    /// A file that belongs to no repository.
    #[error("sealed bundle entry \"{name}\" must lie in {METADATA} or {TARGETS}")]
    Folder {
        /// The entry.
        name: String,
    },
    /// Entries out of order.
    #[error(
        "sealed bundle entry \"{name}\" must stand before \"{previous}\": entries are sorted by name"
    )]
    Order {
        /// The entry.
        name: String,
        /// The one before it.
        previous: String,
    },
    /// Nothing inside.
    #[error("a sealed bundle must hold at least one file, found none")]
    Empty,
}

/// Metadata lies flat in its folder; targets lie as deep as their path.
fn is_ours(name: &str) -> bool {
    match (name.strip_prefix(METADATA), name.strip_prefix(TARGETS)) {
        (Some(rest), _) => !rest.is_empty() && !rest.contains('/'),
        (_, Some(rest)) => !rest.is_empty(),
        _ => false,
    }
}

fn limit(name: &str) -> u64 {
    if name.starts_with(METADATA) {
        MAX_METADATA
    } else {
        MAX_BUNDLE
    }
}

const LIMITS: Limits = Limits {
    entries: MAX_FILES,
    entry: limit,
    whole: MAX_SEAL,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> BTreeMap<String, Vec<u8>> {
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        [
            ("metadata/1.root.json".to_owned(), b"{1}".to_vec()),
            ("metadata/timestamp.json".to_owned(), b"{2}".to_vec()),
            (format!("targets/band/{hash}.1.4.0"), vec![7; 513]),
            // Longer than a plain ustar name.
            (
                format!("targets/band/{hash}.{}", "9".repeat(64)),
                vec![8; 512],
            ),
        ]
        .into()
    }

    #[test]
    fn what_is_packed_comes_out_by_path() {
        let seal = Seal::pack(&files()).unwrap();
        assert_eq!(Seal::open(seal.as_bytes().to_vec()).unwrap(), seal);
        for (path, bytes) in files() {
            assert_eq!(seal.get(&path), Some(bytes.as_slice()), "{path}");
        }
        assert_eq!(seal.get("metadata/2.root.json"), None);
        assert_eq!(seal.entries().count(), 4);
    }

    #[test]
    fn entries_outside_the_two_folders_are_refused() {
        for name in [
            "release.json",
            "metadata",
            "metadata/deep/1.root.json",
            "other/1",
        ] {
            let files = [(name.to_owned(), vec![1])].into();
            assert!(
                matches!(Seal::pack(&files), Err(SealError::Folder { .. })),
                "{name}"
            );
        }
        for name in [
            "metadata/",
            "metadata/../x",
            "/metadata/x",
            "targets//x",
            "metadata\\x",
        ] {
            let files = [(name.to_owned(), vec![1])].into();
            assert!(
                matches!(
                    Seal::pack(&files),
                    Err(SealError::Tape(TapeError::Name { .. }))
                ),
                "{name}"
            );
        }
        assert_eq!(Seal::pack(&BTreeMap::new()), Err(SealError::Empty));
    }

    #[test]
    fn another_order_is_refused() {
        let [one, two] = ["metadata/b", "metadata/a"].map(|name| Entry { name, bytes: b"x" });
        let archive = tape::write(&[one, two]).unwrap();
        assert_eq!(
            Seal::open(archive),
            Err(SealError::Order {
                name: "metadata/a".to_owned(),
                previous: "metadata/b".to_owned()
            })
        );
    }

    #[test]
    fn a_sealed_bundle_cut_anywhere_is_refused() {
        let whole = Seal::pack(&files()).unwrap().as_bytes().to_vec();
        for length in (0..whole.len()).step_by(256) {
            assert!(
                Seal::open(whole[..length].to_vec()).is_err(),
                "cut to {length}"
            );
        }
    }
}
