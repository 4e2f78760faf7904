//! What a sealed bundle holds: its files, and the releases among them.
//! Takes an opened sealed bundle; gives the part of the answer. Follows no metadata.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::metadata::Metadata;
use super::release::Release;
use crate::bundle::Bundle;
use crate::bundle::seal::{METADATA, Seal, TARGETS};
use crate::console::safe;

/// A small repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Sealed {
    /// Every file in it, by path.
    files: Vec<File>,
}

/// One file of a sealed bundle.
#[derive(Debug, Serialize, JsonSchema)]
struct File {
    /// Its path in the repository.
    path: String,
    /// Length in bytes.
    length: u64,
    /// What it says, if it is metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    /// What it says, if it is a bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    bundle: Option<Release>,
}

impl Sealed {
    pub(super) fn of(seal: &Seal) -> Self {
        let file = |(path, bytes): (&str, &[u8])| File {
            path: path.to_owned(),
            length: bytes.len() as u64,
            metadata: path
                .starts_with(METADATA)
                .then(|| Metadata::of(bytes))
                .flatten(),
            bundle: path
                .starts_with(TARGETS)
                .then(|| Bundle::open(bytes).ok())
                .flatten()
                .map(|bundle| Release::of(&bundle)),
        };
        Self {
            files: seal.entries().map(file).collect(),
        }
    }

    pub(super) fn human(&self, out: &mut dyn Write) -> fmt::Result {
        for file in &self.files {
            let about = match (&file.metadata, &file.bundle) {
                (Some(metadata), _) => metadata.headline(),
                (_, Some(release)) => release.headline(),
                _ => "not a file cuff makes".to_owned(),
            };
            writeln!(
                out,
                "{:>9} B {}: {}",
                file.length,
                safe(&file.path),
                safe(&about)
            )?;
        }
        Ok(())
    }
}
