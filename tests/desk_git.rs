//! Two laptops, one git repository: clones that are joined by plain `git merge`.

#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use release::bundle;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use support::{Desk, Transcript};

/// Alice's clone is `desk`; Bob's is `bob`, cloned from it.
struct Office {
    room: Desk,
}

impl Office {
    fn open() -> Self {
        let room = Desk::new()
            .with_example_keys()
            .variable("CUFF_PASSPHRASE", "example");
        for (name, version, fill) in [
            ("one", "1.0.0", 1),
            ("two", "1.1.0", 2),
            ("three", "1.2.0", 3),
        ] {
            room.write(name, bundle("band", version, 5, fill));
        }
        let office = Self { room };
        let line = "init desk --demo --key root=alice.pub,bob.pub --key band=alice.pub,bob.pub --online online.pub --store ../store";
        office.room.cuff(line).expect(0);
        office.git("desk", &["init", "--quiet", "--initial-branch", "main"]);
        office.commit("desk", "A repository, unsigned");
        office
    }

    fn at(&self, clone: &str, line: &str) -> Transcript {
        self.room.cuff(&format!("{line} --desk {clone}"))
    }

    fn sign(&self, clone: &str, person: &str) -> Transcript {
        let review = self.at(clone, "review --json").expect(0).json();
        let digest = review["digest"].as_str().unwrap().to_owned();
        self.at(clone, &format!("sign --key {person}.key --review {digest}"))
    }

    fn try_git(&self, clone: &str, arguments: &[&str]) -> Output {
        Command::new("git")
            .args([
                "-c",
                "user.name=test",
                "-c",
                "user.email=test@example.org",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(arguments)
            .current_dir(self.room.path(clone))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .output()
            .unwrap()
    }

    fn git(&self, clone: &str, arguments: &[&str]) {
        let output = self.try_git(clone, arguments);
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    fn commit(&self, clone: &str, message: &str) {
        self.git(clone, &["add", "--all"]);
        self.git(clone, &["commit", "--quiet", "--message", message]);
    }

    /// Bob clones and is told the fingerprint over the phone.
    fn bob_joins(&self) {
        self.git(".", &["clone", "--quiet", "desk", "bob"]);
        assert!(
            !self.room.path("bob/.cuff").exists(),
            "what a clone trusts is never in git"
        );
        let fingerprint = self.at("desk", "status --json").json()["root_sha256"]
            .as_str()
            .unwrap()
            .to_owned();
        self.room
            .cuff(&format!("init bob --join --root-sha256 {fingerprint}"))
            .expect(0);
    }
}

fn metadata(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn two_people_sign_in_two_clones_and_git_merges_them() {
    let office = Office::open();
    office.at("desk", "stage one").expect(0);
    office.commit("desk", "Stage band/1.0.0");
    office.bob_joins();
    let ours = office.at("desk", "review --json").json()["digest"].clone();
    assert_eq!(
        office.at("bob", "review --json").json()["digest"],
        ours,
        "both review the same"
    );
    // Each in their own clone, neither having seen the other's signature.
    office.sign("desk", "alice").expect(0);
    office.commit("desk", "Sign as alice");
    office.sign("bob", "bob").expect(0);
    office.commit("bob", "Sign as bob");
    office.git("bob", &["pull", "--quiet", "--no-rebase", "--no-edit"]);
    let status = office.at("bob", "status --json").json();
    assert_eq!(status["complete"], true, "{status}");
    office
        .at("bob", "publish --online-key online.key")
        .expect(0);
    office.commit("bob", "Publish");
    // Alice pulls the mirror and goes on from there, without joining anew.
    office.git(
        "desk",
        &["pull", "--quiet", "--no-rebase", "../bob", "main"],
    );
    let status = office.at("desk", "status").expect(0);
    assert!(status.stdout.contains("nothing is staged"), "{status}");
    assert_eq!(
        metadata(&office.room.path("desk/metadata")),
        [
            "1.band.json",
            "1.root.json",
            "1.snapshot.json",
            "1.targets.json",
            "timestamp.json"
        ]
    );
    office.at("desk", "stage two").expect(0);
    office
        .at("desk", "publish --online-key online.key")
        .expect(1);
}

#[test]
fn a_third_laptop_joins_a_published_repository_and_holds_it_against_the_store() {
    let office = Office::open();
    for person in ["alice", "bob"] {
        office.sign("desk", person).expect(0);
    }
    office
        .at("desk", "publish --online-key online.key")
        .expect(0);
    office.commit("desk", "Publish");
    office.git(".", &["clone", "--quiet", "desk", "carol"]);
    let fingerprint = office.at("desk", "status --json").json()["root_sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    office
        .room
        .cuff(&format!(
            "init carol --join store --root-sha256 {fingerprint}"
        ))
        .expect(0);
    // A root replaced in the clone is noticed from then on.
    let mirror = office.room.path("carol/metadata/1.root.json");
    let text = fs::read_to_string(&mirror).unwrap();
    fs::write(&mirror, text.replace("\"version\":1", "\"version\":2")).unwrap();
    office.at("carol", "status").expect(1);
}

#[test]
fn two_people_who_stage_at_once_meet_in_git_and_are_told_what_to_do() {
    let office = Office::open();
    for person in ["alice", "bob"] {
        office.sign("desk", person).expect(0);
    }
    office
        .at("desk", "publish --online-key online.key")
        .expect(0);
    office.commit("desk", "Publish");
    office.bob_joins();
    office.at("desk", "stage two").expect(0);
    office.commit("desk", "Stage band/1.1.0");
    office.at("bob", "stage three").expect(0);
    office.sign("bob", "bob").expect(0);
    office.commit("bob", "Stage band/1.2.0 and sign");
    let merge = office.try_git("bob", &["pull", "--quiet", "--no-rebase", "--no-edit"]);
    assert!(
        !merge.status.success(),
        "one version, two contents: git must not choose"
    );
    let transcript = office.at("bob", "status").expect(1);
    assert!(
        transcript
            .stderr
            .contains("two people staged different changes to band"),
        "{transcript}"
    );
    assert!(
        transcript.stderr.contains("git checkout --ours"),
        "{transcript}"
    );
    // As the help says: keep Alice's, then stage the other release again. Bob's signature was over other bytes.
    office.git("bob", &["checkout", "--theirs", "staged"]);
    fs::remove_file(office.room.path("bob/staged/targets/band/1.2.0")).unwrap();
    let review = office.at("bob", "review").expect(0);
    assert!(
        review.stdout.contains("was made for other bytes"),
        "{review}"
    );
    office.at("bob", "stage three").expect(0);
    office.commit("bob", "Stage both");
    for person in ["alice", "bob"] {
        office.sign("bob", person).expect(0);
    }
    office
        .at("bob", "publish --online-key online.key")
        .expect(0);
    let show = office.at("bob", "role show band").expect(0);
    assert!(
        show.stdout.contains("band/1.1.0") && show.stdout.contains("band/1.2.0"),
        "{show}"
    );
}

#[test]
fn line_ending_conversion_does_not_touch_what_is_signed() {
    let office = Office::open();
    office.sign("desk", "alice").expect(0);
    office.commit("desk", "Sign");
    office.git(
        ".",
        &[
            "-c",
            "core.autocrlf=true",
            "clone",
            "--quiet",
            "desk",
            "bob",
        ],
    );
    for name in ["root.json", "targets.json", "band.json"] {
        let path = format!("staged/{name}");
        assert_eq!(
            fs::read(office.room.path("desk").join(&path)).unwrap(),
            fs::read(office.room.path("bob").join(&path)).unwrap(),
            "{name}"
        );
    }
    let status = office.at("bob", "status --json").json();
    assert_eq!(status["outdated"], serde_json::json!([]));
}

/// The lines of somebody's audit log in a clone, by the beginning of their key id.
fn log(office: &Office, clone: &str, key: &str) -> (std::path::PathBuf, Vec<String>) {
    let folder = office.room.path(clone).join("audit");
    let name = metadata(&folder)
        .into_iter()
        .find(|name| name.starts_with(key))
        .unwrap();
    let text = fs::read_to_string(folder.join(&name)).unwrap();
    (
        folder.join(name),
        text.lines().map(ToOwned::to_owned).collect(),
    )
}

const ALICE: &str = "d1e6a2a3";
const BOB: &str = "c3f39fbd";

#[test]
fn the_audit_logs_of_two_clones_merge_and_a_publication_folds_both() {
    let office = Office::open();
    office.at("desk", "stage one").expect(0);
    office.commit("desk", "Stage band/1.0.0");
    office.bob_joins();
    // At the same time: Alice reviews and signs in her clone, Bob is refused, reviews and signs in his.
    office.sign("desk", "alice").expect(0);
    office.commit("desk", "Sign as alice");
    office
        .at("bob", "sign --key bob.key --review 0000-0000-0000-0000")
        .expect(1);
    office.sign("bob", "bob").expect(0);
    office.commit("bob", "Sign as bob");
    office.git("bob", &["pull", "--quiet", "--no-rebase", "--no-edit"]);
    let verified = office.at("bob", "audit verify").expect(0);
    assert!(
        verified
            .stdout
            .contains("nothing is published yet that vouches for them"),
        "{verified}"
    );
    let story = office.at("bob", "audit show").expect(0).stdout;
    for words in ["alice", "bob", "not-reviewed"] {
        assert!(story.contains(words), "{words}: {story}");
    }
    office
        .at("bob", "publish --online-key online.key")
        .expect(0);
    office.commit("bob", "Publish");
    office.git(
        "desk",
        &["pull", "--quiet", "--no-rebase", "../bob", "main"],
    );
    // Both logs are in the digest that the snapshot signs, and both clones have all of it.
    for clone in ["desk", "bob"] {
        let verified = office.at(clone, "audit verify").expect(0);
        assert!(
            verified
                .stdout
                .contains("the signed snapshot vouches for all of them"),
            "{verified}"
        );
    }
    for (clone, key) in [("desk", BOB), ("bob", ALICE)] {
        let (path, lines) = log(&office, clone, key);
        let whole = fs::read(&path).unwrap();
        let all_but_one = lines[..lines.len() - 1].iter();
        let cut: String = all_but_one.flat_map(|line| [line, "\n"]).collect();
        fs::write(&path, cut).unwrap();
        let cut = office.at(clone, "audit verify").expect(1);
        assert!(
            cut.stdout.contains(&format!(
                "truncated: it had {} entries and has {}",
                lines.len(),
                lines.len() - 1
            )),
            "{cut}"
        );
        fs::write(&path, whole).unwrap();
        office.at(clone, "audit verify").expect(0);
    }
}

#[test]
fn one_key_in_two_clones_at_once_is_named() {
    let office = Office::open();
    office.bob_joins();
    office.sign("desk", "alice").expect(0);
    office.commit("desk", "Sign as alice");
    let review = office.at("bob", "review --json").expect(0).json();
    let line = format!(
        "sign --key alice.key --role root --review {}",
        review["digest"].as_str().unwrap()
    );
    office.at("bob", &line).expect(0);
    office.commit("bob", "Sign as alice, elsewhere");
    let merge = office.try_git("bob", &["pull", "--quiet", "--no-rebase", "--no-edit"]);
    assert!(!merge.status.success());
    let verified = office.at("bob", "audit verify").expect(1);
    assert!(
        verified
            .stdout
            .contains("the same key was used in two clones at once"),
        "{verified}"
    );
    office.git("bob", &["checkout", "--ours", "audit"]);
    office.at("bob", "audit verify").expect(0);
}
