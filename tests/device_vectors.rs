//! Every vector of `fixtures/vectors`, pushed onto a simulated unit in the vector's state: the bootloader gives the same
//! reason under the same number as the verifier alone, and moves its trust exactly as far.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/factory.rs"]
mod factory;
#[path = "support/vector_unit.rs"]
mod vector_unit;
#[path = "support/vectors.rs"]
mod vectors;

use std::path::Path;

use cuff::device::link::Link;
use cuff::device::sim::Sim;
use cuff_bootloader::trust;
use vector_unit::{Vector, blank_unit, moved};
use vectors::names;

#[test]
fn every_vector_gets_the_same_verdict_from_a_device() {
    let line = tempfile::tempdir().unwrap();
    let path = line.path().join("unit");
    let board = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/boards/wearable.toml");
    blank_unit(&path, &board);
    let names = names();
    let mut wrong = Vec::new();
    for name in &names {
        let vector = Vector::read(name);
        // A copy in memory: every vector meets the same fresh unit.
        let mut sim = Sim::rehearse(&path).unwrap();
        let before = vector.prepare(&mut sim);
        let verdict = vector
            .offer(&mut sim)
            .and_then(|()| sim.reset().unwrap().ended.candidate.expect("an answer"));
        let after = *trust::look(&mut sim.chip()).record().unwrap();
        wrong.extend(vector.complaint(verdict, moved(&before, &after)));
    }
    assert!(
        wrong.is_empty(),
        "{} of {} vectors:\n{}",
        wrong.len(),
        names.len(),
        wrong.join("\n")
    );
}
