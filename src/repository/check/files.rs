//! The files of a repository, whether anything leads to them or not.
//!
//! Takes a listing and what metadata refers to; names what is left over, what is in the way, and what must never lie
//! in a published place.

use std::collections::{BTreeMap, BTreeSet};

use super::Case;
use super::problem::Severity;
use crate::repository::client::{MAX_LINKS, MAX_ROOT};
use crate::repository::source::SourceError;
use crate::repository::source::site::Entry;

/// Looks at every file of a listing.
pub fn examine(case: &mut Case<'_>, listed: Vec<Entry>) {
    let current: BTreeMap<String, u64> = case
        .report
        .roles
        .iter()
        .map(|(role, (version, _))| (role.clone(), *version))
        .collect();
    for Entry { name, is_link } in listed {
        if is_link {
            let message = "a link: what it leads to can change without the repository";
            case.tell(Severity::Warning, "link", &name, message);
        }
        if !case.referenced.contains(&name) {
            stray(case, &name, &current);
        }
    }
}

/// Versions of the root files that lie there; where nothing can be listed, those up to the first that is missing.
pub fn roots(case: &Case<'_>, listed: Option<&[Entry]>) -> Result<BTreeSet<u64>, SourceError> {
    let mut versions = BTreeSet::new();
    if let Some(listed) = listed {
        for entry in listed {
            let file = entry.name.strip_prefix("metadata/");
            if let Some(("root", version)) = file.and_then(versioned) {
                versions.insert(version);
            }
        }
        return Ok(versions);
    }
    for version in (1..).take(MAX_LINKS) {
        let file = format!("metadata/{version}.root.json");
        if case.source.get(&file, MAX_ROOT)?.is_none() {
            break;
        }
        versions.insert(version);
    }
    Ok(versions)
}

/// Says what a file is that nothing leads to.
fn stray(case: &mut Case<'_>, name: &str, current: &BTreeMap<String, u64>) {
    let base = name.rsplit('/').next().unwrap_or(name);
    if String::from_utf8_lossy(&case.source.start(name)).contains("PRIVATE KEY-----") {
        let message =
            "a private key lies where everyone can read it: remove it, and replace the key";
        return case.error("private-key", name, message);
    }
    if name == STORE_LOCK {
        return;
    }
    if base.starts_with(".tmp") || name.starts_with("staged/") {
        let message = "left over by a command that did not finish, or copied here by mistake";
        return case.tell(Severity::Warning, "leftover", name, message);
    }
    if let Some(file) = name.strip_prefix("metadata/")
        && let Some((role, version)) = versioned(file)
        && let Some(now) = current.get(role)
    {
        let (severity, rule, message) = if version < *now {
            (
                Severity::Note,
                "superseded",
                format!("an older version: clients are led to {now}"),
            )
        } else {
            (
                Severity::Warning,
                "unannounced",
                format!("no client is led to it: the current version is {now}"),
            )
        };
        return case.tell(severity, rule, name, message);
    }
    if !case.profile.is_device() && name.starts_with("metadata/") && base.contains(".bin-") {
        let message = "one of the bins of before the targets were shared out anew";
        return case.tell(Severity::Note, "superseded", name, message);
    }
    if name.starts_with("fleet/") {
        let message = "no snapshot leads to it: a publication was interrupted, or lost a race";
        return case.tell(Severity::Note, "unreferenced-fleet", name, message);
    }
    if name.starts_with("probe/") {
        let message = "what `publish` left when it tried the store out";
        return case.tell(Severity::Note, "probe", name, message);
    }
    let (rule, message) = if name.starts_with("targets/") {
        ("unreferenced-target", "no current metadata lists it")
    } else {
        ("stray-file", "no repository has a file of this name")
    };
    case.tell(Severity::Warning, rule, name, message);
}

/// `7.band.json` is version 7 of `band`.
fn versioned(name: &str) -> Option<(&str, u64)> {
    let (version, role) = name.strip_suffix(".json")?.split_once('.')?;
    let number: u64 = version.parse().ok()?;
    (number.to_string() == version).then_some((role, number))
}

/// The lock of the local store.
const STORE_LOCK: &str = ".cuff-lock";
