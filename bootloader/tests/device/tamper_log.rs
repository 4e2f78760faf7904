//! The tamper log: chained, bounded, and never in the way.

use cuff_bootloader::{
    log::{self, Head, Kind, Line},
    plan::HandOver,
};
use cuff_verifier::time::Instant;

use crate::wearable::{Wearable, unit};

fn append(unit: &mut Wearable, kind: Kind, argument: u32) {
    log::append(&mut unit.chip(), kind, argument, Instant(7)).expect("appended");
}

fn entries(lines: &[Line]) -> Vec<(u32, u8, u32)> {
    lines
        .iter()
        .filter_map(|line| match line {
            Line::Entry(entry) => Some((entry.sequence, entry.kind, entry.argument)),
            _ => None,
        })
        .collect()
}

#[test]
fn records_chain_and_the_head_is_the_last() {
    let (_, mut unit) = unit();
    append(&mut unit, Kind::RefusedEvidence, 100);
    append(&mut unit, Kind::RefusedEvidence, 101);
    let lines = unit.log();
    assert!(!lines.contains(&Line::Torn));
    let entries = entries(&lines);
    let sequences: Vec<u32> = entries.iter().map(|entry| entry.0).collect();
    assert_eq!(sequences, (1..=entries.len() as u32).collect::<Vec<_>>());
    let head = log::head(&mut unit.chip()).expect("readable");
    assert_eq!(head.sequence, entries.len() as u32);
    assert_ne!(head, Head::default());
}

#[test]
fn a_changed_record_breaks_the_chain() {
    let (_, mut unit) = unit();
    append(&mut unit, Kind::RefusedEvidence, 100);
    append(&mut unit, Kind::RefusedEvidence, 101);
    let page = unit.layout.log_page(1);
    unit.damage(page, 64 + 32 + 8);
    assert!(unit.log().contains(&Line::Torn));
}

#[test]
fn equal_records_coalesce_into_a_count() {
    let (_, mut unit) = unit();
    append(&mut unit, Kind::RefusedEvidence, 100);
    let before = entries(&unit.log()).len();
    for _ in 0..3 {
        append(&mut unit, Kind::RefusedEvidence, 100);
    }
    assert_eq!(entries(&unit.log()).len(), before);
    assert!(unit.log().contains(&Line::Repeated(3)));
    // The next record carries the count inside the chain.
    append(&mut unit, Kind::TrialFailed, 1);
    let carried = unit.log().into_iter().rev().find_map(|line| match line {
        Line::Entry(entry) => Some(entry.before_repeated),
        _ => None,
    });
    assert_eq!(carried, Some(3));
    // A flood of the same costs a bounded number of operations.
    append(&mut unit, Kind::RefusedEvidence, 100);
    let start = unit.flash.operations();
    for _ in 0..1000 {
        append(&mut unit, Kind::RefusedEvidence, 100);
    }
    assert!(unit.flash.operations() - start <= 16);
}

#[test]
fn a_kind_takes_a_third_of_a_page_and_does_not_turn_it() {
    let (_, mut unit) = unit();
    for argument in 0..1000 {
        append(&mut unit, Kind::RefusedEvidence, argument);
    }
    assert_eq!(unit.logged(Kind::RefusedEvidence), 10);
    let pages = unit
        .log()
        .iter()
        .filter(|line| matches!(line, Line::Page { .. }))
        .count();
    assert_eq!(pages, 1);
    // Another kind still finds room.
    append(&mut unit, Kind::TrialFailed, 1);
    assert_eq!(unit.logged(Kind::TrialFailed), 1);
}

#[test]
fn page_turns_keep_the_head_and_the_first_of_each_kind() {
    let (_, mut unit) = unit();
    append(&mut unit, Kind::DebugSession, 4711);
    for round in 0..400 {
        for kind in [
            Kind::RefusedEvidence,
            Kind::RefusedCandidate,
            Kind::TrialFailed,
            Kind::ActiveMismatch,
        ] {
            append(&mut unit, kind, round);
        }
    }
    let lines = unit.log();
    let pages: Vec<bool> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Page { chained, .. } => Some(*chained),
            _ => None,
        })
        .collect();
    assert_eq!(
        pages, [true; 3],
        "the ring is full and continues where the page before ended"
    );
    assert_eq!(unit.logged(Kind::DebugSession), 0, "recycled");
    let first = |kind: Kind| {
        lines.iter().find_map(|line| match line {
            Line::First(entry) if entry.kind == kind as u8 => Some(entry.argument),
            _ => None,
        })
    };
    assert_eq!(first(Kind::DebugSession), Some(4711));
    assert_eq!(first(Kind::TrialFailed), Some(0));
    let entries = entries(&lines);
    for pair in entries.windows(2) {
        assert_eq!(pair[1].0, pair[0].0 + 1);
    }
}

#[test]
fn a_missing_page_is_named() {
    let (_, mut unit) = unit();
    for round in 0..40 {
        for kind in [
            Kind::RefusedEvidence,
            Kind::RefusedCandidate,
            Kind::TrialFailed,
            Kind::ActiveMismatch,
        ] {
            append(&mut unit, kind, round);
        }
    }
    let middle = unit.layout.log_page(2);
    unit.flash.raw()[middle.offset as usize..middle.end() as usize].fill(0xff);
    assert!(
        unit.log()
            .iter()
            .any(|line| matches!(line, Line::Page { chained: false, .. }))
    );
}

#[test]
fn a_broken_log_stops_nothing() {
    let (_, mut unit) = unit();
    let region = unit.layout.log;
    unit.flash.raw()[region.offset as usize..region.end() as usize].fill(0);
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
    unit.flash.make_unreadable(region.offset..region.end());
    unit.damage(unit.layout.bank(cuff_bootloader::trust::Bank::A), 18);
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
}
