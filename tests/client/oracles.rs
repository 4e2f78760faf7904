//! What other TUF clients say of the same bytes at the same time: sigstore-tuf in process, python-tuf as a foreign program.
//!
//! Where one of them says no, we must say no. Where we say no and they say yes, the case stands in `STRICTER`, with why.

use std::fs;
use std::path::Path;
use std::process::Command;

use cuff::repository::client::trust::Trust;
use cuff_verifier::time::Instant;
use sigstore_tuf::trusted::TrustedMetadataSet;

use crate::author::{self, Author};
use crate::cases::{BROKEN, SOUND, STRICT, STRICTER, UNSOUND, Vandalism};
use crate::commands::move_to_today;
use crate::python_tuf::{python, quick};
use crate::ring_provider::use_ring;
use crate::server::Server;
use crate::support::project;
use crate::update;

/// A repository, and what was done to a finished file of it.
struct Case {
    name: &'static str,
    sound: bool,
    author: Author,
    broken: Option<(&'static str, Vandalism)>,
}

fn cases() -> Vec<Case> {
    let sound = SOUND.iter().map(|case| (true, case));
    let unsound = UNSOUND.iter().chain(STRICT).map(|case| (false, case));
    let changed = sound.chain(unsound).map(|(sound, (name, change))| {
        let mut author = Author::new();
        change(&mut author);
        Case {
            name,
            sound,
            author,
            broken: None,
        }
    });
    let broken = BROKEN.iter().map(|(name, file, change)| Case {
        name,
        sound: false,
        author: Author::new(),
        broken: Some((file, *change)),
    });
    changed.chain(broken).collect()
}

/// What a client makes of it: whether it finds the release, or refuses.
fn ours(folder: &Path, author: &Author) -> Result<bool, String> {
    let mut trust = Trust::in_memory(author.root());
    update(&mut trust, folder, &["band/1.0.0"])
        .map(|view| view.findings()[0].listing.is_some())
        .map_err(|error| error.to_string())
}

fn published(case: &Case) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    case.author.publish(folder.path());
    if let Some((file, change)) = case.broken {
        let path = folder.path().join(file);
        let bytes = fs::read(&path).unwrap();
        let changed = change(bytes.clone());
        assert_ne!(bytes, changed, "{}", case.name);
        fs::write(&path, changed).unwrap();
    }
    folder
}

/// Holds our answers against theirs; every difference must be one that is known.
fn compare(laxer: &[(&str, &str)], theirs: impl Fn(&Path, &Author) -> Result<bool, String>) {
    let mut wrong = Vec::new();
    for case in cases() {
        let folder = published(&case);
        let (our, their) = (
            ours(folder.path(), &case.author),
            theirs(folder.path(), &case.author),
        );
        let stricter = STRICTER
            .iter()
            .chain(laxer)
            .any(|(name, _)| *name == case.name);
        assert_eq!(our.is_ok(), case.sound, "{}: {our:?}", case.name);
        let agree = match (&our, &their) {
            (Ok(our), Ok(their)) => our == their && !stricter,
            (Err(_), Err(_)) => !stricter,
            (Err(_), Ok(_)) => stricter,
            (Ok(_), Err(_)) => false,
        };
        if !agree {
            wrong.push(format!("{}: we {our:?}, they {their:?}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sigstore_tuf_gives_the_same_answers() {
    let laxer = [(
        "expires-this-second",
        "TUF 5.3.10 wants the expiry to be later than the date, not equal to it",
    )];
    compare(&laxer, |folder, author| {
        sigstore(folder, &author.root(), author::now(), "band/1.0.0")
    });
}

/// Whether sigstore-tuf finds `target`, beginning with `root`.
pub fn sigstore(folder: &Path, root: &[u8], now: Instant, target: &str) -> Result<bool, String> {
    use_ring();
    walk(folder, root, now, target).map_err(|error| error.to_string())
}

fn walk(
    folder: &Path,
    root: &[u8],
    now: Instant,
    target: &str,
) -> Result<bool, sigstore_tuf::Error> {
    let now = jiff::Timestamp::from_second(i64::try_from(now.0).unwrap()).unwrap();
    let file = |name: String| fs::read(folder.join("metadata").join(name)).ok();
    let missing = |name: &str| sigstore_tuf::Error::UnknownRole(name.to_owned());
    let mut set = TrustedMetadataSet::from_root(root)?;
    while let Some(root) = file(format!("{}.root.json", set.root().version + 1)) {
        set.update_root(&root)?;
    }
    set.check_root_expired(now)?;
    set.update_timestamp(&file("timestamp.json".to_owned()).unwrap(), now)?;
    let version = set.timestamp().unwrap().snapshot_meta().unwrap().version;
    let snapshot = file(format!("{version}.snapshot.json"));
    set.update_snapshot(&snapshot.ok_or_else(|| missing("snapshot"))?, now)?;
    let version = |set: &TrustedMetadataSet, role: &str| {
        let meta = &set.snapshot().unwrap().meta;
        meta.get(&format!("{role}.json")).map(|meta| meta.version)
    };
    let number = version(&set, "targets").unwrap();
    let targets = file(format!("{number}.targets.json")).ok_or_else(|| missing("targets"))?;
    set.update_targets(&targets, now)?;
    let delegations = set.targets_role("targets").unwrap().delegations.clone();
    for role in delegations.into_iter().flat_map(|all| all.roles) {
        if !role.matches_path(target)? {
            continue;
        }
        let number = version(&set, &role.name).ok_or_else(|| missing(&role.name))?;
        let bytes = file(format!("{number}.{}.json", role.name));
        let bytes = bytes.ok_or_else(|| missing(&role.name))?;
        let targets = set.update_delegated_targets(&bytes, &role.name, "targets", now)?;
        if targets.target(target).is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn python_tuf_gives_the_same_answers() {
    if quick() {
        return;
    }
    compare(&[], |folder, author| {
        python(folder, &author.root(), author::now(), "band/1.0.0")
    });
}

/// Whether tuf-js, which `cargo xtask setup` installs, finds `target` today, beginning with the first root that lies there.
pub fn javascript(folder: &Path, target: &str) -> Result<bool, String> {
    let modules = project().join("target/tools/node/node_modules");
    assert!(
        modules.is_dir(),
        "tuf-js is missing: run `cargo xtask setup`, or set CUFF_QUICK=1"
    );
    let server = Server::of_folder(folder);
    let work = tempfile::tempdir().unwrap();
    let output = Command::new("node")
        .arg(project().join("tests/client/tuf.js"))
        .arg(modules)
        .arg(server.url("").trim_end_matches('/'))
        .arg(folder.join("metadata/1.root.json"))
        .arg(work.path())
        .arg(target)
        .output()
        .expect("node starts");
    let said = String::from_utf8_lossy(&output.stdout);
    match (output.status.success(), said.trim()) {
        (true, "found") => Ok(true),
        (true, "absent") => Ok(false),
        _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

#[test]
fn tuf_js_refuses_what_is_not_signed() {
    if quick() {
        return;
    }
    for (edit, found) in [(false, Some(true)), (true, None)] {
        let mut author = Author::new();
        move_to_today(&mut author);
        if edit {
            author.snapshot.edit("\"version\":1", "\"version\":2");
        }
        let folder = tempfile::tempdir().unwrap();
        author.publish(folder.path());
        assert_eq!(javascript(folder.path(), "band/1.0.0").ok(), found);
    }
}
