//! Hashed bins: targets that hosts read, shared out among many roles that a machine signs.
//!
//! Takes what is published and what is to be added or taken out; gives the files of the bins that are touched, and none of the
//! others. Where the bins themselves are new (the first publication, another number of them, another key) all of them are made.

pub mod edits;

use super::bench::Bench;
use super::client::{MAX_SNAPSHOT, MAX_TARGETS};
use super::published::{Published, object};
use crate::instant::{self, Span};
use crate::key::Signer;
use crate::role::bin::{Bin, BinError, TargetPath};
use crate::role::bins::{Bins, Count};
use crate::role::name::RoleName;
use crate::role::pipeline::Signed;
use crate::role::targets::Targets;
use crate::role::wire::{FileMeta, Hex, Utc};
use crate::store::{ObjectName, Store, StoreError};
use bytes::Bytes;
use cuff_verifier::key::Ed25519;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::Refusal;
use cuff_verifier::role::Role;
use cuff_verifier::role::delegation::Delegations;
use cuff_verifier::role::targets::Targets as TargetsView;
use cuff_verifier::threshold::{Authority, Document, authenticate, unauthenticated};
use cuff_verifier::time::Instant;
use edits::Edits;
use std::collections::{BTreeMap, BTreeSet};

/// What is to be done to the bins, and by whom.
#[derive(Clone, Copy)]
pub struct Work<'a> {
    /// The key of the bins.
    pub signer: &'a dyn Signer,
    /// What is added and taken out.
    pub edits: &'a Edits,
    /// Bins that expire before this are signed afresh.
    pub renew_before: Option<Instant>,
    /// Until when what is made is valid.
    pub expires: Utc,
}

impl<'a> Work<'a> {
    /// Work at this bench. With `renew`, bins in the last quarter of their life are signed afresh.
    pub fn at(
        bench: &Bench<'_>,
        signer: &'a dyn Signer,
        edits: &'a Edits,
        renew: bool,
    ) -> Option<Self> {
        let life = bench.settings().lifetime_of_bins();
        let quarter = Span::from_seconds(life.seconds() / 4);
        Some(Self {
            signer,
            edits,
            renew_before: renew
                .then(|| instant::later(bench.now(), quarter))
                .flatten(),
            expires: instant::later(bench.now(), life).map(Utc)?,
        })
    }

    /// Bins that the edits name; all of them, where it must be known which expire.
    fn looks_into(&self, count: Count) -> BTreeSet<u32> {
        if self.renew_before.is_some() {
            return count.bins().collect();
        }
        let paths = self.edits.add.keys().chain(&self.edits.remove);
        paths.map(|path| count.bin_of(path.as_str())).collect()
    }
}

/// Bins that were made.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// Their files, by their names in the store.
    pub files: BTreeMap<ObjectName, Bytes>,
    /// What snapshot says of them.
    pub metas: BTreeMap<String, FileMeta>,
    /// Targets that were not there before.
    pub added: u64,
    /// Targets that were there with other bytes.
    pub replaced: u64,
    /// Targets that are there no more.
    pub removed: u64,
}

/// Makes the bins that `work` and a changed delegation touch. Without bins in `targets` there is nothing to make.
pub fn make(
    store: &dyn Store,
    live: Option<&Published>,
    targets: &Targets,
    work: Option<Work<'_>>,
) -> Result<Made, BinsError> {
    let Some(bins) = &targets.delegations.bins else {
        return match work {
            Some(_) => Err(BinsError::NoBins),
            None => Ok(Made::default()),
        };
    };
    let before = live.and_then(|live| Some((live, live.targets().delegations.bins.as_ref()?)));
    let (mut shelf, fresh) = match (before, work) {
        (Some((_, old)), None) if old == bins => return Ok(Made::default()),
        (Some((live, old)), Some(work)) if old == bins => {
            let wanted = work.looks_into(old.count());
            (read(store, live, old.count(), wanted)?, false)
        }
        (Some((live, old)), _) => {
            let all = read(store, live, old.count(), old.count().bins().collect())?;
            (share_out(all, bins.count()), true)
        }
        (None, _) => (share_out(BTreeMap::new(), bins.count()), true),
    };
    let work = work.ok_or(BinsError::NoKey)?;
    let key = Hex::from(work.signer.public().id());
    if !bins.keyids.contains(&key) {
        return Err(BinsError::WrongKey {
            expected: bins.keyids.iter().map(Hex::to_string).collect(),
            found: key,
        });
    }
    let mut made = Made::default();
    let changed = apply(&mut shelf, bins.count(), work.edits, &mut made)?;
    let renewed = |bin: &Bin| {
        work.renew_before
            .is_some_and(|before| bin.expires.0 < before)
    };
    shelf.retain(|number, bin| fresh || changed.contains(number) || renewed(bin));
    seal(store, live, bins, shelf, &work, &mut made)?;
    Ok(made)
}

/// Every bin of a repository, by number.
pub fn read_all(store: &dyn Store, live: &Published) -> Result<BTreeMap<u32, Bin>, BinsError> {
    let bins = live.targets().delegations.bins.as_ref();
    let count = bins.ok_or(BinsError::NoBins)?.count();
    read(store, live, count, count.bins().collect())
}

/// Reads bins: each is the file that snapshot names, signed by who may sign it, and written as we write them.
fn read(
    store: &dyn Store,
    live: &Published,
    count: Count,
    wanted: BTreeSet<u32>,
) -> Result<BTreeMap<u32, Bin>, BinsError> {
    let mut files = Vec::new();
    for number in wanted {
        let name = count.name(number);
        let meta = live.snapshot().meta.get(&format!("{name}.json"));
        let meta = meta.ok_or_else(|| BinsError::NotListed(name.clone()))?;
        let file = object(&format!("{}.{name}.json", meta.version))?;
        files.push((number, file, *meta));
    }
    let names: Vec<&ObjectName> = files.iter().map(|(_, file, _)| file).collect();
    let found = store.get_all(&names)?;
    let delegator = live.signed(&RoleName::Targets).map(Signed::file);
    let delegator = delegator.unwrap_or_default();
    let unproven = unauthenticated(Document::canonical(delegator), Profile::Foreign);
    let unproven = unproven.map_err(|_| BinsError::NoBins)?;
    let view = TargetsView::parse(&unproven, Role::Targets).map_err(|_| BinsError::NoBins)?;
    // Every bin is signed by the same keys.
    let first = view
        .delegations()
        .and_then(|all| Delegations::iter(&all).next());
    let authority = first.and_then(|first| first.authority().ok());
    let authority = authority.ok_or(BinsError::NoBins)?;
    let mut bins = BTreeMap::new();
    for ((number, file, meta), bytes) in files.iter().zip(found) {
        let bytes = bytes.ok_or_else(|| BinsError::Missing(file.to_string()))?;
        if FileMeta::of(&bytes, meta.version) != *meta {
            return Err(BinsError::NotPinned(file.to_string()));
        }
        let bin = open(file, &bytes, &authority)?;
        bins.insert(*number, bin);
    }
    Ok(bins)
}

fn open(file: &ObjectName, bytes: &[u8], authority: &Authority<'_>) -> Result<Bin, BinsError> {
    let document = Document::canonical(bytes);
    let authentic =
        authenticate(document, authority, Profile::Foreign, &Ed25519).map_err(|error| {
            BinsError::Refused {
                file: file.to_string(),
                refusal: Refusal {
                    role: Role::Delegated,
                    rule: cuff_verifier::refusal::Rule::Unauthentic(error),
                },
            }
        })?;
    Bin::read(authentic.signed()).map_err(|source| BinsError::Bin {
        bin: file.to_string(),
        source,
    })
}

/// Everything that is in some bins, in so many others. Versions are given when they are sealed.
fn share_out(all: BTreeMap<u32, Bin>, count: Count) -> BTreeMap<u32, Bin> {
    let empty = |number| {
        let bin = Bin {
            version: 0,
            expires: Utc(Instant(0)),
            targets: BTreeMap::new(),
        };
        (number, bin)
    };
    let mut shelf: BTreeMap<u32, Bin> = count.bins().map(empty).collect();
    for (path, listed) in all.into_values().flat_map(|bin| bin.targets) {
        if let Some(bin) = shelf.get_mut(&count.bin_of(path.as_str())) {
            bin.targets.insert(path, listed);
        }
    }
    shelf
}

/// Adds and takes out; gives the bins that are not what they were.
fn apply(
    shelf: &mut BTreeMap<u32, Bin>,
    count: Count,
    edits: &Edits,
    made: &mut Made,
) -> Result<BTreeSet<u32>, BinsError> {
    let mut changed = BTreeSet::new();
    for path in &edits.remove {
        let number = count.bin_of(path.as_str());
        let bin = shelf.get_mut(&number);
        if bin.is_none_or(|bin| bin.targets.remove(path).is_none()) {
            return Err(BinsError::Unknown(path.clone()));
        }
        made.removed += 1;
        changed.insert(number);
    }
    for (path, listed) in &edits.add {
        let number = count.bin_of(path.as_str());
        let Some(bin) = shelf.get_mut(&number) else {
            continue;
        };
        match bin.targets.insert(path.clone(), *listed) {
            Some(before) if before == *listed => continue,
            Some(_) => made.replaced += 1,
            None => made.added += 1,
        }
        changed.insert(number);
    }
    Ok(changed)
}

/// Gives every bin the next version that nobody has used, and signs it.
fn seal(
    store: &dyn Store,
    live: Option<&Published>,
    bins: &Bins,
    shelf: BTreeMap<u32, Bin>,
    work: &Work<'_>,
    made: &mut Made,
) -> Result<(), BinsError> {
    let mut todo: Vec<(String, Bin)> = Vec::new();
    for (number, mut bin) in shelf {
        let name = bins.count().name(number);
        let before = live.and_then(|live| live.snapshot().meta.get(&format!("{name}.json")));
        bin.version = before.map_or(0, |meta| meta.version) + 1;
        bin.expires = work.expires;
        todo.push((name, bin));
    }
    let file = |name: &str, bin: &Bin| object(&format!("{}.{name}.json", bin.version));
    // An attempt that was cut off leaves files behind that no snapshot names.
    loop {
        let names: Vec<ObjectName> = todo
            .iter()
            .map(|(name, bin)| file(name, bin))
            .collect::<Result<_, _>>()?;
        let there = store.get_all(&names.iter().collect::<Vec<_>>())?;
        let mut taken = false;
        for ((_, bin), there) in todo.iter_mut().zip(there) {
            if there.is_some() {
                bin.version += 1;
                taken = true;
            }
        }
        if !taken {
            break;
        }
    }
    for (name, bin) in todo {
        let bytes = bin.sign(work.signer).map_err(|source| BinsError::Bin {
            bin: name.clone(),
            source,
        })?;
        if bytes.len() as u64 > MAX_TARGETS {
            return Err(BinsError::TooLarge {
                bin: name,
                length: bytes.len() as u64,
                count: bins.count().get(),
            });
        }
        made.metas
            .insert(format!("{name}.json"), FileMeta::of(&bytes, bin.version));
        made.files.insert(file(&name, &bin)?, bytes.into());
    }
    Ok(())
}

/// Refuses a snapshot that clients would not read to its end.
pub fn refuse_long_snapshot(file: &[u8]) -> Result<(), BinsError> {
    let length = file.len() as u64;
    if length > MAX_SNAPSHOT {
        return Err(BinsError::LongSnapshot(length));
    }
    Ok(())
}

/// Bins that cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum BinsError {
    /// A repository of products.
    #[error(
        "this repository has products and no bins: bins live in a repository of their own, because snapshot lists every one and devices hold the snapshot"
    )]
    NoBins,
    /// All bins must be made, and nobody can sign them.
    #[error("the bins are new and must be signed, and their key was not given")]
    NoKey,
    /// Another key.
    #[error("key {found} may not sign the bins: targets names {}", expected.join(", "))]
    WrongKey {
        /// Who may.
        expected: Vec<String>,
        /// The key that was brought.
        found: Hex,
    },
    /// Not in any bin.
    #[error("there is no target `{0}`")]
    Unknown(TargetPath),
    /// Snapshot lacks one.
    #[error("half a repository: snapshot does not list {0}")]
    NotListed(String),
    /// The file lacks.
    #[error("half a repository: `{0}` is missing")]
    Missing(String),
    /// Other bytes.
    #[error("half a repository: `{0}` is not the file that the snapshot names")]
    NotPinned(String),
    /// Not signed by who may.
    #[error("`{file}` does not hold: {refusal}")]
    Refused {
        /// The file.
        file: String,
        /// The verifier's words.
        refusal: Refusal,
    },
    /// Not a bin, or not signed.
    #[error("{bin} cannot be read or signed")]
    Bin {
        /// The bin or its file.
        bin: String,
        /// Why.
        source: BinError,
    },
    /// Longer than clients read.
    #[error(
        "{bin} would be {length} bytes long with {count} bins, and clients read {MAX_TARGETS} bytes of a role"
    )]
    TooLarge {
        /// The bin.
        bin: String,
        /// Its length.
        length: u64,
        /// How many bins there are.
        count: u32,
    },
    /// Longer than clients read.
    #[error(
        "snapshot would be {0} bytes long, and clients read {MAX_SNAPSHOT} bytes of it: it goes on listing the bins of before they were shared out anew"
    )]
    LongSnapshot(u64),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
