//! A factory bench: the built program makes units of bare chips behind virtual probes, and its records agree with them.

#![cfg(feature = "probe")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/factory.rs"]
mod factory;
#[path = "support/cuff.rs"]
mod support;

use cuff::board::catalogue::Catalogue;
use factory::{Factory, Release};
use serde_json::Value;
use support::{Desk, Transcript, project};
use virtual_probe::bench::{Faults, Unit};
use virtual_probe::wrist::BOOTLOADER;

/// A desk with a station on it, and as many chips as slots. Needs QEMU: `CUFF_QUICK=1` leaves these tests out.
fn station(slots: &[&str], serials: &str) -> Option<(Desk, Vec<Unit>, Factory)> {
    if std::env::var_os("CUFF_QUICK").is_some() {
        return None;
    }
    let mut band = Factory::new("band");
    band.release(Release::bootloader("boot-1", &BOOTLOADER));
    band.release(Release::new("1.0", 3, 20_000));
    let units: Vec<Unit> = (1..).zip(slots).map(|(number, _)| chip(number)).collect();
    let desk = Desk::new()
        .variable("CUFF_OPERATOR", "kim")
        .variable("CUFF_PASSPHRASE", "example");
    desk.write("band.sealed", band.seal_of(&band.releases));
    for name in ["alice.key", "alice.pub"] {
        let key = std::fs::read(project().join("keys.example").join(name)).unwrap();
        desk.write(name, key);
    }
    describe(&desk, &band, slots, &units, serials);
    Some((desk, units, band))
}

fn chip(number: u32) -> Unit {
    let unit = Unit::power_on([number, 0x5eed])
        .expect("qemu-system-arm: run `cargo xtask setup`, or set CUFF_QUICK=1");
    let board = Catalogue::embedded().unwrap();
    unit.wear(board.get("qemu-an386").unwrap().layout().unwrap());
    unit
}

fn describe(desk: &Desk, band: &Factory, slots: &[&str], units: &[Unit], serials: &str) {
    let slots: Vec<String> = slots
        .iter()
        .zip(units)
        .map(|(label, unit)| {
            format!(
                "[[slot]]\nlabel = \"{label}\"\nprobe = \"{}\"\n",
                unit.target()
            )
        })
        .collect();
    let slots = slots.concat();
    let text = format!(
        "station = \"line-1\"\nboard = \"qemu-an386\"\nproduct = \"band\"\nhardware = \"band-a\"\nsealed = \"band.sealed\"\n\
         root-sha256 = \"{}\"\nrelease = \"band/1.0\"\nbootloader = \"band/boot-1\"\nlog = \"line-1.jsonl\"\nkey = \"alice.key\"\n\
         confirm-seconds = 2\nserials = {serials}\n{slots}",
        band.fingerprint(1)
    );
    desk.write("station.toml", text);
}

const RANGE: &str = "{ prefix = \"B\", first = 1, last = 60, digits = 4 }";

fn make(desk: &Desk, more: &str) -> Transcript {
    desk.cuff(&format!("device provision --station station.toml {more}"))
}

fn verified(desk: &Desk) -> Value {
    let said = desk.cuff("device records verify line-1.jsonl --key alice.pub --json");
    assert_eq!(said.code, 0, "{said}");
    serde_json::from_str::<Value>(&said.stdout).unwrap()["logs"][0].clone()
}

#[test]
fn a_bare_chip_becomes_a_unit_that_has_proven_itself() {
    let Some((desk, units, _)) = station(&["A"], RANGE) else {
        return;
    };
    let rehearsed = make(&desk, "--dry-run");
    assert_eq!(rehearsed.code, 0, "{rehearsed}");
    assert!(
        rehearsed
            .stdout
            .contains("would write 0x21000000, 32 bytes"),
        "{rehearsed}"
    );
    assert!(
        units[0]
            .read(0, 4096)
            .unwrap()
            .iter()
            .all(|byte| *byte == 0xff)
    );
    let made = make(&desk, "");
    assert_eq!(made.code, 0, "{made}");
    assert!(made.stdout.contains("PASS  slot A  B0001"), "{made}");
    let target = units[0].target();
    let info = desk.cuff(&format!("device info {target} --board qemu-an386 --json"));
    let info: Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(info["state"]["serial"], "B0001");
    assert_eq!(info["state"]["installed"]["release"], "band/1.0");
    let checked = desk.cuff(&format!(
        "device verify {target} --board qemu-an386 band.sealed"
    ));
    assert_eq!(checked.code, 0, "{checked}");
    let log = verified(&desk);
    assert_eq!(
        (log["attempts"].as_u64(), log["passed"].as_u64()),
        (Some(1), Some(1))
    );
    let again = make(&desk, "");
    assert_eq!(again.code, 14, "{again}");
    let anew = make(&desk, "--replace");
    assert_eq!(anew.code, 0, "{anew}");
    assert!(anew.stdout.contains("B0001"), "{anew}");
}

#[test]
fn a_locked_unit_is_proven_locked_and_comes_back_by_its_ticket_alone() {
    let Some((desk, units, _)) = station(&["A"], RANGE) else {
        return;
    };
    let made = make(&desk, "--lock");
    assert_eq!(made.code, 0, "{made}");
    assert!(made.stdout.contains("PASS, LOCKED"), "{made}");
    let again = make(&desk, "--replace");
    assert_eq!(again.code, 24, "{again}");
    let desk = desk
        .variable("CUFF_DEVICE", units[0].target())
        .variable("CUFF_BOARD", "qemu-an386");
    let recover = |more: &str| {
        desk.cuff(&format!(
            "device recover --erase-all --station station.toml {more}"
        ))
    };
    assert_eq!(recover("").code, 2);
    let stranger = recover("--rma T1 --unit B0009");
    assert_eq!(stranger.code, 1, "{stranger}");
    let virgin = recover("--virgin");
    assert_eq!(virgin.code, 14, "{virgin}");
    assert!(virgin.stderr.contains("was unit B0001"), "{virgin}");
    assert!(
        units[0]
            .read(0, 64)
            .unwrap()
            .iter()
            .all(|byte| *byte == 0xff)
    );
    let returned = recover("--rma T1 --unit B0001");
    assert_eq!(returned.code, 0, "{returned}");
    let anew = make(&desk, "--replace");
    assert_eq!(anew.code, 0, "{anew}");
    let info = desk.cuff("device info --json");
    let info: Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(
        (
            info["state"]["serial"].as_str(),
            info["state"]["counter"].as_u64()
        ),
        (Some("B0001"), Some(3))
    );
    let locked = desk.cuff("device lock");
    assert_eq!(locked.code, 0, "{locked}");
    assert_eq!(desk.cuff("device info").code, 24);
}

#[test]
fn what_must_not_be_made_a_unit_is_left_alone() {
    let Some((desk, units, band)) = station(&["A"], RANGE) else {
        return;
    };
    // Firmware of somebody else.
    units[0].write(0, b"somebody's firmware").unwrap();
    let foreign = make(&desk, "");
    assert_eq!(foreign.code, 28, "{foreign}");
    assert!(foreign.stdout.contains("at step preflight"), "{foreign}");
    assert_eq!(units[0].read(0, 8).unwrap(), b"somebody");
    assert_eq!(make(&desk, "--overwrite").code, 0);
    // A unit that this station never saw.
    let other = desk.read("station.toml").replace("line-1", "line-2");
    desk.write("other.toml", other);
    let elsewhere = desk.cuff("device provision --station other.toml");
    assert_eq!(elsewhere.code, 14, "{elsewhere}");
    // A unit of another company.
    let mut strangers = Factory::strangers("band");
    strangers.releases = band.releases.clone();
    strangers.publish();
    desk.write("theirs.sealed", strangers.seal_of(&strangers.releases));
    let theirs = desk
        .read("other.toml")
        .replace("band.sealed", "theirs.sealed")
        .replace(&band.fingerprint(1), &strangers.fingerprint(1));
    desk.write("theirs.toml", theirs);
    let theirs = desk.cuff("device provision --station theirs.toml");
    assert_eq!(theirs.code, 28, "{theirs}");
    assert!(theirs.stdout.contains("trusts another root"), "{theirs}");
    // A bundle that is too old, and one that the pinned root does not vouch for.
    let old = desk
        .read("station.toml")
        .replace("serials", "max-bundle-age = \"1d\"\nserials");
    desk.write("old.toml", old);
    let old = desk.cuff("device provision --station old.toml");
    assert_eq!(old.code, 1, "{old}");
    let unpinned = desk
        .read("station.toml")
        .replace("band.sealed", "theirs.sealed");
    desk.write("unpinned.toml", unpinned);
    assert_eq!(
        desk.cuff("device provision --station unpinned.toml").code,
        10
    );
    // Another chip, then no power.
    units[0].become_another_chip();
    assert_eq!(make(&desk, "--replace").code, 23);
    units[0].power_off().unwrap();
    let dark = make(&desk, "--replace");
    assert_eq!(dark.code, 22, "{dark}");
    assert!(dark.stdout.contains("FAIL  slot A"), "{dark}");
    let log = verified(&desk);
    assert_eq!(
        (log["attempts"].as_u64(), log["passed"].as_u64()),
        (Some(4), Some(1))
    );
}

#[test]
fn serials_come_from_a_range_a_list_or_a_label_and_none_is_given_twice() {
    let Some((desk, units, band)) = station(&["A"], "{ scan = true }") else {
        return;
    };
    let scan = |label: &str| {
        let mut child = desk
            .command()
            .args(["device", "provision", "--station", "station.toml"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), label.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    assert_eq!(scan("").0, 30);
    assert_eq!(scan(&"x".repeat(40)).0, 29);
    assert_eq!(scan("LABEL 7\r\n").0, 0);
    let second = chip(77);
    describe(
        &desk,
        &band,
        &["A"],
        std::slice::from_ref(&second),
        "{ scan = true }",
    );
    let (code, said) = scan("LABEL 7\n");
    assert_eq!(code, 29, "{said}");
    assert!(said.contains("was given to another unit"), "{said}");
    desk.write("list.txt", "LABEL 7\n\nLABEL 8\n");
    describe(
        &desk,
        &band,
        &["A"],
        std::slice::from_ref(&second),
        "{ list = \"list.txt\" }",
    );
    let listed = make(&desk, "");
    assert!(listed.stdout.contains("LABEL 8"), "{listed}");
    let third = chip(78);
    describe(
        &desk,
        &band,
        &["A"],
        std::slice::from_ref(&third),
        "{ list = \"list.txt\" }",
    );
    assert_eq!(make(&desk, "").code, 30);
    drop(units);
}

#[test]
fn a_log_that_was_touched_stops_the_line_and_two_logs_share_no_serial() {
    let Some((desk, _units, _)) = station(&["A"], RANGE) else {
        return;
    };
    assert_eq!(make(&desk, "").code, 0);
    let table = desk.cuff("device records export csv line-1.jsonl");
    assert!(
        table
            .stdout
            .contains("line-1,kim,A,B0001,01000000ed5e0000,true,0"),
        "{table}"
    );
    let whole = desk.read("line-1.jsonl");
    desk.write("line-1.jsonl", whole.replace("B0001", "B0002"));
    assert_eq!(make(&desk, "--replace").code, 31);
    let touched = desk.cuff("device records verify line-1.jsonl");
    assert_eq!(touched.code, 31, "{touched}");
    desk.write(
        "line-1.jsonl",
        whole.lines().next().unwrap().to_owned() + "\n",
    );
    assert_eq!(make(&desk, "--replace").code, 31);
    desk.write("line-1.jsonl", &whole);
    let stranger = std::fs::read(project().join("keys.example/bob.pub")).unwrap();
    desk.write("bob.pub", stranger);
    assert_eq!(
        desk.cuff("device records verify line-1.jsonl --key bob.pub")
            .code,
        31
    );
    let other = desk.read("station.toml").replace("line-1", "line-2");
    desk.write("other.toml", other);
    assert_eq!(desk.cuff("device provision --station other.toml").code, 14);
    let both = desk.cuff("device records verify line-1.jsonl line-2.jsonl");
    assert_eq!(both.code, 31, "{both}");
    assert!(
        both.stdout.contains("OVERLAP: both ranges hold B1 to B60"),
        "{both}"
    );
    let unwritable = desk
        .read("station.toml")
        .replace("log = \"line-1", "log = \"absent/line-1");
    desk.write("unwritable.toml", unwritable);
    assert_eq!(
        desk.cuff("device provision --station unwritable.toml").code,
        3
    );
}

#[test]
fn a_sick_application_never_passes() {
    let Some((desk, units, _)) = station(&["A"], RANGE) else {
        return;
    };
    units[0].healthy(false);
    let sick = make(&desk, "");
    assert_eq!(sick.code, 11, "{sick}");
    assert!(sick.stdout.contains("at step confirm"), "{sick}");
    units[0].healthy(true);
    let well = make(&desk, "");
    assert_eq!(well.code, 0, "{well}");
    assert!(well.stdout.contains("B0001"), "{well}");
}

/// Power or cable goes at sampled transfers of the whole transaction; the same command then finishes the unit, under the same serial.
#[test]
fn a_unit_that_was_cut_off_is_finished_by_the_same_command() {
    let Some((desk, units, _)) = station(&["A"], RANGE) else {
        return;
    };
    let unit = &units[0];
    let before = unit.transfers();
    assert_eq!(make(&desk, "").code, 0);
    let whole = unit.transfers() - before;
    let cuts: u64 = std::env::var("CUFF_CUTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3);
    let mut bitten = 0;
    for cut in 1..=cuts {
        let after = whole * cut / (cuts + 1);
        let (power, cable) = if cut % 2 == 0 {
            (Some(after), None)
        } else {
            (None, Some(after))
        };
        unit.break_with(Faults {
            power_after: power,
            cable_after: cable,
            ..Faults::default()
        });
        // How often a probe asks whether a chip is done varies: a late cut can miss a quick run.
        let missed = make(&desk, "--replace").code == 0;
        bitten += u64::from(!missed);
        unit.power_cycle().unwrap();
        let finished = make(&desk, "--replace");
        assert_eq!(finished.code, 0, "after {after}: {finished}");
        assert!(finished.stdout.contains("B0001"), "{finished}");
    }
    let log = verified(&desk);
    assert!(bitten * 2 > cuts, "{bitten} of {cuts} cuts were met");
    assert_eq!(log["passed"].as_u64(), Some(1 + cuts + (cuts - bitten)));
    let attempts = log["attempts"].as_u64().unwrap();
    assert_eq!(attempts, 1 + 2 * cuts, "an attempt is not on record");
}

#[test]
fn slots_work_side_by_side_and_records_serials_and_chips_agree() {
    let Some((desk, units, _)) = station(&["A", "B", "C"], RANGE) else {
        return;
    };
    units[1].break_with(Faults {
        power_after: Some(3000),
        ..Faults::default()
    });
    let made = make(&desk, "--json");
    assert_eq!(made.code, 32, "{made}");
    let lines: Vec<Value> = made
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ends: Vec<&Value> = lines
        .iter()
        .filter(|line| line["type"] == "task_end")
        .collect();
    assert_eq!(ends.len(), 3);
    assert_eq!(ends.iter().filter(|end| end["passed"] == true).count(), 2);
    assert_eq!(lines.last().unwrap()["exit"], 32);
    units[1].power_cycle().unwrap();
    let finished = make(&desk, "--slot B");
    assert_eq!(finished.code, 0, "{finished}");
    let mut serials = Vec::new();
    for unit in &units {
        let info = desk.cuff(&format!(
            "device info {} --board qemu-an386 --json",
            unit.target()
        ));
        let info: Value = serde_json::from_str(&info.stdout).unwrap();
        serials.push(info["state"]["serial"].as_str().unwrap().to_owned());
    }
    serials.sort();
    assert_eq!(serials, ["B0001", "B0002", "B0003"]);
    assert_eq!(verified(&desk)["passed"].as_u64(), Some(3));
    // Another probe on slot B, the same chip behind it: nothing is made twice.
    let taken = desk.cuff(&format!(
        "device slot assign A {} --station station.toml",
        units[1].target()
    ));
    assert_eq!(taken.code, 2, "{taken}");
    let fourth = chip(4);
    let wired = desk.cuff(&format!(
        "device slot assign A {} --station station.toml",
        fourth.target()
    ));
    assert_eq!(wired.code, 0, "{wired}");
    let next = make(&desk, "--slot A");
    assert!(next.stdout.contains("B0004"), "{next}");
}

#[test]
fn a_virgin_part_that_arrives_locked_is_opened_and_made() {
    let Some((desk, units, _)) = station(&["A"], RANGE) else {
        return;
    };
    units[0].lock().unwrap();
    assert_eq!(make(&desk, "").code, 24);
    let opened = desk.cuff(&format!(
        "device recover {} --board qemu-an386 --erase-all --station station.toml --virgin",
        units[0].target()
    ));
    assert_eq!(opened.code, 0, "{opened}");
    let made = make(&desk, "");
    assert_eq!(made.code, 0, "{made}");
    // A word in flash that always reads wrong is named by its address.
    units[0].break_with(Faults {
        flipped: Some((0x2102_c010, 0x04)),
        ..Faults::default()
    });
    let flipped = make(&desk, "--replace");
    assert_eq!(flipped.code, 26, "{flipped}");
    assert!(flipped.stdout.contains("0x2102c010"), "{flipped}");
}
