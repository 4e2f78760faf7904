//! The signing desk as people use it: from an empty directory to a published repository, and on from there.

#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use insta::assert_snapshot;
use release::bundle;
use support::{Desk, Transcript};

const INIT: &str = "init desk --demo --key root=alice.pub,bob.pub,carol.pub --key band=alice.pub,bob.pub \
                    --threshold root=2 --online online.pub";

/// Example keys, their passphrase, three bundles.
fn room() -> Desk {
    let desk = Desk::new().with_a_working_directory().hide_hex();
    for (version, counter, fill) in [("1.4.0", 7, 1), ("1.5.0", 8, 2), ("1.3.0", 6, 3)] {
        desk.write(
            format!("band-{version}.cuff"),
            bundle("band", version, counter, fill),
        );
    }
    desk
}

/// A room with an unsigned repository.
fn founded() -> Desk {
    let desk = room();
    desk.cuff(INIT).expect(0);
    desk
}

/// A room with a published repository of one release.
fn published() -> Desk {
    let desk = founded();
    desk.cuff("stage band-1.4.0.cuff").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.publish().expect(0);
    desk
}

/// Dates differ from run to run.
fn timeless(transcript: &Transcript) -> String {
    let mut text = String::new();
    for word in transcript.to_string().split_inclusive([' ', '\n', ',']) {
        let bare = word.trim_end_matches([' ', '\n', ',', ':']);
        let is_time = bare.len() == 20 && bare.ends_with('Z') && bare.starts_with("20");
        let is_digest = bare.len() == 19 && bare.split('-').all(|part| part.len() == 4);
        let shown = match (is_time, is_digest) {
            (true, _) => word.replace(bare, "[time]"),
            (_, true) => word.replace(bare, "[review]"),
            _ => word.to_owned(),
        };
        text.push_str(&shown);
    }
    text
}

#[test]
fn from_an_empty_directory_to_a_published_repository() {
    let desk = room();
    assert_snapshot!(timeless(&desk.cuff(INIT).expect(0)), @"
    $ cuff init desk --demo --key root=alice.pub,bob.pub,carol.pub --key band=alice.pub,bob.pub --threshold root=2 --online online.pub
    exit: 0
    --- stdout
    `desk` made; staged, unsigned: root, targets, band
    root v1 fingerprint [hex]
    next: commit it to git, then everyone `cuff review` and `cuff sign --key FILE`
    on another laptop: `cuff init --join --root-sha256 FINGERPRINT` in its clone
    ");
    assert_snapshot!(timeless(&desk.cuff("stage band-1.4.0.cuff").expect(0)), @"
    $ cuff stage band-1.4.0.cuff
    exit: 0
    --- stdout
    band/1.4.0 staged
    band v1 staged
    next: `cuff review`, then `cuff sign --key FILE`
    ");
    assert_snapshot!(timeless(&desk.cuff("review").expect(0)), @"
    $ cuff review
    exit: 0
    --- stdout
    root (new), valid until [time]
      + alice (d1e6a2a3) may sign root
      + bob (c3f39fbd) may sign root
      + carol (bb063248) may sign root
      root needs 2 of 3 signatures
      + alice (d1e6a2a3) may sign targets
      + bob (c3f39fbd) may sign targets
      + carol (bb063248) may sign targets
      targets needs 2 of 3 signatures
      + online (7673633a) may sign snapshot
      snapshot needs 1 of 1 signatures
      + online (7673633a) may sign timestamp
      timestamp needs 1 of 1 signatures
    targets (new), valid until [time]
      + product band
      + alice (d1e6a2a3) may sign band
      + bob (c3f39fbd) may sign band
      band needs 2 of 2 signatures
    band (new), valid until [time]
      + release band/1.4.0
          kind       application
          counter    7 (first release)
          hardware   band-a, band-b
          bootloader 1 or newer
          image      512 bytes, sha256 [hex]
          bundle     3072 bytes, sha256 [hex]
          sbom       none
    ! root: anyone can sign with these published example keys: alice, bob, carol
    ! targets: anyone can sign with these published example keys: alice, bob, carol
    ! snapshot and timestamp: anyone can sign with these published example keys: online
    ! band: anyone can sign with these published example keys: alice, bob
    review [review]
    ");
    assert_snapshot!(timeless(&desk.sign("alice").expect(0)), @"
    $ cuff sign --key alice.key --review [hex]
    exit: 0
    --- stdout
    alice (d1e6a2a3) signed root, targets, band
    waiting for more signatures: root, targets, band (`cuff status`)
    ");
    assert_snapshot!(timeless(&desk.cuff("status").expect(1)), @"
    $ cuff status
    exit: 1
    --- stdout
    root v1 fingerprint [hex]
    staged root v1
      2 needed by root v1, 1 signed: alice (d1e6a2a3); 1 missing, can sign: bob (c3f39fbd), carol (bb063248)
    staged targets v1
      2 needed by root v1, 1 signed: alice (d1e6a2a3); 1 missing, can sign: bob (c3f39fbd), carol (bb063248)
    staged band v1
      2 needed by targets v1, 1 signed: alice (d1e6a2a3); 1 missing, can sign: bob (c3f39fbd)
    staged release band/1.4.0
    ");
    desk.sign("bob").expect(0);
    assert_snapshot!(timeless(&desk.publish().expect(0)), @"
    $ cuff publish --online-key online.key
    exit: 0
    --- stdout
    wrote 7 objects to `desk/published`
      root v1
      targets v1
      band v1
      snapshot v1, valid until [time]
      timestamp v1, valid until [time]: `cuff refresh` before that
      evidence for band: 3511 bytes; set `boards` under [products.band] in cuff.toml to know whether it fits them
    ");
}

#[test]
fn status_of_a_published_repository() {
    let desk = published();
    assert_snapshot!(timeless(&desk.cuff("status").expect(0)), @"
    $ cuff status
    exit: 0
    --- stdout
    root v1 fingerprint [hex]
    nothing is staged
    published root v1, valid until [time] (365 days left)
    published targets v1, valid until [time] (365 days left)
    published band v1, valid until [time] (365 days left)
    published snapshot v1, valid until [time] (30 days left)
    published timestamp v1, valid until [time] (7 days left)
    1 more root key may be lost before no device could ever be updated
    ");
}

#[test]
fn what_lies_where_after_publishing() {
    let desk = published();
    let files: Vec<String> = desk
        .files()
        .into_iter()
        .filter(|file| file.starts_with("desk/"))
        .map(|file| match file.strip_prefix("desk/published/fleet/") {
            // Its name is the digest of what holds today's date.
            Some(_) => "desk/published/fleet/[hex].json".to_owned(),
            None => file,
        })
        .map(|file| match file.split_once("audit/clone-") {
            Some((before, _)) => format!("{before}audit/clone-[random].jsonl"),
            None => file,
        })
        .collect();
    assert_snapshot!(files.join("\n"), @"
    desk/.cuff/.gitignore
    desk/.cuff/audit-lock
    desk/.cuff/identity
    desk/.cuff/lock
    desk/.cuff/pin.json
    desk/.cuff/review
    desk/.gitattributes
    desk/.gitignore
    desk/audit/7673633aad1c137c7308054e8e2739a75ac79838cce535c05828841c1a2e88a3.jsonl
    desk/audit/c3f39fbd27af3dcc26ff2ed9b39b2f57d384124b0dd4e2297162e38e77fdca94.jsonl
    desk/audit/clone-[random].jsonl
    desk/audit/d1e6a2a3ca1ba3364aecd1cf3f771336d509c0f3fab220da099c52e4f4f214c3.jsonl
    desk/cuff.toml
    desk/keys/alice.pub
    desk/keys/bob.pub
    desk/keys/carol.pub
    desk/keys/online.pub
    desk/metadata/1.band.json
    desk/metadata/1.root.json
    desk/metadata/1.snapshot.json
    desk/metadata/1.targets.json
    desk/metadata/timestamp.json
    desk/published/.cuff-lock
    desk/published/fleet/[hex].json
    desk/published/metadata/1.band.json
    desk/published/metadata/1.root.json
    desk/published/metadata/1.snapshot.json
    desk/published/metadata/1.targets.json
    desk/published/metadata/timestamp.json
    desk/published/targets/band/5a1f258b0b9a5980b26d19508a4fc38671032f101102b9d11c03c6d6c2079558.1.4.0
    ");
}

#[test]
fn publishing_again_changes_nothing() {
    let desk = published();
    let before = desk.read("desk/published/metadata/timestamp.json");
    assert_snapshot!(timeless(&desk.publish().expect(0)), @"
    $ cuff publish --online-key online.key
    exit: 0
    --- stdout
    `desk/published` is up to date
    ");
    assert_eq!(desk.read("desk/published/metadata/timestamp.json"), before);
}

#[test]
fn a_second_release_raises_only_what_it_must() {
    let desk = published();
    desk.cuff("stage band-1.5.0.cuff").expect(0);
    assert_snapshot!(timeless(&desk.cuff("review").expect(0)), @"
    $ cuff review
    exit: 0
    --- stdout
    band (v1 -> v2), valid until [time]
      + release band/1.5.0
          kind       application
          counter    8 (published: 7)
          hardware   band-a, band-b
          bootloader 1 or newer
          image      512 bytes, sha256 [hex]
          bundle     3072 bytes, sha256 [hex]
          sbom       none
    review [review]
    ");
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    let answer = desk
        .cuff("publish --online-key online.key --json")
        .expect(0)
        .json();
    assert_eq!(
        answer["roles"],
        serde_json::json!([{"role": "band", "version": 2}])
    );
    assert_eq!(answer["timestamp_version"], 2);
    for kept in [
        "1.root.json",
        "1.targets.json",
        "1.band.json",
        "2.band.json",
    ] {
        assert!(
            desk.path(format!("desk/published/metadata/{kept}"))
                .exists(),
            "{kept}"
        );
    }
    assert!(
        !desk.path("desk/metadata/1.band.json").exists(),
        "the mirror holds what is current"
    );
    assert!(!desk.path("desk/staged/band.json").exists());
}

#[test]
fn refresh_signs_the_online_roles_afresh_and_leaves_people_alone() {
    let desk = published();
    desk.cuff("stage band-1.5.0.cuff").expect(0);
    assert_snapshot!(timeless(&desk.cuff("refresh --online-key online.key").expect(0)), @"
    $ cuff refresh --online-key online.key
    exit: 0
    --- stdout
    wrote 2 objects to `desk/published`
      snapshot v2, valid until [time]
      timestamp v2, valid until [time]: `cuff refresh` before that
      evidence for band: 3511 bytes; set `boards` under [products.band] in cuff.toml to know whether it fits them
      of what people sign targets expires first, at [time]
    ");
    assert!(desk.path("desk/staged/band.json").exists());
    // What was reviewed before the refresh is still what is signed after it.
    desk.sign("alice").expect(0);
    desk.cuff("refresh --online-key online.key").expect(0);
    desk.sign("bob").expect(0);
    desk.publish().expect(0);
}

#[test]
fn a_root_change_is_signed_by_the_old_and_the_new_keys() {
    let desk = published();
    assert_snapshot!(timeless(&desk.cuff("role remove-key root alice").expect(0)), @"
    $ cuff role remove-key root alice
    exit: 0
    --- stdout
    root v2 staged
    ");
    assert_snapshot!(timeless(&desk.cuff("review").expect(0)), @"
    $ cuff review
    exit: 0
    --- stdout
    root (v1 -> v2), valid until [time]
      - alice (d1e6a2a3) may no longer sign root
    ! root: anyone can sign with these published example keys: bob, carol
    ! targets: anyone can sign with these published example keys: alice, bob, carol
    ! snapshot and timestamp: anyone can sign with these published example keys: online
    review [review]
    ");
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    assert_snapshot!(timeless(&desk.publish().expect(1)), @"
    $ cuff publish --online-key online.key
    exit: 1
    --- stderr
    error: root has 1 of the 2 signatures that root v2 asks for
    help: `cuff status` shows who can still sign
    ");
    desk.sign("carol").expect(0);
    desk.publish().expect(0);
    assert!(desk.path("desk/published/metadata/2.root.json").exists());
    assert!(
        desk.path("desk/metadata/1.root.json").exists(),
        "roots are kept for ever"
    );
}

#[test]
fn taking_keys_from_a_product_stages_what_falls_under_its_threshold() {
    let desk = published();
    desk.cuff("role add-key band carol.pub").expect(0);
    let answer = desk
        .cuff("role remove-key band bob --json")
        .expect(0)
        .json();
    let roles: Vec<&str> = answer["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|role| role["role"].as_str().unwrap())
        .collect();
    assert_eq!(roles, ["targets", "band"]);
    for person in ["alice", "bob", "carol"] {
        desk.sign(person);
    }
    desk.publish().expect(0);
    assert_snapshot!(timeless(&desk.cuff("role list").expect(0)), @"
    $ cuff role list
    exit: 0
    --- stdout
    root: 2 of 3 [alice (d1e6a2a3), bob (c3f39fbd), carol (bb063248)], valid until [time]
    targets: 2 of 3 [alice (d1e6a2a3), bob (c3f39fbd), carol (bb063248)], valid until [time]
    snapshot: 1 of 1 [online (7673633a)], valid until [time]
    timestamp: 1 of 1 [online (7673633a)], valid until [time]
    band: 2 of 2 [alice (d1e6a2a3), carol (bb063248)], valid until [time]
    ");
}

#[test]
fn a_yanked_release_and_a_minimum_counter_are_part_of_the_review() {
    let desk = published();
    desk.cuff("stage band-1.5.0.cuff").expect(0);
    for person in ["alice", "bob"] {
        desk.sign(person).expect(0);
    }
    desk.publish().expect(0);
    desk.cuff("yank band/1.4.0 --minimum-counter 8").expect(0);
    assert_snapshot!(timeless(&desk.cuff("review").expect(0)), @"
    $ cuff review
    exit: 0
    --- stdout
    band (v2 -> v3), valid until [time]
      - release band/1.4.0 (counter 7)
      minimum counter 0 -> 8: devices refuse releases below it
    review [review]
    ");
    for person in ["alice", "bob"] {
        desk.sign(person).expect(0);
    }
    desk.publish().expect(0);
    assert_snapshot!(timeless(&desk.cuff("role show band").expect(0)), @"
    $ cuff role show band
    exit: 0
    --- stdout
    band v3
    valid until [time]
    2 of 2 keys must sign
      [hex]  alice (d1e6a2a3)
      [hex]  bob (c3f39fbd)
    minimum counter 8
      band/1.5.0  counter 8
    ");
}

#[test]
fn nothing_is_written_in_a_dry_run() {
    let desk = room();
    let before = desk.files();
    desk.cuff(&format!("{INIT} --dry-run")).expect(0);
    assert_eq!(desk.files(), before);
    desk.cuff(INIT).expect(0);
    desk.cuff("stage band-1.4.0.cuff").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    let before = desk.files();
    for line in [
        "publish --online-key online.key --dry-run",
        "sign --key carol.key --dry-run",
        "amend --dry-run",
        "role set-threshold band 1 --dry-run",
        "stage band-1.5.0.cuff --dry-run",
    ] {
        desk.cuff(line).expect(0);
        assert_eq!(desk.files(), before, "{line}");
    }
}

#[test]
fn cancel_and_amend_start_the_signatures_over() {
    let desk = published();
    desk.cuff("stage band-1.5.0.cuff").expect(0);
    desk.sign("alice").expect(0);
    desk.write("again.cuff", bundle("band", "1.5.0", 8, 9));
    assert_snapshot!(timeless(&desk.cuff("stage again.cuff").expect(1)), @"
    $ cuff stage again.cuff
    exit: 1
    --- stderr
    error: band/1.5.0 is staged with other bytes: expected bundle [hex], found [hex]
    help: `cuff amend BUNDLE` replaces a staged release; its signatures are made again
    ");
    assert_snapshot!(timeless(&desk.cuff("amend again.cuff").expect(0)), @"
    $ cuff amend again.cuff
    exit: 0
    --- stdout
    band v2 staged; 1 signature(s) over the old bytes dropped
    ");
    assert!(!desk.path("desk/staged/signatures/band").exists());
    desk.cuff("cancel --dry-run").expect(0);
    assert!(desk.path("desk/staged/band.json").exists());
    assert_snapshot!(timeless(&desk.cuff("cancel").expect(0)), @"
    $ cuff cancel
    exit: 0
    --- stdout
    band no longer staged
    ");
    desk.cuff("status").expect(0);
    assert!(!desk.path("desk/staged/targets/band/1.5.0").exists());
}

#[test]
fn the_digest_of_a_review_can_be_made_with_standard_tools() {
    use cuff_verifier::digest::Digest;
    use std::fmt::Write as _;
    let desk = published();
    let mut text = "cuff review 1\n".to_owned();
    for role in ["root", "targets", "band"] {
        let file = desk.read(format!("desk/metadata/1.{role}.json"));
        let start = file.find(",\"signed\":").unwrap() + 10;
        let signed = &file[start..file.len() - 1];
        let _ = writeln!(text, "published {role} {}", Digest::of(signed.as_bytes()));
    }
    desk.cuff("stage band-1.5.0.cuff").expect(0);
    let staged = desk.read("desk/staged/band.json");
    let _ = writeln!(text, "staged band {}", Digest::of(staged.as_bytes()));
    let bytes = std::fs::read(desk.path("desk/staged/targets/band/1.5.0")).unwrap();
    let _ = writeln!(text, "bundle band/1.5.0 {}", Digest::of(&bytes));
    assert_eq!(
        desk.review_digest(),
        Digest::of(text.as_bytes()).to_string()
    );
}
