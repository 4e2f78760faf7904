//! Who may speak for a path: the order of the search, its ends, and what each step is believed by.

use serde_json::{Value, json};

use crate::cases;
use crate::simulator::{Stage, Style, only, quoted};

cases! {
    both:
        roles_are_visited_in_order_and_depth_first
        a_path_is_covered_by_patterns_all_the_way
        a_kept_role_is_judged_by_whoever_delegates_to_it_now
        a_role_that_snapshot_does_not_list_is_not_asked_for
        a_chain_is_followed_to_its_bound
        a_wide_delegation_is_searched_to_its_bound
        a_delegated_role_that_expires_or_goes_back_is_refused
        a_role_cannot_pass_for_a_top_level_one
        a_delegation_below_its_threshold_is_refused;
    foreign:
        a_role_may_be_called_anything
        hash_prefixes_lead_to_their_role
        succinct_bins_lead_to_their_role
        bins_that_cannot_be_are_refused;
    device:
        hashed_delegations_are_not_read
        unusual_role_names_are_refused;
}

/// Lists edges as `from > to : pattern !` and the roles that a search for `path` must visit, in order.
fn search(style: Style, edges: &[&str], path: &str, visited: &[&str]) {
    let mut stage = Stage::new(style);
    for edge in edges {
        let terminating = edge.ends_with('!');
        let edge = edge.trim_end_matches('!');
        let (roles, pattern) = edge.split_once(':').unwrap_or((edge, "*"));
        let (from, to) = roles.split_once('>').unwrap();
        let delegation = json!({"paths": [pattern.trim()], "terminating": terminating});
        stage.delegate(from.trim(), to.trim(), delegation);
    }
    stage.publish_all();
    assert!(!stage.download(&[path]));
    let visited: Vec<String> = visited.iter().map(|role| format!("1.{role}")).collect();
    assert_eq!(stage.requests()[4..], visited, "{edges:?}");
}

fn roles_are_visited_in_order_and_depth_first(style: Style) {
    for (edges, visited) in [
        (&["targets>a"][..], &["a"][..]),
        (&["targets>a", "targets>b"], &["a", "b"]),
        (&["targets>b", "targets>a"], &["b", "a"]),
        (&["targets>a", "targets>b", "b>c"], &["a", "b", "c"]),
        (
            &["targets>a", "targets>b", "a>c", "a>d"],
            &["a", "c", "d", "b"],
        ),
        (
            &["targets>a", "targets>b", "a>c", "c>d"],
            &["a", "c", "d", "b"],
        ),
        (&["targets>a", "targets>b", "a>c!", "a>d"], &["a", "c"]),
        (&["targets>a", "targets>b", "a>c!", "c>d"], &["a", "c", "d"]),
        (&["targets>a!", "targets>b"], &["a"]),
        (&["targets>a:*.x", "targets>b", "a>c"], &["b"]),
        (&["targets>a:*.x!", "targets>b"], &["b"]),
        (&["targets>a", "targets>b", "a>c:*.x", "c>d"], &["a", "b"]),
        (
            &["targets>a", "targets>b", "b>c", "c>d", "d>b"],
            &["a", "b", "c", "d"],
        ),
        (&["targets>a", "a>a"], &["a"]),
        (
            &["targets>a", "targets>b", "b>c", "a>c:*.x"],
            &["a", "b", "c"],
        ),
    ] {
        search(style, edges, "missing", visited);
    }
}

fn a_path_is_covered_by_patterns_all_the_way(style: Style) {
    let mut stage = Stage::new(style);
    for (from, to, paths) in [
        ("targets", "a", json!(["*.doc", "*.md", "foo-?.tgz"])),
        ("targets", "b", json!(["releases/*/*"])),
        ("b", "c", json!(["releases/x/*"])),
        ("b", "d", json!(["releases/y/*.zip"])),
    ] {
        stage.delegate(from, to, json!({"paths": paths}));
    }
    for (role, path) in [
        ("targets", "top"),
        ("a", "README.md"),
        ("a", "releases/README.md"),
        ("a", "foo-1.tgz"),
        ("a", "foo-alpha.tgz"),
        ("c", "releases/x/x_v1"),
        ("d", "releases/y/y_v1.zip"),
        ("d", "releases/z/z_v1.zip"),
    ] {
        stage.target(role, path, path.as_bytes());
    }
    stage.publish_all();
    for path in [
        "top",
        "README.md",
        "releases/x/x_v1",
        "releases/y/y_v1.zip",
        "foo-1.tgz",
    ] {
        assert!(stage.download(&[path]), "{path}");
    }
    assert_eq!(stage.downloaded().len(), 5);
    for path in [
        "releases/z/z_v1.zip",
        "releases/README.md",
        "foo-alpha.tgz",
        "README.MD",
    ] {
        assert!(!stage.download(&[path]), "{path}");
    }
}

fn a_kept_role_is_judged_by_whoever_delegates_to_it_now(style: Style) {
    let mut stage = Stage::new(style);
    for team in ["a", "b"] {
        let parent = format!("parent-{team}");
        let paths = json!({"paths": [format!("{team}/*")]});
        stage.delegate("targets", &parent, paths.clone());
        stage.delegate(&parent, "release", paths);
    }
    // Signed by the key that the first parent lists, and not by the other's.
    stage.signers.get_mut("release").unwrap().truncate(1);
    stage.target("release", "a/file", b"trusted");
    stage.target("release", "b/file", b"malicious");
    stage.publish_all();
    assert!(!stage.download(&["a/file", "b/file"]));
    assert_eq!(stage.downloaded(), [b"trusted"]);
}

fn a_role_that_snapshot_does_not_list_is_not_asked_for(style: Style) {
    let mut stage = Stage::new(style);
    stage.delegate("targets", "more", json!({"paths": ["more/*"]}));
    stage.publish(&["more", "targets"]);
    stage.role("snapshot")["meta"]
        .as_object_mut()
        .unwrap()
        .remove("more.json");
    stage.publish(&["snapshot", "timestamp"]);
    assert!(stage.refresh());
    stage.requests();
    assert!(!stage.download(&["more/file"]));
    assert_eq!(stage.requests(), ["2.root", "timestamp"]);
    assert_eq!(stage.kept("more"), None);
}

fn a_chain_is_followed_to_its_bound(style: Style) {
    // The eighth role below the top is the last that may delegate on.
    for (length, good) in [(7, true), (8, false)] {
        let mut stage = Stage::new(style);
        let mut above = "targets".to_owned();
        for depth in 1..=length + 1 {
            let role = format!("r{depth}");
            stage.delegate(&above, &role, json!({"paths": ["*"]}));
            above = role;
        }
        stage.target(&above, "file", b"content");
        stage.publish_all();
        assert_eq!(stage.download(&["file"]), good, "{length}");
    }
}

fn a_wide_delegation_is_searched_to_its_bound(style: Style) {
    for (width, good) in [(32, true), (33, false)] {
        let mut stage = Stage::new(style);
        for role in 1..=width {
            stage.delegate("targets", &format!("r{role}"), json!({"paths": ["*"]}));
        }
        stage.target(&format!("r{width}"), "file", b"content");
        stage.publish_all();
        assert_eq!(stage.download(&["file"]), good, "{width}");
        // Roles that may not speak for the path cost nothing.
        let mut stage = Stage::new(style);
        for role in 1..=width {
            stage.delegate(
                "targets",
                &format!("r{role}"),
                json!({"paths": ["other/*"]}),
            );
        }
        stage.delegate("targets", "last", json!({"paths": ["*"]}));
        stage.target("last", "file", b"content");
        stage.publish_all();
        assert!(stage.download(&["file"]));
    }
}

fn a_delegated_role_that_expires_or_goes_back_is_refused(style: Style) {
    let mut stage = Stage::new(style);
    stage.delegate("targets", "more", json!({"paths": ["*"]}));
    stage.target("more", "file", b"content");
    stage.publish_all();
    assert!(stage.download(&["file"]));
    stage.role("more")["expires"] = json!(crate::simulator::PAST);
    stage.publish_all();
    assert!(!stage.download(&["file"]));
    assert_eq!(stage.trusted()[0], ("more".to_owned(), 1));
    stage.role("more")["expires"] = json!(crate::simulator::FAR);
    stage.publish_all();
    assert!(stage.download(&["file"]));
    stage.role("more")["version"] = json!(2);
    stage.publish_all();
    assert!(!stage.download(&["file"]));
    assert_eq!(stage.trusted()[0], ("more".to_owned(), 3));
}

fn a_role_cannot_pass_for_a_top_level_one(style: Style) {
    for name in ["root", "timestamp", "snapshot", "targets", ""] {
        let mut stage = Stage::new(style);
        let key = stage.key();
        let delegation = json!({"name": name, "paths": ["*"], "keyids": [key.id], "threshold": 1, "terminating": false});
        stage.role("targets")["delegations"] =
            json!({"keys": only(&key.id, key.entry.clone()), "roles": [delegation]});
        stage.publish_all();
        assert!(!stage.refresh(), "{name}");
        assert_eq!(stage.trust(), "root 1, snapshot 2, timestamp 2");
    }
}

fn a_delegation_below_its_threshold_is_refused(style: Style) {
    for threshold in [0, 2] {
        let mut stage = Stage::new(style);
        stage.delegate(
            "targets",
            "more",
            json!({"paths": ["*"], "threshold": threshold}),
        );
        stage.target("more", "file", b"content");
        stage.publish_all();
        assert!(!stage.download(&["file"]));
        assert_eq!(stage.kept("more"), None);
    }
    let mut stage = Stage::new(style);
    stage.delegate("targets", "more", json!({"paths": ["*"]}));
    stage.target("more", "file", b"content");
    stage.forged.insert("more".into());
    stage.publish_all();
    assert!(!stage.download(&["file"]));
    assert_eq!(stage.kept("more"), None);
}

fn a_role_may_be_called_anything(style: Style) {
    for name in [
        "?",
        "#",
        "/role",
        "../role",
        "..",
        ".hidden",
        "a b",
        "%2F",
        "Timestamp",
        "quote\"backslash\\",
        "\u{e4}\u{1f600}",
        "snapshot.json",
        &"long".repeat(100),
    ] {
        let mut stage = Stage::new(style);
        stage.delegate("targets", name, json!({"paths": ["*"]}));
        stage.target(name, "file", b"content");
        stage.publish_all();
        assert!(stage.download(&["file"]), "{name}");
        assert_eq!(stage.requests()[4], format!("1.{}", quoted(name)));
        assert_eq!(stage.trusted().len(), 5, "{name}");
        // What was kept does not stand in the way of what is kept under its own name.
        assert!(stage.refresh(), "{name}");
    }
}

/// The first hex digits of a path's SHA-256.
fn prefix(path: &str, digits: usize) -> String {
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(path));
    digest[..digits].to_owned()
}

fn hash_prefixes_lead_to_their_role(style: Style) {
    let path = "folder/file";
    for digits in [0, 1, 2, 5, 64] {
        let mut stage = Stage::new(style);
        stage.delegate(
            "targets",
            "other",
            json!({"path_hash_prefixes": ["ff".repeat(32)]}),
        );
        let prefixes = json!(["0".repeat(64), prefix(path, digits)]);
        stage.delegate("targets", "more", json!({"path_hash_prefixes": prefixes}));
        stage.target("more", path, b"content");
        stage.publish_all();
        assert!(stage.download(&[path]), "{digits}");
        assert_eq!(stage.requests()[4], "1.more");
    }
    for prefixes in [
        json!([prefix(path, 4).to_uppercase() + "A"]),
        json!([]),
        json!([prefix("other", 6)]),
        json!([prefix(path, 64) + "0"]),
    ] {
        let mut stage = Stage::new(style);
        stage.delegate("targets", "more", json!({"path_hash_prefixes": prefixes}));
        stage.target("more", path, b"content");
        stage.publish_all();
        assert!(!stage.download(&[path]), "{prefixes}");
    }
    // Not both kinds, and not neither.
    for delegation in [
        json!({"paths": ["*"], "path_hash_prefixes": [""]}),
        json!({}),
    ] {
        let mut stage = Stage::new(style);
        stage.delegate("targets", "more", delegation);
        stage.publish_all();
        assert!(!stage.refresh());
    }
}

/// A repository with bins, and the name of the bin that `path` falls into.
fn binned(style: Style, bits: u32, path: &str) -> (Stage, String) {
    let mut stage = Stage::new(style);
    let digest = <sha2::Sha256 as sha2::Digest>::digest(path);
    let first = u32::from_be_bytes(digest[..4].try_into().unwrap());
    let digits = format!("{:x}", (1_u64 << bits) - 1).len();
    let bin = format!("bin-{:0digits$x}", u64::from(first) >> (32 - bits));
    let key = stage.delegate("targets", &bin, json!({"paths": []}));
    stage.role("targets")["delegations"] = json!({
        "keys": only(&key.id, key.entry.clone()),
        "succinct_roles": {"bit_length": bits, "name_prefix": "bin", "keyids": [key.id], "threshold": 1},
    });
    (stage, bin)
}

fn succinct_bins_lead_to_their_role(style: Style) {
    let path = "folder/file";
    for bits in [1, 3, 4, 5, 8, 14, 32] {
        let (mut stage, bin) = binned(style, bits, path);
        stage.target(&bin, path, b"content");
        stage.publish_all();
        assert!(stage.download(&[path]), "{bits}");
        assert_eq!(stage.requests()[4], format!("1.{bin}"));
        // Whoever is not the bin's signer is not believed.
        let other = stage.key();
        stage.signers.insert(bin, vec![other]);
        stage.publish_all();
        assert!(!stage.download(&[path]));
    }
    // A bin that knows nothing ends the search, and so does one that snapshot does not list.
    let (mut stage, _) = binned(style, 8, path);
    stage.publish_all();
    assert!(!stage.download(&[path]));
    let (mut stage, _) = binned(style, 8, path);
    stage.publish(&["targets"]);
    stage.publish(&["snapshot", "timestamp"]);
    assert!(!stage.download(&[path]));
    assert_eq!(stage.requests().len(), 4);
}

fn bins_that_cannot_be_are_refused(style: Style) {
    let change = |change: &dyn Fn(&mut Value)| {
        let (mut stage, _) = binned(style, 8, "file");
        change(&mut stage.role("targets")["delegations"]);
        stage.publish_all();
        assert!(!stage.refresh());
        assert_eq!(stage.kept("targets"), None);
    };
    for bits in [json!(0), json!(33), json!("8"), json!(-1), json!(null)] {
        change(&|delegations| delegations["succinct_roles"]["bit_length"] = bits.clone());
    }
    change(&|delegations| delegations["roles"] = json!([]));
    for member in ["bit_length", "name_prefix", "keyids", "threshold"] {
        change(&|delegations| {
            delegations["succinct_roles"]
                .as_object_mut()
                .unwrap()
                .remove(member);
        });
    }
    change(&|delegations| delegations["succinct_roles"]["threshold"] = json!(0));
}

fn hashed_delegations_are_not_read(style: Style) {
    let mut stage = Stage::new(style);
    stage.delegate("targets", "more", json!({"path_hash_prefixes": [""]}));
    stage.publish_all();
    assert!(!stage.refresh());
    let (mut stage, _) = binned(style, 8, "file");
    stage.publish_all();
    assert!(!stage.refresh());
}

fn unusual_role_names_are_refused(style: Style) {
    for name in ["?", "#", "/role", "../role", ".hidden", "a b", "\u{e4}"] {
        let mut stage = Stage::new(style);
        stage.delegate("targets", name, json!({"paths": ["*"]}));
        stage.publish_all();
        assert!(!stage.refresh(), "{name}");
    }
}
