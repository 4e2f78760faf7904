//! A repository of hashed bins, made, filled, shared out anew and read: by us, and by three clients that other people wrote.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cuff::instant;
use serde_json::Value;

use crate::oracles::{javascript, sigstore};
use crate::python_tuf::{python, quick};
use crate::support::{Desk, Transcript};

const KEYS: &str = "--online-key online.key --bin-key carol.key --to store";

/// A repository of so many bins, published and empty.
fn bins(count: u32) -> Desk {
    let desk = Desk::new().with_a_working_directory();
    desk.cuff(&format!(
        "init desk --demo --key root=alice.pub,bob.pub --online online.pub --bins {count} --bin-key carol.pub"
    ))
    .expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.cuff(&format!("publish {KEYS}")).expect(0);
    desk
}

fn filled(count: u32) -> Desk {
    let desk = bins(count);
    for unit in 0..40 {
        let folder = if unit < 20 { "unit" } else { "unit/spare" };
        fs::create_dir_all(desk.path(format!("tree/{folder}"))).unwrap();
        desk.write(
            format!("tree/{folder}/{unit:04}.bin"),
            format!("calibration of {unit}"),
        );
    }
    let added = desk.cuff(&format!("bins add tree {KEYS} --json")).expect(0);
    assert_eq!(added.json()["added"], 40);
    desk
}

fn metadata(desk: &Desk) -> BTreeSet<String> {
    let entries = fs::read_dir(desk.path("store/metadata")).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn fetch(desk: &Desk, path: &str) -> Transcript {
    desk.cuff(&format!("bins fetch store {path} -o got"))
}

fn healthy(desk: &Desk) {
    let checked = desk.cuff("check store --demo --json").expect(0).json();
    let problems = checked["problems"].as_array().unwrap().iter();
    let serious: Vec<&Value> = problems
        .filter(|problem| problem["severity"] != "note")
        .filter(|problem| problem["rule"] != "unreferenced-target")
        .collect();
    assert!(serious.is_empty(), "{serious:#?}");
}

#[test]
fn a_target_is_added_by_its_bin_alone_and_fetched_from_it() {
    let desk = filled(16);
    let before = metadata(&desk);
    desk.write("one", "another calibration");
    let added = desk
        .cuff(&format!("bins add unit/9999.bin=one {KEYS} --json"))
        .expect(0)
        .json();
    assert_eq!(
        (&added["added"], &added["attempts"]),
        (&1.into(), &1.into())
    );
    let new: Vec<String> = metadata(&desk).difference(&before).cloned().collect();
    assert_eq!(new.len(), 2, "one bin and one snapshot: {new:?}");
    assert!(new.iter().any(|file| file.contains(".bin-")), "{new:?}");
    fetch(&desk, "unit/9999.bin").expect(0);
    assert_eq!(desk.read("got"), "another calibration");
    fetch(&desk, "unit/spare/0020.bin").expect(0);
    assert_eq!(desk.read("got"), "calibration of 20");
    let unknown = fetch(&desk, "unit/none").expect(1);
    assert!(unknown.stderr.contains("lists it"), "{unknown}");
    healthy(&desk);
    let again = desk
        .cuff(&format!("bins add unit/9999.bin=one {KEYS} --json"))
        .expect(0)
        .json();
    assert_eq!(again["up_to_date"], true);
    desk.write("one", "a better one");
    let replaced = desk
        .cuff(&format!("bins add unit/9999.bin=one {KEYS} --json"))
        .expect(0)
        .json();
    assert_eq!(replaced["replaced"], 1);
    desk.cuff(&format!("bins remove unit/9999.bin {KEYS}"))
        .expect(0);
    fetch(&desk, "unit/9999.bin").expect(1);
    let twice = desk
        .cuff(&format!("bins remove unit/9999.bin {KEYS}"))
        .expect(1);
    assert!(twice.stderr.contains("there is no target"), "{twice}");
    let refreshed = desk.cuff("refresh --online-key online.key --to store");
    refreshed.expect(0);
    fetch(&desk, "unit/0003.bin").expect(0);
    healthy(&desk);
}

#[test]
fn a_list_stands_for_files_that_somebody_else_brings() {
    let desk = bins(2);
    let digest = cuff::role::wire::Hex::sha256(b"brought");
    desk.write("list", format!("{digest} 7 unit/a\n{digest} 7 unit/b\n"));
    desk.cuff(&format!("bins add --list list {KEYS}")).expect(0);
    let missing = fetch(&desk, "unit/a").expect(1);
    assert!(missing.stderr.contains("missing"), "{missing}");
    let problems = desk.cuff("check store --demo").expect(1);
    assert!(problems.stdout.contains("missing-bundle"), "{problems}");
    fs::create_dir_all(desk.path("store/targets/unit")).unwrap();
    for name in ["a", "b"] {
        desk.write(format!("store/targets/unit/{digest}.{name}"), "brought");
    }
    fetch(&desk, "unit/a").expect(0);
    healthy(&desk);
    for (line, words) in [
        ("nonsense", "line 1 of the list"),
        ("abc 7 unit/c", "64 lowercase"),
        (&format!("{digest} seven unit/c"), "a length in bytes"),
        (&format!("{digest} 7 ../c"), "cannot be the path"),
        (
            &format!("{digest} 7 unit/c\n{digest} 8 unit/c"),
            "named twice",
        ),
    ] {
        desk.write("list", line);
        let refused = desk.cuff(&format!("bins add --list list {KEYS}")).expect(2);
        assert!(refused.stderr.contains(words), "{refused}");
    }
}

#[test]
fn bins_are_shared_out_anew_and_get_another_key_by_what_people_sign() {
    let desk = filled(2);
    desk.cuff("bins rebalance 16").expect(0);
    let review = desk.cuff("review").expect(0);
    assert!(review.stdout.contains("2 -> 16 hashed bins"), "{review}");
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    let refused = desk
        .cuff("publish --online-key online.key --to store")
        .expect(2);
    assert!(refused.stderr.contains("--bin-key"), "{refused}");
    desk.cuff(&format!("publish {KEYS}")).expect(0);
    let again = desk
        .cuff(&format!("publish {KEYS} --json"))
        .expect(0)
        .json();
    assert_eq!(again["up_to_date"], true);
    let shown = desk.cuff("bins show --to store --json").expect(0).json();
    assert_eq!(
        (&shown["bins"], &shown["targets"]),
        (&16.into(), &40.into())
    );
    for path in ["unit/0000.bin", "unit/spare/0039.bin"] {
        fetch(&desk, path).expect(0);
    }
    healthy(&desk);
    // Another key: the old one may sign no more.
    desk.cuff("key new dora --unencrypted").expect(0);
    desk.cuff("bins rebalance --key dora.pub").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    let old = desk.cuff(&format!("publish {KEYS}")).expect(1);
    assert!(old.stderr.contains("may not sign the bins"), "{old}");
    let new = KEYS.replace("carol", "dora");
    desk.cuff(&format!("publish {new}")).expect(0);
    fetch(&desk, "unit/0001.bin").expect(0);
    healthy(&desk);
    let shared = desk.cuff("bins rebalance --key alice.pub").expect(2);
    assert!(shared.stderr.contains("signs another role"), "{shared}");
}

#[test]
fn bins_and_products_do_not_stand_in_one_repository() {
    let desk = Desk::new().with_a_working_directory();
    let init = "init desk --demo --key root=alice.pub,bob.pub --online online.pub";
    desk.cuff(&format!(
        "{init} --bins 16 --bin-key carol.pub --product band"
    ))
    .expect(2);
    let both = desk
        .cuff(&format!(
            "{init} --bins 16 --bin-key carol.pub --key band=alice.pub"
        ))
        .expect(1);
    assert!(
        both.stderr.contains("no product can stand beside"),
        "{both}"
    );
    desk.cuff(&format!("{init} --bins 16")).expect(2);
    let odd = desk
        .cuff(&format!("{init} --bins 12 --bin-key carol.pub"))
        .expect(2);
    assert!(odd.stderr.contains("4096 bins"), "{odd}");
    let same = desk
        .cuff(&format!("{init} --bins 16 --bin-key online.pub"))
        .expect(2);
    assert!(same.stderr.contains("signs another role"), "{same}");
    let desk = bins(2);
    let product = desk.cuff("role delegate band --key alice.pub").expect(1);
    assert!(
        product.stderr.contains("no product can stand beside"),
        "{product}"
    );
    desk.write("band.cuff", crate::release::bundle("band", "1.0.0", 1, 1));
    let release = desk.cuff("stage band.cuff").expect(1);
    assert!(
        release.stderr.contains("no product can stand beside"),
        "{release}"
    );
    let strange = desk
        .cuff("bins add x=band.cuff --online-key online.key --bin-key bob.key --to store")
        .expect(1);
    assert!(
        strange.stderr.contains("may not sign the bins"),
        "{strange}"
    );
}

#[test]
fn a_bin_that_was_changed_or_lost_stops_the_next_change() {
    let desk = filled(2);
    let names = metadata(&desk);
    let bin = names.iter().rfind(|name| name.contains("bin-")).unwrap();
    let path = desk.path(format!("store/metadata/{bin}"));
    let whole = fs::read(&path).unwrap();
    let digest = "ab".repeat(32);
    let list: Vec<String> = (0..64).map(|n| format!("{digest} 1 unit/{n}")).collect();
    desk.write("list", list.join("\n"));
    for (damage, words) in [
        (None, "is missing"),
        (Some(b"{}".to_vec()), "not the file that the snapshot names"),
    ] {
        match damage {
            None => fs::remove_file(&path).unwrap(),
            Some(bytes) => fs::write(&path, bytes).unwrap(),
        }
        let refused = desk.cuff(&format!("bins add --list list {KEYS}")).expect(1);
        assert!(refused.stderr.contains(words), "{refused}");
        desk.cuff("check store --demo").expect(1);
        fs::write(&path, &whole).unwrap();
    }
    desk.cuff(&format!("bins add --list list {KEYS}")).expect(0);
}

#[test]
fn other_clients_read_bins() {
    for count in [1, 16, 256] {
        let desk = filled(count);
        let (folder, now) = (desk.path("store"), instant::now().unwrap());
        let root = fs::read(folder.join("metadata/1.root.json")).unwrap();
        let ask = |ask: &dyn Fn(&Path, &str) -> Result<bool, String>, who: &str| {
            for (target, there) in [
                ("unit/0000.bin", true),
                ("unit/spare/0039.bin", true),
                ("unit/none", false),
            ] {
                assert_eq!(ask(&folder, target), Ok(there), "{who} {count} {target}");
            }
        };
        ask(
            &|folder, target| sigstore(folder, &root, now, target),
            "sigstore-tuf",
        );
        // Each question starts an interpreter.
        if quick() || count != 256 {
            continue;
        }
        ask(
            &|folder, target| python(folder, &root, now, target),
            "python-tuf",
        );
        ask(&|folder, target| javascript(folder, target), "tuf-js");
    }
}
