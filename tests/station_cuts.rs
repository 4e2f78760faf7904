//! Power or cable lost at every step of a unit's making, and at sampled transfers: the same command finishes the unit, or says
//! exactly why not. No serial is lost, and none is given twice.

#![cfg(feature = "probe")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/factory.rs"]
mod factory;
#[path = "support/station.rs"]
mod station;
#[path = "support/cuff.rs"]
mod support;

use serde_json::Value;
use station::{Bench, RANGE, hex_of, known_by, text, uid};
use virtual_probe::bench::{Chip, Faults};

/// `cargo xtask sweep provision`: every step with both, and many transfers; without it a sample.
#[test]
fn sweep_of_cuts_through_the_making_of_a_unit() {
    let Some(bench) = Bench::new(&["A"], RANGE) else {
        return;
    };
    let whole = std::env::var_os("CUFF_SWEEP").is_some();
    let mut sweep = Sweep {
        bench: &bench,
        chips: 0,
        finished: 0,
        recovered: 0,
    };
    let transfers = sweep.undisturbed();
    for (index, step) in STEPS.iter().enumerate() {
        for cut in [Cut::Power, Cut::Cable] {
            if whole || (index % 2 == 0) == matches!(cut, Cut::Power) {
                sweep.at_step(step, cut);
            }
        }
    }
    let samples = if whole { 100 } else { 4 };
    for sample in 1..=samples {
        let cut = if sample % 2 == 0 {
            Cut::Power
        } else {
            Cut::Cable
        };
        sweep.after_transfers(transfers * sample / (samples + 1), cut);
    }
    println!(
        "{} cuts: {} units finished by the same command, {} locked before they were proven and opened by their ticket",
        sweep.chips - 1,
        sweep.finished,
        sweep.recovered
    );
    let promises = bench.promises();
    assert_eq!(promises.len(), usize::try_from(sweep.chips).unwrap());
    assert_eq!(bench.verified()["passed"], sweep.chips);
}

#[derive(Clone, Copy, Debug)]
enum Cut {
    Power,
    Cable,
}

struct Sweep<'b> {
    bench: &'b Bench,
    /// How many chips were on the bench.
    chips: u32,
    finished: u32,
    recovered: u32,
}

impl Sweep<'_> {
    /// One unit that nothing happens to; gives the transfers it takes.
    fn undisturbed(&mut self) -> u64 {
        self.seat();
        let before = self.bench.units[0].transfers();
        let mut steps = Vec::new();
        let (code, lines) = self.bench.make_watched("--lock", |line| {
            if line["type"] == "task_progress" && line["done"] == 0 {
                steps.push(text(&line["step"]));
            }
        });
        assert_eq!(code, 0, "{lines:?}");
        steps.dedup();
        assert_eq!(steps, STEPS);
        self.bench.units[0].transfers() - before
    }

    fn at_step(&mut self, step: &str, cut: Cut) {
        self.seat();
        let unit = &self.bench.units[0];
        let mut cut_already = false;
        let (_, lines) = self.bench.make_watched("--lock", |line| {
            let begins = line["type"] == "task_progress" && line["step"] == step;
            if begins && !cut_already {
                cut_already = true;
                match cut {
                    Cut::Power => unit.power_off().unwrap(),
                    Cut::Cable => unit.unplug(),
                }
            }
        });
        assert!(cut_already, "{step} never began: {lines:?}");
        self.finish(&format!("{cut:?} at {step}"), &lines);
    }

    fn after_transfers(&mut self, after: u64, cut: Cut) {
        self.seat();
        let mut faults = Faults::default();
        match cut {
            Cut::Power => faults.power_after = Some(after),
            Cut::Cable => faults.cable_after = Some(after),
        }
        self.bench.units[0].break_with(faults).unwrap();
        let (_, lines) = self.bench.make_watched("--lock", |_| {});
        self.finish(&format!("{cut:?} after {after} transfers"), &lines);
    }

    fn seat(&mut self) {
        self.chips += 1;
        let chip = Chip::virgin(uid(self.chips));
        self.bench.units[0].seat(&chip).unwrap();
    }

    /// The same command again, until there is nothing left to do.
    fn finish(&mut self, cut: &str, lines: &[Value]) {
        let unit = &self.bench.units[0];
        let (serial, chip) = (format!("B{:04}", self.chips), hex_of(uid(self.chips)));
        let end = lines
            .iter()
            .find(|line| line["type"] == "task_end")
            .unwrap();
        unit.power_cycle().unwrap();
        // A late cut can miss a quick run, or hit a chip that needs nothing any more.
        if end["passed"] != true {
            assert_ne!(end["code"], 0, "{cut}: {end}");
            assert!(!end["error"].as_array().unwrap().is_empty(), "{cut}: {end}");
            let again = self.bench.make("--lock");
            if again.code == 24 {
                self.open_by_ticket(cut, &serial, &again.stdout);
            } else {
                assert_eq!(again.code, 0, "{cut}: {again}");
                assert!(again.stdout.contains(&serial), "{cut}: {again}");
            }
        }
        self.finished += 1;
        let held = unit.chip().unwrap();
        assert_eq!(known_by(&held).unwrap().serial(), serial, "{cut}");
        let promised: Vec<_> = self
            .bench
            .promises()
            .into_iter()
            .filter(|(promised, to)| *promised == serial || *to == chip)
            .collect();
        assert_eq!(promised, [(serial, chip)], "{cut}");
    }

    /// Locked, and not proven: the station says which unit it must be, and its ticket opens it.
    fn open_by_ticket(&mut self, cut: &str, serial: &str, said: &str) {
        assert!(said.contains(&format!("--unit {serial}")), "{cut}: {said}");
        let target = self.bench.units[0].target();
        let opened = self.bench.desk.cuff(&format!(
            "device recover {target} --board qemu-an386 --erase-all --station station.toml --rma T1 --unit {serial}"
        ));
        assert_eq!(opened.code, 0, "{cut}: {opened}");
        let made = self.bench.make("--lock");
        assert_eq!(made.code, 0, "{cut}: {made}");
        assert!(made.stdout.contains(serial), "{cut}: {made}");
        self.recovered += 1;
    }
}

const STEPS: [&str; 12] = [
    "attach",
    "preflight",
    "reserve",
    "rehearse",
    "write",
    "answer",
    "push",
    "judge",
    "confirm",
    "verify",
    "lock",
    "prove",
];
