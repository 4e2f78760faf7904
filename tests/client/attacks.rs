//! What the owner of a store, or of the network, can try: every attack of the TUF paper by name, and the client's answer.

use std::fs;

use cuff::repository::client::trust::Trust;
use cuff::repository::client::{ClientError, MAX_TIMESTAMP};
use cuff::repository::source::SourceError;
use cuff_verifier::verdict::Reason;
use serde_json::json;

use crate::author::{Author, day, keyids, keys};
use crate::{reason, update};

#[test]
fn a_sound_repository_is_read_and_the_release_found() {
    let (author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    author.publish(folder.path());
    let mut trust = Trust::in_memory(author.root());
    let view = update(
        &mut trust,
        folder.path(),
        &["band/1.0.0", "band/9", "scale/1"],
    )
    .unwrap();
    let [found, absent, other] = view.findings() else {
        panic!("{view:?}")
    };
    assert_eq!(found.role.as_deref(), Some("band"));
    assert_eq!(
        found.listing.as_ref().unwrap().length.0,
        author.bundles["band/1.0.0"].len() as u64
    );
    assert_eq!(
        found.expires,
        (crate::author::later(5), "timestamp".to_owned())
    );
    assert_eq!((&absent.listing, &other.listing), (&None, &None));
    assert_eq!(view.roles().collect::<Vec<_>>(), ["band", "scale"]);
}

#[test]
fn rollback_to_an_older_repository() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    author.publish(folder.path());
    let old = fs::read(folder.path().join("metadata/timestamp.json")).unwrap();
    author.next(&["band"]);
    author.publish(folder.path());
    let mut trust = Trust::in_memory(author.root());
    update(&mut trust, folder.path(), &["band/1.0.0"]).unwrap();
    // The old timestamp is still validly signed and not expired.
    fs::write(folder.path().join("metadata/timestamp.json"), old).unwrap();
    assert_eq!(
        reason(update(&mut trust, folder.path(), &[])),
        Reason::TimestampRollback
    );
}

#[test]
fn rollback_of_one_role_under_a_new_timestamp() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    author.next(&["band"]);
    author.publish(folder.path());
    let mut trust = Trust::in_memory(author.root());
    update(&mut trust, folder.path(), &[]).unwrap();
    let mut older = author.clone();
    older.product("band").set_version(1);
    older.next(&[]);
    older.publish(folder.path());
    assert_eq!(
        reason(update(&mut trust, folder.path(), &[])),
        Reason::ProductRollback
    );

    let mut older = author.clone();
    older.snapshot.set_version(1);
    older.timestamp.set_version(9);
    older.publish(folder.path());
    assert_eq!(
        reason(update(&mut trust, folder.path(), &[])),
        Reason::SnapshotRollback
    );

    let mut without = author.clone();
    without.products.remove("scale");
    without.next(&[]);
    // A client keeps the timestamps that it was offered above, whatever became of the rest.
    without.timestamp.set_version(10);
    without.publish(folder.path());
    assert_eq!(
        reason(update(&mut trust, folder.path(), &[])),
        Reason::RoleRemoved
    );
}

#[test]
fn a_timestamp_under_a_version_that_was_seen_with_other_bytes() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    author.publish(folder.path());
    let mut trust = Trust::in_memory(author.root());
    update(&mut trust, folder.path(), &[]).unwrap();
    author.timestamp.body["expires"] = json!(day(6));
    author.publish(folder.path());
    assert_eq!(
        reason(update(&mut trust, folder.path(), &[])),
        Reason::TimestampSubstituted
    );
}

#[test]
fn freeze_at_a_repository_that_has_expired() {
    for (role, expected) in [
        ("root", Reason::RootExpired),
        ("timestamp", Reason::TimestampExpired),
        ("snapshot", Reason::SnapshotExpired),
        ("targets", Reason::TargetsExpired),
        ("band", Reason::ProductExpired),
    ] {
        let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
        let role = match role {
            "root" => &mut author.roots[0],
            "timestamp" => &mut author.timestamp,
            "snapshot" => &mut author.snapshot,
            "targets" => &mut author.targets,
            _ => author.product("band"),
        };
        role.body["expires"] = json!(day(0));
        author.publish(folder.path());
        let mut trust = Trust::in_memory(author.root());
        assert_eq!(
            reason(update(&mut trust, folder.path(), &["band/1.0.0"])),
            expected
        );
    }
}

#[test]
fn mix_and_match_of_two_states() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    author.publish(folder.path());
    let old = fs::read(folder.path().join("metadata/1.band.json")).unwrap();
    author.next(&["band"]);
    author.product("band").body["minimum_counter"] = json!(2);
    author.publish(folder.path());
    // The old role, validly signed, under the new one's name. It is as long as the new one.
    fs::write(folder.path().join("metadata/2.band.json"), old).unwrap();
    let mut trust = Trust::in_memory(author.root());
    assert_eq!(
        reason(update(&mut trust, folder.path(), &["band/1.0.0"])),
        Reason::Unpinned
    );
}

#[test]
fn too_few_signatures_on_any_role() {
    for index in 0..5 {
        let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
        let role = match index {
            0 => &mut author.roots[0],
            1 => &mut author.timestamp,
            2 => &mut author.snapshot,
            3 => &mut author.targets,
            _ => author.product("band"),
        };
        role.signers = vec!["mallory"];
        author.publish(folder.path());
        let mut trust = Trust::in_memory(author.root());
        assert_eq!(
            reason(update(&mut trust, folder.path(), &["band/1.0.0"])),
            Reason::UnderThreshold
        );
    }
}

#[test]
fn a_root_by_somebody_else() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    author.rotate(&["alice", "mallory"], |_| ());
    author.publish(folder.path());
    let mut trust = Trust::in_memory(author.root());
    assert_eq!(
        reason(update(&mut trust, folder.path(), &[])),
        Reason::UnderThreshold
    );
}

#[test]
fn fast_forward_is_recovered_from_by_replacing_the_online_key() {
    let (mut author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    let mut forward = author.clone();
    forward.timestamp.set_version(1 << 52);
    forward.snapshot.set_version(1 << 52);
    forward.publish(folder.path());
    let memory = tempfile::tempdir().unwrap();
    let root = author.root();
    let open = || Trust::in_folder(memory.path(), Some(root.clone())).unwrap();
    update(&mut open(), folder.path(), &[]).unwrap();

    author.next(&[]);
    author.publish(folder.path());
    assert_eq!(
        reason(update(&mut open(), folder.path(), &[])),
        Reason::TimestampRollback
    );

    let mut recovered = author.clone();
    recovered.rotate(&["alice", "bob"], |root| {
        root["keys"] = keys(&["alice", "bob", "carol", "online-2"]);
        root["roles"]["snapshot"]["keyids"] = keyids(&["online-2"]);
        root["roles"]["timestamp"]["keyids"] = keyids(&["online-2"]);
    });
    recovered.timestamp.signers = vec!["online-2"];
    recovered.snapshot.signers = vec!["online-2"];
    recovered.publish(folder.path());
    let view = update(&mut open(), folder.path(), &[]).unwrap();
    assert_eq!((view.root_version(), view.version("timestamp")), (2, 2));
}

#[test]
fn half_a_repository() {
    let author = Author::new();
    for missing in author
        .files()
        .into_keys()
        .filter(|name| name.starts_with("metadata"))
    {
        if missing == "metadata/1.root.json" || missing == "metadata/1.scale.json" {
            continue;
        }
        let folder = tempfile::tempdir().unwrap();
        author.publish(folder.path());
        fs::remove_file(folder.path().join(&missing)).unwrap();
        let mut trust = Trust::in_memory(author.root());
        match update(&mut trust, folder.path(), &["band/1.0.0"]) {
            Err(ClientError::Missing { file }) => assert_eq!(file, missing),
            other => panic!("{missing}: {other:?}"),
        }
    }
}

#[test]
fn endless_data() {
    let (author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    author.publish(folder.path());
    let limit = usize::try_from(MAX_TIMESTAMP).unwrap();
    for name in ["timestamp.json", "1.snapshot.json", "1.band.json"] {
        author.publish(folder.path());
        let path = folder.path().join("metadata").join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes.resize(limit + 1, b' ');
        fs::write(&path, bytes).unwrap();
        let mut trust = Trust::in_memory(author.root());
        assert!(
            matches!(
                update(&mut trust, folder.path(), &["band/1.0.0"]),
                Err(ClientError::Source(SourceError::TooLong { .. }))
            ),
            "{name}"
        );
    }
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_hang_the_client() {
    let (author, folder) = (Author::new(), tempfile::tempdir().unwrap());
    author.publish(folder.path());
    let path = folder.path().join("metadata/timestamp.json");
    fs::remove_file(&path).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    let mut trust = Trust::in_memory(author.root());
    assert!(matches!(
        update(&mut trust, folder.path(), &[]),
        Err(ClientError::Source(SourceError::NotAFile { .. }))
    ));
}
