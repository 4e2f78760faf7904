//! A factory bench: the built program makes units of bare chips behind virtual probes, and its records agree with them.

#![cfg(feature = "probe")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/factory.rs"]
mod factory;
#[path = "support/schema.rs"]
mod schema;
#[path = "support/station.rs"]
mod station;
#[path = "support/cuff.rs"]
mod support;

use factory::Factory;
use schema::{disobeyed, published};
use serde_json::Value;
use station::{Bench, RANGE, application, chip, demo_band, known_by, uid};
use support::project;
use virtual_probe::bench::{Chip, Faults};

#[test]
fn a_bare_chip_becomes_a_unit_that_has_proven_itself() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    let rehearsed = bench.make("--dry-run");
    assert_eq!(rehearsed.code, 0, "{rehearsed}");
    assert!(
        rehearsed
            .stdout
            .contains("would write 0x21000000, 4096 bytes"),
        "{rehearsed}"
    );
    assert!(
        bench.units[0]
            .read(0, 4096)
            .unwrap()
            .iter()
            .all(|byte| *byte == 0xff)
    );
    let made = bench.make("");
    assert_eq!(made.code, 0, "{made}");
    assert!(made.stdout.contains("PASS  slot A  B0001"), "{made}");
    let target = bench.units[0].target();
    let info = bench
        .desk
        .cuff(&format!("device info {target} --board qemu-an386 --json"));
    let info: Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(info["state"]["serial"], "B0001");
    assert_eq!(info["state"]["installed"]["release"], "band/1.0");
    let checked = bench.desk.cuff(&format!(
        "device verify {target} --board qemu-an386 band.sealed"
    ));
    assert_eq!(checked.code, 0, "{checked}");
    assert!(
        checked
            .stdout
            .contains("boot      whole       band/boot-1, byte for byte"),
        "{checked}"
    );
    // What an application may do where nothing locks it out: the unit cannot tell, whoever reads it back can.
    let bootloader = bench.units[0].read(0, 4096).unwrap();
    bench.units[0].write(0, &[0xff; 4096]).unwrap();
    let erased = bench.desk.cuff(&format!(
        "device verify {target} --board qemu-an386 band.sealed"
    ));
    assert_eq!(erased.code, 10, "{erased}");
    assert!(
        erased.stdout.contains("refused: boot is not whole"),
        "{erased}"
    );
    bench.units[0].write(0, &bootloader).unwrap();
    let log = bench.verified();
    assert_eq!(
        (log["attempts"].as_u64(), log["passed"].as_u64()),
        (Some(1), Some(1))
    );
    let again = bench.make("");
    assert_eq!(again.code, 14, "{again}");
    let anew = bench.make("--replace");
    assert_eq!(anew.code, 0, "{anew}");
    assert!(anew.stdout.contains("B0001"), "{anew}");
}

#[test]
fn a_locked_unit_is_proven_locked_and_comes_back_by_its_ticket_alone() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    let made = bench.make("--lock");
    assert_eq!(made.code, 0, "{made}");
    assert!(made.stdout.contains("PASS, LOCKED"), "{made}");
    let again = bench.make("--replace");
    assert_eq!(again.code, 24, "{again}");
    let mut bench = bench;
    bench.desk = bench
        .desk
        .variable("CUFF_DEVICE", bench.units[0].target())
        .variable("CUFF_BOARD", "qemu-an386");
    let recover = |more: &str| {
        bench.desk.cuff(&format!(
            "device recover --erase-all --station station.toml {more}"
        ))
    };
    assert_eq!(recover("").code, 2);
    let stranger = recover("--rma T1 --unit B0009");
    assert_eq!(stranger.code, 1, "{stranger}");
    let virgin = recover("--virgin");
    assert_eq!(virgin.code, 14, "{virgin}");
    assert!(
        virgin.stderr.contains("FAIL: the chip is erased"),
        "{virgin}"
    );
    assert!(virgin.stderr.contains("was unit B0001"), "{virgin}");
    assert!(
        bench.units[0]
            .read(0, 64)
            .unwrap()
            .iter()
            .all(|byte| *byte == 0xff)
    );
    // It stays erased until its ticket is named, whatever else is tried.
    let kept = bench.make("--replace");
    assert_eq!(kept.code, 14, "{kept}");
    assert!(
        kept.stdout.contains("was erased as what it is not"),
        "{kept}"
    );
    let on_record = bench
        .entries()
        .into_iter()
        .find(|entry| entry["kind"] == "erased")
        .unwrap();
    assert_eq!(on_record["failed"], "no-virgin");
    let returned = recover("--rma T1 --unit B0001");
    assert_eq!(returned.code, 0, "{returned}");
    let anew = bench.make("--replace");
    assert_eq!(anew.code, 0, "{anew}");
    let info = bench.desk.cuff("device info --json");
    let info: Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(
        (
            info["state"]["serial"].as_str(),
            info["state"]["counter"].as_u64()
        ),
        (Some("B0001"), Some(3))
    );
    let locked = bench.desk.cuff("device lock");
    assert_eq!(locked.code, 0, "{locked}");
    assert_eq!(bench.desk.cuff("device info").code, 24);
}

#[test]
fn what_must_not_be_made_a_unit_is_left_alone() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    // Firmware of somebody else.
    bench.units[0].write(0, b"somebody's firmware").unwrap();
    let foreign = bench.make("");
    assert_eq!(foreign.code, 28, "{foreign}");
    assert!(foreign.stdout.contains("at step preflight"), "{foreign}");
    assert_eq!(bench.units[0].read(0, 8).unwrap(), b"somebody");
    assert_eq!(bench.make("--overwrite").code, 0);
    // A unit that this station never saw.
    let other = bench.desk.read("station.toml").replace("line-1", "line-2");
    bench.desk.write("other.toml", other);
    let elsewhere = bench.desk.cuff("device provision --station other.toml");
    assert_eq!(elsewhere.code, 14, "{elsewhere}");
    // A unit of another company.
    let mut strangers = Factory::strangers("band");
    strangers.releases = bench.band.releases.clone();
    strangers.publish();
    bench
        .desk
        .write("theirs.sealed", strangers.seal_of(&strangers.releases));
    let theirs = bench
        .desk
        .read("other.toml")
        .replace("band.sealed", "theirs.sealed")
        .replace(&bench.band.fingerprint(1), &strangers.fingerprint(1));
    bench.desk.write("theirs.toml", theirs);
    let theirs = bench.desk.cuff("device provision --station theirs.toml");
    assert_eq!(theirs.code, 28, "{theirs}");
    assert!(theirs.stdout.contains("trusts another root"), "{theirs}");
    // A bundle that is too old, and one that the pinned root does not vouch for.
    let old = bench
        .desk
        .read("station.toml")
        .replace("serials", "max-bundle-age = \"1d\"\nserials");
    bench.desk.write("old.toml", old);
    let old = bench.desk.cuff("device provision --station old.toml");
    assert_eq!(old.code, 1, "{old}");
    let unpinned = bench
        .desk
        .read("station.toml")
        .replace("band.sealed", "theirs.sealed");
    bench.desk.write("unpinned.toml", unpinned);
    assert_eq!(
        bench
            .desk
            .cuff("device provision --station unpinned.toml")
            .code,
        10
    );
    // Another chip, then no power.
    bench.units[0].become_another_chip();
    assert_eq!(bench.make("--replace").code, 23);
    bench.units[0].power_off().unwrap();
    let dark = bench.make("--replace");
    assert_eq!(dark.code, 22, "{dark}");
    assert!(dark.stdout.contains("FAIL  slot A"), "{dark}");
    let log = bench.verified();
    assert_eq!(
        (log["attempts"].as_u64(), log["passed"].as_u64()),
        (Some(4), Some(1))
    );
}

#[test]
fn serials_come_from_a_range_a_list_or_a_label_and_none_is_given_twice() {
    let Some(bench) = Bench::new(&["A"], "{ scan = true }") else {
        return;
    };
    let scan = |label: &str| {
        let mut child = bench
            .desk
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
    bench.describe(&["A"], std::slice::from_ref(&second), "{ scan = true }");
    let (code, said) = scan("LABEL 7\n");
    assert_eq!(code, 29, "{said}");
    assert!(said.contains("was given to another unit"), "{said}");
    bench.desk.write("list.txt", "LABEL 7\n\nLABEL 8\n");
    bench.describe(
        &["A"],
        std::slice::from_ref(&second),
        "{ list = \"list.txt\" }",
    );
    let listed = bench.make("");
    assert!(listed.stdout.contains("LABEL 8"), "{listed}");
    let third = chip(78);
    bench.describe(
        &["A"],
        std::slice::from_ref(&third),
        "{ list = \"list.txt\" }",
    );
    assert_eq!(bench.make("").code, 30);
}

#[test]
fn a_log_that_was_touched_stops_the_line_and_two_logs_share_no_serial() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    assert_eq!(bench.make("").code, 0);
    let table = bench.desk.cuff("device records export csv line-1.jsonl");
    assert!(
        table
            .stdout
            .contains("line-1,kim,A,B0001,01000000ed5e0000,true,0"),
        "{table}"
    );
    let whole = bench.desk.read("line-1.jsonl");
    bench
        .desk
        .write("line-1.jsonl", whole.replace("B0001", "B0002"));
    assert_eq!(bench.make("--replace").code, 31);
    let touched = bench.desk.cuff("device records verify line-1.jsonl");
    assert_eq!(touched.code, 31, "{touched}");
    bench.desk.write(
        "line-1.jsonl",
        whole.lines().next().unwrap().to_owned() + "\n",
    );
    assert_eq!(bench.make("--replace").code, 31);
    bench.desk.write("line-1.jsonl", &whole);
    let stranger = std::fs::read(project().join("keys.example/bob.pub")).unwrap();
    bench.desk.write("bob.pub", stranger);
    assert_eq!(
        bench
            .desk
            .cuff("device records verify line-1.jsonl --key bob.pub")
            .code,
        31
    );
    let other = bench.desk.read("station.toml").replace("line-1", "line-2");
    bench.desk.write("other.toml", other);
    assert_eq!(
        bench
            .desk
            .cuff("device provision --station other.toml")
            .code,
        14
    );
    let both = bench
        .desk
        .cuff("device records verify line-1.jsonl line-2.jsonl");
    assert_eq!(both.code, 31, "{both}");
    assert!(
        both.stdout.contains("OVERLAP: both ranges hold B1 to B400"),
        "{both}"
    );
    let unwritable = bench
        .desk
        .read("station.toml")
        .replace("log = \"line-1", "log = \"absent/line-1");
    bench.desk.write("unwritable.toml", unwritable);
    assert_eq!(
        bench
            .desk
            .cuff("device provision --station unwritable.toml")
            .code,
        3
    );
}

#[test]
fn a_sick_application_never_passes() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    let mut sick = bench.band.clone();
    sick.releases[1] = application(false);
    bench
        .desk
        .write("sick.sealed", sick.seal_of(&sick.releases));
    let station = bench.desk.read("station.toml");
    let station = station.replace("band.sealed", "sick.sealed");
    bench.desk.write("sick.toml", station);
    let said = bench.desk.cuff("device provision --station sick.toml");
    assert_eq!(said.code, 11, "{said}");
    assert!(said.stdout.contains("at step confirm"), "{said}");
    let well = bench.make("");
    assert_eq!(well.code, 0, "{well}");
    assert!(well.stdout.contains("B0001"), "{well}");
}

#[test]
fn slots_work_side_by_side_and_records_serials_and_chips_agree() {
    let Some(bench) = Bench::new(&["A", "B", "C"], RANGE) else {
        return;
    };
    bench.units[1]
        .break_with(Faults {
            power_after: Some(3000),
            ..Faults::default()
        })
        .unwrap();
    let made = bench.make("--json");
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
    let schema = published("device-provision-lines.json");
    for line in &lines {
        assert_eq!(disobeyed(&schema, line), Vec::<String>::new(), "{line}");
    }
    assert_eq!(ends.len(), 3);
    assert_eq!(ends.iter().filter(|end| end["passed"] == true).count(), 2);
    assert_eq!(lines.last().unwrap()["exit"], 32);
    bench.units[1].power_cycle().unwrap();
    let finished = bench.make("--slot B");
    assert_eq!(finished.code, 0, "{finished}");
    let mut serials = Vec::new();
    for unit in &bench.units {
        let info = bench.desk.cuff(&format!(
            "device info {} --board qemu-an386 --json",
            unit.target()
        ));
        let info: Value = serde_json::from_str(&info.stdout).unwrap();
        serials.push(info["state"]["serial"].as_str().unwrap().to_owned());
    }
    serials.sort();
    assert_eq!(serials, ["B0001", "B0002", "B0003"]);
    assert_eq!(bench.verified()["passed"].as_u64(), Some(3));
    // Another probe on slot B, the same chip behind it: nothing is made twice.
    let taken = bench.desk.cuff(&format!(
        "device slot assign A {} --station station.toml",
        bench.units[1].target()
    ));
    assert_eq!(taken.code, 2, "{taken}");
    assert!(taken.stderr.contains("name the same probe"), "{taken}");
    let nameless = bench
        .desk
        .cuff("device slot assign A probe:20b7:9db1 --station station.toml");
    assert_eq!(nameless.code, 2, "{nameless}");
    assert!(
        nameless.stderr.contains("each probe needs a serial"),
        "{nameless}"
    );
    let fourth = chip(4);
    let wired = bench.desk.cuff(&format!(
        "device slot assign A {} --station station.toml",
        fourth.target()
    ));
    assert_eq!(wired.code, 0, "{wired}");
    let next = bench.make("--slot A");
    assert!(next.stdout.contains("B0004"), "{next}");
}

#[test]
fn a_virgin_part_that_arrives_locked_is_opened_and_made() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    bench.units[0].lock().unwrap();
    assert_eq!(bench.make("").code, 24);
    let opened = bench.desk.cuff(&format!(
        "device recover {} --board qemu-an386 --erase-all --station station.toml --virgin",
        bench.units[0].target()
    ));
    assert_eq!(opened.code, 0, "{opened}");
    let made = bench.make("");
    assert_eq!(made.code, 0, "{made}");
    // A word in flash that always reads wrong is named by its address.
    bench.units[0]
        .break_with(Faults {
            flipped: Some((0x2102_c010, 0x04)),
            ..Faults::default()
        })
        .unwrap();
    let flipped = bench.make("--replace");
    assert_eq!(flipped.code, 26, "{flipped}");
    assert!(flipped.stdout.contains("0x2102c010"), "{flipped}");
    // A page that does not erase is named too.
    bench.units[0]
        .break_with(Faults {
            stuck: Some(0x2101_8000),
            ..Faults::default()
        })
        .unwrap();
    let stuck = bench.make("--replace");
    assert_eq!(stuck.code, 26, "{stuck}");
    assert!(
        stuck
            .stdout
            .contains("trust does not hold what was written: 0x210180"),
        "{stuck}"
    );
}

#[test]
fn two_chips_with_one_number_never_become_one_unit() {
    let Some(bench) = Bench::new(&["A", "B"], RANGE) else {
        return;
    };
    bench.units[1].seat(&Chip::virgin(uid(1))).unwrap();
    let made = bench.make("");
    assert_eq!(made.code, 32, "{made}");
    assert!(
        made.stdout
            .contains("another slot works on a chip with the same number"),
        "{made}"
    );
    let written = bench
        .units
        .iter()
        .filter(|unit| known_by(&unit.chip().unwrap()).is_some());
    assert_eq!(written.count(), 1);
    assert_eq!(bench.promises().len(), 1);
}

/// What an interrupted programming leaves: the core faults, and faults again in its handler.
#[test]
fn a_chip_that_locks_up_is_made_all_the_same() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    let first = u32::try_from(station::board().flash_start()).unwrap();
    // `ldr r0, =VTOR; ldr r1, =flash; str r1, [r0]; handler: udf`
    let code = [0x4903_4802, 0xde00_6001, 0, 0xe000_ed08, first];
    let vectors = [0x2000_1000, first + 17, first + 23, first + 23];
    let words = vectors.into_iter().chain(code);
    let bytes: Vec<u8> = words.flat_map(u32::to_le_bytes).collect();
    let unit = &bench.units[0];
    unit.write(0, &bytes).unwrap();
    unit.power_cycle().unwrap();
    let made = bench.make("--overwrite");
    assert_eq!(made.code, 0, "{made}");
    assert!(known_by(&unit.chip().unwrap()).is_some());
}

#[test]
fn a_range_ends_and_slots_that_cannot_be_told_apart_are_refused() {
    let short = RANGE.replace("last = 400", "last = 1");
    let Some(bench) = Bench::new(&["A"], &short) else {
        return;
    };
    assert_eq!(bench.make("").code, 0);
    bench.units[0].seat(&Chip::virgin(uid(2))).unwrap();
    let ended = bench.make("");
    assert_eq!(ended.code, 30, "{ended}");
    assert!(ended.stdout.contains("the range ends at B1"), "{ended}");
    let probe = bench.units[0].target();
    for (second, said) in [
        (probe.as_str(), "name the same probe"),
        ("probe:20b7:9db1", "each probe needs a serial"),
    ] {
        let text = bench.desk.read("station.toml");
        let slot = format!("{text}[[slot]]\nlabel = \"B\"\nprobe = \"{second}\"\n");
        bench.desk.write("two.toml", slot);
        let refused = bench.desk.cuff("device provision --station two.toml");
        assert_eq!(refused.code, 2, "{refused}");
        assert!(refused.stderr.contains(said), "{refused}");
    }
}

#[test]
fn a_returned_unit_is_heard_before_it_is_erased() {
    let Some(bench) = Bench::making(demo_band(), 30, &["A", "B"], RANGE) else {
        return;
    };
    let made = bench.make("--lock");
    assert_eq!(made.code, 0, "{made}");
    // Locked against probes, a unit still answers on its own serial line.
    let [one, other] = [0, 1].map(|slot: usize| {
        let chip = bench.units[slot].chip().unwrap();
        known_by(&chip).unwrap().serial().to_owned()
    });
    let line = bench.units[0].serial();
    let shut = bench.units[0].target();
    let info = bench
        .desk
        .cuff(&format!("device info {shut} --board qemu-an386"));
    assert_eq!(info.code, 24, "{info}");
    let verified = bench
        .desk
        .cuff(&format!("device verify {line} band.sealed"));
    assert_eq!(verified.code, 0, "{verified}");
    assert!(
        verified
            .stdout
            .contains("all of this is the unit's own word"),
        "{verified}"
    );
    let recover = |slot: usize, unit: &str, line: &str| {
        bench.desk.cuff(&format!(
            "device recover {} --board qemu-an386 --erase-all --station station.toml --rma T9 --unit {unit} --listen {line}",
            bench.units[slot].target(),
        ))
    };
    // Another unit on the bench than the one that speaks: nothing is erased.
    let wrong = recover(1, &other, &line);
    assert_eq!(wrong.code, 29, "{wrong}");
    let says = format!("says that it is unit {one}");
    assert!(wrong.stderr.contains(&says), "{wrong}");
    assert!(known_by(&bench.units[1].chip().unwrap()).is_some());
    // The unit that speaks; then one that says nothing, which is erased all the same.
    let heard = recover(0, &one, &line);
    assert_eq!(heard.code, 0, "{heard}");
    let entries = bench.entries();
    let erased = entries
        .iter()
        .rfind(|entry| entry["kind"] == "erased")
        .unwrap();
    assert_eq!(erased["said"]["serial"], one.as_str());
    assert_eq!(erased["said"]["counter"], 3);
    assert!(!erased["said"]["log"].as_array().unwrap().is_empty());
    assert!(erased["failed"].is_null());
    let silent = recover(1, &other, "tcp:127.0.0.1:9");
    assert_eq!(silent.code, 0, "{silent}");
    assert!(silent.stderr.contains("nothing was heard"), "{silent}");
}
