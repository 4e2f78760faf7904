//! Sealing: releases and the chain that proves them, in one file.
//!
//! Takes a verified view, its source and fetched releases; gives a sealed bundle, read back as its readers will, and says
//! until when and for which devices it installs. It changes no byte of what it packs.

use std::collections::BTreeMap;

use cuff_verifier::key::Ed25519;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::Refusal;
use cuff_verifier::threshold::Document;
use cuff_verifier::time::{Clock, Instant};
use cuff_verifier::trusted::{Policy, RootChain};

use super::client::trust::Trust;
use super::client::{Client, ClientError, MAX_ROOT};
use super::release::{self, Release, ReleaseError};
use super::source::sealed::Sealed;
use super::source::{Source, SourceError};
use super::view::View;
use crate::bundle::seal::{Seal, SealError};

/// A sealed bundle, and what it is good for.
#[derive(Clone, Debug)]
pub struct Sealing {
    /// The file.
    pub seal: Seal,
    /// Version of the newest root in it; the chain begins with root 1.
    pub newest_root: u64,
    /// Version of the root that vouches for it. Links before that one lead to it and are vouched for by nobody.
    pub vouched_from: u64,
    /// The earliest expiry in it, and whose it is. A device installs from it until it has seen anything signed later.
    pub until: (Instant, String),
    /// Versions of the roles in it; a device that has seen newer ones refuses it.
    pub versions: BTreeMap<String, u64>,
}

/// Packs `releases`, which were fetched from `source` under `view`; without one it is the chain alone.
pub fn seal(
    source: &dyn Source,
    view: &View,
    releases: &[Release],
    clock: Clock,
) -> Result<Sealing, SealingError> {
    let (vouched_from, anchor) = view.roots().first_key_value().ok_or(SealingError::NoRoot)?;
    let mut files = view.files();
    for (version, root) in earlier_roots(source, *vouched_from)?
        .iter()
        .chain(view.roots())
    {
        files.insert(format!("metadata/{version}.root.json"), root.clone());
    }
    for release in releases {
        files.insert(release.file.clone(), release.bundle.as_bytes().to_vec());
    }
    check_chain(&files, view, clock)?;
    let seal = Seal::pack(&files)?;
    let until = view
        .findings()
        .iter()
        .map(|finding| finding.expires.clone())
        .min()
        .ok_or(SealingError::Nothing)?;
    let sealing = Sealing {
        seal,
        newest_root: view.root_version(),
        vouched_from: *vouched_from,
        until,
        versions: ["timestamp", "snapshot", "targets"]
            .into_iter()
            .chain(view.roles())
            .map(|role| (role.to_owned(), view.version(role)))
            .collect(),
    };
    read_back(&sealing, anchor, view, releases, clock)?;
    Ok(sealing)
}

/// Devices may trust any root since the first, so all of them go in.
fn earlier_roots(source: &dyn Source, first: u64) -> Result<BTreeMap<u64, Vec<u8>>, SealingError> {
    let mut roots = BTreeMap::new();
    for version in 1..first {
        let file = format!("metadata/{version}.root.json");
        let bytes = source
            .get(&file, MAX_ROOT)?
            .ok_or(SealingError::RootMissing { file })?;
        roots.insert(version, bytes);
    }
    Ok(roots)
}

/// Every link from root 1 to the newest, which the view vouches for.
fn check_chain(
    files: &BTreeMap<String, Vec<u8>>,
    view: &View,
    clock: Clock,
) -> Result<(), SealingError> {
    let policy = Policy {
        profile: Profile::Device,
        clock,
        schemes: &Ed25519,
    };
    let mut chain: Option<RootChain<'_, '_, _>> = None;
    for version in 1..=view.root_version() {
        let file = format!("metadata/{version}.root.json");
        let refused = |refusal| SealingError::Root {
            file: file.clone(),
            refusal,
        };
        let bytes = files
            .get(&file)
            .ok_or_else(|| SealingError::RootMissing { file: file.clone() })?;
        let document = Document::canonical(bytes);
        chain = Some(match chain {
            None => RootChain::anchor(document, policy).map_err(refused)?,
            Some(chain) => chain.extend(document).map_err(refused)?,
        });
    }
    Ok(())
}

/// What its readers will do with it.
fn read_back(
    sealing: &Sealing,
    anchor: &[u8],
    view: &View,
    releases: &[Release],
    clock: Clock,
) -> Result<(), SealingError> {
    let source = Sealed::new("as it was just packed", sealing.seal.clone());
    let wanted: Vec<&str> = view
        .findings()
        .iter()
        .map(|finding| finding.path.as_str())
        .collect();
    let client = Client {
        trust: &mut Trust::in_memory(anchor.to_vec()),
        profile: Profile::Device,
        clock,
    };
    let again = client.update(&source, &wanted)?;
    for release in releases {
        let finding = again
            .findings()
            .iter()
            .find(|finding| finding.path == release.path)
            .ok_or(SealingError::Changed)?;
        release::fetch(&source, finding)?;
    }
    if again == *view {
        Ok(())
    } else {
        Err(SealingError::Changed)
    }
}

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// A view without roots.
    #[error("the verified view holds no root")]
    NoRoot,
    /// No release.
    #[error("a sealed bundle holds at least one release, and none was named")]
    Nothing,
    /// A root that old devices need.
    #[error("`{file}` is missing, and a sealed bundle holds every root since the first")]
    RootMissing {
        /// The file.
        file: String,
    },
    /// A link that does not hold.
    #[error("{file} is refused: {refusal}")]
    Root {
        /// The file.
        file: String,
        /// The rule.
        refusal: Refusal,
    },
    /// The container.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// It does not read back.
    #[error("the sealed bundle does not read back")]
    Client(#[from] ClientError),
    /// A release in it does not read back.
    #[error("a release in the sealed bundle does not read back")]
    Release(#[from] ReleaseError),
    /// It reads back as something else.
    #[error("the sealed bundle reads back as another state of the repository than was fetched")]
    Changed,
}

impl SealingError {
    /// Whether something was found wanting, rather than out of reach.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Source(error) => !matches!(error, SourceError::Read { .. }),
            Self::Client(error) => error.is_refusal(),
            Self::Release(error) => error.is_refusal(),
            _ => true,
        }
    }
}
