//! What the public suite leaves out: the form of files, their size, their dates, repositories without consistent snapshots, and
//! two clients at once.

use std::thread;

use serde_json::{Value, json};

use crate::cases;
use crate::simulator::{Stage, Style};

cases! {
    both:
        a_member_that_stands_twice_is_refused
        bytes_behind_the_end_are_refused
        numbers_that_readers_round_are_refused
        only_the_first_major_version_is_read
        a_threshold_or_a_version_of_zero_is_refused
        dates_that_are_none_are_refused
        files_longer_than_their_kind_are_refused
        pinned_lengths_bound_what_is_read
        more_than_may_be_listed_is_refused
        metadata_that_was_damaged_here_is_not_believed
        a_root_from_elsewhere_is_not_believed
        two_clients_at_once_leave_what_one_would;
    foreign:
        lone_surrogates_are_refused
        names_beyond_ascii_are_found
        without_consistent_snapshots_names_are_plain
        target_paths_stay_in_their_folder;
    device:
        files_that_are_not_canonical_are_refused
        without_consistent_snapshots_nothing_is_read;
}

/// Whoever owns the server changes a finished file; the client must refuse, and keep what it had.
fn refused_when_edited(style: Style, edit: impl Fn(String) -> String) {
    for (role, path) in [
        ("root", "metadata/2.root.json"),
        ("timestamp", "metadata/timestamp.json"),
        ("snapshot", "metadata/2.snapshot.json"),
        ("targets", "metadata/2.targets.json"),
    ] {
        let mut stage = Stage::new(style);
        // Without pins, so that nothing but the form is in the way.
        assert!(stage.refresh());
        stage.publish(&["root"]);
        stage.publish_all();
        let before = stage.kept(role);
        stage.edit(path, &edit);
        assert!(!stage.refresh(), "{role}");
        assert_eq!(stage.kept(role), before, "{role}");
    }
}

fn a_member_that_stands_twice_is_refused(style: Style) {
    let (from, version) = match style {
        Style::Foreign => ("\"version\": 2", "\"version\": 3, \"version\": 2"),
        Style::Device => ("\"version\":2", "\"version\":3,\"version\":2"),
    };
    let last = |file: String, from: &str, to: &str| {
        let at = file.rfind(from).unwrap();
        format!("{}{to}{}", &file[..at], &file[at + from.len()..])
    };
    refused_when_edited(style, |file| last(file, from, version));
    let written_otherwise = version.replacen("version", "\\u0076ersion", 1);
    refused_when_edited(style, |file| last(file, from, &written_otherwise));
    // In the outer object, where the second could be what is verified and the first what is read.
    refused_when_edited(style, |file| {
        file.replacen('{', "{\"signed\": {\"_type\": \"root\"},", 1)
    });
    refused_when_edited(style, |file| file.replacen('{', "{\"signatures\": [],", 1));
}

fn bytes_behind_the_end_are_refused(style: Style) {
    for behind in ["x", "{}", "\0", "\u{feff}", "//", ","] {
        refused_when_edited(style, |file| file + behind);
    }
    for before in ["\u{feff}", "x", "[", "//\n"] {
        refused_when_edited(style, |file| before.to_owned() + &file);
    }
    refused_when_edited(style, |file| file[..file.len() - 1].to_owned());
    refused_when_edited(style, |_| String::new());
}

/// A role says this of itself, signed as it should be; the client must refuse it all the same.
fn refused_when_signed(style: Style, role: &str, change: impl Fn(&mut Value)) {
    let mut stage = Stage::new(style);
    assert!(stage.refresh());
    change(stage.role(role));
    let version = 2;
    let file = stage.signed(role, &stage.roles[role]);
    let name = match role {
        "timestamp" => "metadata/timestamp.json".to_owned(),
        other => format!("metadata/{version}.{other}.json"),
    };
    let before = stage.kept(role);
    stage.announce(role, version, &file);
    stage.put(&name, file);
    match role {
        "targets" => stage.publish(&["snapshot", "timestamp"]),
        "snapshot" => stage.publish(&["timestamp"]),
        _ => {}
    }
    assert!(!stage.refresh(), "{role}: {}", stage.roles[role]);
    assert_eq!(stage.kept(role), before, "{role}");
}

fn numbers_that_readers_round_are_refused(style: Style) {
    for number in [
        json!(9_007_199_254_740_992_u64),
        json!(u64::MAX),
        json!(-1),
        json!(2.5),
        json!("2"),
    ] {
        refused_when_signed(style, "timestamp", |body| body["version"] = number.clone());
        refused_when_signed(style, "root", |body| {
            body["roles"]["root"]["threshold"] = number.clone();
        });
        refused_when_signed(style, "targets", |body| {
            body["targets"]["x"] = json!({"hashes": {"sha256": "0".repeat(64)}, "length": number});
        });
    }
}

fn only_the_first_major_version_is_read(style: Style) {
    for version in [
        "2.0.0", "0.9.0", "1", "1.", "01.0", "1.0.0.0", "1.0a", "", "one",
    ] {
        for role in ["root", "timestamp", "snapshot", "targets"] {
            refused_when_signed(style, role, |body| body["spec_version"] = json!(version));
        }
    }
    for version in ["1.0", "1.0.0", "1.99.7"] {
        let mut stage = Stage::new(style);
        for role in ["root", "timestamp", "snapshot", "targets"] {
            stage.role(role)["spec_version"] = json!(version);
        }
        stage.publish(&["root"]);
        stage.publish_all();
        assert!(stage.refresh(), "{version}");
    }
}

fn a_threshold_or_a_version_of_zero_is_refused(style: Style) {
    for role in ["root", "timestamp", "snapshot", "targets"] {
        refused_when_signed(style, role, |body| body["version"] = json!(0));
        refused_when_signed(style, "root", |body| {
            body["roles"][role]["threshold"] = json!(0);
        });
    }
}

fn dates_that_are_none_are_refused(style: Style) {
    for date in [
        "2099-02-30T00:00:00Z",
        "2099-13-01T00:00:00Z",
        "2099-01-01T24:00:00Z",
        "2099-01-01T00:00:60Z",
        "2099-01-01T00:00:00z",
        "2099-01-01T00:00:00.5Z",
        "2099-01-01T00:00:00+00:00",
        "2099-01-01",
        "never",
        "",
    ] {
        refused_when_signed(style, "targets", |body| body["expires"] = json!(date));
    }
}

fn files_longer_than_their_kind_are_refused(style: Style) {
    for (role, path, most) in [
        ("root", "metadata/2.root.json", 512 << 10),
        ("timestamp", "metadata/timestamp.json", 16 << 10),
        ("snapshot", "metadata/2.snapshot.json", 2 << 20),
        ("targets", "metadata/2.targets.json", 4 << 20),
    ] {
        for (over, good) in [(0, true), (1, false)] {
            let mut stage = Stage::new(style);
            stage.role(role)["x"] = json!("");
            let short = {
                let mut body = stage.roles[role].clone();
                body["version"] = json!(2);
                // Signatures of one scheme may differ in length by a byte or two.
                stage.signed(role, &body).len()
            };
            let fill = most - short + usize::from(!good) * 16 - usize::from(good) * 1200 + over;
            stage.role(role)["x"] = json!("x".repeat(fill));
            stage.publish(&["root"]);
            stage.publish_all();
            let length = stage.file(path).len();
            assert_eq!(length <= most, good, "{length} {most}");
            assert_eq!(stage.refresh(), good, "{role}");
        }
    }
}

fn pinned_lengths_bound_what_is_read(style: Style) {
    let mut stage = Stage::new(style);
    stage.pins = true;
    stage.publish_all();
    stage.edit("metadata/2.targets.json", |file| {
        file + &" ".repeat(1 << 20)
    });
    assert!(!stage.refresh());
    assert_eq!(stage.trust(), "root 1, snapshot 2, timestamp 2");
}

fn more_than_may_be_listed_is_refused(style: Style) {
    refused_when_signed(style, "root", |body| {
        let ids: Vec<String> = (0..65).map(|id| format!("{id:064}")).collect();
        body["roles"]["timestamp"]["keyids"] = json!(ids);
    });
    refused_when_signed(style, "root", |body| {
        let key = body["keys"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .unwrap()
            .clone();
        for id in 0..1025 {
            body["keys"][format!("{id:064}")] = key.clone();
        }
    });
    refused_when_signed(style, "targets", |body| {
        let mut deep = json!(0);
        for _ in 0..11 {
            deep = json!([deep]);
        }
        body["x"] = deep;
    });
    let mut stage = Stage::new(style);
    let mut file: Value = serde_json::from_slice(&stage.file("metadata/timestamp.json")).unwrap();
    let good = file["signatures"][0].clone();
    let others = (0..64).map(|id| json!({"keyid": format!("{id:064}"), "sig": ""}));
    file["signatures"] = others.chain([good]).collect();
    stage.put("metadata/timestamp.json", stage.written(&file));
    assert!(!stage.refresh());
    stage.publish(&["timestamp"]);
    assert!(stage.refresh());
}

fn metadata_that_was_damaged_here_is_not_believed(style: Style) {
    for role in ["root", "timestamp", "snapshot"] {
        let mut stage = Stage::new(style);
        assert!(stage.refresh());
        stage.publish_all();
        stage.spoil(role, b"{}");
        assert!(!stage.refresh(), "{role}");
        assert_eq!(stage.kept(role).unwrap(), b"{}");
    }
    // What other metadata announces is fetched again.
    let stage = Stage::new(style);
    assert!(stage.refresh());
    stage.spoil("targets", b"{}");
    assert!(stage.refresh());
    assert_eq!(stage.trust(), "root 1, snapshot 1, targets 1, timestamp 1");
}

fn a_root_from_elsewhere_is_not_believed(style: Style) {
    let stage = Stage::new(style);
    assert!(stage.refresh());
    let other = Stage::before_init(style);
    assert!(!stage.init(&other.file("metadata/1.root.json")));
    assert!(stage.refresh());
    assert!(stage.init(&stage.file("metadata/1.root.json")));
}

fn two_clients_at_once_leave_what_one_would(style: Style) {
    let mut stage = Stage::new(style);
    for _ in 0..3 {
        stage.publish(&["root"]);
        stage.publish_all();
        let stage = &stage;
        let answers: Vec<bool> = thread::scope(|scope| {
            let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| stage.refresh())).collect();
            clients
                .into_iter()
                .map(|client| client.join().unwrap())
                .collect()
        });
        // Each waits for the one before it.
        assert_eq!(answers, [true; 4]);
        // Every file is whole, and belongs to one state.
        let versions: Vec<u64> = stage
            .trusted()
            .into_iter()
            .map(|(_, version)| version)
            .collect();
        assert_eq!(versions, [versions[0]; 4]);
    }
}

fn lone_surrogates_are_refused(style: Style) {
    for text in ["\\ud800", "\\udc00", "\\ud800\\u0061", "\\udc00\\ud800"] {
        refused_when_edited(style, |file| {
            file.replacen(
                "\"spec_version\"",
                &format!("\"x\": \"{text}\", \"spec_version\""),
                1,
            )
        });
    }
}

fn names_beyond_ascii_are_found(style: Style) {
    let mut stage = Stage::new(style);
    let role = "\u{e4}rzte";
    stage.delegate("targets", role, json!({"paths": ["\u{e4}/*"]}));
    for path in [
        "\u{e4}/\u{1f600} 1+1=2?.bin",
        "\u{e4}/e\u{301}",
        "\u{e4}/\u{e9}",
        "\u{e4}/\"\\",
    ] {
        stage.role(role)["targets"][path] = json!({
            "hashes": {"sha256": hex::encode(<sha2::Sha256 as sha2::Digest>::digest(path))}, "length": path.len()});
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(path));
        let name = crate::simulator::quoted(path.strip_prefix("\u{e4}/").unwrap());
        stage.put(
            &format!("targets/%C3%A4/{digest}.{name}"),
            path.as_bytes().to_vec(),
        );
    }
    stage.publish_all();
    for path in [
        "\u{e4}/\u{1f600} 1+1=2?.bin",
        "\u{e4}/e\u{301}",
        "\u{e4}/\u{e9}",
        "\u{e4}/\"\\",
    ] {
        assert!(stage.download(&[path]), "{path}");
    }
    assert_eq!(stage.downloaded().len(), 4);
}

fn without_consistent_snapshots_names_are_plain(style: Style) {
    for consistent in [json!(false), Value::Null] {
        let mut stage = Stage::new(style);
        if consistent.is_null() {
            stage
                .role("root")
                .as_object_mut()
                .unwrap()
                .remove("consistent_snapshot");
        } else {
            stage.role("root")["consistent_snapshot"] = consistent.clone();
        }
        stage.publish(&["root"]);
        // Absent means false.
        stage.role("root")["consistent_snapshot"] = json!(false);
        stage.target("targets", "a/file", b"content");
        stage.put("targets/a/file", b"content".to_vec());
        stage.publish_all();
        assert!(stage.download(&["a/file"]));
        assert_eq!(
            stage.requests(),
            [
                "2.root",
                "3.root",
                "timestamp",
                "snapshot",
                "targets",
                "targets/a/file"
            ]
        );
    }
}

fn target_paths_stay_in_their_folder(style: Style) {
    let mut stage = Stage::new(style);
    let paths = [
        "../escaped",
        "/absolute",
        "..",
        "a/../../b",
        "C:\\x",
        ".hidden",
        "Case",
        "case",
    ];
    for path in paths {
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(path));
        stage.role("targets")["targets"][path] =
            json!({"hashes": {"sha256": digest}, "length": path.len()});
    }
    stage.publish_all();
    for path in paths {
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(path));
        let (folder, name) = path
            .rsplit_once('/')
            .map_or((String::new(), path), |(folder, name)| {
                (format!("{folder}/"), name)
            });
        let name = crate::simulator::quoted(name);
        stage.put(
            &format!("targets/{folder}{digest}.{name}"),
            path.as_bytes().to_vec(),
        );
        let before = stage.around();
        stage.download(&[path]);
        assert_eq!(stage.around(), before, "{path}");
    }
    assert!(stage.download(&["Case", "case"]));
}

fn files_that_are_not_canonical_are_refused(style: Style) {
    refused_when_edited(style, |file| file + "\n");
    refused_when_edited(style, |file| file.replacen(':', ": ", 1));
    refused_when_edited(style, |file| {
        file.replacen("\"signed\"", "\"\\u0073igned\"", 1)
    });
}

fn without_consistent_snapshots_nothing_is_read(style: Style) {
    refused_when_signed(style, "root", |body| {
        body["consistent_snapshot"] = json!(false);
    });
}
