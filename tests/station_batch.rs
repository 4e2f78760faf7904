//! A whole batch at a bench where things go wrong: what the records say, what the serials say and what the units say is one.

#![cfg(feature = "probe")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/factory.rs"]
mod factory;
#[path = "support/station.rs"]
mod station;
#[path = "support/cuff.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::Value;
use station::{Bench, RANGE, hex_of, known_by, text, uid};
use virtual_probe::bench::{Chip, FLASH, Faults};

/// Fifty boards through four slots. A third of them meet something on their first way through; who failed comes back later, in
/// whichever slot is free. `CUFF_SEED` says what happens to whom.
#[test]
fn after_fifty_units_records_serials_and_chips_agree() {
    let slots = ["A", "B", "C", "D"];
    let Some(bench) = Bench::new(&slots, RANGE) else {
        return;
    };
    let seed = std::env::var("CUFF_SEED")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(7);
    let mut chance = Chance(seed);
    let mut queue: VecDeque<(Chip, u32)> = (1..=UNITS)
        .map(|number| (Chip::virgin(uid(number)), 0))
        .collect();
    let mut done: BTreeMap<String, Chip> = BTreeMap::new();
    let (mut attempts, mut failures) = (0, 0);
    while !queue.is_empty() {
        let mut seated: Vec<(usize, u32)> = Vec::new();
        for (slot, unit) in bench.units.iter().enumerate() {
            let Some((chip, tries)) = queue.pop_front() else {
                break;
            };
            unit.seat(&chip).unwrap();
            let mishap = if tries == 0 {
                chance.mishap()
            } else {
                Faults::default()
            };
            unit.break_with(mishap).unwrap();
            seated.push((slot, tries));
        }
        // The last few boards do not fill the bench: each is made alone.
        let mut ends: Vec<Value> = Vec::new();
        if seated.len() == slots.len() {
            ends.extend(made(&bench, ""));
        } else {
            for (slot, _) in &seated {
                ends.extend(made(&bench, &format!("--slot {}", slots[*slot])));
            }
        }
        for (slot, tries) in seated {
            let end = ends.iter().find(|end| end["slot"] == slots[slot]).unwrap();
            attempts += 1;
            let unit = &bench.units[slot];
            unit.break_with(Faults::default()).unwrap();
            let chip = unit.chip().unwrap();
            if end["passed"] == true {
                assert_eq!(end["code"], 0);
                done.insert(hex_of(chip.uid), chip);
                continue;
            }
            failures += 1;
            assert_ne!(end["code"], 0, "{end}");
            assert!(!text(&end["rule"]).is_empty(), "{end}");
            assert!(tries < 2, "seed {seed}: nothing was wrong any more: {end}");
            queue.push_back((chip, tries + 1));
        }
    }
    println!("seed {seed}: {UNITS} units, {attempts} attempts, {failures} failed");
    assert!(failures > 5, "seed {seed}: only {failures} failures");
    agree(&bench, &done, attempts);
}

fn made(bench: &Bench, more: &str) -> Vec<Value> {
    let (code, lines) = bench.make_watched(more, |_| {});
    let ends: Vec<Value> = lines
        .iter()
        .filter(|line| line["type"] == "task_end")
        .cloned()
        .collect();
    assert_eq!(lines.last().unwrap()["exit"], code);
    ends
}

fn agree(bench: &Bench, done: &BTreeMap<String, Chip>, attempts: u64) {
    let log = bench.verified();
    assert_eq!(log["attempts"], attempts);
    assert_eq!(log["passed"], UNITS);
    // A chip has one serial, a serial has one chip, and none was left out.
    let promises = bench.promises();
    let serials: BTreeSet<&str> = promises.iter().map(|(serial, _)| serial.as_str()).collect();
    let chips: BTreeMap<&str, &str> = promises
        .iter()
        .map(|(serial, uid)| (uid.as_str(), serial.as_str()))
        .collect();
    assert_eq!((promises.len(), serials.len(), chips.len()), (50, 50, 50));
    let all: Vec<String> = (1..=UNITS).map(|number| format!("B{number:04}")).collect();
    assert!(serials.iter().copied().eq(all.iter().map(String::as_str)));
    // What each chip says of itself is what was promised, and what the table says.
    let table = bench.desk.cuff("device records export csv line-1.jsonl");
    let passed: BTreeMap<String, String> = table
        .stdout
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect::<Vec<_>>())
        .filter(|row| row[5] == "true")
        .map(|row| (row[4].to_owned(), row[3].to_owned()))
        .collect();
    assert_eq!(table.stdout.lines().count() as u64, attempts + 1);
    assert_eq!(passed.len(), 50);
    for (uid, chip) in done {
        let knowledge = known_by(chip).unwrap();
        assert_eq!(knowledge.serial(), chips[uid.as_str()], "chip {uid}");
        assert_eq!(knowledge.serial(), passed[uid], "chip {uid}");
        let installed = knowledge.record.installed.unwrap();
        assert_eq!(installed.release.as_str(), "band/1.0");
        assert!(knowledge.record.trial.is_none());
    }
    assert_eq!(done.len(), 50);
}

/// A small generator of our own, so that a seed means the same everywhere (xorshift64*, Vigna 2016).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) % end
    }

    fn mishap(&mut self) -> Faults {
        let after = Some(self.below(TRANSFERS));
        let place = FLASH + u32::try_from(self.below(0x30)).unwrap() * 0x1000;
        let mut faults = Faults::default();
        match self.below(18) {
            0 => faults.power_after = after,
            1 => faults.cable_after = after,
            2 => faults.fault_after = after,
            3 => faults.silent_after = after,
            4 => faults.stuck = Some(FLASH),
            5 => faults.flipped = Some((place, 0x10)),
            _ => {}
        }
        faults
    }
}

const UNITS: u32 = 50;
/// Within so many transfers of a unit's making something goes wrong.
const TRANSFERS: u64 = 40_000;
