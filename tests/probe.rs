//! `cuff` at a bench: the built program against chips behind virtual probes, which it cannot tell from real ones.

#![cfg(feature = "probe")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/cuff.rs"]
mod support;

use insta::assert_snapshot;
use support::Desk;
use virtual_probe::bench::{Faults, Unit};

/// A virgin chip, and a desk that names its probe `PROBE`. Needs QEMU: `CUFF_QUICK=1` leaves these tests out.
fn bench() -> Option<(Desk, Unit)> {
    if std::env::var_os("CUFF_QUICK").is_some() {
        return None;
    }
    let unit = Unit::power_on([0x1111_2222, 0x3333_4444])
        .expect("qemu-system-arm: run `cargo xtask setup`, or set CUFF_QUICK=1");
    let desk = Desk::new()
        .variable("CUFF_DEVICE", unit.target())
        .variable("CUFF_BOARD", "qemu-an386")
        .replace(unit.target(), "PROBE");
    Some((desk, unit))
}

#[test]
fn a_virgin_chip_is_identified_and_is_nobody_yet() {
    let Some((desk, _unit)) = bench() else { return };
    assert_snapshot!(desk.cuff("device info"), @"
    $ cuff device info
    exit: 13
    --- stdout
    device      PROBE
    board       qemu-an386, bootloader 1
    chip        nRF52_an386, uid 2222111144443333, debug port open
    lock        none: nothing on this chip keeps a hostile application from rewriting bootloader and trust store: what it runs is only as trustworthy as what it ran before
    standing    never provisioned: it trusts nobody and runs nothing
    ");
    assert_snapshot!(desk.cuff("device push absent.sealed"), @"
    $ cuff device push absent.sealed
    exit: 3
    --- stderr
    error: cannot read `absent.sealed`
    cause: No such file or directory (os error 2)
    help: check the path, and that you may read it
    ");
}

#[test]
fn what_stands_between_a_probe_and_a_chip_has_a_name_and_a_number() {
    let Some((desk, unit)) = bench() else { return };
    unit.become_another_chip();
    assert_snapshot!(desk.cuff("device info"), @"
    $ cuff device info
    exit: 23
    --- stderr
    error: another chip than nRF52_an386 is connected: 0x4002fffc reads 0x41043850, expected 0x41043860
    help: nothing was written: connect the board that was named, or name the board that is connected
    ");
    unit.lock().unwrap();
    assert_snapshot!(desk.cuff("device info"), @"
    $ cuff device info
    exit: 24
    --- stderr
    error: the chip's debug port is locked
    help: `cuff device recover --erase-all` opens it by erasing all it holds; over serial it still answers for itself
    ");
    unit.power_off().unwrap();
    assert_snapshot!(desk.cuff("device info"), @"
    $ cuff device info
    exit: 22
    --- stderr
    error: no target answers the probe
    help: check that the unit has power and that the cable is seated
    ");
}

#[test]
fn a_chip_that_goes_away_in_the_middle_is_not_waited_for() {
    let Some((desk, unit)) = bench() else { return };
    for after in [40, 200] {
        unit.break_with(Faults {
            cable_after: Some(after),
            ..Faults::default()
        });
        let said = desk.cuff("device log");
        assert!([15, 22].contains(&said.code), "{said}");
        unit.power_cycle().unwrap();
    }
    assert_eq!(desk.cuff("device info").code, 13);
}
