//! What a bucket holds afterwards, and what is said when it cannot be published to.

use std::thread;

use serde_json::json;

use crate::fake_s3::{FakeS3, Fault, Honesty, When};
use crate::{PUBLISH, at, next, room, staged};

#[test]
fn a_bucket_is_published_to_and_read_back_and_told_to_caches() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    let plan = desk.cuff(&format!("{PUBLISH} --dry-run")).expect(0);
    assert!(plan.stdout.contains("would write"), "{plan}");
    assert!(server.names().is_empty(), "a dry run writes nothing");
    let first = desk.cuff(&format!("{PUBLISH} --json")).expect(0).json();
    let written: Vec<_> = first["written"].as_array().unwrap().iter().collect();
    assert_eq!(*written.last().unwrap(), "metadata/timestamp.json");
    for name in &written {
        let name = format!("tuf/{}", name.as_str().unwrap());
        let (_, headers) = server.object(&name).unwrap();
        let caches = headers.iter().find(|(name, _)| name == "cache-control");
        let forever = caches.unwrap().1.contains("immutable");
        assert_eq!(forever, !name.ends_with("timestamp.json"), "{name}");
    }
    let again = desk.cuff(&format!("{PUBLISH} --json")).expect(0).json();
    assert_eq!(again["up_to_date"], true);
    next(&desk);
    desk.cuff(PUBLISH).expect(0);
    let refreshed = desk
        .cuff("refresh --to s3://bucket/tuf --online-key online.key --json")
        .expect(0)
        .json();
    assert_eq!(refreshed["timestamp_version"], 3);
    assert_eq!(
        (&refreshed["attempts"], &refreshed["retried"]),
        (&1.into(), &json!([]))
    );
    assert!(refreshed["replaced_expires"].as_str() <= refreshed["timestamp_expires"].as_str());
    let week = 7 * 86_400;
    let valid = refreshed["valid_seconds"].as_u64().unwrap();
    assert!((week - 600..=week).contains(&valid), "{valid}");
    let next = &refreshed["first_to_expire"];
    assert!(
        next["role"].is_string() && next["seconds"].as_u64().unwrap() > week,
        "{next}"
    );
    let probed: Vec<_> = server
        .names()
        .into_iter()
        .filter(|name| name.starts_with("tuf/probe/"))
        .collect();
    assert_eq!(probed.len(), 1, "the trials are gone: {probed:?}");
}

#[test]
fn a_refresh_that_cannot_be_done_is_tried_again_and_then_given_up() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    let before = server.snapshot();
    server.fail(Some((Fault::Status(500, "InternalError"), When::From(0))));
    let refresh = "refresh --to s3://bucket/tuf --online-key online.key";
    let failed = desk.cuff(&format!("{refresh} --retries 1")).expect(3);
    assert!(failed.stderr.contains("trying again, 1 of 1"), "{failed}");
    assert!(
        failed.stderr.contains("given up after 2 attempts"),
        "{failed}"
    );
    server.fail(None);
    assert_eq!(server.snapshot(), before);
    desk.cuff(refresh).expect(0);
}

#[test]
fn a_store_that_does_not_keep_publishers_apart_is_found_out_before_anything_is_published() {
    for (honesty, words) in [
        (Honesty::Overwrites, "overwrites what is there"),
        (Honesty::NotAtomic, "at the same time"),
        (Honesty::NeverMatches, "nobody has changed"),
    ] {
        let server = FakeS3::start(honesty);
        let desk = room(&server);
        let refused = desk.cuff(PUBLISH).expect(1);
        assert!(refused.stderr.contains(words), "{refused}");
        assert!(
            refused.stderr.contains("help: nothing was published"),
            "{refused}"
        );
        let left: Vec<_> = server.names();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// What each kind of trouble is called, and that no secret is in it.
#[test]
fn every_trouble_says_what_it_is_and_what_to_do() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    for (status, code, words, help) in [
        (
            404,
            "NoSuchBucket",
            "the bucket does not exist",
            "make the bucket first",
        ),
        (
            403,
            "InvalidAccessKeyId",
            "the credentials are not accepted",
            "fresh credentials",
        ),
        (
            403,
            "SignatureDoesNotMatch",
            "the credentials are not accepted",
            "fresh credentials",
        ),
        (
            403,
            "AccessDenied",
            "these credentials may not do that",
            "read, write and list",
        ),
        (
            400,
            "AuthorizationHeaderMalformed",
            "the bucket is in another region",
            "set AWS_REGION",
        ),
        (
            301,
            "PermanentRedirect",
            "the bucket is in another region",
            "set AWS_REGION",
        ),
        (
            403,
            "RequestTimeTooSkewed",
            "this machine's clock is wrong",
            "set the clock",
        ),
        (507, "QuotaExceeded", "the store is full", "make room"),
    ] {
        server.fail(Some((Fault::Status(status, code), When::From(0))));
        let failed = desk.cuff(PUBLISH).expect(3);
        let said = &failed.stderr;
        assert!(
            said.contains(words) && said.contains(help),
            "{code}: {failed}"
        );
        assert!(!said.contains("hunter2"), "{failed}");
    }
    server.fail(None);
    desk.cuff(PUBLISH).expect(0);
}

#[test]
fn permission_on_some_keys_only_leaves_the_old_repository_and_nothing_is_lost() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    let before = server.object("tuf/metadata/timestamp.json");
    next(&desk);
    for part in [
        "targets/",
        "fleet/",
        "metadata/2.band",
        ".snapshot.json",
        "timestamp",
    ] {
        server.fail(Some((
            Fault::Status(403, "AccessDenied"),
            When::Writing(part),
        )));
        let refused = desk.cuff(PUBLISH).expect(3);
        assert!(refused.stderr.contains("may not do that"), "{refused}");
        assert_eq!(
            server.object("tuf/metadata/timestamp.json"),
            before,
            "{part}"
        );
    }
    server.fail(None);
    desk.cuff(PUBLISH).expect(0);
    assert_ne!(server.object("tuf/metadata/timestamp.json"), before);
}

#[test]
fn without_credentials_nothing_is_tried() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = at(server.address())
        .variable("AWS_ACCESS_KEY_ID", "")
        .variable("AWS_EC2_METADATA_DISABLED", "true")
        .variable("NO_GCE_CHECK", "true");
    let desk = staged(desk);
    server.fail(None);
    let refused = desk.cuff(PUBLISH).expect(3);
    assert!(refused.stderr.contains("no credentials for"), "{refused}");
    assert!(refused.stderr.contains("AWS_ACCESS_KEY_ID"), "{refused}");
    assert_eq!(server.calls(), 0);
    let refused = desk
        .cuff("publish --to gs://bucket --online-key online.key")
        .expect(3);
    assert!(
        refused.stderr.contains("GOOGLE_SERVICE_ACCOUNT"),
        "{refused}"
    );
}

#[test]
fn an_address_with_a_secret_in_it_is_refused_and_not_repeated() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    for url in [
        "s3://AKIA:hunter2@bucket/x",
        "https://bucket/x",
        "ftp://x",
        "s3://",
    ] {
        let refused = desk
            .cuff(&format!("publish --to {url} --online-key online.key"))
            .expect(2);
        assert!(!refused.stderr.contains("hunter2"), "{refused}");
        assert!(
            refused.stderr.contains("help: give a directory"),
            "{refused}"
        );
    }
}

#[test]
fn what_was_tampered_with_in_the_bucket_is_named() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    next(&desk);
    let whole = server.snapshot();
    for name in [
        "1.band.json",
        "1.snapshot.json",
        "1.targets.json",
        "timestamp.json",
        "1.root.json",
    ] {
        for damage in [None, Some(&b"{}"[..])] {
            server.edit(&format!("tuf/metadata/{name}"), damage);
            let refused = desk.cuff(PUBLISH).expect(1);
            assert!(refused.stderr.contains("help:"), "{refused}");
            server.restore(&whole);
        }
    }
    desk.cuff(PUBLISH).expect(0);
}

#[test]
fn another_repository_at_the_url_is_not_touched() {
    let server = FakeS3::start(Honesty::Honest);
    room(&server).cuff(PUBLISH).expect(0);
    let theirs = server.snapshot();
    let desk = staged(at(server.address()));
    desk.cuff(PUBLISH).expect(1);
    assert_eq!(server.snapshot(), theirs);
}

#[test]
fn a_store_that_is_ahead_says_pull() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    let clone = desk.path("clone");
    copy(&desk.path("desk"), &clone);
    next(&desk);
    desk.cuff(PUBLISH).expect(0);
    let behind = desk.cuff("refresh --desk clone --to s3://bucket/tuf --online-key online.key");
    let behind = behind.expect(1);
    assert!(
        behind.stderr.contains("ahead of this working directory"),
        "{behind}"
    );
    assert!(behind.stderr.contains("pull"), "{behind}");
}

#[test]
fn of_many_publishers_at_once_one_wins_and_the_others_say_so() {
    for publishers in [2, 10] {
        let server = FakeS3::start(Honesty::Honest);
        let desk = room(&server);
        desk.cuff(PUBLISH).expect(0);
        next(&desk);
        for publisher in 0..publishers {
            copy(&desk.path("desk"), &desk.path(format!("desk-{publisher}")));
        }
        let codes: Vec<_> = thread::scope(|scope| {
            let runs: Vec<_> = (0..publishers)
                .map(|publisher| {
                    let desk = &desk;
                    scope.spawn(move || desk.cuff(&format!("{PUBLISH} --desk desk-{publisher}")))
                })
                .collect();
            runs.into_iter().map(|run| run.join().unwrap()).collect()
        });
        for run in &codes {
            let lost = run.code == 3 && run.stderr.contains("nothing of ours became visible");
            assert!(run.code == 0 || lost, "{run}");
            if lost {
                assert!(run.stderr.contains("run the same command again"), "{run}");
            }
        }
        assert!(codes.iter().any(|run| run.code == 0), "somebody wins");
        // Whoever lost runs it again, and everybody has the same repository.
        for publisher in 0..publishers {
            desk.cuff(&format!("{PUBLISH} --desk desk-{publisher}"))
                .expect(0);
        }
        let stamps: std::collections::BTreeSet<_> = (0..publishers)
            .map(|publisher| desk.read(format!("desk-{publisher}/metadata/2.band.json")))
            .collect();
        assert_eq!(stamps.len(), 1);
    }
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}
