//! The bootloader and the demo band on a Cortex-M4F and on a Cortex-M33, in QEMU: a unit that the bench provisioned boots there,
//! updates, reverts and refuses, and what the chip leaves in flash is read on the bench again.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(unix)]

#[path = "support/boards.rs"]
mod boards;
#[path = "support/carried.rs"]
mod carried;
#[path = "support/factory.rs"]
mod factory;
#[path = "on_chip/line.rs"]
mod line;
#[path = "support/qemu.rs"]
mod qemu;
#[path = "support/stock.rs"]
mod stock;
#[path = "support/cuff.rs"]
mod support;
#[path = "support/vector_unit.rs"]
mod vector_unit;
#[path = "support/vectors.rs"]
mod vectors;

use boards::left_out;
use carried::{Bench, contents, record_in};
use cuff::device::link::Link as _;
use cuff::device::sim::Sim;
use cuff_bootloader::log::Kind;
use cuff_bootloader::plan::HandOver;
use cuff_verifier::verdict::Reason;
use qemu::{AN386, AN505, Clock, Qemu};
use vector_unit::{Vector, blank_unit, moved};
use vectors::names;

#[test]
fn every_vector_gets_the_same_verdict_from_the_chip() {
    if left_out() {
        return;
    }
    let line = tempfile::tempdir().unwrap();
    let path = line.path().join("unit");
    blank_unit(&path, &AN386.description());
    let names = names();
    let mut chip = Qemu::new(&AN386, &[], true, Clock::Waiting);
    let mut wrong = Vec::new();
    let mut too_long = Vec::new();
    for name in &names {
        let vector = Vector::read(name);
        let mut sim = Sim::rehearse(&path).unwrap();
        let before = vector.prepare(&mut sim);
        let offered = vector.offer(&mut sim);
        if vector.evidence() > sim.layout().evidence as usize {
            assert_eq!(offered, Err(Reason::ImageTooLarge), "{name}");
            too_long.push(name.as_str());
            continue;
        }
        let flash = contents(&mut sim);
        chip.halt();
        chip.put(&flash);
        chip.reset();
        chip.go();
        let report = chip.report();
        let after = record_in(chip.flash(flash.len()), sim.layout());
        let verdict = offered.and_then(|()| report.ended.candidate.expect("an answer"));
        wrong.extend(vector.complaint(verdict, moved(&before, &after)));
    }
    // This board's area is smaller than the metadata of that one vector: no byte of it is judged.
    assert_eq!(too_long, ["delegations-too-many"]);
    assert!(
        wrong.is_empty(),
        "{} of {} vectors:\n{}",
        wrong.len(),
        names.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_unit_from_the_bench_boots_updates_and_installs() {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN386);
    let mut chip = bench.powered();
    chip.go();
    let said = chip.hear("bpm");
    assert!(said.starts_with("band 1.0.0 started\n"), "{said}");
    drop(chip);

    // Pushed while the unit was off, as by a probe: judged, swapped and tried in one boot, confirmed by the band itself.
    bench.push("1.1", 2, "band-2");
    let mut chip = bench.powered();
    chip.go();
    let said = chip.hear("band confirms\n");
    assert!(said.starts_with("band 1.1.0 started on trial\n"), "{said}");
    assert_eq!(bench.take(&chip).installed, "band/1.0");
    chip.reset();
    chip.go();
    chip.hear("band 1.1.0 started\n");
    let unit = bench.take(&chip);
    assert_eq!(unit.installed, "band/1.1");
    assert_eq!(
        unit.log,
        [Kind::Provisioned, Kind::Installed, Kind::CounterChanged]
    );

    // The bench, asked as any host asks, finds a unit it could have made itself.
    let ended = bench.sim().reset().unwrap().ended;
    assert_eq!(ended.hand_over, HandOver::Jump { trial: None });
}

#[test]
fn a_sick_update_goes_back_by_the_watchdog_and_keeps_what_trust_learned() {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN386);
    bench.factory.renew_root();
    bench.push("1.1", 2, "band-sick");
    let mut chip = bench.powered();
    chip.go();
    let said = chip.hear("band 1.0.0 started\n");
    assert_eq!(
        said.matches("band 1.1.0 started on trial\n").count(),
        3,
        "{said}"
    );
    let unit = bench.take(&chip);
    assert_eq!((unit.installed.as_str(), unit.root), ("band/1.0", 2));
    assert_eq!(
        unit.log,
        [Kind::Provisioned, Kind::RootChanged, Kind::TrialFailed]
    );

    // What failed its trial is not tried again, and a host is told why.
    let mut chip = bench.asked();
    chip.go();
    let ended = chip.report().ended;
    assert_eq!(ended.candidate, Some(Err(Reason::TrialUnconfirmed)));
    assert_eq!(ended.hand_over, HandOver::Jump { trial: None });
}

#[test]
fn evidence_alone_reaches_the_chip() {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN386);
    bench.factory.renew_root().renew_root().publish();
    bench.push_trust();
    let mut chip = bench.asked();
    chip.go();
    let report = chip.report();
    assert_eq!(report.ended.inbox, Some(Ok(())));
    assert_eq!(report.state.expect("a state").root_version, 3);
}

/// `cargo xtask size` runs this too, for what it prints.
#[test]
fn the_stack_stays_within_its_budget() {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN386);
    bench.factory.renew_root();
    bench.push("1.1", 2, "band-2");
    let mut chip = bench.asked();
    chip.go();
    assert_eq!(chip.report().ended.candidate, Some(Ok(())));
    let deepest = chip.deepest();
    println!("stack at its deepest, an update behind a new root: {deepest} of {STACK_BUDGET}");
    assert!(deepest <= STACK_BUDGET);
}

/// Bytes of RAM for a boot that judges twice, swaps and reports.
const STACK_BUDGET: u32 = 20 * 1024;

/// `lock: none` means what docs/trust.md says: nothing stops a hostile application, and what it does to the trust store
/// stops the unit rather than take it back to an older state.
#[test]
fn an_evil_update_stops_a_unit_without_a_lock_and_never_takes_it_back() {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN386);
    bench.push("1.1", 2, "band-evil");
    let mut chip = bench.powered();
    chip.go();
    let said = chip.hear("evil: way back written to\n");
    for prey in PREY {
        assert!(
            said.contains(&format!("evil: {prey} written to\n")),
            "{said}"
        );
    }
    chip.kill();
    let mut chip = Qemu::new(&AN386, &chip.flash(bench.length()), true, Clock::Waiting);
    chip.go();
    let report = chip.report();
    let recovery = HandOver::Recovery(Reason::TrustDamaged);
    assert_eq!((report.ended.hand_over, report.state), (recovery, None));
}

/// `lock: hardware` means what it says: on the secure side of `TrustZone` all that is the bootloader's is out of an
/// application's reach, the way back of its trial too. Each attempt is a fault and a reset, and in the end a failed trial.
#[test]
fn an_evil_update_cannot_touch_trust_behind_trustzone() {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN505);
    bench.push("1.1", 2, "band-evil");
    let mut chip = bench.powered();
    chip.go();
    chip.hear(&in_vain(&PREY[..3]));
    let unit = bench.take(&chip);
    assert_eq!(unit.installed, "band/1.0");
    // No bank was damaged, so none was repaired.
    assert_eq!(unit.log, [Kind::Provisioned, Kind::TrialFailed]);

    // A trial is three starts. The next one goes on where this one ended, in RAM that kept its power.
    bench.push("1.2", 3, "band-evil");
    chip.halt();
    chip.put(&bench.flash());
    chip.reset();
    chip.go();
    let said = chip.hear(&in_vain(&PREY[3..]));
    assert!(!said.contains("written to"), "{said}");
    let unit = bench.take(&chip);
    assert_eq!(unit.installed, "band/1.0");
    // The log counts what comes twice.
    assert_eq!(unit.log, [Kind::Provisioned, Kind::TrialFailed]);
}

/// What is said in a trial whose every start ends with the word that it was about to write, and behind it.
fn in_vain(prey: &[&str]) -> String {
    let starts = prey
        .iter()
        .map(|prey| format!("band 1.1.0 started on trial\nevil: {prey}"));
    starts.chain(["band 1.0.0 started\n".to_owned()]).collect()
}

/// What the evil band goes for, in this order.
const PREY: [&str; 6] = [
    "trust bank A",
    "trust bank B",
    "bootloader",
    "counter",
    "log",
    "way back",
];

#[test]
fn a_unit_with_trustzone_updates_and_installs() {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN505);
    bench.factory.renew_root();
    bench.push("1.1", 2, "band-2");
    let mut chip = bench.powered();
    chip.go();
    let said = chip.hear("band confirms\n");
    assert!(said.starts_with("band 1.1.0 started on trial\n"), "{said}");
    chip.reset();
    chip.go();
    chip.hear("band 1.1.0 started\n");
    let unit = bench.take(&chip);
    assert_eq!((unit.installed.as_str(), unit.root), ("band/1.1", 2));
}
