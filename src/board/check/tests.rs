//! Each rule of a board description, broken once.

use super::super::{Board, BoardError};
use super::*;
use crate::board::bench::SOUND;
use cuff_bootloader::layout::Misfit;

/// The fault, and where it stands, after one piece of a sound description was replaced.
fn with(from: &str, to: &str) -> (String, Fault) {
    assert!(SOUND.contains(from), "{from} is not in the description");
    match Board::read("b.toml", &SOUND.replacen(from, to, 1)).unwrap_err() {
        BoardError::Unsound { place, fault } => (place.to_string(), fault),
        other => panic!("{other}"),
    }
}

#[test]
fn the_description_the_others_break_is_sound() {
    Board::read("b.toml", SOUND).unwrap();
}

#[test]
fn an_unknown_field_or_a_missing_region_is_refused() {
    for text in [
        SOUND.replace("trials = 3", "trials = 3\ntrails = 3"),
        SOUND.replace("log = { start = 0x18000, length = 0x4000 }\n", ""),
        SOUND.replace("cortex-m4f", "cortex-m4"),
    ] {
        assert!(matches!(
            Board::read("b.toml", &text),
            Err(BoardError::Malformed(_))
        ));
    }
}

#[test]
fn the_bootloader_is_asked_too() {
    for (from, to, misfit) in [
        ("trials = 3", "trials = 200", Misfit::Trials),
        ("program-unit = 4", "program-unit = 32", Misfit::ProgramUnit),
        (
            "inbox = { start = 0x1C000, length = 0x4000 }",
            "inbox = { start = 0x1C000, length = 0x1000 }",
            Misfit::Inbox,
        ),
    ] {
        let refusal = Board::read("b.toml", &SOUND.replacen(from, to, 1)).unwrap_err();
        let file = "b.toml".to_owned();
        assert_eq!(refusal, BoardError::Unbootable { file, misfit });
    }
}

#[test]
fn an_unaligned_region_is_refused_at_its_line() {
    let (place, fault) = with(
        "boot = { start = 0x0, length = 0xC000 }",
        "boot = { start = 0x0, length = 0x1001 }",
    );
    assert!(matches!(
        fault,
        Fault::Unaligned {
            region: "boot",
            part: "length",
            ..
        }
    ));
    assert_eq!(place, "b.toml:18:8");
}

#[test]
fn overlapping_regions_are_refused() {
    let (_, fault) = with(
        "trust = { start = 0xC000, length = 0x4000 }",
        "trust = { start = 0x0, length = 0x2000 }",
    );
    assert!(matches!(
        fault,
        Fault::Overlap {
            first: "boot",
            second: "trust",
            ..
        }
    ));
}

#[test]
fn unequal_slots_are_refused() {
    let (_, fault) = with(
        "candidate = { start = 0x90000, length = 0x70000 }",
        "candidate = { start = 0x90000, length = 0x1000 }",
    );
    assert_eq!(
        fault,
        Fault::SlotsDiffer {
            active: 0x7_0000,
            candidate: 0x1000
        }
    );
}

#[test]
fn too_few_pages_are_refused() {
    for (region, from, to) in [
        (
            "trust",
            "trust = { start = 0xC000, length = 0x4000 }",
            "trust = { start = 0xC000, length = 0x1000 }",
        ),
        (
            "counter",
            "counter = { start = 0x10000, length = 0x4000 }",
            "counter = { start = 0x10000, length = 0x2000 }",
        ),
        (
            "journal",
            "journal = { start = 0x14000, length = 0x4000 }",
            "journal = { start = 0x14000, length = 0x1000 }",
        ),
        (
            "log",
            "log = { start = 0x18000, length = 0x4000 }",
            "log = { start = 0x18000, length = 0x2000 }",
        ),
    ] {
        let (_, fault) = with(from, to);
        assert!(
            matches!(fault, Fault::Pages { region: found, .. } if found == region),
            "{fault}"
        );
    }
}

#[test]
fn an_address_past_32_bits_is_refused() {
    let (_, fault) = with(
        "boot = { start = 0x0, length = 0xC000 }",
        "boot = { start = 0xFFFFF000, length = 0x2000 }",
    );
    assert!(matches!(fault, Fault::Bounds { region: "boot", .. }));
}

#[test]
fn odd_units_are_refused() {
    let (_, fault) = with("erase-unit = 4096", "erase-unit = 4095");
    assert!(matches!(
        fault,
        Fault::Unit {
            unit: "erase-unit",
            found: 4095,
            ..
        }
    ));
    let (_, fault) = with("evidence = 16384", "evidence = 4097");
    assert!(matches!(fault, Fault::Evidence { found: 4097, .. }));
    let (_, fault) = with("trials = 3", "trials = 0");
    assert!(matches!(fault, Fault::Zero { field: "trials" }));
}
