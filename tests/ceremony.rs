//! docs/ceremony.md, followed literally: every command line in it, in order, with what it shows compared.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/cuff.rs"]
mod support;
#[path = "support/walk.rs"]
mod walk;

use std::fs;

use support::project;
use walk::{Walk, blocks};

#[test]
fn the_run_sheet_does_what_it_says() {
    let sheet = fs::read_to_string(project().join("docs/ceremony.md")).unwrap();
    let walked = Walk::new().run(&blocks(&sheet)).unwrap();
    // What the sheet is for must have been run: the first root, signing again, a full threshold rotated, the drill.
    for line in [
        "cuff init desk --key root=alice.pub",
        "cuff sign --out ",
        "cuff sign request.cuffsign --key carol.key",
        "cuff sign --in ",
        "cuff init --join --root-sha256 ",
        "cuff status --at ",
        "cuff role expiry root ",
        "cuff role rotate alice=",
        "cuff role drill --compromised carol",
        "cuff role drill --lost ",
    ] {
        assert!(
            walked.iter().any(|ran| ran.line.starts_with(line)),
            "{line}"
        );
    }
    let published = walked
        .iter()
        .filter(|ran| ran.line.starts_with("cuff publish"));
    assert_eq!(published.count(), 4);
    let compared: usize = walked.iter().map(|ran| ran.compared).sum();
    assert!(compared > 90, "{compared} lines of output were compared");
}
