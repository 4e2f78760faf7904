//! A factory bench: the built program makes units of bare chips behind virtual probes, and its records agree with them.

#![cfg(feature = "probe")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/factory.rs"]
mod factory;
#[path = "station/parts.rs"]
mod parts;
#[path = "support/schema.rs"]
mod schema;
#[path = "station/serials.rs"]
mod serials;
#[path = "support/station.rs"]
mod station;
#[path = "support/cuff.rs"]
mod support;

use factory::Factory;
use schema::{disobeyed, published};
use serde_json::Value;
use station::{Bench, RANGE, application, chip};
use virtual_probe::bench::Faults;

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
