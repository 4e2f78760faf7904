//! The files of a repository, whether anything leads to them or not.
//!
//! Takes a directory listing and what metadata refers to; names what is left over, what is in the way, and what must never lie
//! in a published place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use super::Case;
use super::problem::Severity;
use crate::repository::client::{MAX_LINKS, MAX_ROOT};
use crate::repository::source::directory::Directory;
use crate::repository::source::{Source, SourceError};

/// Looks at every file in the directory.
pub fn examine(case: &mut Case<'_>, directory: &Directory) -> Result<(), SourceError> {
    let mut names = Vec::new();
    walk(case, directory, "", 0, &mut names)?;
    let current: BTreeMap<String, u64> = case
        .report
        .roles
        .iter()
        .map(|(role, (version, _))| (role.clone(), *version))
        .collect();
    for name in names {
        if !case.referenced.contains(&name) {
            stray(case, directory, &name, &current);
        }
    }
    Ok(())
}

/// Versions of the root files that lie there; from afar those up to the first that is missing.
pub fn roots(case: &Case<'_>) -> Result<BTreeSet<u64>, SourceError> {
    let Some(directory) = case.directory else {
        let mut versions = BTreeSet::new();
        for version in (1..).take(MAX_LINKS) {
            if case
                .source
                .get(&format!("metadata/{version}.root.json"), MAX_ROOT)?
                .is_none()
            {
                break;
            }
            versions.insert(version);
        }
        return Ok(versions);
    };
    let entries = match fs::read_dir(directory.root().join("metadata")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        Err(error) => return Err(broken(directory, "metadata", error)),
    };
    let mut versions = BTreeSet::new();
    for entry in entries {
        let name = entry
            .map_err(|error| broken(directory, "metadata", error))?
            .file_name();
        if let Some(("root", version)) = name.to_str().and_then(versioned) {
            versions.insert(version);
        }
    }
    Ok(versions)
}

/// Says what a file is that nothing leads to.
fn stray(case: &mut Case<'_>, directory: &Directory, name: &str, current: &BTreeMap<String, u64>) {
    let base = name.rsplit('/').next().unwrap_or(name);
    if is_private_key(&directory.root().join(name)) {
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

fn walk(
    case: &mut Case<'_>,
    directory: &Directory,
    folder: &str,
    depth: usize,
    names: &mut Vec<String>,
) -> Result<(), SourceError> {
    let full = directory.root().join(folder);
    let mut entries = Vec::new();
    for entry in fs::read_dir(&full).map_err(|error| broken(directory, folder, error))? {
        entries.push(entry.map_err(|error| broken(directory, folder, error))?);
    }
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() {
            name
        } else {
            format!("{folder}/{name}")
        };
        let kind = entry
            .file_type()
            .map_err(|error| broken(directory, &path, error))?;
        if kind.is_dir() && depth < MAX_DEPTH {
            walk(case, directory, &path, depth + 1, names)?;
        } else if kind.is_symlink() {
            let message = "a link: what it leads to can change without the repository";
            case.tell(Severity::Warning, "link", &path, message);
            names.push(path);
        } else {
            names.push(path);
        }
    }
    Ok(())
}

fn is_private_key(path: &Path) -> bool {
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(256).read_to_end(&mut start));
    read.is_ok() && String::from_utf8_lossy(&start).contains("PRIVATE KEY-----")
}

fn broken(directory: &Directory, path: &str, source: io::Error) -> SourceError {
    SourceError::Read {
        path: path.to_owned(),
        place: directory.describe(),
        source: Box::new(source),
    }
}

/// Deeper than any target path of ours.
const MAX_DEPTH: usize = 16;
/// The lock of the local store.
const STORE_LOCK: &str = ".cuff-lock";
