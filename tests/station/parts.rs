//! Parts that do not arrive as they should: locked, used before, with another's number, or about to lock up.

use serde_json::Value;
use virtual_probe::bench::{Chip, Faults};

use crate::station::{Bench, RANGE, board, demo_band, known_by, uid};

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
    let first = u32::try_from(board().flash_start()).unwrap();
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
