//! What the desk refuses, and how it says so: one test for each way people, disks and attackers get it wrong.

#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use insta::assert_snapshot;
use release::bundle;
use std::fs;
use support::Desk;

const INIT: &str = "init desk --demo --key root=alice.pub,bob.pub --key band=alice.pub,bob.pub --online online.pub";

fn room() -> Desk {
    let desk = Desk::new().with_a_working_directory().hide_hex();
    desk.write("band-1.cuff", bundle("band", "1.0.0", 5, 1));
    desk
}

fn staged() -> Desk {
    let desk = room();
    desk.cuff(INIT).expect(0);
    desk.cuff("stage band-1.cuff").expect(0);
    desk
}

fn published() -> Desk {
    let desk = staged();
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.publish().expect(0);
    desk
}

#[test]
fn init_refuses_keys_that_cannot_work() {
    let desk = room();
    for (line, says) in [
        (
            "--key root=alice.pub,bob.pub --threshold root=3",
            "a threshold of 3 cannot be reached with 2 keys",
        ),
        (
            "--key root=alice.pub --threshold root=0",
            "a threshold of 0 would let anyone sign",
        ),
        ("--key root=alice.pub,alice.pub", "is named twice"),
        (
            "--key root=alice.pub --threshold bend=2",
            "there is no role `bend`",
        ),
        ("--key targets=alice.pub", "nobody may sign root"),
        (
            "--key root=alice.pub --expires root=soon",
            "`soon` is no length of time",
        ),
    ] {
        let transcript = desk
            .cuff(&format!(
                "init desk --demo --product band --online online.pub {line}"
            ))
            .expect(2);
        assert!(transcript.stderr.contains(says), "{transcript}");
        assert!(!desk.path("desk").exists(), "{line}");
    }
    let twin = fs::read_to_string(desk.path("alice.pub")).unwrap();
    desk.write("twin.pub", twin);
    let transcript = desk
        .cuff("init desk --demo --product band --online online.pub --key root=alice.pub,twin.pub")
        .expect(2);
    assert!(
        transcript.stderr.contains("one key is one signer"),
        "{transcript}"
    );
}

#[test]
fn init_refuses_names_with_control_characters() {
    let desk = room();
    let arguments = [
        "init",
        "desk",
        "--online",
        "online.pub",
        "--key",
        "root=alice.pub",
        "--product",
        "ba\u{1b}[2Jnd",
    ];
    let transcript = desk.run(arguments, "").expect(2);
    assert!(!transcript.stderr.contains('\u{1b}'), "{transcript}");
}

#[test]
fn init_never_overwrites() {
    let desk = staged();
    assert_snapshot!(desk.cuff(INIT).expect(1), @"
    $ cuff init desk --demo --key root=alice.pub,bob.pub --key band=alice.pub,bob.pub --online online.pub
    exit: 1
    --- stderr
    error: `desk` is a working directory already
    help: run `cuff status` in it, or give another directory
    ");
}

#[test]
fn a_key_that_is_not_in_the_role_is_refused() {
    let desk = staged();
    assert_snapshot!(desk.sign("carol").expect(1), @"
    $ cuff sign --key carol.key --review [hex]
    exit: 1
    --- stderr
    error: key bb063248 may not sign root, targets, band: root is signed by alice (d1e6a2a3), bob (c3f39fbd); targets is signed by alice (d1e6a2a3), bob (c3f39fbd); band is signed by alice (d1e6a2a3), bob (c3f39fbd)
    help: take the right key, or add this one with `cuff role add-key`
    ");
    assert!(!desk.path("desk/staged/signatures").exists());
}

#[test]
fn signing_twice_says_so_and_changes_nothing() {
    let desk = staged();
    desk.sign("alice").expect(0);
    let before = desk.files();
    assert_snapshot!(desk.sign("alice").expect(0), @"
    $ cuff sign --key alice.key --review [hex]
    exit: 0
    --- stdout
    alice (d1e6a2a3) has already signed root, targets, band
    waiting for more signatures: root, targets, band (`cuff status`)
    ");
    assert_eq!(desk.files(), before);
}

#[test]
fn signing_without_a_terminal_needs_the_digest() {
    let desk = staged();
    let transcript = desk.cuff("sign --key alice.key").expect(2);
    assert!(
        transcript
            .stderr
            .contains("without a terminal: use --review"),
        "{transcript}"
    );
    assert!(!desk.path("desk/staged/signatures").exists());
}

#[test]
fn what_changed_after_the_review_is_not_signed() {
    let desk = staged();
    let reviewed = desk.review_digest();
    desk.write("band-2.cuff", bundle("band", "2.0.0", 6, 2));
    desk.cuff("stage band-2.cuff").expect(0);
    let transcript = desk
        .cuff(&format!("sign --key alice.key --review {reviewed}"))
        .expect(1);
    assert!(
        transcript
            .stderr
            .contains("what is staged is not what was reviewed"),
        "{transcript}"
    );
    assert!(!desk.path("desk/staged/signatures").exists());
    let transcript = desk.cuff("sign --key alice.key --review abcd").expect(2);
    assert!(
        transcript
            .stderr
            .contains("expected 16 to 64 hexadecimal digits"),
        "{transcript}"
    );
}

#[test]
fn staged_bytes_edited_by_hand_lose_their_signatures() {
    let desk = staged();
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    let path = "desk/staged/band.json";
    let edited = desk.read(path).replace("\"counter\":5", "\"counter\":9");
    desk.write(path, edited);
    // The record in the bundle disagrees: nobody can even review it.
    assert_snapshot!(desk.cuff("review").expect(1), @"
    $ cuff review
    exit: 1
    --- stderr
    error: the staged record of band/1.0.0 is not the record in its bundle
    help: do not sign; stage the release again from its bundle
    ");
    let edited = desk
        .read(path)
        .replace("\"counter\":9", "\"counter\":5")
        .replace("\"minimum_counter\":0", "\"minimum_counter\":1");
    desk.write(path, edited);
    let review = desk.cuff("review").expect(0);
    assert!(
        review
            .stdout
            .contains("was made for other bytes and does not count"),
        "{review}"
    );
    assert_snapshot!(desk.publish().expect(1), @"
    $ cuff publish --online-key online.key
    exit: 1
    --- stderr
    error: band has 0 of the 2 signatures that targets v1 asks for
    help: `cuff status` shows who can still sign
    ");
    desk.write(path, format!("{}\n", desk.read(path)));
    assert_snapshot!(desk.cuff("status").expect(1), @"
    $ cuff status
    exit: 1
    --- stderr
    error: `desk/staged/band.json` was edited by hand or damaged
    cause: band: not written by cuff, or edited by hand: cuff would write other bytes or other key ids
    help: bring the file back with `git checkout`, or stage the change again
    ");
}

#[test]
fn a_bundle_that_was_swapped_under_its_metadata_is_refused() {
    let desk = staged();
    desk.write(
        "desk/staged/targets/band/1.0.0",
        bundle("band", "1.0.0", 5, 9),
    );
    let transcript = desk.cuff("review").expect(1);
    assert!(
        transcript
            .stderr
            .contains("is not the bundle the staged metadata names"),
        "{transcript}"
    );
    fs::remove_file(desk.path("desk/staged/targets/band/1.0.0")).unwrap();
    let transcript = desk.cuff("review").expect(1);
    assert!(
        transcript
            .stderr
            .contains("`staged/targets/band/1.0.0` is missing"),
        "{transcript}"
    );
}

#[test]
fn stage_refuses_what_no_device_would_take() {
    let desk = published();
    for (name, bytes, code, says) in [
        (
            "low",
            bundle("band", "0.9.0", 4, 1),
            1,
            "has security counter 4, but 5 is published already",
        ),
        (
            "other",
            bundle("band", "1.0.0", 6, 9),
            1,
            "band/1.0.0 is published with other bytes",
        ),
        (
            "ring",
            bundle("ring", "1.0.0", 5, 1),
            2,
            "the repository has no product `ring`; it has: band",
        ),
        (
            "torn",
            bundle("band", "1.1.0", 6, 1)[..1500].to_vec(),
            1,
            "is refused",
        ),
    ] {
        desk.write(name, bytes);
        let transcript = desk.cuff(&format!("stage {name}")).expect(code);
        assert!(transcript.stderr.contains(says), "{transcript}");
        assert!(
            !desk.path("desk/staged").join("band.json").exists(),
            "{name}"
        );
    }
    let transcript = desk.cuff("stage band-1.cuff").expect(0);
    assert!(
        transcript
            .stdout
            .contains("published already, with exactly these bytes"),
        "{transcript}"
    );
}

#[test]
fn counters_that_stay_or_jump_are_pointed_out() {
    let desk = published();
    desk.write("same", bundle("band", "1.1.0", 5, 2));
    desk.write("jump", bundle("band", "1.2.0", 16, 3));
    let transcript = desk.cuff("stage same").expect(0);
    assert!(
        transcript.stderr.contains("the security counter stays 5"),
        "{transcript}"
    );
    let transcript = desk.cuff("stage jump").expect(0);
    assert!(
        transcript.stderr.contains("jumps from 5 to 16"),
        "{transcript}"
    );
    let review = desk.cuff("review --json").expect(0).json();
    let rules: Vec<&str> = review["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| warning["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["counter-not-raised", "counter-jump"]);
}

#[test]
fn a_stale_staging_is_refused_until_it_is_amended() {
    let desk = published();
    // Staged here, while somebody else published version 2 of band.
    desk.write("mine", bundle("band", "1.1.0", 6, 2));
    desk.cuff("stage mine").expect(0);
    let mine = [
        (
            "desk/staged/band.json",
            desk.read("desk/staged/band.json").into_bytes(),
        ),
        (
            "desk/staged/targets/band/1.1.0",
            fs::read(desk.path("desk/staged/targets/band/1.1.0")).unwrap(),
        ),
    ];
    desk.cuff("cancel").expect(0);
    desk.write("theirs", bundle("band", "1.0.1", 6, 3));
    desk.cuff("stage theirs").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.publish().expect(0);
    for (path, bytes) in mine {
        desk.write(path, bytes);
    }
    assert_snapshot!(desk.sign("alice").expect(1), @"
    $ cuff sign --key alice.key --review [hex]
    exit: 1
    --- stderr
    error: the staged band v2 is stale: v2 is published, so the next is v3
    help: `cuff amend` stages your releases anew on what is published now; `cuff cancel` drops them
    ");
    let transcript = desk.publish().expect(1);
    assert!(transcript.stderr.contains("stale"), "{transcript}");
    assert_snapshot!(desk.cuff("amend").expect(0), @"
    $ cuff amend
    exit: 0
    --- stdout
    band v3 staged
    ");
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.publish().expect(0);
    let show = desk.cuff("role show band").expect(0);
    for release in ["band/1.0.0", "band/1.0.1", "band/1.1.0"] {
        assert!(show.stdout.contains(release), "{show}");
    }
}

#[test]
fn publishing_needs_every_signature_and_the_online_key() {
    let desk = staged();
    desk.sign("alice").expect(0);
    assert_snapshot!(desk.publish().expect(1), @"
    $ cuff publish --online-key online.key
    exit: 1
    --- stderr
    error: root has 1 of the 2 signatures that root v1 asks for
    help: `cuff status` shows who can still sign
    ");
    desk.sign("bob").expect(0);
    assert_snapshot!(desk.cuff("publish --online-key alice.key").expect(1), @"
    $ cuff publish --online-key alice.key
    exit: 1
    --- stderr
    error: key [hex] may not sign snapshot: root names [hex]
    help: take the key that `cuff role show timestamp` lists
    ");
    assert!(
        !desk.path("desk/published/metadata").exists(),
        "nothing half visible"
    );
}

#[test]
fn example_keys_are_for_demonstrations() {
    let desk = room();
    desk.cuff(INIT).expect(0);
    let settings = desk.read("desk/cuff.toml");
    desk.write(
        "desk/cuff.toml",
        settings.replace("demo = true", "demo = false"),
    );
    desk.cuff("stage band-1.cuff").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    assert_snapshot!(desk.publish().expect(1), @"
    $ cuff publish --online-key online.key
    exit: 1
    --- stderr
    error: this repository would trust published example keys (alice: root, targets, band; bob: root, targets, band; online: snapshot, timestamp): anyone could sign for it
    help: make real keys with `cuff key new`; for a demonstration set `demo = true` in cuff.toml
    ");
    assert!(!desk.path("desk/published/metadata").exists());
}

#[test]
fn half_a_repository_is_named() {
    let desk = published();
    fs::remove_file(desk.path("desk/published/metadata/timestamp.json")).unwrap();
    desk.write("more", bundle("band", "1.1.0", 6, 2));
    desk.cuff("stage more").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    assert_snapshot!(desk.publish().expect(1), @"
    $ cuff publish --online-key online.key
    exit: 1
    --- stderr
    error: half a repository: this working directory mirrors a published repository, but directory `desk/published` holds none
    help: give the right directory with --to; to move a repository, copy all of it there first
    ");
    let desk = published();
    fs::remove_file(desk.path("desk/published/metadata/1.band.json")).unwrap();
    let transcript = desk.cuff("refresh --online-key online.key").expect(1);
    assert!(
        transcript
            .stderr
            .contains("half a repository: `metadata/1.band.json` is missing"),
        "{transcript}"
    );
    let desk = published();
    fs::remove_file(desk.path("desk/metadata/1.snapshot.json")).unwrap();
    let transcript = desk.cuff("status").expect(1);
    assert!(
        transcript
            .stderr
            .contains("half a repository: `metadata/1.snapshot.json` is missing"),
        "{transcript}"
    );
}

#[test]
fn a_clone_that_was_never_told_does_not_sign() {
    let desk = staged();
    let fingerprint = desk.cuff("status --json").expect(1).json()["root_sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    fs::remove_dir_all(desk.path("desk/.cuff")).unwrap();
    assert_snapshot!(desk.sign("alice").expect(1), @"
    $ cuff sign --key alice.key --review [hex]
    exit: 1
    --- stderr
    error: this clone was never told which root to trust
    help: ask a colleague for the root fingerprint (`cuff status` shows it there), over a way you trust, and run `cuff init --join --root-sha256 FINGERPRINT`
    ");
    let wrong = "0".repeat(64);
    assert_snapshot!(desk.cuff(&format!("init desk --join --root-sha256 {wrong}")).expect(1), @"
    $ cuff init desk --join --root-sha256 [hex]
    exit: 1
    --- stderr
    error: no root here has the fingerprint [hex]; found: v1 (staged) [hex]
    help: compare fingerprints with a colleague; do not take one that is shown here
    ");
    desk.cuff(&format!("init desk --join --root-sha256 {fingerprint}"))
        .expect(0);
    desk.sign("alice").expect(0);
}

#[test]
fn an_unwritable_directory_is_a_clear_error() {
    let desk = staged();
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    // A file where a directory must be: works for root too, whom permissions do not stop.
    desk.write("desk/published", "in the way");
    assert_snapshot!(desk.publish().expect(3), @"
    $ cuff publish --online-key online.key
    exit: 3
    --- stderr
    error: cannot write anything to directory `desk/published`: the write failed
    cause: File exists (os error 17)
    help: make room or fix the permissions, then run the same command again: it goes on where it stopped
    ");
}

#[test]
fn a_full_disk_leaves_nothing_half_visible() {
    let desk = staged();
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    let tiny = desk.path("tiny");
    fs::create_dir(&tiny).unwrap();
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=12k", "tmpfs"])
        .arg(&tiny)
        .status();
    if !mount.is_ok_and(|status| status.success()) {
        // Mounting is for root; the same failure is injected through the store seam in the unit tests.
        return;
    }
    let full = desk.cuff("publish --online-key online.key --to tiny");
    let visible = tiny.join("metadata/timestamp.json").exists();
    let remount = std::process::Command::new("mount")
        .args(["-o", "remount,size=1m"])
        .arg(&tiny)
        .status();
    let again = desk.cuff("publish --online-key online.key --to tiny");
    let unmount = std::process::Command::new("umount").arg(&tiny).status();
    assert!(remount.unwrap().success() && unmount.unwrap().success());
    assert!(!visible);
    assert!(full.expect(3).stderr.contains("the disk is full"));
    again.expect(0);
}

#[test]
fn roles_cannot_be_left_without_enough_keys() {
    let desk = published();
    for (line, says) in [
        (
            "role remove-key root bob",
            "a threshold of 2 cannot be reached with 1 keys",
        ),
        (
            "role set-threshold band 3",
            "a threshold of 3 cannot be reached with 2 keys",
        ),
        (
            "role set-threshold band 0",
            "a threshold of 0 would let anyone sign",
        ),
        ("role add-key band alice.pub", "is named twice"),
    ] {
        let transcript = desk.cuff(line).expect(1);
        assert!(transcript.stderr.contains(says), "{transcript}");
        assert!(!desk.path("desk/staged/targets.json").exists(), "{line}");
    }
    for line in [
        "role remove-key root carol",
        "role show ring",
        "role expiry timestamp 9d",
    ] {
        desk.cuff(line).expect(2);
    }
}

#[test]
fn settings_that_do_not_read_are_told_with_line_and_column() {
    let desk = staged();
    desk.write("desk/cuff.toml", "demo = true\nstor = \"published\"\n");
    let transcript = desk.cuff("status").expect(2);
    assert!(
        transcript
            .stderr
            .contains("cuff.toml:2:1: unknown field `stor`"),
        "{transcript}"
    );
}

#[test]
fn outside_of_a_working_directory_the_way_back_is_told() {
    let desk = Desk::new();
    assert_snapshot!(desk.cuff("status").expect(2), @"
    $ cuff status
    exit: 2
    --- stderr
    error: no cuff.toml in `[dir]` or any directory above it
    help: go to the directory with cuff.toml, or make one with `cuff init`
    ");
}

#[test]
fn the_first_versions_cannot_be_cancelled_but_a_release_can_be_taken_back() {
    let desk = staged();
    assert_snapshot!(desk.cuff("cancel").expect(1), @"
    $ cuff cancel
    exit: 1
    --- stderr
    error: root v1 cannot be cancelled: nothing is published yet, and a repository begins with all its roles
    help: `cuff yank RELEASE` takes a staged release back; to begin anew, remove the working directory
    ");
    desk.cuff("yank band/1.0.0").expect(0);
    assert!(!desk.path("desk/staged/targets/band/1.0.0").exists());
    desk.cuff("review").expect(0);
}

#[test]
fn a_second_key_of_the_same_name_does_not_replace_the_first() {
    let desk = published();
    fs::create_dir(desk.path("other")).unwrap();
    desk.cuff("key new alice --output other").expect(0);
    let transcript = desk.cuff("role add-key band other/alice.pub").expect(1);
    assert!(
        transcript.stderr.contains("holds another key of that name"),
        "{transcript}"
    );
}
