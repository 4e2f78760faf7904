//! A desk with a simulated unit on it: a board, a pinned root, and sealed bundles of band/1.0 and band/1.1.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::fs;

use crate::factory::{Factory, Release};
use crate::support::{Desk, Transcript, project};

/// Everything but the unit.
pub fn desk() -> (Desk, Factory) {
    let desk = Desk::new().hide_hex();
    let mut band = Factory::new("band");
    desk.write("root.json", band.root(1));
    let board = fs::read(project().join("fixtures/boards/wearable.toml")).unwrap();
    desk.write("board.toml", board);
    band.release(Release::new("1.0", 1, 2000));
    desk.write("1.0.sealed", band.seal());
    band.release(Release::new("1.1", 2, 2900));
    desk.write("1.1.sealed", band.seal());
    (desk, band)
}

/// The same with a blank unit.
pub fn blank() -> (Desk, Factory) {
    let (desk, band) = desk();
    desk.cuff("sim new unit --board board.toml").expect(0);
    (desk, band)
}

/// The same with a unit that runs band/1.0.
pub fn unit() -> (Desk, Factory) {
    let (desk, band) = blank();
    provision(&desk, "--root root.json").expect(0);
    (desk, band)
}

/// Makes the unit somebody.
pub fn provision(desk: &Desk, more: &str) -> Transcript {
    desk.cuff(&format!(
        "device provision sim:unit 1.0.sealed --serial unit-1 --hardware band-a {more}"
    ))
}
