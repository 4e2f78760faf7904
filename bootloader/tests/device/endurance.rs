//! A long life: update after update, until counter and log have turned their pages many times.
//!
//! Two hundred updates by default; `CUFF_SWEEP=all` makes a thousand. Wear is printed, region by region.

use cuff_bootloader::{
    layout::{Layout, Region},
    log::{self, Kind, Line},
    plan::HandOver,
};
use cuff_verifier::time::Instant;

use crate::{
    signer::{Release, Repository},
    sweep::whole,
    traced::Operation,
    wearable::{SMALL, Wearable, layout, old},
};

static LARGE: Layout = layout(4, 4096);

/// Erases and programs of every page.
struct Wear {
    erases: Vec<u64>,
    programs: Vec<u64>,
    page: u32,
}

impl Wear {
    fn new(layout: &Layout) -> Self {
        let pages = (layout.flash_length() / layout.erase) as usize;
        Self {
            erases: vec![0; pages],
            programs: vec![0; pages],
            page: layout.erase,
        }
    }

    /// Adds what the unit did since it was asked last.
    fn take(&mut self, unit: &mut Wearable) {
        for operation in std::mem::take(&mut unit.flash.trace) {
            let (Operation::Erase(at, _) | Operation::Program(at, _)) = operation;
            let page = (at / self.page) as usize;
            match operation {
                Operation::Erase(..) => self.erases[page] += 1,
                Operation::Program(..) => self.programs[page] += 1,
            }
        }
    }

    fn erases(&self, region: Region) -> &[u64] {
        &self.erases[(region.offset / self.page) as usize..(region.end() / self.page) as usize]
    }

    fn print(&self, layout: &Layout, updates: u64) {
        println!(
            "wear\t{updates} updates, program unit {}, page {}",
            layout.program, layout.erase
        );
        for (name, region) in [
            ("trust", layout.trust),
            ("counter", layout.counter),
            ("journal", layout.journal),
            ("log", layout.log),
            ("inbox", layout.inbox),
            ("active", layout.active),
            ("candidate", layout.candidate),
        ] {
            let erases = self.erases(region);
            let most = erases.iter().max().copied().unwrap_or(0);
            let least = erases.iter().min().copied().unwrap_or(0);
            println!(
                "wear\t{name}\t{} pages\terased {least} to {most} times",
                erases.len()
            );
        }
    }
}

fn release(nth: u64) -> Release {
    // Two lengths, so that a longer image follows a shorter one and the other way round.
    let length = if nth.is_multiple_of(2) { 2900 } else { 1800 };
    Release::new(format!("2.{nth}").leak(), nth, length)
}

/// Updates in a row, each with a counter one higher; every one is tried, confirmed and installed.
fn live(layout: &'static Layout, updates: u64) -> (Wearable, Wear) {
    let mut repository = Repository::new();
    repository.release(old());
    let mut unit = Wearable::new(layout, &repository);
    unit.flash.trace.clear();
    let mut wear = Wear::new(layout);
    for nth in 2..updates + 2 {
        let new = release(nth);
        // The newest release alone: the evidence does not grow.
        repository.releases.clear();
        repository.release(new.clone());
        unit.offer(&repository, &new).expect("uploaded");
        let id = unit.boot_to_trial();
        assert!(unit.runs(&new), "update {nth}");
        unit.confirm(id).expect("written");
        assert_eq!(unit.boot(), HandOver::Jump { trial: None }, "update {nth}");
        assert!(unit.runs(&new), "update {nth}");
        assert_eq!(unit.counter(), Some(nth));
        wear.take(&mut unit);
    }
    (unit, wear)
}

#[test]
fn update_after_update_is_installed_and_no_page_wears_faster_than_the_slots() {
    let updates = if whole() { 1000 } else { 200 };
    for layout in [&SMALL, &LARGE] {
        let (mut unit, wear) = live(layout, updates);
        wear.print(layout, updates);
        assert!(unit.is_at_rest());
        assert!(!unit.log().contains(&Line::Torn));
        let most = |region| wear.erases(region).iter().max().copied().unwrap_or(0);
        // Each update replaces every page of both slots that it uses, and the trust record four times at most.
        let slots = most(layout.active).max(most(layout.candidate));
        assert!(most(layout.trust) <= 4 * updates, "{}", most(layout.trust));
        assert!(most(layout.journal) <= updates, "{}", most(layout.journal));
        for region in [layout.counter, layout.log] {
            assert!(
                most(region) <= slots,
                "{region:?}: {} of {slots}",
                most(region)
            );
        }
    }
}

/// As on a real board: pages of 4096 bytes, and room for an image of 256 KiB.
static ROOMY: Layout = {
    let mut roomy = layout(4, 4096);
    let slot = roomy.evidence + 66 * roomy.erase;
    roomy.active = Region::new(roomy.active.offset, slot);
    roomy.candidate = Region::new(roomy.active.end(), slot);
    assert!(roomy.check().is_ok());
    roomy
};

/// From the accepted candidate to the confirmed image, with trust, counter, journal and log: beside the least that changing the
/// places of two images and their evidence takes. `cargo xtask size` prints it.
#[test]
fn an_update_erases_and_programs_hardly_more_than_it_must() {
    let mut repository = Repository::new();
    repository.release(old());
    let mut unit = Wearable::new(&ROOMY, &repository);
    let mut held = 0;
    // The first one, of an old image of 2,000 bytes, is not measured.
    for (nth, length) in [(2, 250_000), (3, 262_144)] {
        let new = Release::new(format!("2.{nth}").leak(), nth, length);
        repository.releases.clear();
        repository.release(new.clone());
        unit.offer(&repository, &new).expect("uploaded");
        unit.flash.trace.clear();
        let id = unit.boot_to_trial();
        unit.confirm(id).expect("written");
        assert_eq!(unit.boot(), HandOver::Jump { trial: None });
        assert!(unit.runs(&new));
        let evidence = repository.evidence(&new.path(), 2).len();
        let whole = length + evidence;
        if nth == 3 {
            let page = ROOMY.erase as usize;
            let pages = 2 * (length.div_ceil(page) + evidence.div_ceil(page));
            let units = (held + whole).div_ceil(ROOMY.program as usize);
            let erases = unit.flash.trace.iter();
            let erases = erases
                .filter(|one| matches!(one, Operation::Erase(..)))
                .count();
            let programs = unit.flash.trace.len() - erases;
            println!(
                "flash operations of one update of 256 KiB: {erases} erases and {programs} program units, at least {pages} and {units}"
            );
            let (all, least) = (erases + programs, pages + units);
            assert!(
                all * 100 <= least * 105,
                "{all} operations, at least {least}"
            );
        }
        held = whole;
    }
}

/// The counter one by one through both pairs of pages and back.
#[test]
fn the_counter_is_counted_through_all_its_pages() {
    let mut repository = Repository::new();
    repository.release(old());
    let mut unit = Wearable::new(&SMALL, &repository);
    unit.flash.trace.clear();
    let units = u64::from(SMALL.erase / SMALL.program);
    for value in 2..5 * units {
        let target = cuff_verifier::version::Counter(value);
        cuff_bootloader::counter::raise(&mut unit.chip(), target).expect("raised");
        assert_eq!(unit.counter(), Some(value));
    }
    let mut wear = Wear::new(&SMALL);
    wear.take(&mut unit);
    let erases = wear.erases(SMALL.counter);
    assert!(
        erases.iter().all(|erases| (1..=8).contains(erases)),
        "{erases:?}"
    );
}

/// The log through its ring several times, with kinds and reasons that never repeat.
#[test]
fn the_log_turns_through_all_its_pages_and_stays_chained() {
    let mut repository = Repository::new();
    repository.release(old());
    let mut unit = Wearable::new(&SMALL, &repository);
    unit.flash.trace.clear();
    let kinds = [
        Kind::RefusedEvidence,
        Kind::RefusedCandidate,
        Kind::TrialFailed,
        Kind::RecoveryEntered,
    ];
    let slots = SMALL.erase / 32;
    for nth in 0..6 * SMALL.log_pages() * slots {
        let kind = kinds[nth as usize % kinds.len()];
        log::append(&mut unit.chip(), kind, nth, Instant(u64::from(nth))).expect("appended");
    }
    let lines = unit.log();
    assert!(!lines.contains(&Line::Torn));
    let unchained = |line: &&Line| matches!(line, Line::Page { chained: false, .. });
    assert_eq!(lines.iter().find(unchained), None);
    let mut wear = Wear::new(&SMALL);
    wear.take(&mut unit);
    let erases = wear.erases(SMALL.log);
    assert_eq!(erases[0], 0, "the first of each kind stays");
    let (least, most) = (erases[1..].iter().min(), erases[1..].iter().max());
    assert!(
        most.unwrap() - least.unwrap() <= 1 && *least.unwrap() >= 3,
        "{erases:?}"
    );
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
}
