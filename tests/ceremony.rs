//! docs/ceremony.md, followed literally: every command line in it, in order, with what it shows compared. A token, an agent and
//! a key file sign; python-tuf follows every root along the way; then the keys are rotated on until a unit that lay in a drawer
//! has missed ten roots, and one command brings it up to date. The same with twenty products in the repository.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/python_tuf.rs"]
mod python_tuf;
#[path = "support/cuff.rs"]
mod support;
#[path = "support/walk.rs"]
mod walk;

use std::fs;

use cuff::instant;
use python_tuf::{python, python_that_knows, quick};
use support::project;
use walk::{Ran, Walk, blocks};

const RELEASE: &str = "band/1.4.0";

/// Where the sheet leaves off: root v5. A unit that trusts the first one has missed ten when this is published.
const LAST_ROOT: u64 = 11;

/// python-tuf, one that remembers and one that begins anew with the first root.
struct Followers {
    memory: tempfile::TempDir,
    followed: u64,
}

impl Followers {
    fn follow(&mut self, walk: &Walk, released: bool) {
        let published = walk.path("ceremony/server/desk/published");
        let first = fs::read(published.join("metadata/1.root.json")).unwrap();
        let now = instant::now().unwrap();
        let anew = python(&published, &first, now, RELEASE);
        let on = python_that_knows(self.memory.path(), &published, &first, now, RELEASE);
        assert_eq!((anew, on), (Ok(released), Ok(released)));
        self.followed += 1;
    }
}

/// Follows the sheet, with so many products besides the band.
fn ceremony(mut walk: Walk, others: usize) -> Vec<Ran> {
    let sheet = fs::read_to_string(project().join("docs/ceremony.md")).unwrap();
    let mut followers = Followers {
        memory: tempfile::tempdir().unwrap(),
        followed: 0,
    };
    let mut walked: Vec<Ran> = Vec::new();
    for mut typed in blocks(&sheet).into_iter().flatten() {
        if typed.line.starts_with("cuff init desk ") {
            for other in 1..=others {
                typed.line.extend([" --product scale-", &other.to_string()]);
            }
        }
        if typed.line.starts_with("ssh-agent -k") {
            rotate_on(&mut walk, &mut followers);
        }
        walked.push(walk.step(&typed).unwrap_or_else(|told| panic!("{told}")));
        if typed.line.starts_with("cuff publish ") {
            let released = walked.iter().any(|ran| ran.line.starts_with("cuff stage "));
            followers.follow(&walk, released);
        }
        if typed.line.starts_with("cuff device provision ") {
            walk.must("cp -r unit in-the-drawer");
        }
    }
    assert_eq!(followers.followed, 6 + LAST_ROOT - 5);
    walked
}

/// Whole thresholds go on being rotated, from token to token and key to key; then the unit from the drawer is woken up.
fn rotate_on(walk: &mut Walk, followers: &mut Followers) {
    for number in 3..=LAST_ROOT - 3 {
        let before = number - 1;
        walk.must(&format!(
            "softhsm2-util --init-token --free --label alice-{number} --pin rehearsal --so-pin 00000000"
        ));
        walk.must(&format!(
            "pkcs11-tool --module \"$CUFF_PKCS11_MODULE\" --token-label alice-{number} --login --pin rehearsal \
             --keypairgen --key-type EC:edwards25519 --id 01 --label alice-{number}"
        ));
        walk.must(&format!(
            "ssh-keygen -q -t ed25519 -N '' -C bob-{number} -f bob/bob-{number}.ssh"
        ));
        walk.must(&format!("ssh-add -q bob/bob-{number}.ssh"));
        for (name, signer) in [("alice", "pkcs11:token=alice"), ("bob", "ssh-agent:bob")] {
            walk.must(&format!(
                "cuff key new {name}-{number} --signer {signer}-{number} -o {name}"
            ));
        }
        walk.must("cd server/desk && git pull -q origin main");
        walk.must(&format!(
            "cuff role rotate alice-{before}=../../alice/alice-{number}.pub bob-{before}=../../bob/bob-{number}.pub"
        ));
        for signer in ["pkcs11:token=alice", "ssh-agent:bob"] {
            for number in [before, number] {
                walk.must(&format!(
                    "cuff sign --key {signer}-{number} --review \"$(cuff review | tail -n 1 | cut -d ' ' -f 2)\""
                ));
            }
        }
        walk.must("cuff publish --online-key ../server-2.key");
        walk.must("git add . && git commit -qm Rotate && git push -q origin main");
        walk.must("cd ../..");
        followers.follow(walk, true);
    }
    walk.must("cd server/desk");
    walk.must(&format!(
        "cuff fetch published {RELEASE} --sealed -o ../../latest.sealed"
    ));
    walk.must("cd ../..");
    let before = walk.must("cuff device info sim:in-the-drawer");
    assert!(before.contains("root 1"), "{before}");
    let pushed = walk.must("cuff device push sim:in-the-drawer latest.sealed --trust-only");
    assert!(
        pushed.contains(&format!("trust: root {LAST_ROOT} (new), ")),
        "{pushed}"
    );
    walk.must("cuff sim boot in-the-drawer");
}

#[test]
fn the_run_sheet_does_what_it_says() {
    if quick() {
        return;
    }
    let walked = ceremony(Walk::new(), 0);
    // What the sheet is for must have been run: the first root, a release, signing again, a full threshold rotated, the drill.
    for line in [
        "cuff key new alice --signer pkcs11:token=alice",
        "cuff key new bob --signer ssh-agent:bob",
        "cuff init desk --key root=alice.pub",
        "cuff sign --out ",
        "cuff sign request.cuffsign --key carol.key",
        "cuff sign --in ",
        "cuff sign --key pkcs11:token=alice-2",
        "cuff sign --key ssh-agent:bob-2",
        "cuff init --join --root-sha256 ",
        "cuff stage ",
        "cuff device provision sim:unit",
        "cuff status --at ",
        "cuff role expiry root ",
        "cuff role rotate alice=",
        "cuff role drill --compromised carol",
        "cuff role drill --compromised server",
        "cuff role drill --lost ",
        "cuff device push sim:unit",
        "cuff audit verify",
    ] {
        assert!(
            walked.iter().any(|ran| ran.line.starts_with(line)),
            "{line}"
        );
    }
    let compared: usize = walked.iter().map(|ran| ran.compared).sum();
    assert!(compared > 120, "{compared} lines of output were compared");
}

#[test]
fn the_same_with_twenty_products() {
    if quick() {
        return;
    }
    let walked = ceremony(Walk::loosely(), 19);
    let compared: usize = walked.iter().map(|ran| ran.compared).sum();
    assert!(compared > 60, "{compared} lines of output were compared");
}
