//! 5.4 to 5.6.6: timestamp, snapshot and targets, against each other and against what was seen.

use cuff_verifier::member::Member;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::role::{Malformed, Role};
use cuff_verifier::threshold::Unauthentic;
use cuff_verifier::trusted::Novelty;
use cuff_verifier::version::Version;
use serde_json::{Value, json};

use crate::repository::{Client, File, Files, Repository, checksum, moment, targets};

fn refused<T>(role: Role, rule: Rule) -> Result<T, Refusal> {
    Err(Refusal { role, rule })
}

fn version(number: u64) -> Version {
    Version::new(number).expect("a version")
}

fn after(earlier: &Files, now: &Repository) -> Result<Novelty, Refusal> {
    let client = Client {
        earlier: Some(earlier),
        ..Client::default()
    };
    now.files()
        .update(&client, "free")
        .map(|answer| answer.novelty)
}

#[test]
fn each_role_is_signed_by_its_own_threshold() {
    for (role, by, needed, counted) in [
        (Role::Timestamp, &[1][..], 1, 0),
        (Role::Snapshot, &[1], 1, 0),
        (Role::Targets, &[1, 9], 2, 1),
        (Role::Delegated, &[1, 2], 1, 0),
    ] {
        let mut repository = Repository::new();
        file(&mut repository, role).signers = by.to_vec();
        assert_eq!(
            repository.update("band/1"),
            refused(
                role,
                Rule::Unauthentic(Unauthentic::UnderThreshold { needed, counted })
            )
        );
    }
}

pub fn file(repository: &mut Repository, role: Role) -> &mut File {
    match role {
        Role::Root => &mut repository.anchor,
        Role::Timestamp => &mut repository.timestamp,
        Role::Snapshot => &mut repository.snapshot,
        Role::Targets => &mut repository.targets,
        Role::Delegated => &mut repository.delegated[0].1,
    }
}

pub const ROLES: [Role; 5] = [
    Role::Root,
    Role::Timestamp,
    Role::Snapshot,
    Role::Targets,
    Role::Delegated,
];

#[test]
fn each_role_expires_at_its_own_second() {
    for role in ROLES {
        for (date, current) in [
            ("2026-06-01T00:00:00Z", false),
            ("2026-06-01T00:00:01Z", true),
        ] {
            let mut repository = Repository::new();
            file(&mut repository, role).body["expires"] = json!(date);
            let expires = moment(date);
            let found = repository.update("band/1");
            if current {
                assert_eq!(
                    found.map(|answer| answer.dates.expires),
                    Ok((expires, role))
                );
            } else {
                assert_eq!(found, refused(role, Rule::Expired { expires }));
            }
        }
    }
}

#[test]
fn a_file_of_another_kind_is_no_substitute() {
    for role in ROLES {
        for other in ["root", "timestamp", "snapshot", "targets", "Targets", ""] {
            let mut repository = Repository::new();
            let body = &mut file(&mut repository, role).body;
            if body["_type"] == other {
                continue;
            }
            body["_type"] = json!(other);
            let malformed = Rule::Malformed(Malformed::Type);
            assert_eq!(repository.update("band/1"), refused(role, malformed));
        }
    }
}

#[test]
fn what_was_seen_only_rises() {
    let old = Repository::new();
    let mut new = old.clone();
    new.republish();
    assert_eq!(after(&old.files(), &new), Ok(Novelty::Newer));
    assert_eq!(after(&old.files(), &old), Ok(Novelty::Same));
    let (trusted, found) = (version(2), version(1));
    assert_eq!(
        after(&new.files(), &old),
        refused(Role::Timestamp, Rule::Rollback { trusted, found })
    );
    // A timestamp that is newer and leads back to the old snapshot.
    let mut back = old.clone();
    back.timestamp.body["version"] = json!(3);
    assert_eq!(
        after(&new.files(), &back),
        refused(Role::Snapshot, Rule::Rollback { trusted, found })
    );
}

#[test]
fn the_same_version_with_other_bytes_is_told_apart() {
    let old = Repository::new();
    let mut other = old.clone();
    other.timestamp.body["note"] = json!("other");
    assert_eq!(after(&old.files(), &other), Ok(Novelty::Substituted));
    let client = Client {
        profile: Profile::Device,
        earlier: Some(&old.files()),
        ..Client::default()
    };
    let version = version(1);
    assert_eq!(
        other.files().update(&client, "free"),
        refused(Role::Timestamp, Rule::Substituted { version })
    );
    assert!(old.files().update(&client, "free").is_ok());
}

#[test]
fn roles_in_snapshot_neither_go_back_nor_away() {
    let mut old = Repository::new();
    old.republish();
    let earlier = old.files();
    for (name, role) in [
        ("targets.json", Role::Targets),
        ("band.json", Role::Delegated),
    ] {
        let mut now = old.clone();
        now.republish();
        now.snapshot.body["meta"][name]["version"] = json!(1);
        let (trusted, found) = (version(2), version(1));
        assert_eq!(
            after(&earlier, &now),
            refused(role, Rule::Rollback { trusted, found })
        );
        now.snapshot.body["meta"][name]["version"] = json!(2);
        let held = after(&earlier, &now);
        assert!(
            !matches!(
                held,
                Err(Refusal {
                    rule: Rule::Rollback { .. } | Rule::Removed { .. },
                    ..
                })
            ),
            "{held:?}"
        );
    }
    let mut now = old.clone();
    now.republish();
    now.snapshot.body["meta"]
        .as_object_mut()
        .unwrap()
        .remove("band.json");
    let trusted = version(2);
    assert_eq!(
        after(&earlier, &now),
        refused(Role::Delegated, Rule::Removed { trusted })
    );
}

/// The new list may begin before, end behind and have gaps between what the old one has.
#[test]
fn roles_may_be_added_anywhere() {
    let old = Repository::new();
    let mut now = old.clone();
    now.republish();
    for name in ["a.json", "c.json", "z.json"] {
        now.snapshot.body["meta"][name] = json!({"version": 1});
    }
    assert_eq!(after(&old.files(), &now), Ok(Novelty::Newer));
    // And then they stay.
    let earlier = now.files();
    let mut less = now.clone();
    less.republish();
    less.snapshot.body["meta"]
        .as_object_mut()
        .unwrap()
        .remove("c.json");
    let trusted = version(1);
    assert_eq!(
        after(&earlier, &less),
        refused(Role::Delegated, Rule::Removed { trusted })
    );
}

#[test]
fn versions_are_those_that_were_announced() {
    for role in [Role::Snapshot, Role::Targets, Role::Delegated] {
        for number in [2, 7] {
            let mut repository = Repository::new();
            file(&mut repository, role).body["version"] = json!(number);
            let (expected, found) = (version(1), version(number));
            assert_eq!(
                repository.update("band/1"),
                refused(role, Rule::WrongVersion { expected, found })
            );
        }
    }
}

#[test]
fn bytes_are_those_that_were_announced() {
    let whole = Repository::new().files();
    let asked = |files: &Files| files.update(&Client::default(), "band/1");
    assert!(asked(&whole).is_ok());
    for (role, grow) in [
        (Role::Snapshot, true),
        (Role::Snapshot, false),
        (Role::Targets, true),
        (Role::Targets, false),
        (Role::Delegated, true),
        (Role::Delegated, false),
    ] {
        let mut files = whole.clone();
        let file = match role {
            Role::Snapshot => &mut files.snapshot,
            Role::Targets => &mut files.targets,
            _ => &mut files.delegated[0].1,
        };
        if grow {
            file.push(b' ');
        } else {
            file[0] ^= 1;
        }
        assert_eq!(asked(&files), refused(role, Rule::Unpinned), "{role}");
    }
}

#[test]
fn a_foreign_repository_may_pin_less() {
    let mut repository = Repository::new();
    repository.pinned = false;
    assert_eq!(
        repository.update("band/1").map(|answer| answer.found),
        Ok(Some("band".to_owned()))
    );
    let client = Client {
        profile: Profile::Device,
        ..Client::default()
    };
    assert_eq!(
        repository.files().update(&client, "band/1"),
        refused(
            Role::Timestamp,
            Rule::Malformed(Malformed::Missing(Member::Length))
        )
    );
    repository.timestamp.body["meta"]["snapshot.json"]["length"] = json!(1);
    assert_eq!(
        repository.files().update(&client, "band/1"),
        refused(
            Role::Timestamp,
            Rule::Malformed(Malformed::Missing(Member::Hashes))
        )
    );
}

/// Each kind of pin alone, right and wrong, and two at once.
#[test]
fn every_pin_that_is_known_holds() {
    let mut repository = Repository::new();
    repository.pinned = false;
    let snapshot = repository.snapshot.sign();
    let length = json!(snapshot.len());
    let sha256 = json!(cuff_verifier::digest::Digest::of(&snapshot).to_string());
    let (sum, zero) = (json!(checksum(&snapshot)), json!("0".repeat(64)));
    for (pins, holds) in [
        (json!({"length": length}), true),
        (json!({"length": snapshot.len() + 1}), false),
        (json!({"length": snapshot.len() - 1}), false),
        (json!({"hashes": {"sha256": sha256}}), true),
        (json!({"hashes": {"sha256": zero}}), false),
        (json!({"hashes": {"sum": sum}}), true),
        (json!({"hashes": {"sum": zero}}), false),
        (json!({"hashes": {"sha256": sha256, "sum": sum}}), true),
        (json!({"hashes": {"sha256": sha256, "sum": zero}}), false),
        (json!({"hashes": {"sha256": zero, "sum": sum}}), false),
        (json!({"hashes": {"sha256": sha256, "unknown": "x"}}), true),
        (json!({"hashes": {"unknown": "x"}}), false),
        (json!({"hashes": {}}), false),
        (json!({"hashes": {"sha256": zero}, "length": length}), false),
    ] {
        let mut entry: Value = pins.clone();
        entry["version"] = json!(1);
        repository.timestamp.body["meta"]["snapshot.json"] = entry;
        let found = repository.update("free").map(|_| ());
        if holds {
            assert_eq!(found, Ok(()), "{pins}");
        } else {
            assert_eq!(found, refused(Role::Snapshot, Rule::Unpinned), "{pins}");
        }
    }
}

#[test]
fn signed_dates_are_gathered_by_role() {
    let mut repository = Repository::new();
    for (role, issued) in ROLES.into_iter().zip(["03", "09", "08", "02", "04"]) {
        file(&mut repository, role).body["issued"] = json!(format!("2026-03-{issued}T00:00:00Z"));
    }
    // Somebody else's `issued` could mean anything.
    let foreign = repository.update("band/1").unwrap().dates;
    assert_eq!((foreign.issued.0, foreign.stamped), (0, None));
    let client = Client {
        profile: Profile::Device,
        ..Client::default()
    };
    let dates = repository.files().update(&client, "band/1").unwrap().dates;
    // Neither timestamp nor snapshot moves it: one machine signs them.
    assert_eq!(dates.issued, moment("2026-03-04T00:00:00Z"));
    assert_eq!(dates.stamped, Some(moment("2026-03-09T00:00:00Z")));
    let without = repository.files().update(&client, "free").unwrap().dates;
    assert_eq!(without.issued, moment("2026-03-03T00:00:00Z"));
    assert_eq!(dates.expires, (moment("2030-01-01T00:00:00Z"), Role::Root));
}

#[test]
fn snapshot_must_list_targets() {
    let mut repository = Repository::new();
    repository.snapshot.body["meta"]
        .as_object_mut()
        .unwrap()
        .remove("targets.json");
    assert_eq!(
        repository.update("free"),
        refused(
            Role::Snapshot,
            Rule::Malformed(Malformed::Missing(Member::MetaTargetsJson))
        )
    );
}

#[test]
fn a_path_that_nobody_lists_is_absent() {
    let mut repository = Repository::new();
    repository.targets.body = targets(&["free"]);
    let answer = repository.update("elsewhere").unwrap();
    assert_eq!((answer.found, answer.visited), (None, Vec::new()));
}
