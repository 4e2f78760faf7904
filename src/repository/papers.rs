//! The papers of published releases: bills of materials and data-recipients declarations, by their digests.
//!
//! They lie beside the mirror, in `metadata/papers/`, so that a review says what changed in them on any machine, without the
//! store. Nothing in them is trusted: a file counts only if it has the digest that a signed record gives.

use crate::durable::{self, WriteError};
use crate::repository::desk::Desk;
use crate::repository::published::Published;
use crate::repository::staging::Staging;
use cuff_verifier::digest::Digest;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

/// The papers of a working directory.
#[derive(Clone, Debug)]
pub struct Papers {
    folder: PathBuf,
}

impl Papers {
    /// Of this one.
    pub fn of(desk: &Desk) -> Self {
        Self {
            folder: desk.metadata().join(FOLDER),
        }
    }

    /// The paper with this digest, if it is here. One that was changed is not the one that was asked for.
    pub fn get(&self, digest: &Digest) -> Option<Vec<u8>> {
        let bytes = fs::read(self.folder.join(digest.to_string())).ok()?;
        (Digest::of(&bytes) == *digest).then_some(bytes)
    }

    /// Keeps the papers of everything published: those that were staged come in, those that nothing names any more go.
    pub fn keep(&self, published: &Published, staged: &Staging) -> Result<(), PapersError> {
        let records = published
            .products()
            .flat_map(|(_, product)| product.targets.values())
            .flat_map(|release| [release.record().sbom, release.record().recipients]);
        let named: Vec<String> = records.flatten().map(|digest| digest.to_string()).collect();
        let mut there = self.names()?;
        for (name, bytes) in brought(staged) {
            if named.contains(&name) && !there.contains(&name) {
                fs::create_dir_all(&self.folder).map_err(|error| self.failed(error))?;
                durable::write(&self.folder.join(&name), &bytes)?;
                there.push(name);
            }
        }
        for name in there.iter().filter(|name| !named.contains(name)) {
            fs::remove_file(self.folder.join(name)).map_err(|error| self.failed(error))?;
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>, PapersError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| self.failed(error))?.file_name();
            let name = name.to_string_lossy().into_owned();
            if Digest::from_hex(name.as_bytes()).is_some() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn failed(&self, source: io::Error) -> PapersError {
        PapersError::Io {
            path: self.folder.clone(),
            source,
        }
    }
}

/// Papers that cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum PapersError {
    /// The folder.
    #[error("cannot keep bills of materials and declarations in `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// The papers in staged bundles, by digest.
fn brought(staged: &Staging) -> BTreeMap<String, Vec<u8>> {
    let bundles = staged
        .bundles
        .values()
        .filter_map(|bundle| bundle.open().ok());
    let mut papers = BTreeMap::new();
    for bundle in bundles {
        for paper in [bundle.sbom(), bundle.recipients()].into_iter().flatten() {
            papers.insert(Digest::of(paper).to_string(), paper.to_vec());
        }
    }
    papers
}

const FOLDER: &str = "papers";
