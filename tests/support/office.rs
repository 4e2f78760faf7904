//! Two people, a server and a bare git repository in one folder, each with a clone of their own.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::support::{Desk, Transcript, project};

/// The office: `alice/`, `bob/` and `server/` hold a private key and a clone called `desk`.
pub struct Office {
    pub room: Desk,
}

impl Office {
    /// Keys are made, Alice has founded the repository, the others have cloned and joined it. Nothing is signed.
    pub fn open() -> Self {
        let room = Desk::new().variable("CUFF_PASSPHRASE", "river");
        let office = Self { room };
        for (name, folder) in [
            ("alice", "alice"),
            ("bob", "bob"),
            ("carol", "carol"),
            ("online", "server"),
        ] {
            let made = office.json(&format!("key new {name} -o {folder}"), 0);
            assert_eq!(made["encrypted"], true);
        }
        let keys = "--key root=alice/alice.pub,bob/bob.pub,carol/carol.pub --threshold root=2 \
                    --key band=alice/alice.pub,bob/bob.pub --key scale=bob/bob.pub,carol/carol.pub";
        let founded = office.json(
            &format!("init alice/desk {keys} --online server/online.pub"),
            0,
        );
        let fingerprint = founded["root_sha256"].as_str().unwrap().to_owned();
        office.git(".", "init --quiet --bare --initial-branch main desk.git");
        office.git("alice/desk", "init --quiet --initial-branch main");
        office.git("alice/desk", "remote add origin ../../desk.git");
        office.commit("alice", "A repository, unsigned");
        office.git("alice/desk", "push --quiet --set-upstream origin main");
        for person in ["bob", "carol", "server"] {
            office.git(person, "clone --quiet ../desk.git desk");
            let at = format!("{person}/desk");
            office
                .room
                .cuff(&format!("init {at} --join --root-sha256 {fingerprint}"))
                .expect(0);
        }
        office
    }

    /// Runs a command that must leave with this code; gives its answer.
    pub fn json(&self, line: &str, code: i32) -> Value {
        self.room
            .cuff(&format!("{line} --json"))
            .expect(code)
            .json()
    }

    /// Builds a release of a product from the project's manifest, with another version, counter and hardware.
    pub fn build(&self, product: &str, version: &str, counter: u64, hardware: &str) {
        let given =
            fs::read_to_string(project().join(format!("manifests/{product}.toml"))).unwrap();
        let lines: Vec<String> = given
            .lines()
            .map(|line| match line.split(" = ").next().unwrap() {
                "version" => format!("version = \"{version}\""),
                "counter" => format!("counter = {counter}"),
                "hardware" => format!("hardware = [\"{hardware}\"]"),
                _ => line.to_owned(),
            })
            .collect();
        let manifest = format!("{product}-{version}.toml");
        self.room.write(&manifest, lines.join("\n"));
        let firmware = project().join("fixtures/firmware/demo-app.elf");
        self.room
            .cuff(&format!(
                "build {manifest} --firmware {} -o {product}-{version}.cuff",
                firmware.display()
            ))
            .expect(0);
    }

    /// Stages bundles in Alice's clone and shares them.
    pub fn stage(&self, releases: &[&str]) {
        self.pull("alice");
        for release in releases {
            self.room
                .cuff(&format!("stage {release}.cuff --desk alice/desk"))
                .expect(0);
        }
        self.share("alice", "Stage");
    }

    /// One person reviews and signs in their clone, and shares it. Gives the digest they saw.
    pub fn sign(&self, person: &str) -> String {
        self.pull(person);
        let digest = self.sign_alone(person);
        self.share(person, "Sign");
        digest
    }

    /// The same without git.
    pub fn sign_alone(&self, person: &str) -> String {
        let review = self.json(&format!("review --desk {person}/desk"), 0);
        let digest = review["digest"].as_str().unwrap().to_owned();
        let line =
            format!("sign --key {person}/{person}.key --review {digest} --desk {person}/desk");
        self.room.cuff(&line).expect(0);
        digest
    }

    /// The server publishes what is signed.
    pub fn publish(&self) -> Transcript {
        self.pull("server");
        let line = "publish --online-key server/online.key --desk server/desk";
        let published = self.room.cuff(line);
        if published.code == 0 {
            self.share("server", "Publish");
        }
        published
    }

    /// Fetches a release as `FILE.sealed`.
    pub fn seal(&self, release: &str, file: &str) -> Value {
        self.json(
            &format!(
                "fetch server/desk/published {release} --sealed -o {file}.sealed --desk server/desk"
            ),
            0,
        )
    }

    /// A release of the band, from firmware to published.
    pub fn release(&self, version: &str, counter: u64, hardware: &str) {
        self.build("band", version, counter, hardware);
        self.stage(&[&format!("band-{version}")]);
        for person in ["alice", "bob"] {
            self.sign(person);
        }
        self.publish().expect(0);
        self.seal(&format!("band/{version}"), &format!("band-{version}"));
    }

    /// The fingerprint of the first root.
    pub fn fingerprint(&self) -> String {
        let pin = self.room.read("server/desk/.cuff/pin.json");
        let pin: Value = serde_json::from_str(&pin).unwrap();
        pin["sha256"].as_str().unwrap().to_owned()
    }

    pub fn pull(&self, person: &str) {
        self.git(
            &format!("{person}/desk"),
            "pull --quiet --no-rebase --no-edit origin main",
        );
    }

    pub fn share(&self, person: &str, message: &str) {
        self.commit(person, message);
        self.git(&format!("{person}/desk"), "push --quiet origin main");
    }

    pub fn commit(&self, person: &str, message: &str) {
        let at = format!("{person}/desk");
        self.git(&at, "add --all");
        self.git(
            &at,
            &format!("commit --quiet --allow-empty --message '{message}'"),
        );
    }

    pub fn git(&self, folder: &str, line: &str) {
        let output = Command::new("sh")
            .args(["-c", &format!("git {line}")])
            .current_dir(self.room.path(folder))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_AUTHOR_NAME", "test")
            .env("GIT_AUTHOR_EMAIL", "test@example.org")
            .env("GIT_COMMITTER_NAME", "test")
            .env("GIT_COMMITTER_EMAIL", "test@example.org")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {line}: {said}");
    }
}
