//! 5.6.7: the search through delegations, its order, its ends and its bounds.

use cuff_verifier::digest::Digest;
use cuff_verifier::json::Text;
use cuff_verifier::profile::Profile;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::role::{Malformed, Role};
use cuff_verifier::search::{MAX_DEPTH, MAX_ROLES, Search};
use cuff_verifier::threshold::Document;
use cuff_verifier::trusted::{RootChain, Seen};
use serde_json::{Value, json};

use crate::repository::{Client, File, POLICY, Repository, delegation, keys, signers, targets};

type Tree<'t> = &'t [(&'t str, &'t [&'t str], Vec<Value>)];

fn look(tree: Tree<'_>, path: &str) -> (Option<String>, String) {
    let answer = Repository::delegating(tree).update(path).unwrap();
    (answer.found, answer.visited.join(" "))
}

fn refused(tree: Tree<'_>, path: &str) -> Refusal {
    Repository::delegating(tree).update(path).unwrap_err()
}

fn delegated(rule: Rule) -> Refusal {
    Refusal {
        role: Role::Delegated,
        rule,
    }
}

fn found(role: &str, visited: &str) -> (Option<String>, String) {
    (Some(role.to_owned()), visited.to_owned())
}

fn all(name: &str) -> Value {
    delegation(name, &["*"], false)
}

#[test]
fn the_delegating_role_is_asked_first() {
    let tree = [
        ("targets", &["x"][..], vec![all("a")]),
        ("a", &["x", "y"], vec![]),
    ];
    assert_eq!(look(&tree, "x"), found("targets", ""));
    assert_eq!(look(&tree, "y"), found("a", "a"));
    assert_eq!(look(&tree, "z"), (None, "a".to_owned()));
}

#[test]
fn delegations_are_walked_in_order_and_in_depth() {
    let tree = [
        ("targets", &[][..], vec![all("a"), all("d"), all("e")]),
        ("a", &[], vec![all("b"), all("c")]),
        ("b", &[], vec![]),
        ("c", &[], vec![]),
        ("d", &[], vec![]),
        ("e", &["x"], vec![]),
    ];
    assert_eq!(look(&tree, "x"), found("e", "a b c d e"));
}

#[test]
fn what_comes_first_answers() {
    let tree = [
        ("targets", &[][..], vec![all("a"), all("b")]),
        ("a", &["x"], vec![]),
        ("b", &["x"], vec![]),
    ];
    assert_eq!(look(&tree, "x"), found("a", "a"));
}

#[test]
fn patterns_say_who_is_asked() {
    let tree = [
        (
            "targets",
            &[][..],
            vec![
                delegation("a", &["other/*", "?/x"], false),
                delegation("b", &["other/*", "a/x"], false),
            ],
        ),
        ("a", &[], vec![]),
        ("b", &["a/x", "ab/x"], vec![]),
    ];
    assert_eq!(look(&tree, "a/x"), found("b", "a b"));
    assert_eq!(look(&tree, "ab/x"), (None, String::new()));
}

#[test]
fn a_terminating_delegation_ends_the_search() {
    let tree = [
        (
            "targets",
            &[][..],
            vec![all("a"), delegation("b", &["x"], true), all("c")],
        ),
        ("a", &[], vec![]),
        ("b", &[], vec![all("d")]),
        ("c", &["x", "y"], vec![]),
        ("d", &[], vec![]),
    ];
    // Below it the search goes on; beside it no more.
    assert_eq!(look(&tree, "x"), (None, "a b d".to_owned()));
    assert_eq!(look(&tree, "y"), found("c", "a c"));
}

#[test]
fn a_terminating_delegation_ends_the_search_for_those_above_too() {
    let tree = [
        ("targets", &[][..], vec![all("a"), all("c")]),
        ("a", &[], vec![delegation("b", &["x"], true)]),
        ("b", &[], vec![]),
        ("c", &["x", "y"], vec![]),
    ];
    assert_eq!(look(&tree, "x"), (None, "a b".to_owned()));
    assert_eq!(look(&tree, "y"), found("c", "a c"));
}

#[test]
fn nobody_is_asked_twice() {
    let tree = [
        ("targets", &[][..], vec![all("a"), all("b")]),
        ("a", &[], vec![all("b"), all("a")]),
        ("b", &[], vec![all("a")]),
    ];
    assert_eq!(look(&tree, "x"), (None, "a b".to_owned()));
}

fn named(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("r{number}")).collect()
}

#[test]
fn the_width_of_a_search_is_bounded() {
    let names = named(0..MAX_ROLES + 1);
    let tree = |count: usize| {
        let roles = names[..count].iter().map(|name| all(name)).collect();
        let mut tree = vec![("targets", &[][..], roles)];
        tree.extend(names.iter().map(|name| (name.as_str(), &[][..], vec![])));
        tree
    };
    assert_eq!(
        look(&tree(MAX_ROLES), "x"),
        (None, names[..MAX_ROLES].join(" "))
    );
    assert_eq!(
        refused(&tree(MAX_ROLES + 1), "x"),
        delegated(Rule::TooManyDelegations)
    );
}

#[test]
fn the_depth_of_a_search_is_bounded() {
    let names = named(0..MAX_DEPTH + 1);
    let tree = |count: usize| {
        let mut tree = vec![("targets", &[][..], vec![all("r0")])];
        for (number, name) in names[..count].iter().enumerate() {
            let next = names[..count].get(number + 1).map(|next| all(next));
            tree.push((name.as_str(), &[][..], next.into_iter().collect()));
        }
        tree
    };
    // The top-level role and those that delegate below it; the last one has no delegations.
    assert_eq!(
        look(&tree(MAX_DEPTH), "x"),
        (None, names[..MAX_DEPTH].join(" "))
    );
    assert_eq!(
        refused(&tree(MAX_DEPTH + 1), "x"),
        delegated(Rule::DelegationsTooDeep)
    );
}

#[test]
fn a_role_that_snapshot_does_not_list_ends_the_search() {
    let tree = [
        ("targets", &[][..], vec![all("a"), all("b")]),
        ("b", &["x"], vec![]),
    ];
    assert_eq!(refused(&tree, "x"), delegated(Rule::NotInSnapshot));
}

#[test]
fn a_role_is_signed_for_the_delegation_that_led_to_it() {
    let mut repository = Repository::delegating(&[
        ("targets", &[][..], vec![all("a")]),
        ("a", &[], vec![]),
        ("b", &["x"], vec![]),
    ]);
    let delegations = json!({
        "keys": keys(&[6]),
        "roles": [{"keyids": ["key-6"], "name": "b", "paths": ["*"], "terminating": false, "threshold": 1}],
    });
    repository.delegated[0].1.body["delegations"] = delegations;
    let refused = repository.update("x").unwrap_err();
    assert!(matches!(refused.rule, Rule::Unauthentic(_)), "{refused}");
    repository.delegated[1].1.signers = vec![6];
    assert_eq!(repository.update("x").unwrap().found.as_deref(), Some("b"));
}

#[test]
fn hash_prefixes_say_who_is_asked() {
    let hex = Digest::of(b"x").to_string();
    let by = |name: &str, prefixes: &[&str]| {
        json!({
            "keyids": ["key-5"], "name": name, "path_hash_prefixes": prefixes,
            "terminating": false, "threshold": 1,
        })
    };
    let other = if hex.starts_with('0') { "1" } else { "0" };
    let tree = [
        (
            "targets",
            &[][..],
            vec![
                by("none", &[]),
                by("wrong", &[other, &format!("{}f{hex}", &hex[..3])]),
                by("long", &[&format!("{hex}0")]),
                by(
                    "upper",
                    &[&hex[..2]
                        .to_uppercase()
                        .replace(|c: char| c.is_ascii_digit(), "A")],
                ),
                by("right", &[other, &hex[..3]]),
                by("whole", &[&hex]),
                by("empty", &[""]),
            ],
        ),
        ("right", &[], vec![]),
        ("whole", &[], vec![]),
        ("empty", &["x"], vec![]),
    ];
    assert_eq!(look(&tree, "x"), found("empty", "right whole empty"));
    // A device reads patterns alone.
    let client = Client {
        profile: Profile::Device,
        ..Client::default()
    };
    assert_eq!(
        Repository::delegating(&tree).files().update(&client, "x"),
        Err(Refusal {
            role: Role::Targets,
            rule: Rule::Malformed(Malformed::DelegatedPaths),
        })
    );
}

/// A repository whose top-level role delegates to bins, all of which are there and empty.
fn binned(bits: u64) -> Repository {
    let mut repository = Repository::new();
    let count = 1_usize << bits;
    let digits = usize::try_from(bits.div_ceil(4)).unwrap();
    let mut bins = signers(&[5], 1);
    bins["bit_length"] = json!(bits);
    bins["name_prefix"] = json!("bin");
    repository.targets.body["delegations"] = json!({"keys": keys(&[5]), "succinct_roles": bins});
    repository.delegated = (0..count)
        .map(|number| {
            (
                format!("bin-{number:0digits$x}"),
                File::new(targets(&[]), &[5]),
            )
        })
        .collect();
    repository.snapshot.body["meta"] = json!({"targets.json": {"version": 1}});
    for (name, _) in &repository.delegated {
        repository.snapshot.body["meta"][format!("{name}.json")] = json!({"version": 1});
    }
    repository
}

#[test]
fn a_path_falls_into_the_bin_of_its_first_bits() {
    for bits in [1, 2, 3, 4, 5] {
        let digits = usize::try_from(bits).unwrap().div_ceil(4);
        for path in ["x", "y", "band/1", "a\"b"] {
            let number = Digest::of(path.as_bytes()).0[0] >> (8 - bits);
            let bin = format!("bin-{number:0digits$x}");
            let mut repository = binned(u64::try_from(bits).unwrap());
            let answer = repository.update(path).unwrap();
            assert_eq!((answer.found, answer.visited), (None, vec![bin.clone()]));
            let (_, file) = repository
                .delegated
                .iter_mut()
                .find(|(name, _)| *name == bin)
                .unwrap();
            file.body = targets(&[path]);
            assert_eq!(repository.update(path).unwrap().found, Some(bin));
        }
    }
}

#[test]
fn a_bin_has_the_last_word() {
    let mut repository = binned(1);
    for (_, bin) in &mut repository.delegated {
        bin.body["delegations"] = json!({"keys": keys(&[5]), "roles": [all("below")]});
    }
    repository.snapshot.body["meta"]["below.json"] = json!({"version": 1});
    let below = File::new(targets(&["x"]), &[5]);
    repository.delegated.push(("below".to_owned(), below));
    assert_eq!(
        repository.update("x").unwrap().found.as_deref(),
        Some("below")
    );
    repository.snapshot.body["meta"]
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !name.starts_with("bin"));
    assert_eq!(
        repository.update("x").unwrap_err(),
        delegated(Rule::NotInSnapshot)
    );
}

#[test]
fn bins_are_counted_in_one_to_thirty_two_bits() {
    for (bits, read) in [
        (0, false),
        (1, true),
        (32, true),
        (33, false),
        (1_u64 << 40, false),
    ] {
        let mut repository = binned(1);
        repository.targets.body["delegations"]["succinct_roles"]["bit_length"] = json!(bits);
        let found = repository.update("free").map(|_| ());
        let refused = Err(Refusal {
            role: Role::Targets,
            rule: Rule::Malformed(Malformed::DelegatedPaths),
        });
        assert_eq!(found, if read { Ok(()) } else { refused }, "{bits}");
    }
    let mut both = binned(1);
    both.targets.body["delegations"]["roles"] = json!([]);
    assert_eq!(
        both.update("free").unwrap_err().rule,
        Rule::Malformed(Malformed::DelegatedPaths)
    );
}

#[test]
fn all_thirty_two_bits_name_a_bin() {
    let mut repository = binned(1);
    let bin = format!("bin-{}", &Digest::of(b"x").to_string()[..8]);
    repository.targets.body["delegations"]["succinct_roles"]["bit_length"] = json!(32);
    repository.snapshot.body["meta"][format!("{bin}.json")] = json!({"version": 1});
    repository
        .delegated
        .push((bin.clone(), File::new(targets(&["x"]), &[5])));
    assert_eq!(repository.update("x").unwrap().found, Some(bin));
}

#[test]
fn a_file_that_was_not_asked_for_changes_nothing() {
    let files = Repository::new().files();
    let trusted = RootChain::anchor(Document::canonical(&files.anchor), POLICY)
        .and_then(RootChain::finish)
        .and_then(|root| root.timestamp(Document::canonical(&files.timestamp), Seen::default()))
        .and_then(|stamped| stamped.snapshot(Document::canonical(&files.snapshot)))
        .and_then(|listed| listed.targets(Document::canonical(&files.targets)))
        .unwrap();
    let mut search = Search::new(&trusted, Text::plain("band/1").unwrap());
    let band = Document::canonical(&files.delegated[0].1);
    assert!(search.supply(band).unwrap().is_none());
    search.step().unwrap();
    assert!(search.supply(band).unwrap().is_some());
    assert!(search.supply(band).unwrap().is_none());
}
