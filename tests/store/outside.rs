//! `check` on a bucket and on a web server: every problem from outside, what caches are told included.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::fake_s3::{FakeS3, Fault, Honesty, When};
use crate::support::Desk;
use crate::{PUBLISH, next, room};

const CHECK: &str = "check s3://bucket/tuf --demo";

/// Rule, severity and subject of everything that was found.
fn found(desk: &Desk, code: i32) -> BTreeSet<(String, String, String)> {
    let answer = desk.cuff(&format!("{CHECK} --json")).expect(code).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let problems = answer["problems"].as_array().unwrap().iter();
    problems
        .map(|one| {
            (
                text(&one["rule"]),
                text(&one["severity"]),
                text(&one["subject"]),
            )
        })
        .collect()
}

fn has(problems: &BTreeSet<(String, String, String)>, rule: &str, severity: &str, subject: &str) {
    let wanted = |one: &&(String, String, String)| {
        one.0 == rule && one.1 == severity && one.2.contains(subject)
    };
    assert!(
        problems.iter().any(|one| wanted(&one)),
        "{severity} {rule} {subject} in {problems:#?}"
    );
}

#[test]
fn a_bucket_that_was_published_to_is_healthy_and_every_object_in_it_is_known() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    next(&desk);
    desk.cuff(PUBLISH).expect(0);
    let known = ["example-key", "superseded", "probe"];
    for (rule, severity, subject) in found(&desk, 0) {
        assert!(
            severity == "note" && known.contains(&rule.as_str()),
            "{rule} {severity} {subject}"
        );
    }
    let said = desk.cuff(CHECK).expect(0);
    assert!(said.stdout.contains("healthy"), "{said}");
}

#[test]
fn every_problem_of_a_bucket_is_listed_and_not_only_the_first() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    let names = server.names();
    let name = |part: &str| names.iter().find(|name| name.contains(part)).unwrap();
    let key = desk.read("online.key");
    server.edit(name("targets/band/"), Some(b"not the bundle"));
    server.edit(name("1.band.json"), None);
    server.edit(name("fleet/"), None);
    server.edit("tuf/online.key", Some(key.as_bytes()));
    server.edit("tuf/notes of somebody.txt", Some(b"hello"));
    server.edit("tuf/targets/band/old", Some(b"hello"));
    let problems = found(&desk, 1);
    has(&problems, "missing-file", "error", "metadata/1.band.json");
    has(&problems, "missing-file", "error", "fleet/");
    has(&problems, "private-key", "error", "online.key");
    has(&problems, "stray-file", "warning", "notes of somebody.txt");
    has(&problems, "unreferenced-target", "warning", "targets/band/");
}

#[test]
fn what_caches_are_told_is_held_against_what_they_must_be_told() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    let (timestamp, root) = ("tuf/metadata/timestamp.json", "tuf/metadata/1.root.json");
    for (told, rule, severity, code) in [
        (None, "cache-unset", "warning", 0),
        (Some("public, max-age=86400"), "cached-long", "warning", 0),
        (Some("max-age=31536000"), "cached-past-expiry", "error", 1),
        (
            Some("max-age=1, immutable"),
            "cached-past-expiry",
            "error",
            1,
        ),
    ] {
        server.tell_caches(timestamp, told);
        let problems = found(&desk, code);
        has(&problems, rule, severity, "metadata/timestamp.json");
    }
    server.tell_caches(timestamp, Some("no-cache"));
    server.tell_caches(root, None);
    let problems = found(&desk, 0);
    has(&problems, "cache-short", "warning", "metadata/1.root.json");
    assert!(!problems.iter().any(|one| one.2.contains("timestamp")));
}

#[test]
fn a_bucket_that_cannot_be_looked_at_is_no_verdict() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    for (status, code, words) in [
        (404, "NoSuchBucket", "correct the name"),
        (403, "AccessDenied", "to read and to list"),
        (403, "InvalidAccessKeyId", "fresh credentials"),
        (301, "PermanentRedirect", "set AWS_REGION"),
        (403, "RequestTimeTooSkewed", "set the clock"),
    ] {
        server.fail(Some((Fault::Status(status, code), When::From(0))));
        let failed = desk.cuff(CHECK).expect(3);
        assert!(failed.stderr.contains(words), "{failed}");
        assert!(!failed.stderr.contains("hunter2"), "{failed}");
    }
    server.fail(None);
    let offline = desk.cuff(&format!("{CHECK} --offline")).expect(2);
    assert!(offline.stderr.contains("--offline"), "{offline}");
    assert_eq!(server.calls(), 0);
    let secret = desk.cuff("check s3://AKIA:hunter2@bucket").expect(2);
    assert!(!secret.stderr.contains("hunter2"), "{secret}");
}

/// Who may read the bucket fetches from it as from a web server.
#[test]
fn a_release_is_fetched_from_a_bucket() {
    let server = FakeS3::start(Honesty::Honest);
    let desk = room(&server);
    desk.cuff(PUBLISH).expect(0);
    desk.cuff("fetch s3://bucket/tuf band/1.0.0 --desk desk -o got.cuff")
        .expect(0);
    let bytes = |name| std::fs::read(desk.path(name)).unwrap();
    assert_eq!(bytes("got.cuff"), bytes("band-1.cuff"));
}
