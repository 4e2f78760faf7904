//! Evidence, put together at the desk: the chain of metadata that a device is shown.
//!
//! Takes the metadata files of one state of a repository, gives the bytes the device's judge reads: for a release, or for
//! trust alone. It collects and never judges: a file that is signed wrongly goes in as well, so that the judge refuses it.

use std::collections::BTreeMap;

use cuff_verifier::evidence::{MAX_ROOTS, Parts};
use cuff_verifier::json::Text;
use cuff_verifier::profile::Profile;
use cuff_verifier::role::delegation::Delegations;
use cuff_verifier::role::snapshot::Snapshot;
use cuff_verifier::role::targets::{Target, Targets};
use cuff_verifier::role::timestamp::Timestamp;
use cuff_verifier::role::{Malformed, Role};
use cuff_verifier::search::{MAX_DEPTH, MAX_ROLES};
use cuff_verifier::threshold::{Authentic, Document, unauthenticated};
use cuff_verifier::verdict::Reason;

use crate::bundle::seal::{METADATA, Seal};

/// The metadata files of one state of a repository.
#[derive(Clone, Debug, Default)]
pub struct Metadata<'a> {
    /// Root files by version.
    pub roots: BTreeMap<u64, &'a [u8]>,
    /// The timestamp file.
    pub timestamp: &'a [u8],
    /// The snapshot file.
    pub snapshot: &'a [u8],
    /// The top-level targets file.
    pub targets: &'a [u8],
    /// Delegated targets files by role.
    pub roles: BTreeMap<String, &'a [u8]>,
}

/// The delegated files that a search for a path meets, and what it finds.
#[derive(Clone, Debug, Default)]
pub struct Met<'a> {
    /// The files, in the order of the search.
    pub files: Vec<&'a [u8]>,
    /// What is said of the target. Nobody has verified it.
    pub target: Option<Target<'a>>,
}

impl<'a> Metadata<'a> {
    /// The metadata in a sealed bundle: the versions its timestamp leads to, and every root.
    pub fn of_seal(seal: &'a Seal) -> Result<Self, EvidenceError> {
        let file = |name: &str| {
            seal.get(&format!("{METADATA}{name}"))
                .ok_or_else(|| EvidenceError::Missing {
                    file: name.to_owned(),
                })
        };
        let timestamp = file("timestamp.json")?;
        let stamp = parse("timestamp.json", timestamp, Timestamp::parse)?;
        let snapshot_name = format!("{}.snapshot.json", stamp.snapshot.version);
        let snapshot = file(&snapshot_name)?;
        let list = parse(&snapshot_name, snapshot, Snapshot::parse)?;
        let mut metadata = Self {
            roots: roots_of(seal),
            timestamp,
            snapshot,
            ..Self::default()
        };
        for (role, meta) in list.files() {
            let role = String::from_utf8_lossy(role).into_owned();
            let name = format!("{}.{role}.json", meta.version);
            if role == "targets" {
                metadata.targets = file(&name)?;
            } else if let Some(bytes) = seal.get(&format!("{METADATA}{name}")) {
                // A sealed bundle holds the roles its releases need, not all that snapshot lists.
                metadata.roles.insert(role, bytes);
            }
        }
        Ok(metadata)
    }

    /// Evidence for `path` (`PRODUCT/NAME`, or `PRODUCT/` for trust alone) and a device that trusts root `trusted`.
    pub fn evidence(&self, path: &str, trusted: u64) -> Result<Vec<u8>, EvidenceError> {
        let (roots, met) = (self.links(trusted)?, self.search(path)?);
        encode(&self.parts(path, trusted, &roots, &met.files))
    }

    /// Length of that evidence in bytes.
    pub fn length(&self, path: &str, trusted: u64) -> Result<u64, EvidenceError> {
        let (roots, met) = (self.links(trusted)?, self.search(path)?);
        self.parts(path, trusted, &roots, &met.files)
            .length()
            .map(|length| length as u64)
            .ok_or(EvidenceError::TooLarge)
    }

    /// Root links alone, in as few steps as fit into `room` bytes each: for a device whose area cannot take all at once.
    pub fn root_steps(&self, trusted: u64, room: u64) -> Result<Vec<Vec<u8>>, EvidenceError> {
        let links = self.links(trusted)?;
        let (mut steps, mut from) = (Vec::new(), 0);
        while from < links.len() {
            let step = (from + 1..=links.len())
                .rev()
                .map(|to| root_step(trusted + from as u64, &links[from..to]).map(|step| (step, to)))
                .find(|step| {
                    step.as_ref()
                        .map_or(true, |(bytes, _)| bytes.len() as u64 <= room)
                })
                .ok_or(EvidenceError::TooLarge)?;
            let (bytes, to) = step?;
            steps.push(bytes);
            from = to;
        }
        Ok(steps)
    }

    /// The delegated files that the search for `path` meets (TUF 5.6.7), read without being believed: an order to show
    /// them in, which the judge holds against its own search.
    pub fn search(&self, path: &str) -> Result<Met<'a>, EvidenceError> {
        let text = Text::plain(path).ok_or(EvidenceError::Path)?;
        let targets = parse("targets.json", self.targets, |authentic| {
            Targets::parse(authentic, Role::Targets)
        })?;
        let mut met = Met {
            files: Vec::new(),
            target: targets.target(text),
        };
        if met.target.is_none() {
            self.descend(&targets, text, &mut Vec::new(), &mut met, MAX_DEPTH)?;
        }
        Ok(met)
    }

    /// Whether the search ends here.
    fn descend(
        &self,
        targets: &Targets<'a>,
        path: Text<'_>,
        visited: &mut Vec<Text<'a>>,
        met: &mut Met<'a>,
        depth: usize,
    ) -> Result<bool, EvidenceError> {
        let delegations = targets.delegations();
        let delegations = delegations.iter().flat_map(Delegations::iter);
        for delegation in delegations.filter(|delegation| delegation.covers(path)) {
            let name = delegation.name();
            if !visited.contains(&name) {
                if depth == 0 || visited.len() == MAX_ROLES {
                    return Ok(true);
                }
                visited.push(name);
                let role = String::from_utf8_lossy(name.raw()).into_owned();
                let file = format!("{role}.json");
                let bytes = self
                    .roles
                    .get(&role)
                    .copied()
                    .ok_or_else(|| EvidenceError::Missing { file: file.clone() })?;
                met.files.push(bytes);
                let below = parse(&file, bytes, |authentic| {
                    Targets::parse(authentic, Role::Delegated)
                })?;
                met.target = below.target(path);
                if met.target.is_some() || self.descend(&below, path, visited, met, depth - 1)? {
                    return Ok(true);
                }
            }
            if delegation.is_terminating() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The root files after version `trusted`, without gaps.
    fn links(&self, trusted: u64) -> Result<Vec<&'a [u8]>, EvidenceError> {
        let mut links = Vec::new();
        for (expected, (version, file)) in (trusted + 1..).zip(self.roots.range(trusted + 1..)) {
            if *version != expected {
                return Err(EvidenceError::RootGap { missing: expected });
            }
            links.push(*file);
        }
        if links.len() > MAX_ROOTS {
            return Err(EvidenceError::TooLarge);
        }
        Ok(links)
    }

    fn parts<'p>(
        &self,
        path: &'p str,
        trusted: u64,
        roots: &'p [&'a [u8]],
        delegated: &'p [&'a [u8]],
    ) -> Parts<'p>
    where
        'a: 'p,
    {
        Parts {
            path,
            first_root: first_root(trusted, roots),
            roots,
            online: Some([self.timestamp, self.snapshot, self.targets]),
            delegated,
        }
    }
}

/// Why no evidence could be put together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// A file that the search needs is not there.
    #[error("`{file}` is missing, and the device's search for the release needs it")]
    Missing {
        /// The file, without its version.
        file: String,
    },
    /// A file cannot be looked into, so that what follows it is unknown.
    #[error("`{file}` cannot be read: {reason}")]
    Unreadable {
        /// The file.
        file: String,
        /// What a device would say of it.
        reason: Reason,
    },
    /// A root link is missing.
    #[error("`{missing}.root.json` is missing: a device follows roots one by one")]
    RootGap {
        /// Version of the first missing root.
        missing: u64,
    },
    /// More than the format, or the area, can hold.
    #[error("the evidence is larger than its format or the device's area can hold")]
    TooLarge,
    /// Not a path that evidence can name.
    #[error("the release's path holds a quote or a backslash")]
    Path,
}

impl EvidenceError {
    /// What a device would say to evidence with this fault.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Missing { .. } => Reason::EvidenceIncomplete,
            Self::Unreadable { reason, .. } => *reason,
            Self::RootGap { .. } => Reason::EvidenceRootGap,
            Self::TooLarge => Reason::EvidenceTooLarge,
            Self::Path => Reason::EvidencePath,
        }
    }
}

fn encode(parts: &Parts<'_>) -> Result<Vec<u8>, EvidenceError> {
    let mut bytes = Vec::new();
    parts
        .encode(&mut |piece| bytes.extend_from_slice(piece))
        .ok_or(EvidenceError::TooLarge)?;
    Ok(bytes)
}

fn root_step(trusted: u64, roots: &[&[u8]]) -> Result<Vec<u8>, EvidenceError> {
    encode(&Parts {
        path: "",
        first_root: first_root(trusted, roots),
        roots,
        online: None,
        delegated: &[],
    })
}

/// Versions above 2^32 cannot be written; the judge would find another version than stated and refuse.
fn first_root(trusted: u64, roots: &[&[u8]]) -> u32 {
    if roots.is_empty() {
        0
    } else {
        u32::try_from(trusted + 1).unwrap_or(u32::MAX)
    }
}

fn parse<'a, T>(
    file: &str,
    bytes: &'a [u8],
    read: impl Fn(&Authentic<'a>) -> Result<T, Malformed>,
) -> Result<T, EvidenceError> {
    let unreadable = |reason| EvidenceError::Unreadable {
        file: file.to_owned(),
        reason,
    };
    let unproven = unauthenticated(Document::canonical(bytes), Profile::Device)
        .map_err(|error| unreadable(error.into()))?;
    read(&unproven).map_err(|error| unreadable(error.into()))
}

fn roots_of(seal: &Seal) -> BTreeMap<u64, &[u8]> {
    seal.entries()
        .filter_map(|(path, bytes)| {
            let name = path.strip_prefix(METADATA)?.strip_suffix(".root.json")?;
            Some((name.parse().ok()?, bytes))
        })
        .collect()
}
