//! Changes of who may sign what: rotation of a whole threshold, products that come and go, and the drill for lost and stolen
//! keys from every role.

#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use std::fs;
use std::path::Path;

use release::bundle;
use support::{Desk, Transcript};

const PEOPLE: [&str; 8] = ["r1", "r2", "r3", "t1", "t2", "b1", "b2", "o1"];
const SPARE: [&str; 5] = ["r1-2", "r2-2", "t1-2", "b1-2", "o1-2"];

/// Every role has keys of its own; band/1.0 is published.
fn published() -> Desk {
    let desk = Desk::new().variable("CUFF_DESK", "desk").hide_hex();
    for name in PEOPLE.iter().chain(&SPARE) {
        desk.cuff(&format!("key new {name} --unencrypted"))
            .expect(0);
    }
    desk.cuff(
        "init desk --key root=r1.pub,r2.pub,r3.pub --threshold root=2 --key targets=t1.pub,t2.pub \
         --key band=b1.pub,b2.pub --online o1.pub",
    )
    .expect(0);
    desk.write("band-1.0.cuff", bundle("band", "1.0", 1, 1));
    desk.cuff("stage band-1.0.cuff").expect(0);
    for name in ["r1", "r2", "t1", "t2", "b1", "b2"] {
        desk.sign(name).expect(0);
    }
    publish(&desk, "o1").expect(0);
    desk
}

fn publish(desk: &Desk, online: &str) -> Transcript {
    desk.cuff(&format!("publish --online-key {online}.key"))
}

/// Another folder with all of it.
fn copy(desk: &Desk) -> Desk {
    let other = Desk::new().variable("CUFF_DESK", "desk").hide_hex();
    for file in desk.files() {
        other.write(&file, fs::read(desk.path(&file)).unwrap());
    }
    other
}

/// The repository is healthy, and whoever trusts root 1 and nothing newer gets the release.
fn sound(desk: &Desk) {
    let checked = desk.cuff("check desk/published --json").expect(0).json();
    assert_eq!(checked["ok"], true, "{checked}");
    let root = desk.path("desk/published/metadata/1.root.json");
    let line = format!(
        "fetch desk/published band/1.0 --root {} --dry-run",
        root.display()
    );
    desk.cuff(&line).expect(0);
}

fn version(desk: &Desk) -> u64 {
    desk.cuff("status --json").json()["root_version"]
        .as_u64()
        .unwrap()
}

#[test]
fn a_whole_threshold_is_rotated_at_once() {
    let desk = published();
    let rotated = desk
        .cuff("role rotate r1=r1-2.pub r2=r2-2.pub b1=b1-2.pub --json")
        .expect(0)
        .json();
    let changed = rotated["changed"].as_array().unwrap();
    let roles: Vec<&str> = changed
        .iter()
        .map(|role| role["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["root", "targets", "band"]);
    let review = desk.cuff("review").expect(0).stdout;
    for line in [
        "+ r1-2 (", "+ r2-2 (", "- r1 (", "- r2 (", "+ b1-2 (", "- b1 (",
    ] {
        assert!(review.contains(line), "{line}\n{review}");
    }
    // The new threshold alone is not enough.
    for name in ["r1-2", "r2-2", "t1", "t2", "b1-2", "b2"] {
        desk.sign(name).expect(0);
    }
    let status = desk.cuff("status").expect(1).stdout;
    assert!(
        status.contains("2 needed by root v1, none signed; 2 missing, can sign: r1 ("),
        "{status}"
    );
    assert!(
        status.contains("2 needed by root v2, 2 signed: r1-2 ("),
        "{status}"
    );
    let refused = publish(&desk, "o1").expect(1);
    assert!(
        refused
            .stderr
            .contains("root has 0 of the 2 signatures that root v1 asks for"),
        "{refused}"
    );
    // One of the old and the one who stays are.
    desk.sign("r1").expect(0);
    desk.sign("r3").expect(0);
    publish(&desk, "o1").expect(0);
    assert_eq!(version(&desk), 2);
    sound(&desk);
    // Whoever left cannot sign any more.
    desk.cuff("role expiry root 400d").expect(0);
    let stranger = desk.sign("r1").expect(1);
    assert!(stranger.stderr.contains("may not sign"), "{stranger}");
}

#[test]
fn the_old_threshold_alone_is_not_enough_either() {
    let desk = published();
    desk.cuff("role rotate r1=r1-2.pub r2=r2-2.pub").expect(0);
    desk.sign("r1").expect(0);
    desk.sign("r2").expect(0);
    let refused = publish(&desk, "o1").expect(1);
    assert!(
        refused
            .stderr
            .contains("root has 0 of the 2 signatures that root v2 asks for"),
        "{refused}"
    );
    // Changed their minds: nothing is left of it.
    desk.cuff("cancel").expect(0);
    desk.cuff("status").expect(0);
}

/// One drill: what happened, which keys the room has left to sign with, and which online key publishes.
struct Case {
    line: &'static str,
    signers: &'static [&'static str],
    online: &'static str,
    /// Published roles the thief could sign alone.
    reached: &'static [&'static str],
}

const DRILLS: [Case; 10] = [
    Case {
        line: "--compromised r1",
        signers: &["r2", "r3"],
        online: "o1",
        reached: &[],
    },
    Case {
        line: "--lost r1",
        signers: &["r2", "r3"],
        online: "o1",
        reached: &[],
    },
    Case {
        line: "--compromised r1,r2 --replace r1=r1-2.pub --replace r2=r2-2.pub",
        signers: &["r1", "r3", "r1-2", "r2-2"],
        online: "o1",
        reached: &["root"],
    },
    Case {
        line: "--compromised t1 --replace t1=t1-2.pub",
        signers: &["r1", "r2", "t1-2", "t2"],
        online: "o1",
        reached: &[],
    },
    Case {
        line: "--lost t1 --replace t1=t1-2.pub",
        signers: &["r1", "r2", "t1-2", "t2"],
        online: "o1",
        reached: &[],
    },
    Case {
        line: "--compromised b1,b2 --replace b1=b1-2.pub --replace b2=t1.pub",
        signers: &["t1", "t2", "b1-2"],
        online: "o1",
        reached: &["band"],
    },
    Case {
        line: "--lost b1 --replace b1=b1-2.pub",
        signers: &["t1", "t2", "b1-2", "b2"],
        online: "o1",
        reached: &[],
    },
    Case {
        line: "--compromised o1 --replace o1=o1-2.pub",
        signers: &["r1", "r2"],
        online: "o1-2",
        reached: &["snapshot", "timestamp"],
    },
    Case {
        line: "--lost o1 --replace o1=o1-2.pub",
        signers: &["r1", "r2"],
        online: "o1-2",
        reached: &["snapshot", "timestamp"],
    },
    Case {
        line: "--compromised r1,t1,b1,o1 --replace t1=t1-2.pub --replace b1=b1-2.pub --replace o1=o1-2.pub",
        signers: &["r2", "r3", "t1-2", "t2", "b1-2", "b2"],
        online: "o1-2",
        reached: &["snapshot", "timestamp"],
    },
];

#[test]
fn the_drill_is_rehearsed_from_every_role() {
    let base = published();
    for case in DRILLS {
        let desk = copy(&base);
        let drilled = desk
            .cuff(&format!("role drill {} --json", case.line))
            .expect(0)
            .json();
        let reached: Vec<&str> = drilled["reached"]
            .as_array()
            .unwrap()
            .iter()
            .map(|role| role.as_str().unwrap())
            .collect();
        assert_eq!(reached, case.reached, "{}", case.line);
        let before = publish(&desk, case.online);
        assert_eq!(before.code, 1, "{}: unsigned, and {before}", case.line);
        for signer in case.signers {
            desk.sign(signer).expect(0);
        }
        publish(&desk, case.online).expect(0);
        sound(&desk);
        // The keys that are gone are in no role any more.
        let roles = desk.cuff("role list").expect(0).stdout;
        let words: Vec<&str> = case.line.split_whitespace().collect();
        for key in words[1].split(',') {
            assert!(
                !roles.contains(&format!("{key} (")),
                "{key}: {}\n{roles}",
                case.line
            );
        }
    }
}

#[test]
fn a_drill_that_cannot_help_stages_nothing() {
    let desk = published();
    let refused = desk.cuff("role drill --lost r1,r2").expect(1);
    assert!(
        refused.stderr.contains(
            "no new root can ever be signed: root v1 asks for 2 signatures, and the keys that are left belong to r3 ("
        ),
        "{refused}"
    );
    let refused = desk.cuff("role drill --compromised b1").expect(1);
    assert!(
        refused
            .stderr
            .contains("band would have 1 of the 2 keys it needs"),
        "{refused}"
    );
    let refused = desk.cuff("role drill --lost nobody").expect(2);
    assert!(
        refused
            .stderr
            .contains("this repository has no key `nobody`"),
        "{refused}"
    );
    let refused = desk
        .cuff("role drill --lost r1 --replace r2=r2-2.pub")
        .expect(2);
    assert!(
        refused
            .stderr
            .contains("is not among the keys that are gone"),
        "{refused}"
    );
    desk.cuff("role drill").expect(2);
    assert!(!desk.path("desk/staged/root.json").exists());
    assert!(!desk.path("desk/keys/r2-2.pub").exists());
    let told = desk.cuff("status").expect(0).stdout;
    assert!(
        told.contains("1 more root key may be lost before no device could ever be updated"),
        "{told}"
    );
    desk.cuff("role drill --lost r1").expect(0);
    desk.sign("r2").expect(0);
    desk.sign("r3").expect(0);
    publish(&desk, "o1").expect(0);
    let told = desk.cuff("status").expect(0).stdout;
    assert!(told.contains("! no root key may be lost"), "{told}");
}

#[test]
fn products_come_and_go_and_come_back() {
    let desk = published();
    let refused = desk.cuff("role undelegate band").expect(1);
    assert!(refused.stderr.contains("is the only product"), "{refused}");
    desk.cuff("role delegate scale --key b1.pub,b2.pub")
        .expect(0);
    let refused = desk.cuff("role delegate scale --key b1.pub").expect(1);
    assert!(
        refused
            .stderr
            .contains("there is a product `scale` already"),
        "{refused}"
    );
    let sign = || {
        for name in ["t1", "t2", "b1", "b2"] {
            let signed = desk.sign(name);
            assert!(
                signed.code == 0 || signed.stderr.contains("may not sign"),
                "{signed}"
            );
        }
        publish(&desk, "o1").expect(0);
        sound(&desk);
    };
    sign();
    desk.cuff("role undelegate scale").expect(0);
    assert!(desk.cuff("review").stdout.contains("- product scale"));
    sign();
    assert!(!desk.cuff("role list").stdout.contains("scale"));
    // Clients remember version 1 of it, so its next one is 2.
    desk.cuff("role delegate scale --key b1.pub,b2.pub")
        .expect(0);
    sign();
    let shown = desk.cuff("role show scale --json").expect(0).json();
    assert_eq!(shown["version"], 2);
    assert!(Path::new(&desk.path("desk/published/metadata/2.scale.json")).exists());
}

#[test]
fn one_person_with_two_keys_is_pointed_out() {
    let desk = published();
    desk.cuff("role add-key root r1-2.pub").expect(0);
    let review = desk.cuff("review").expect(0).stdout;
    assert!(
        review.contains("! root: r1 holds 2 of its keys, r1 (")
            && review.contains("counts as often"),
        "{review}"
    );
    desk.cuff("cancel").expect(0);
    // Where names do not tell, cuff.toml does.
    let settings = desk.read("desk/cuff.toml");
    desk.write(
        "desk/cuff.toml",
        format!("{settings}\n[people]\nvera = [\"r2\", \"t1\"]\n"),
    );
    desk.cuff("role add-key root t1.pub").expect(0);
    let review = desk.cuff("review").expect(0).stdout;
    assert!(
        review.contains("! root: vera holds 2 of its keys"),
        "{review}"
    );
}

#[test]
fn example_keys_stay_in_demos() {
    let desk = published().with_example_keys();
    for line in [
        "role add-key root alice.pub",
        "role rotate r1=alice.pub",
        "role delegate scale --key alice.pub",
        "role drill --lost r1 --replace r1=alice.pub",
        "init other --key root=alice.pub --product band --online online.pub",
    ] {
        let refused = desk.cuff(line).expect(1);
        assert!(
            refused
                .stderr
                .contains("is the published example key of alice"),
            "{refused}"
        );
    }
    assert!(!desk.path("desk/keys/alice.pub").exists());
    assert!(!desk.path("desk/staged/root.json").exists());
    // A renamed copy is the same key.
    let renamed = desk.read("alice.pub").replace("\"alice\"", "\"eve\"");
    desk.write("eve.pub", renamed);
    let refused = desk.cuff("role add-key root eve.pub").expect(1);
    assert!(refused.stderr.contains("proof does not hold"), "{refused}");
}
