//! 5.2 and 5.3: the anchor, and every link after it.

use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::role::{Malformed, Role};
use cuff_verifier::threshold::Unauthentic;
use cuff_verifier::time::Clock;
use serde_json::json;

use crate::repository::{Client, Repository, keys, moment, signers};

fn refused<T>(rule: Rule) -> Result<T, Refusal> {
    let role = Role::Root;
    Err(Refusal { role, rule })
}

const fn under(needed: u16, counted: u16) -> Unauthentic {
    Unauthentic::UnderThreshold { needed, counted }
}

fn root_of(repository: &Repository) -> Result<(u64, bool), Refusal> {
    repository
        .update("free")
        .map(|answer| (answer.root, answer.resets))
}

#[test]
fn an_anchor_is_signed_by_its_own_threshold() {
    let mut repository = Repository::new();
    assert_eq!(root_of(&repository), Ok((1, false)));
    repository.anchor.signers = vec![3];
    assert_eq!(
        root_of(&repository),
        refused(Rule::Unauthentic(under(2, 1)))
    );
    repository.anchor.signers = vec![9, 3];
    assert_eq!(
        root_of(&repository),
        refused(Rule::Unauthentic(under(2, 1)))
    );
}

#[test]
fn an_anchor_is_read_whole() {
    let mut repository = Repository::new();
    repository.anchor.body["version"] = json!(0);
    assert_eq!(
        root_of(&repository),
        refused(Rule::Malformed(Malformed::VersionZero))
    );
    let mut files = Repository::new().files();
    files.anchor.insert(0, b' ');
    assert_eq!(
        files.update(&Client::default(), "free").map(|_| ()),
        refused(Rule::Unauthentic(Unauthentic::Envelope))
    );
}

#[test]
fn links_are_followed_to_the_newest() {
    let mut repository = Repository::new();
    repository.rotate(&[1, 2], |_| {});
    repository.rotate(&[2, 3], |_| {});
    assert_eq!(root_of(&repository), Ok((3, false)));
}

#[test]
fn a_link_is_signed_by_the_old_keys_and_by_the_new() {
    let change = |root: &mut serde_json::Value| {
        root["keys"] = keys(&[1, 2, 3, 4, 9]);
        root["roles"]["root"] = signers(&[3, 4], 2);
    };
    for (by, found) in [
        (&[1, 3, 4][..], Ok((2, false))),
        (&[3, 4], refused(Rule::Unauthentic(under(2, 1)))),
        (&[1, 4], refused(Rule::Unauthentic(under(2, 1)))),
        (&[1, 3], refused(Rule::NotSignedByItself(under(2, 1)))),
        (&[1, 2], refused(Rule::NotSignedByItself(under(2, 0)))),
    ] {
        let mut repository = Repository::new();
        repository.rotate(by, change);
        assert_eq!(root_of(&repository), found, "{by:?}");
    }
}

#[test]
fn a_link_is_one_version_on() {
    let mut repository = Repository::new();
    for version in [1, 3, 99] {
        repository.roots.clear();
        repository.rotate(&[1, 2], |root| root["version"] = json!(version));
        let found = root_of(&repository);
        let Err(Refusal {
            role: Role::Root,
            rule: Rule::WrongVersion { expected, found },
        }) = found
        else {
            panic!("{version}: {found:?}");
        };
        assert_eq!((expected.get(), found.get()), (2, version));
    }
}

#[test]
fn a_malformed_link_is_refused_as_such() {
    let mut repository = Repository::new();
    repository.rotate(&[1, 2], |root| root["spec_version"] = json!("2.0.0"));
    assert_eq!(
        root_of(&repository),
        refused(Rule::Malformed(Malformed::SpecVersion))
    );
}

#[test]
fn only_the_newest_root_must_be_current() {
    let mut repository = Repository::new();
    let past = "2026-06-01T00:00:00Z";
    repository.anchor.body["expires"] = json!(past);
    let expires = moment(past);
    assert_eq!(root_of(&repository), refused(Rule::Expired { expires }));
    repository.rotate(&[1, 2], |root| {
        root["expires"] = json!("2026-06-01T00:00:01Z");
    });
    assert_eq!(root_of(&repository), Ok((2, false)));
}

#[test]
fn what_was_seen_is_forgotten_when_online_keys_are_taken_away_and_only_then() {
    for role in ["timestamp", "snapshot"] {
        let reset = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut repository = Repository::new();
            repository.rotate(&[1, 2], |root| {
                root["keys"] = keys(&[1, 2, 3, 8, 9]);
                change(root);
            });
            repository.roots[0].signers = vec![1, 2];
            let files = repository.files();
            // Signatures below root may be missing now: only the chain is asked.
            let mut roots = cuff_verifier::trusted::RootChain::anchor(
                cuff_verifier::threshold::Document::canonical(&files.anchor),
                crate::repository::POLICY,
            )
            .unwrap();
            for root in &files.roots {
                roots = roots
                    .extend(cuff_verifier::threshold::Document::canonical(root))
                    .unwrap();
            }
            roots.resets()
        };
        assert!(!reset(&|_| {}), "{role}: nothing changes");
        assert!(
            !reset(&|root| root["roles"][role] = signers(&[8, 9], 1)),
            "{role}: a key is added"
        );
        assert!(
            reset(&|root| root["roles"][role] = signers(&[8], 1)),
            "{role}: a key is replaced"
        );
        assert!(
            reset(&|root| root["roles"][role] = signers(&[8, 9], 2)),
            "{role}: more are needed"
        );
        assert!(
            !reset(&|root| {
                let key = root["keys"]["key-9"].clone();
                root["keys"]["other"] = key;
                root["roles"][role]["keyids"] = json!(["other"]);
            }),
            "{role}: the same key under another id"
        );
        assert!(
            !reset(&|root| root["roles"]["targets"] = signers(&[1], 1)),
            "{role}: another role"
        );
    }
}

#[test]
fn after_a_reset_lower_versions_are_taken() {
    let mut repository = Repository::new();
    repository.republish();
    let earlier = repository.files();
    let mut again = Repository::new();
    let client = Client {
        earlier: Some(&earlier),
        ..Client::default()
    };
    let refused = again.files().update(&client, "free").unwrap_err();
    assert!(matches!(refused.rule, Rule::Rollback { .. }), "{refused}");
    again.rotate(&[1, 2], |root| {
        root["keys"] = keys(&[1, 2, 3, 8]);
        root["roles"]["timestamp"] = signers(&[8], 1);
        root["roles"]["snapshot"] = signers(&[8], 1);
    });
    again.timestamp.signers = vec![8];
    again.snapshot.signers = vec![8];
    assert!(again.files().update(&client, "free").unwrap().resets);
    // A reset once is a reset, whatever follows.
    again.rotate(&[1, 2], |_| {});
    assert!(again.files().update(&client, "free").unwrap().resets);
}

#[test]
fn clocks_are_exact_or_a_floor_or_absent() {
    let mut repository = Repository::new();
    repository.anchor.body["expires"] = json!("2026-06-01T00:00:00Z");
    let at = |clock| {
        let client = Client {
            clock,
            ..Client::default()
        };
        repository.files().update(&client, "free").is_ok()
    };
    let (before, then) = (
        moment("2026-05-31T23:59:59Z"),
        moment("2026-06-01T00:00:00Z"),
    );
    assert!(at(Clock::Exact(before)) && !at(Clock::Exact(then)));
    assert!(at(Clock::Floor(before)) && !at(Clock::Floor(then)));
    assert!(at(Clock::Absent));
}
