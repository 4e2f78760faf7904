//! The metadata of a repository, role by role: signatures, form, versions, pins, dates, and the chain of roots from 1.
//!
//! Goes on with a file that is not signed as it should be, after saying so, to find what else is wrong.

use std::collections::BTreeMap;

use cuff_verifier::digest::Digest;
use cuff_verifier::key::Ed25519;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::role::delegation::Delegations;
use cuff_verifier::role::metafile::MetaFile;
use cuff_verifier::role::root::Root;
use cuff_verifier::role::snapshot::Snapshot;
use cuff_verifier::role::targets::Targets;
use cuff_verifier::role::timestamp::Timestamp;
use cuff_verifier::role::{Head, Malformed, Role};
use cuff_verifier::threshold::{Authentic, Authority, Document, authenticate, unauthenticated};
use cuff_verifier::time::Clock;
use cuff_verifier::trusted::{Policy, RootChain};
use cuff_verifier::verdict::Reason;

use serde_json::Value;

use super::problem::Severity;
use super::{Case, files};
use crate::key::{PublicKey, example};
use crate::repository::client::{MAX_ROOT, MAX_SNAPSHOT, MAX_TARGETS, MAX_TIMESTAMP};
use crate::repository::source::SourceError;
use crate::repository::source::site::Entry;

/// The current metadata files, as far as they could be found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Root files by version.
    pub roots: BTreeMap<u64, Vec<u8>>,
    /// The timestamp file.
    pub timestamp: Option<Vec<u8>>,
    /// The snapshot file.
    pub snapshot: Option<Vec<u8>>,
    /// The top-level targets file.
    pub targets: Option<Vec<u8>>,
    /// Delegated targets files by role.
    pub roles: BTreeMap<String, Vec<u8>>,
}

/// Reads and examines everything that the timestamp leads to.
pub fn examine(case: &mut Case<'_>, listed: Option<&[Entry]>) -> Result<Found, SourceError> {
    let mut found = Found {
        roots: roots(case, listed)?,
        ..Found::default()
    };
    let Some((root_file, root)) = newest(case, &found.roots) else {
        return Ok(found);
    };
    dates(case, "root", &root_file, Role::Root, &root.head);
    if let Some(file) = found.roots.get(&root.head.version.get()) {
        examples(case, &root_file, file);
    }

    let name = "metadata/timestamp.json";
    found.timestamp = case.read(name, MAX_TIMESTAMP)?;
    let bytes = found.timestamp.clone().unwrap_or_default();
    let authority = root.authority(Role::Timestamp).ok();
    let stamp = open(
        case,
        name,
        &bytes,
        Role::Timestamp,
        authority,
        Timestamp::parse,
    );
    let Some(stamp) = stamp else { return Ok(found) };
    dates(case, "timestamp", name, Role::Timestamp, &stamp.head);

    let name = format!("metadata/{}.snapshot.json", stamp.snapshot.version);
    found.snapshot = case.read(&name, MAX_SNAPSHOT)?;
    let bytes = found.snapshot.clone().unwrap_or_default();
    let authority = root.authority(Role::Snapshot).ok();
    let list = open(
        case,
        &name,
        &bytes,
        Role::Snapshot,
        authority,
        Snapshot::parse,
    );
    let Some(list) = list else { return Ok(found) };
    pins(case, &name, &stamp.snapshot, &bytes, &list.head);
    dates(case, "snapshot", &name, Role::Snapshot, &list.head);

    let files = targets_files(case, &list)?;
    if files
        .get("targets")
        .is_some_and(|(_, bytes)| has_bins(bytes))
    {
        case.profile = Profile::Foreign;
    }
    let authority = root.authority(Role::Targets).ok();
    targets_role(case, "targets", &files, &list, authority);
    for role in files.keys() {
        // Bins of before they were shared out anew are listed for ever.
        let is_old_bin = role.starts_with("bin-") && !case.profile.is_device();
        if !is_old_bin && !case.report.roles.contains_key(role) {
            let message = "snapshot lists the role, and no role that could be read delegates to it: it was a product once, and clients must not see it vanish";
            case.tell(Severity::Note, "undelegated-role", role, message);
        }
    }
    for (role, (_, bytes)) in files {
        if role == "targets" {
            found.targets = Some(bytes);
        } else if case.report.roles.contains_key(&role) {
            found.roles.insert(role, bytes);
        }
    }
    Ok(found)
}

/// Whether targets delegates to hashed bins, which hosts read and devices do not.
fn has_bins(targets: &[u8]) -> bool {
    let json: Value = serde_json::from_slice(targets).unwrap_or_default();
    let first = json.pointer("/signed/delegations/roles/0");
    first.is_some_and(|first| first.get("path_hash_prefixes").is_some())
}

type Files<'a> = BTreeMap<String, (MetaFile<'a>, Vec<u8>)>;

/// Every file that snapshot lists.
fn targets_files<'a>(case: &mut Case<'_>, list: &Snapshot<'a>) -> Result<Files<'a>, SourceError> {
    let mut files = Files::new();
    for (role, meta) in list.files() {
        let role = String::from_utf8_lossy(role).into_owned();
        let name = format!("metadata/{}.{role}.json", meta.version);
        if let Some(bytes) = case.read(&name, MAX_TARGETS)? {
            files.insert(role, (meta, bytes));
        }
    }
    Ok(files)
}

/// One targets role, and all that it delegates to.
fn targets_role(
    case: &mut Case<'_>,
    role: &str,
    files: &Files<'_>,
    list: &Snapshot<'_>,
    authority: Option<Authority<'_>>,
) {
    let Some((meta, bytes)) = files.get(role) else {
        return;
    };
    let name = format!("metadata/{}.{role}.json", meta.version);
    let kind = if role == "targets" {
        Role::Targets
    } else {
        Role::Delegated
    };
    let Some(targets) = open(case, &name, bytes, kind, authority, |authentic| {
        Targets::parse(authentic, kind)
    }) else {
        return;
    };
    pins(case, &name, meta, bytes, &targets.head);
    // A role that two others delegate to is dated once.
    let first_time = !case.report.roles.contains_key(role);
    dates(case, role, &name, kind, &targets.head);
    examples(case, &name, bytes);
    if !first_time {
        return;
    }
    for delegation in targets.delegations().iter().flat_map(Delegations::iter) {
        let below = String::from_utf8_lossy(delegation.name().raw()).into_owned();
        if list.file(delegation.name().raw()).is_none() {
            let message = format!("{role} delegates to {below}, and snapshot does not list it");
            case.error(Reason::NotInSnapshot.name(), &below, message);
        }
        targets_role(case, &below, files, list, delegation.authority().ok());
    }
}

/// Every root that lies there, with no gap from 1, each link signed by the one before.
fn roots(
    case: &mut Case<'_>,
    listed: Option<&[Entry]>,
) -> Result<BTreeMap<u64, Vec<u8>>, SourceError> {
    let present = files::roots(case, listed)?;
    let last = present.last().copied().unwrap_or(1);
    let mut roots = BTreeMap::new();
    for version in 1..=last {
        if present.contains(&version) {
            if let Some(bytes) = case.read(&format!("metadata/{version}.root.json"), MAX_ROOT)? {
                roots.insert(version, bytes);
            }
        } else {
            let file = format!("metadata/{version}.root.json");
            let message = "the root is missing: clients and devices follow roots one by one, from the first on";
            case.error("missing-root", &file, message);
        }
    }
    Ok(roots)
}

/// Follows the chain and gives the newest root that stands for itself.
fn newest<'f>(
    case: &mut Case<'_>,
    roots: &'f BTreeMap<u64, Vec<u8>>,
) -> Option<(String, Root<'f>)> {
    let policy = Policy {
        profile: Profile::Device,
        clock: Clock::Absent,
        schemes: &Ed25519,
    };
    let mut newest = None;
    let mut chain: Option<RootChain<'f, '_, Ed25519>> = None;
    for (version, bytes) in roots {
        let file = format!("metadata/{version}.root.json");
        let document = Document::canonical(bytes);
        let follows = chain
            .as_ref()
            .is_some_and(|chain| chain.root().head.version.get() + 1 == *version);
        let result = match chain.take().filter(|_| follows) {
            Some(chain) => chain.extend(document),
            None => RootChain::anchor(document, policy),
        };
        let link = match result {
            Ok(link) => Some(link),
            Err(refusal) => {
                refused(case, &file, refusal);
                // What follows can still be held against what this file says of itself.
                RootChain::anchor(document, policy).ok()
            }
        };
        if let Some(link) = link {
            if link.root().head.version.get() != *version {
                let message = format!("holds root v{}", link.root().head.version);
                case.error(Reason::RootVersion.name(), &file, message);
            }
            newest = Some((file, *link.root()));
            chain = Some(link);
        }
    }
    newest
}

/// Authenticates and reads a file; one that is not authentic is told of, and read nevertheless.
fn open<'f, T>(
    case: &mut Case<'_>,
    file: &str,
    bytes: &'f [u8],
    role: Role,
    authority: Option<Authority<'_>>,
    parse: impl Fn(&Authentic<'f>) -> Result<T, Malformed>,
) -> Option<T> {
    if bytes.is_empty() {
        return None;
    }
    let document = Document::canonical(bytes);
    let profile = case.profile;
    let proven = authority.map(|authority| authenticate(document, &authority, profile, &Ed25519));
    if let Some(Err(error)) = proven {
        case.error(Reason::from(error).name(), file, error.to_string());
    }
    let unproven = unauthenticated(document, profile).ok()?;
    match parse(&unproven) {
        Ok(parsed) => Some(parsed),
        Err(error) => {
            let refusal = Refusal {
                role,
                rule: Rule::Malformed(error),
            };
            refused(case, file, refusal);
            None
        }
    }
}

fn refused(case: &mut Case<'_>, file: &str, refusal: Refusal) {
    case.error(Reason::from(refusal).name(), file, refusal.to_string());
}

/// Length, digest and version, as the metadata above announces them.
fn pins(case: &mut Case<'_>, file: &str, meta: &MetaFile<'_>, bytes: &[u8], head: &Head) {
    if !meta.pins(bytes, &Ed25519) {
        let expected = meta
            .sha256()
            .map_or_else(String::new, |digest| digest.to_string());
        let length = meta.length().unwrap_or_default();
        let message = format!(
            "expected {length} with SHA-256 {expected} as signed, found {} bytes with {}",
            bytes.len(),
            Digest::of(bytes)
        );
        case.error(Reason::Unpinned.name(), file, message);
    }
    if meta.version != head.version {
        let message = format!("expected version {}, found {}", meta.version, head.version);
        case.error(Reason::WrongVersion.name(), file, message);
    }
}

/// Expired, about to expire, or signed in the future.
fn dates(case: &mut Case<'_>, role: &str, file: &str, kind: Role, head: &Head) {
    let now = case.criteria.now;
    let entry = (head.version.get(), head.expires);
    case.report.roles.insert(role.to_owned(), entry);
    let left = head.expires.0.saturating_sub(now.0);
    let whole = head
        .issued
        .map(|issued| head.expires.0.saturating_sub(issued.0));
    let most = if kind.is_offline() {
        case.criteria.soon.seconds()
    } else {
        ONLINE_SOON
    };
    // Short-lived metadata is not always about to expire.
    let soon = whole.map_or(most, |whole| most.min(whole / 4));
    if head.expires <= now {
        let expired = match kind {
            Role::Root => Reason::RootExpired,
            Role::Timestamp => Reason::TimestampExpired,
            Role::Snapshot => Reason::SnapshotExpired,
            Role::Targets => Reason::TargetsExpired,
            Role::Delegated => Reason::ProductExpired,
        };
        let message = format!("expired at {}, and it is {now}", head.expires);
        case.error(expired.name(), file, message);
    } else if left < soon {
        let message = format!("expires at {}, {}", head.expires, in_words(left));
        case.tell(Severity::Warning, "expires-soon", file, message);
    }
    if let Some(issued) = head.issued.filter(|issued| issued.0 > now.0 + SKEW) {
        let message = format!(
            "says it was signed at {issued}, and it is {now}: devices take that for the date"
        );
        case.error("signed-in-the-future", file, message);
    }
}

fn in_words(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600) {
        (0, 0) => "in less than an hour".to_owned(),
        (0, hours) => format!("in {hours} h"),
        (days, _) => format!("in {days} d"),
    }
}

/// Keys whose private half is published.
fn examples(case: &mut Case<'_>, file: &str, bytes: &[u8]) {
    let json: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let lists = ["/signed/keys", "/signed/delegations/keys"].map(|list| json.pointer(list));
    let keys = lists
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .flatten();
    let holders: Vec<&str> = keys
        .filter_map(|(_, key)| key.pointer("/keyval/public")?.as_str())
        .filter_map(|public| example::holder(&public.parse::<PublicKey>().ok()?.id()))
        .collect();
    for holder in holders {
        let message = format!("trusts the example key of {holder}, which anyone can sign with");
        let severity = if case.criteria.demo {
            Severity::Note
        } else {
            Severity::Error
        };
        case.tell(severity, "example-key", file, message);
    }
}

/// Snapshot and timestamp are signed by a machine, every few days or hours.
const ONLINE_SOON: u64 = 86_400;
/// Clocks of two machines may differ by so many seconds.
const SKEW: u64 = 600;
