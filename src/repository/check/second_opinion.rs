//! A second opinion on signatures: the `tuf` crate, asked about root, timestamp, snapshot and targets and nothing else.
//!
//! It never judges (docs/decisions/0002-second-opinion.md): its yes counts for nothing, its no is a problem somebody must look
//! at. It is not asked about versions, dates, delegations or targets.

use schemars::JsonSchema;
use serde::Serialize;
use tuf::crypto::PublicKey;
use tuf::metadata::{
    Metadata, MetadataPath, RawSignedMetadata, RootMetadata, SnapshotMetadata, TargetsMetadata,
    TimestampMetadata,
};
use tuf::pouf::Pouf1;
use tuf::verify::{Verified, verify_signatures};

use super::metadata::Found;

/// Who was asked, and about what.
pub const WITNESS: &str = "tuf 0.3.0-beta14";

/// What it says of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Opinion {
    /// The file.
    pub file: String,
    /// Whether it, too, counts enough signatures.
    pub agrees: bool,
    /// In its own words.
    pub says: String,
}

/// Asks about every root link and the current top-level files.
pub fn ask(found: &Found) -> Vec<Opinion> {
    let mut opinions = Vec::new();
    let mut trusted: Option<Verified<RootMetadata>> = None;
    for (version, file) in &found.roots {
        let raw = RawSignedMetadata::new(file.clone());
        let answer = root(trusted.as_ref(), &raw);
        opinions.push(opinion(format!("metadata/{version}.root.json"), &answer));
        if let Ok(root) = answer {
            trusted = Some(root);
        }
    }
    let Some(root) = trusted else {
        return opinions;
    };
    let (file, keys): (_, Vec<_>) = (found.timestamp.as_ref(), root.timestamp_keys().collect());
    let path = MetadataPath::timestamp();
    opinions.extend(top_level::<TimestampMetadata>(
        &path,
        file,
        root.timestamp().threshold(),
        keys,
    ));
    let (file, keys) = (found.snapshot.as_ref(), root.snapshot_keys().collect());
    let path = MetadataPath::snapshot();
    opinions.extend(top_level::<SnapshotMetadata>(
        &path,
        file,
        root.snapshot().threshold(),
        keys,
    ));
    let (file, keys) = (found.targets.as_ref(), root.targets_keys().collect());
    let path = MetadataPath::targets();
    opinions.extend(top_level::<TargetsMetadata>(
        &path,
        file,
        root.targets().threshold(),
        keys,
    ));
    opinions
}

type Answer<M> = Result<Verified<M>, tuf::Error>;

/// By the root before it, where there is one, and by itself.
fn root(
    trusted: Option<&Verified<RootMetadata>>,
    raw: &RawSignedMetadata<Pouf1, RootMetadata>,
) -> Answer<RootMetadata> {
    let path = MetadataPath::root();
    let claimed = match trusted {
        Some(old) => {
            let proven = verify_signatures(&path, raw, old.root().threshold(), old.root_keys())?;
            (*proven).clone()
        }
        None => raw.parse_untrusted()?.assume_valid()?,
    };
    verify_signatures(&path, raw, claimed.root().threshold(), claimed.root_keys())
}

fn top_level<M: Metadata>(
    path: &MetadataPath,
    file: Option<&Vec<u8>>,
    threshold: u32,
    keys: Vec<&PublicKey>,
) -> Option<Opinion> {
    let raw = RawSignedMetadata::<Pouf1, M>::new(file?.clone());
    let answer = verify_signatures(path, &raw, threshold, keys);
    Some(opinion(format!("{path}.json"), &answer))
}

fn opinion<M>(file: String, answer: &Answer<M>) -> Opinion {
    Opinion {
        file,
        agrees: answer.is_ok(),
        says: answer.as_ref().map_or_else(
            |error| format!("{WITNESS} does not agree: {error}"),
            |_| "enough valid signatures".to_owned(),
        ),
    }
}
