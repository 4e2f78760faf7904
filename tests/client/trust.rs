//! What a client remembers: whole files or none, one client at a time, and only what passed every check.

use std::fs;
use std::path::Path;

use cuff::durable::WriteError;
use cuff::repository::client::ClientError;
use cuff::repository::client::trust::{Trust, TrustError};
use cuff_verifier::verdict::Reason;
use serde_json::json;

use crate::author::{Author, day, keyids, keys};
use crate::{reason, update};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_kept_is_what_was_served() {
    let (author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    let mut trust = Trust::in_folder(memory.path(), Some(author.root())).unwrap();
    update(&mut trust, folder.path(), &["band/1.0.0"]).unwrap();
    drop(trust);
    assert_eq!(
        names(memory.path()),
        [
            "band.json",
            "root.json",
            "snapshot.json",
            "targets.json",
            "timestamp.json"
        ]
    );
    for (kept, served) in [
        ("root.json", "1.root.json"),
        ("timestamp.json", "timestamp.json"),
        ("band.json", "1.band.json"),
    ] {
        assert_eq!(
            fs::read(memory.path().join(kept)).unwrap(),
            fs::read(folder.path().join("metadata").join(served)).unwrap()
        );
    }
    assert!(memory.path().join("root_history/1.root.json").is_file());
    // A second run needs no root.
    let mut trust = Trust::in_folder(memory.path(), None).unwrap();
    update(&mut trust, folder.path(), &["band/1.0.0"]).unwrap();
}

#[test]
fn a_file_is_kept_only_after_every_check_on_it() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    author.targets.signers = vec!["alice"];
    author.publish(folder.path());
    let mut trust = Trust::in_folder(memory.path(), Some(author.root())).unwrap();
    assert_eq!(
        reason(update(&mut trust, folder.path(), &["band/1.0.0"])),
        Reason::UnderThreshold
    );
    assert_eq!(
        names(memory.path()),
        ["root.json", "snapshot.json", "timestamp.json"]
    );
}

#[test]
fn a_root_that_is_not_signed_by_itself_is_not_even_begun_with() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    author.roots[0].signers = vec!["alice"];
    author.publish(folder.path());
    let mut trust = Trust::in_folder(memory.path(), Some(author.root())).unwrap();
    assert_eq!(
        reason(update(&mut trust, folder.path(), &[])),
        Reason::UnderThreshold
    );
    assert_eq!(names(memory.path()), [] as [String; 0]);
}

#[test]
fn an_expired_root_is_kept_so_that_its_links_are_not_lost() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    author.rotate(&["alice", "bob"], |root| root["expires"] = json!(day(-1)));
    author.publish(folder.path());
    let mut trust = Trust::in_folder(memory.path(), Some(author.root())).unwrap();
    assert_eq!(
        reason(update(&mut trust, folder.path(), &[])),
        Reason::RootExpired
    );
    drop(trust);
    author.rotate(&["alice", "bob"], |root| root["expires"] = json!(day(9)));
    author.publish(folder.path());
    fs::remove_file(folder.path().join("metadata/2.root.json")).unwrap();
    let mut trust = Trust::in_folder(memory.path(), None).unwrap();
    assert_eq!(
        update(&mut trust, folder.path(), &[])
            .unwrap()
            .root_version(),
        3
    );
}

#[test]
fn two_clients_at_once() {
    let (author, memory) = (Author::new(), tempfile::tempdir().unwrap());
    let first = Trust::in_folder(memory.path(), Some(author.root())).unwrap();
    assert!(matches!(
        Trust::in_folder(memory.path(), Some(author.root())),
        Err(TrustError::Busy(_))
    ));
    drop(first);
    Trust::in_folder(memory.path(), Some(author.root())).unwrap();
}

#[test]
fn a_disk_that_cannot_be_written_stops_the_update_and_loses_nothing() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    let mut trust = Trust::in_folder(memory.path(), Some(author.root())).unwrap();
    update(&mut trust, folder.path(), &[]).unwrap();
    let before = fs::read(memory.path().join("timestamp.json")).unwrap();
    // A folder where the next root must go: as good as a disk that refuses to write.
    let in_the_way = memory.path().join("root_history/2.root.json");
    fs::create_dir(&in_the_way).unwrap();
    author.rotate(&["alice", "bob"], |_| ());
    author.next(&[]);
    author.publish(folder.path());
    assert!(matches!(
        update(&mut trust, folder.path(), &[]),
        Err(ClientError::Trust(TrustError::Write(WriteError::Io { .. })))
    ));
    drop(trust);
    assert_eq!(
        fs::read(memory.path().join("timestamp.json")).unwrap(),
        before
    );
    fs::remove_dir(&in_the_way).unwrap();
    let mut trust = Trust::in_folder(memory.path(), None).unwrap();
    assert_eq!(
        update(&mut trust, folder.path(), &[])
            .unwrap()
            .root_version(),
        2
    );
}

#[test]
fn a_changed_memory_is_named_and_not_forgotten() {
    let (author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    update(
        &mut Trust::in_folder(memory.path(), Some(author.root())).unwrap(),
        folder.path(),
        &[],
    )
    .unwrap();
    // Whoever resets a file here would undo the protection from rollback.
    for name in ["timestamp.json", "snapshot.json"] {
        let path = memory.path().join(name);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, "{}").unwrap();
        let mut trust = Trust::in_folder(memory.path(), None).unwrap();
        match update(&mut trust, folder.path(), &[]) {
            Err(ClientError::Trust(TrustError::Damaged { path: found })) => {
                assert_eq!(found, path);
            }
            other => panic!("{other:?}"),
        }
        fs::write(&path, whole).unwrap();
    }
}

#[test]
fn another_root_than_the_one_it_began_with() {
    let (author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    let mut trust = Trust::in_folder(memory.path(), Some(author.root())).unwrap();
    update(&mut trust, folder.path(), &[]).unwrap();
    drop(trust);
    let mut other = author.clone();
    other.roots[0].body["expires"] = json!(day(9));
    assert!(matches!(
        Trust::in_folder(memory.path(), Some(other.root())),
        Err(TrustError::OtherRoot { version: 1, .. })
    ));
    // A newer root must turn out to be one that the chain leads to.
    let (mut ours, mut theirs) = (author.clone(), author.clone());
    ours.rotate(&["alice", "bob"], |_| ());
    theirs.rotate(&["alice", "carol"], |root| root["expires"] = json!(day(9)));
    ours.publish(folder.path());
    let mut trust = Trust::in_folder(memory.path(), Some(theirs.roots[1].bytes())).unwrap();
    assert!(matches!(
        update(&mut trust, folder.path(), &[]),
        Err(ClientError::Trust(TrustError::NotReached { version: 2 }))
    ));
    drop(trust);
    let mut trust = Trust::in_folder(memory.path(), Some(ours.roots[1].bytes())).unwrap();
    update(&mut trust, folder.path(), &[]).unwrap();
}

#[test]
fn what_a_new_root_revokes_is_forgotten_before_the_root_is_kept() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let memory = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    let mut trust = Trust::in_folder(memory.path(), Some(author.root())).unwrap();
    update(&mut trust, folder.path(), &[]).unwrap();
    // The run is cut short exactly between the two.
    let in_the_way = memory.path().join("root_history/2.root.json");
    fs::create_dir(&in_the_way).unwrap();
    author.rotate(&["alice", "bob"], |root| {
        root["keys"] = keys(&["alice", "bob", "carol", "online-2"]);
        root["roles"]["snapshot"]["keyids"] = keyids(&["online-2"]);
        root["roles"]["timestamp"]["keyids"] = keyids(&["online-2"]);
    });
    author.timestamp.signers = vec!["online-2"];
    author.snapshot.signers = vec!["online-2"];
    author.publish(folder.path());
    update(&mut trust, folder.path(), &[]).unwrap_err();
    drop(trust);
    assert_eq!(names(memory.path()), ["root.json", "targets.json"]);
    fs::remove_dir(&in_the_way).unwrap();
    let mut trust = Trust::in_folder(memory.path(), None).unwrap();
    let view = update(&mut trust, folder.path(), &[]).unwrap();
    assert_eq!(view.root_version(), 2);
}
