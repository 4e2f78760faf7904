//! Patterns in the pages that remember: bits of trust store, counter and journal are flipped one by one, in both banks at once,
//! and by whole units and pages. What a unit knows may be lost, and then it says so; it is never older than it was.
//!
//! Every seventh bit by default; `CUFF_SWEEP=all` takes each one.

use cuff_bootloader::{
    boot::Ended,
    layout::Region,
    plan::HandOver,
    report::{Report, State},
    trust::Bank,
};
use cuff_verifier::verdict::Reason;

use crate::{
    signer::{Release, Repository},
    sweep::whole,
    trust_state::bank,
    wearable::{SMALL, Wearable, old},
};

/// A unit that has been through an update behind a new root, and still holds the image it had before.
struct Unit {
    unit: Wearable,
    runs: Release,
    knows: State,
    /// Its trust store before the update.
    before: Vec<u8>,
}

impl Unit {
    fn new() -> Self {
        let mut repository = Repository::new();
        repository.release(old());
        let mut unit = Wearable::new(&SMALL, &repository);
        let before = trust_store(unit.flash.raw()).to_vec();
        let runs = Release::new("1.1", 2, 2000);
        repository.renew_root().release(runs.clone());
        unit.offer(&repository, &runs).expect("uploaded");
        let id = unit.boot_to_trial();
        unit.confirm(id).expect("written");
        assert_eq!(unit.boot(), HandOver::Jump { trial: None });
        let knows = knowledge(&mut unit).expect("a trusted record");
        assert_eq!((knows.root_version, knows.counter.0), (2, 2));
        Self {
            unit,
            runs,
            knows,
            before,
        }
    }

    /// Changes flash in a copy of the unit, and boots that.
    fn attacked(&self, change: impl FnOnce(&mut [u8])) -> Result<(), String> {
        let mut unit = self.unit.clone();
        change(unit.flash.raw());
        let hand_over = unit.boot();
        let Some(found) = knowledge(&mut unit) else {
            let said = hand_over == HandOver::Recovery(Reason::TrustDamaged);
            return said
                .then_some(())
                .ok_or(format!("lost, and then {hand_over:?}"));
        };
        let was = &self.knows;
        let older = [
            (found.root_version, was.root_version),
            (found.versions.timestamp, was.versions.timestamp),
            (found.versions.snapshot, was.versions.snapshot),
            (found.versions.targets, was.versions.targets),
            (found.versions.product, was.versions.product),
            (found.floor.0, was.floor.0),
            (found.minimum_counter.0, was.minimum_counter.0),
            (found.counter.0, was.counter.0),
        ];
        if let Some((found, was)) = older.iter().find(|(found, was)| found < was) {
            return Err(format!("{found} where {was} was known"));
        }
        let boots = matches!(hand_over, HandOver::Jump { .. });
        if boots && !unit.runs(&self.runs) {
            return Err("another image boots".to_owned());
        }
        Ok(())
    }
}

fn trust_store(flash: &mut [u8]) -> &mut [u8] {
    &mut flash[SMALL.trust.offset as usize..SMALL.trust.end() as usize]
}

fn knowledge(unit: &mut Wearable) -> Option<State> {
    let ended = Ended {
        hand_over: HandOver::Jump { trial: None },
        inbox: None,
        candidate: None,
    };
    Report::of(&mut unit.chip(), 1, ended, [0; 16]).state
}

/// The pages that remember.
fn remembering() -> [Region; 3] {
    [SMALL.trust, SMALL.counter, SMALL.journal]
}

fn steps(region: Region, step: u32) -> impl Iterator<Item = usize> {
    (region.offset..region.end())
        .step_by(step as usize)
        .map(|at| at as usize)
}

fn report(what: &str, results: impl Iterator<Item = (String, Result<(), String>)>) {
    let mut tried = 0;
    let wrong: Vec<String> = results
        .inspect(|_| tried += 1)
        .filter_map(|(place, result)| Some(format!("{place}: {}", result.err()?)))
        .collect();
    assert!(wrong.is_empty(), "{what}:\n{}", wrong.join("\n"));
    println!("pattern\t{what}\t{tried}");
}

#[test]
fn no_single_bit_takes_a_unit_back() {
    let unit = Unit::new();
    let step = if whole() { 1 } else { 7 };
    let bits = remembering()
        .into_iter()
        .flat_map(|region| 8 * region.offset..8 * region.end());
    let flips = bits.step_by(step).map(|bit| {
        let flip = |flash: &mut [u8]| flash[bit as usize / 8] ^= 1 << (bit % 8);
        (format!("bit {bit}"), unit.attacked(flip))
    });
    report("single bits", flips);
}

/// A bank is repaired from its equal: here both are hit in the same place.
#[test]
fn no_bit_in_both_banks_takes_a_unit_back() {
    let unit = Unit::new();
    let [a, b] = [Bank::A, Bank::B].map(|which| bank(&SMALL, which));
    let flips = (0..8 * a.length).map(|bit| {
        let flip = |flash: &mut [u8]| {
            for bank in [a, b] {
                flash[(bank.offset + bit / 8) as usize] ^= 1 << (bit % 8);
            }
        };
        (format!("bit {bit} of both"), unit.attacked(flip))
    });
    report("bits in both banks", flips);
}

#[test]
fn no_unit_or_page_that_is_cleared_or_erased_takes_a_unit_back() {
    let unit = Unit::new();
    let mut places = Vec::new();
    for region in remembering() {
        for length in [SMALL.program, SMALL.erase, region.length] {
            places.extend(steps(region, length).map(|at| (at, length as usize)));
        }
    }
    let changes = places.into_iter().flat_map(|(at, length)| {
        let unit = &unit;
        [0x00, 0xff, 0x55].map(|value| {
            let fill = |flash: &mut [u8]| flash[at..at + length].fill(value);
            (
                format!("{length} bytes of {value:#04x} at {at}"),
                unit.attacked(fill),
            )
        })
    });
    report("units and pages", changes);
}

/// What no pattern does, and a program that may write to the trust store can (docs/trust.md): it is seen here.
#[test]
fn an_older_trust_store_would_be_noticed() {
    let unit = Unit::new();
    let said = unit.attacked(|flash| trust_store(flash).copy_from_slice(&unit.before));
    assert_eq!(said, Err("1 where 2 was known".to_owned()));
}
