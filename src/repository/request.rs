//! Signing requests: what is staged, and everything that is needed to review it, in one file that travels.
//!
//! Packs a working directory into a `.cuffsign` file, lays it out again on a machine without one, and merges the signatures
//! that come back. The file says which review it is about; contents that give another review were edited.

use super::bench::Bench;
use super::desk::{Desk, DeskError};
use super::people::People;
use super::review::Review;
use super::staging::{Staging, StagingError};
use crate::bundle::MAX_BUNDLE;
use crate::bundle::tape::{self, Entry, Limits, TapeError};
use crate::durable::{self, WriteError};
use crate::role::name::RoleName;
use crate::role::pipeline::Staged;
use crate::role::wire::Hex;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Longest request that is read: the bundles of several releases, and their metadata.
pub const MAX_REQUEST: u64 = 8 * MAX_BUNDLE;

/// A signing request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    head: Head,
    /// Files of the working directory by their paths in it.
    files: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: u32,
    /// The digest of the review this is about.
    review: Hex,
}

impl Request {
    /// Packs what is staged in `desk`, whose review has this digest.
    pub fn pack(desk: &Desk, review: Hex) -> Result<Self, RequestError> {
        let mut files = BTreeMap::new();
        for part in ["cuff.toml", "keys", "metadata", "staged"] {
            collect(desk.root(), part, &mut files)?;
        }
        // Descriptions of boards that are not ours: `review` foresees what fits them.
        for board in desk
            .settings()
            .products
            .values()
            .flat_map(|product| &product.boards)
        {
            if desk.root().join(board).is_file() && is_inside(board) {
                collect(desk.root(), board, &mut files)?;
            }
        }
        let head = Head {
            format: FORMAT,
            review,
        };
        Ok(Self { head, files })
    }

    /// Reads a request.
    pub fn read(bytes: &[u8]) -> Result<Self, RequestError> {
        let mut entries = tape::read(bytes, &LIMITS)?.into_iter();
        let head = entries.next().filter(|entry| entry.name == HEAD);
        let head = head.ok_or(RequestError::NoRequest)?;
        let head: Head = serde_json::from_slice(head.bytes).map_err(|_| RequestError::NoRequest)?;
        if head.format != FORMAT {
            return Err(RequestError::Format(head.format));
        }
        let mut files = BTreeMap::new();
        for entry in entries {
            let inside = entry.name.strip_prefix(DESK);
            let inside = inside.ok_or_else(|| RequestError::Stray(entry.name.to_owned()))?;
            files.insert(inside.to_owned(), entry.bytes.to_vec());
        }
        Ok(Self { head, files })
    }

    /// The file.
    pub fn encode(&self) -> Result<Vec<u8>, RequestError> {
        let head = serde_json::to_vec(&self.head).unwrap_or_default();
        let names: Vec<String> = self
            .files
            .keys()
            .map(|path| format!("{DESK}{path}"))
            .collect();
        let mut entries = vec![Entry {
            name: HEAD,
            bytes: &head,
        }];
        let files = names.iter().zip(self.files.values());
        entries.extend(files.map(|(name, bytes)| Entry { name, bytes }));
        Ok(tape::write(&entries)?)
    }

    /// The digest of the review it is about.
    pub fn review(&self) -> Hex {
        self.head.review
    }

    /// Lays it out as a working directory in an empty folder. Nothing in it is trusted yet.
    pub fn lay_out(&self, folder: &Path) -> Result<Desk, RequestError> {
        for (name, bytes) in &self.files {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent).map_err(|source| RequestError::Io {
                    path: parent.to_owned(),
                    source,
                })?;
            }
            durable::write(&path, bytes)?;
        }
        Ok(Desk::open(folder)?)
    }

    /// Refuses contents that give another review than the request says.
    pub fn check(&self, review: &Review) -> Result<(), RequestError> {
        if review.digest == self.head.review.to_string() {
            Ok(())
        } else {
            Err(RequestError::Edited {
                expected: self.head.review,
                found: review.digest.clone(),
            })
        }
    }
}

/// What became of the signatures in a request that came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Taken over: who, and on which role.
    pub taken: Vec<(Hex, RoleName)>,
    /// Here already.
    pub known: Vec<(Hex, RoleName)>,
    /// Not taken, and why.
    pub refused: Vec<(Hex, RoleName, Refused)>,
}

/// Why a signature was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Made for other bytes than are staged.
    OtherBytes,
    /// It does not hold.
    Invalid,
    /// The key may not sign this role.
    NotInRole,
    /// The same key has signed already, with another valid signature.
    Conflict,
}

impl Refused {
    /// One sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::OtherBytes => "it was made for other bytes than are staged",
            Self::Invalid => "it does not hold: damaged, or not made by this key",
            Self::NotInRole => "this key may not sign it",
            Self::Conflict => {
                "this key has signed already, with another signature that holds; that one stays"
            }
        }
    }
}

/// Merges the signatures of a request, which was laid out as `theirs`, into what is staged here. Signatures that are here
/// stay; every one that is taken was verified. Writes nothing; [`keep`] does.
pub fn merge(bench: &mut Bench<'_>, theirs: &Staging) -> Merged {
    let mut merged = Merged::default();
    for outdated in &theirs.outdated {
        let (key, role) = (outdated.keyid, outdated.role.clone());
        merged.refused.push((key, role, Refused::OtherBytes));
    }
    for (role, staged) in &theirs.roles {
        let authorities = bench.authorities(role);
        let Some(ours) = bench.staged_mut(role) else {
            continue;
        };
        let valid = |staged: &Staged, key: &Hex| {
            let tallies = staged.tally(&authorities);
            tallies.iter().any(|tally| tally.valid.contains(key))
        };
        for (key, signature) in staged.signatures() {
            let told = (*key, role.clone());
            let member = authorities
                .iter()
                .any(|authority| authority.keys.contains_key(key));
            let here = ours.signatures().get(key);
            if here == Some(signature) {
                merged.known.push(told);
            } else if !member {
                merged.refused.push((told.0, told.1, Refused::NotInRole));
            } else if !valid(staged, key) {
                merged.refused.push((told.0, told.1, Refused::Invalid));
            } else if here.is_some() && valid(ours, key) {
                merged.refused.push((told.0, told.1, Refused::Conflict));
            } else {
                ours.restore(*key, *signature);
                merged.taken.push(told);
            }
        }
    }
    merged
}

/// Writes the signatures that were taken.
pub fn keep(bench: &Bench<'_>, merged: &Merged) -> Result<(), StagingError> {
    for (key, role) in &merged.taken {
        let staged = bench.staging().roles.get(role);
        if let Some((staged, signature)) =
            staged.and_then(|staged| Some((staged, staged.signatures().get(key)?)))
        {
            Staging::save_signature(&bench.desk().staged(), staged, *key, *signature)?;
        }
    }
    Ok(())
}

/// Roles that are staged with other bytes on the two sides, or on one side only.
pub fn differences(ours: &Bench<'_>, theirs: &Bench<'_>) -> Vec<String> {
    let (mine, yours) = (&ours.staging().roles, &theirs.staging().roles);
    let mut roles: Vec<String> = mine
        .keys()
        .chain(yours.keys().filter(|role| !mine.contains_key(role)))
        .filter(|role| mine.get(role).map(Staged::signed) != yours.get(role).map(Staged::signed))
        .map(ToString::to_string)
        .collect();
    if ours.staging().bundles != theirs.staging().bundles {
        roles.push("bundles".to_owned());
    }
    if roles.is_empty() {
        roles.push("what is published".to_owned());
    }
    roles
}

/// A review of what was laid out.
pub fn review(bench: &Bench<'_>, people: &People) -> Result<Review, RequestError> {
    Ok(Review::of(bench, people)?)
}

/// A request that is refused.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// Another kind of file.
    #[error("it is no signing request")]
    NoRequest,
    /// Written by a newer cuff.
    #[error("its format is {0}, expected {FORMAT}")]
    Format(u32),
    /// Not as cuff packs it.
    #[error("its container does not hold")]
    Tape(#[from] TapeError),
    /// A file that has no place in it.
    #[error("it holds `{0}`, which is no part of a signing request")]
    Stray(String),
    /// The contents were changed.
    #[error(
        "it was edited on the way: it says it is about review {expected}, and its contents give {found}"
    )]
    Edited {
        /// What it says.
        expected: Hex,
        /// What it holds.
        found: String,
    },
    /// Names that no request can hold.
    #[error("`{0}` cannot travel in a signing request: its name is not plain")]
    Name(String),
    /// The bundles do not hold.
    #[error(transparent)]
    Review(#[from] super::review::ReviewError),
    /// The working directory inside.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// The staging area.
    #[error(transparent)]
    Staging(#[from] StagingError),
    /// The disk.
    #[error("cannot read or write `{}`", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk.
    #[error(transparent)]
    Write(#[from] WriteError),
}

const FORMAT: u32 = 1;
const HEAD: &str = "request.json";
const DESK: &str = "desk/";
const LIMITS: Limits = Limits {
    entries: 4096,
    entry: |_| MAX_BUNDLE,
    whole: MAX_REQUEST,
};

/// Plain relative paths only.
fn is_inside(path: &str) -> bool {
    path.split('/').all(crate::name::is_safe_file_name)
}

/// The files at or below `name`, hidden ones left out: they are editors' and git's business.
fn collect(
    root: &Path,
    name: &str,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), RequestError> {
    let path = root.join(name);
    let io = |source| RequestError::Io {
        path: path.clone(),
        source,
    };
    if path.is_dir() {
        for entry in fs::read_dir(&path).map_err(io)? {
            let entry = entry.map_err(io)?.file_name();
            let entry = entry.to_str().map(ToOwned::to_owned);
            let entry = entry.ok_or_else(|| RequestError::Name(path.display().to_string()))?;
            if !entry.starts_with('.') {
                collect(root, &format!("{name}/{entry}"), files)?;
            }
        }
    } else if path.is_file() {
        if !is_inside(name) {
            return Err(RequestError::Name(name.to_owned()));
        }
        files.insert(name.to_owned(), fs::read(&path).map_err(io)?);
    }
    Ok(())
}
