//! `check`: every problem, not the first; and a sound repository has none.

use std::fs;

use cuff::instant::Span;
use cuff::repository::check::problem::Severity;
use cuff::repository::check::{Criteria, Report, check};
use cuff::repository::source::directory::Directory;
use serde_json::json;

use crate::author::{self, Author, day};

const CRITERIA: fn() -> Criteria = || Criteria {
    now: author::now(),
    soon: Span::days(14),
    demo: false,
};

/// The report on what `author` publishes, after something was done to the files.
fn report(author: &Author, vandalise: impl FnOnce(&std::path::Path)) -> Report {
    let folder = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    vandalise(folder.path());
    check(&Directory::new(folder.path()), CRITERIA(), true).unwrap()
}

fn rules(report: &Report) -> Vec<(Severity, &str, &str)> {
    report
        .problems
        .iter()
        .map(|problem| {
            (
                problem.severity,
                problem.rule.as_str(),
                problem.subject.as_str(),
            )
        })
        .collect()
}

fn errors(report: &Report) -> Vec<(&str, &str)> {
    rules(report)
        .into_iter()
        .filter(|(severity, _, _)| *severity == Severity::Error)
        .map(|(_, rule, subject)| (rule, subject))
        .collect()
}

#[test]
fn a_sound_repository_has_no_problems_and_two_verifiers_agree() {
    let mut author = Author::new();
    author.rotate(&["alice", "bob"], |_| ());
    let report = report(&author, |_| ());
    assert_eq!(rules(&report), []);
    assert_eq!(report.releases, ["band/1.0.0"]);
    assert_eq!(report.roles["band"].0, 1);
    assert_eq!(report.roles["root"].0, 2);
    assert!(report.evidence["band"] > 1000);
    let files: Vec<&str> = report.opinions.iter().map(|o| o.file.as_str()).collect();
    assert_eq!(
        files,
        [
            "metadata/1.root.json",
            "metadata/2.root.json",
            "timestamp.json",
            "snapshot.json",
            "targets.json"
        ]
    );
    assert!(report.opinions.iter().all(|opinion| opinion.agrees));
}

#[test]
fn every_problem_is_listed_and_not_only_the_first() {
    let mut author = Author::new();
    author.timestamp.body["expires"] = json!(day(-1));
    author.targets.signers = vec!["alice"];
    author.release("band/1.1.0", 2, b"the second image");
    let digest = author::sha256(&author.bundles["band/1.0.0"]);
    let report = report(&author, |folder| {
        fs::remove_file(folder.join("metadata/1.scale.json")).unwrap();
        fs::remove_file(folder.join(format!("targets/band/{digest}.1.0.0"))).unwrap();
        fs::write(folder.join("notes.txt"), "hello").unwrap();
    });
    let errors = errors(&report);
    for expected in [
        ("timestamp-expired", "metadata/timestamp.json"),
        ("under-threshold", "metadata/1.targets.json"),
        ("missing-file", "metadata/1.scale.json"),
        ("missing-bundle", "band/1.0.0"),
        ("second-opinion", "targets.json"),
        ("client-refuses", "repository"),
    ] {
        assert!(errors.contains(&expected), "{expected:?} in {errors:?}");
    }
    assert!(rules(&report).contains(&(Severity::Warning, "stray-file", "notes.txt")));
}

#[test]
fn each_kind_of_problem_has_its_rule() {
    type Change = fn(&mut Author);
    let cases: [(Change, &str, &str); 12] = [
        (
            |author| author.roots[0].body["expires"] = json!(day(0)),
            "root-expired",
            "metadata/1.root.json",
        ),
        (
            |author| author.snapshot.body["expires"] = json!(day(0)),
            "snapshot-expired",
            "metadata/1.snapshot.json",
        ),
        (
            |author| author.product("band").body["expires"] = json!(day(0)),
            "product-expired",
            "metadata/1.band.json",
        ),
        (
            |author| {
                author
                    .product("band")
                    .edit("\"spec_version\":", "\"spec_version\": ");
            },
            "not-canonical",
            "metadata/1.band.json",
        ),
        (
            |author| author.snapshot.body["meta"] = json!({"band.json": {"hashes": {"sha256": "0".repeat(64)}, "length": 5, "version": 1}}),
            "unpinned",
            "metadata/1.band.json",
        ),
        (
            |author| author.product("band").body["issued"] = json!(day(2)),
            "signed-in-the-future",
            "metadata/1.band.json",
        ),
        (
            |author| author.timestamp.body["issued"] = json!(day(250)),
            "device-refuses",
            "band/1.0.0",
        ),
        (
            |author| {
                author.product("band").body["targets"]["band/1.0.0"]["custom"]["cuff"]["counter"] =
                    json!(9);
            },
            "record-disagrees",
            "band/1.0.0",
        ),
        (
            |author| {
                author.product("band").body["targets"]["band/1.0.0"]["custom"]["cuff"]["extra"] =
                    json!(9);
            },
            "record-unknown-member",
            "band/1.0.0",
        ),
        (
            |author| {
                let entry = author.product("band").body["targets"]["band/1.0.0"].clone();
                author.targets.body["targets"]["band/1.0.0"] = entry;
            },
            "signed-by-other-role",
            "band/1.0.0",
        ),
        (
            |author| {
                author.rotate(&["alice", "bob"], |_| ());
                author.rotate(&["alice", "bob"], |_| ());
                author.roots.remove(1);
            },
            "missing-root",
            "metadata/2.root.json",
        ),
        (
            |author| author.rotate(&["alice", "mallory"], |_| ()),
            "under-threshold",
            "metadata/2.root.json",
        ),
    ];
    for (change, rule, subject) in cases {
        let mut author = Author::new();
        change(&mut author);
        let report = report(&author, |_| ());
        let errors = errors(&report);
        assert!(errors.contains(&(rule, subject)), "{rule}: {errors:?}");
    }
}

#[test]
fn what_works_today_and_should_be_looked_at_is_a_warning() {
    let mut author = Author::new();
    author.product("band").body["issued"] = json!(day(-200));
    author.product("band").body["expires"] = json!(day(10));
    let folder = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    author.next(&["band"]);
    author.release("band/2.0.0", 2, b"another");
    author.product("band").body["minimum_counter"] = json!(2);
    author.publish(folder.path());
    let write = |name: &str| fs::write(folder.path().join(name), "x").unwrap();
    write("metadata/.tmpAbCdEf");
    write("metadata/9.band.json");
    write("targets/band/0000.1.0.0");
    let report = check(&Directory::new(folder.path()), CRITERIA(), false).unwrap();
    assert_eq!(
        rules(&report),
        [
            (Severity::Warning, "leftover", "metadata/.tmpAbCdEf"),
            (Severity::Warning, "expires-soon", "metadata/2.band.json"),
            (Severity::Warning, "unannounced", "metadata/9.band.json"),
            (
                Severity::Warning,
                "unreferenced-target",
                "targets/band/0000.1.0.0"
            ),
            (Severity::Note, "below-minimum", "band/1.0.0"),
            (Severity::Note, "superseded", "metadata/1.band.json"),
            (Severity::Note, "superseded", "metadata/1.snapshot.json"),
        ]
    );
    assert!(!report.has_errors());
}

#[test]
fn a_secret_in_a_published_place_is_an_error() {
    let report = report(&Author::new(), |folder| {
        let key = crate::support::project().join("keys.example/alice.key");
        fs::copy(key, folder.join("targets/alice.key")).unwrap();
    });
    assert_eq!(errors(&report), [("private-key", "targets/alice.key")]);
}

#[test]
fn example_keys_are_for_demonstrations() {
    let mut author = Author::new();
    let example = fs::read_to_string(crate::support::project().join("keys.example/alice.pub"));
    let example: toml::Table = example.unwrap().parse().unwrap();
    let public = example["public"].as_str().unwrap();
    author.rotate(&["alice", "bob"], |root| {
        root["keys"]["f".repeat(64)] =
            json!({"keytype": "ed25519", "keyval": {"public": public}, "scheme": "ed25519"});
    });
    let folder = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    let directory = Directory::new(folder.path());
    let report = check(&directory, CRITERIA(), false).unwrap();
    assert_eq!(errors(&report), [("example-key", "metadata/2.root.json")]);
    let demo = Criteria {
        demo: true,
        ..CRITERIA()
    };
    let report = check(&directory, demo, false).unwrap();
    assert_eq!(
        rules(&report),
        [(Severity::Note, "example-key", "metadata/2.root.json")]
    );
}
