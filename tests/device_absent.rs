//! What `cuff sim` and `cuff device` say when there is no device, or one that something is wrong with.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/factory.rs"]
mod factory;
#[path = "support/cuff.rs"]
mod support;

use std::fs;
use std::io::{Seek, SeekFrom, Write};

use bench::{blank, provision, unit};
use cuff::durable::Lock;
use insta::assert_snapshot;
use support::Desk;

/// Overwrites a part of the unit's flash, as no chip would.
fn scratch(desk: &Desk, at: u64, bytes: &[u8]) {
    let mut flash = fs::File::options()
        .write(true)
        .open(desk.path("unit/flash.bin"))
        .unwrap();
    flash.seek(SeekFrom::Start(at)).unwrap();
    flash.write_all(bytes).unwrap();
}

#[test]
fn a_board_nobody_described() {
    let desk = Desk::new();
    assert_snapshot!(desk.cuff("sim new unit --board nrf53"), @r#"
    $ cuff sim new unit --board nrf53
    exit: 2
    --- stderr
    error: no board is called "nrf53": known are qemu-an505, qemu-an386, microbit, nrf52840; describe another with --board FILE
    help: name one of those, or the path of a board.toml
    "#);
    assert!(!desk.path("unit").exists());
    desk.write("bad.toml", "name = \"bad\"\n");
    assert_snapshot!(desk.cuff("sim new unit --board bad.toml"), @"
    $ cuff sim new unit --board bad.toml
    exit: 2
    --- stderr
    error: board description is malformed: bad.toml:1:1: missing field `core`
    cause: bad.toml:1:1: missing field `core`
    ");
}

#[test]
fn a_wearable_is_never_overwritten() {
    let (desk, _) = blank();
    assert_snapshot!(desk.cuff("sim new unit --board microbit"), @"
    $ cuff sim new unit --board microbit
    exit: 1
    --- stderr
    error: `unit` exists already: a simulated wearable is never overwritten
    help: choose another path, or remove it
    ");
}

#[test]
fn what_is_no_wearable_is_named_for_what_it_is() {
    let (desk, _) = blank();
    assert_snapshot!(desk.cuff("device info sim:absent"), @"
    $ cuff device info sim:absent
    exit: 3
    --- stderr
    error: no device at `sim:absent`: expected the folder of a simulated wearable, found nothing
    help: check the path, or make a wearable with `cuff sim new`
    ");
    assert_snapshot!(desk.cuff("device info sim:root.json"), @"
    $ cuff device info sim:root.json
    exit: 3
    --- stderr
    error: no device at `sim:root.json`: expected the folder of a simulated wearable, found a file
    help: check the path, or make a wearable with `cuff sim new`
    ");
    assert_snapshot!(desk.cuff("device info sim:."), @"
    $ cuff device info sim:.
    exit: 3
    --- stderr
    error: no device at `sim:.`: this folder is no simulated wearable, it has no wearable.toml
    help: check the path, or make a wearable with `cuff sim new`
    ");
    let flash = fs::read(desk.path("unit/flash.bin")).unwrap();
    desk.write("unit/flash.bin", &flash[..flash.len() - 1]);
    assert_snapshot!(desk.cuff("device info sim:unit"), @"
    $ cuff device info sim:unit
    exit: 3
    --- stderr
    error: no device at `sim:unit`: flash.bin is truncated: 98303 bytes, and the board's flash has 98304
    help: check the path, or make a wearable with `cuff sim new`
    ");
    desk.write("unit/flash.bin", [&flash[..], &[0xff]].concat());
    assert_snapshot!(desk.cuff("device info sim:unit"), @"
    $ cuff device info sim:unit
    exit: 3
    --- stderr
    error: no device at `sim:unit`: flash.bin is too long: 98305 bytes, and the board's flash has 98304
    help: check the path, or make a wearable with `cuff sim new`
    ");
    desk.write("unit/flash.bin", flash);
    desk.write("unit/wearable.toml", "format = 9\n");
    assert_snapshot!(desk.cuff("device info sim:unit"), @"
    $ cuff device info sim:unit
    exit: 3
    --- stderr
    error: no device at `sim:unit`: wearable.toml: format 9, expected 1
    help: check the path, or make a wearable with `cuff sim new`
    ");
}

#[test]
fn what_names_no_device() {
    let desk = Desk::new();
    assert_snapshot!(desk.cuff("device info usb:1"), @"
    $ cuff device info usb:1
    exit: 2
    --- stderr
    error: invalid value 'usb:1' for '[TARGET]': `usb:1` names no device: expected sim:PATH, probe:[VID:PID[:SERIAL]], serial:PATH[@BAUD] or tcp:HOST:PORT

    For more information, try '--help'.
    ");
    assert_snapshot!(desk.cuff("device info"), @"
    $ cuff device info
    exit: 2
    --- stderr
    error: no device was named
    help: give TARGET, as sim:PATH, or set CUFF_DEVICE
    ");
}

#[test]
fn two_commands_at_once() {
    let (desk, _) = unit();
    let lock = Lock::take(&desk.path("unit/lock")).unwrap();
    assert_snapshot!(desk.cuff("device push sim:unit 1.1.sealed"), @"
    $ cuff device push sim:unit 1.1.sealed
    exit: 16
    --- stderr
    error: `sim:unit` is in use by another process
    help: wait until the other command is done
    ");
    desk.cuff("sim boot unit").expect(16);
    drop(lock);
    desk.cuff("device push sim:unit 1.1.sealed").expect(0);
}

#[test]
fn a_blank_unit_takes_no_update() {
    let (desk, _) = blank();
    assert_snapshot!(desk.cuff("device push sim:unit 1.1.sealed"), @"
    $ cuff device push sim:unit 1.1.sealed
    exit: 13
    --- stderr
    error: this unit was never provisioned: it trusts nobody
    help: provision it with `cuff device provision`
    ");
    desk.cuff("device verify sim:unit").expect(13);
    desk.cuff("device log sim:unit").expect(13);
    desk.cuff("device info sim:unit --save state.json")
        .expect(13);
    assert!(!desk.path("state.json").exists());
}

#[test]
fn a_changed_image_is_found() {
    let (desk, _) = unit();
    scratch(&desk, 0x7800, &[0; 4]);
    assert_snapshot!(desk.cuff("device verify sim:unit 1.0.sealed"), @"
    $ cuff device verify sim:unit 1.0.sealed
    exit: 10
    --- stdout
    unit-1 says it runs band/1.0
    its trust store says sha256 [hex]
    its active slot has  sha256 [hex]
    the judge does not accept the sealed bundle for it
      boot      not judged  erased
      trust     whole       record 1 in both banks
      counter   whole       1 in both mirrors
      journal   whole       erased
      log       whole       1 records, chained
      inbox     not judged  nothing to judge
      active    NOT WHOLE   something else than band/1.0
      candidate whole       erased
    lock none: nothing on this chip keeps a hostile application from rewriting bootloader and trust store: what it runs is only as trustworthy as what it ran before
    refused: the active image is not the installed one (reason 504, active-mismatch)
    ");
    assert_snapshot!(desk.cuff("sim boot unit"), @"
    $ cuff sim boot unit
    exit: 12
    --- stdout
    sim:unit, boot 1
      damage: the active slot does not hold band/1.0
      recovery: the active image is not the installed one (reason 504, active-mismatch)
    ");
    assert_eq!(desk.cuff("device push sim:unit 1.1.sealed").code, 0);
}

#[test]
fn a_lost_trust_store_is_not_a_blank_one() {
    let (desk, _) = unit();
    scratch(&desk, 0x400, &[0; 8]);
    scratch(&desk, 0x1400, &[0; 8]);
    assert_eq!(desk.cuff("device info sim:unit").code, 12);
    assert_snapshot!(desk.cuff("device push sim:unit 1.1.sealed"), @"
    $ cuff device push sim:unit 1.1.sealed
    exit: 12
    --- stderr
    error: both banks of this unit's trust store are damaged: it stays in recovery
    help: if provisioning was interrupted, repeat `cuff device provision`; otherwise keep the unit for whoever investigates
    ");
    assert_snapshot!(provision(&desk, "--root root.json"), @"
    $ cuff device provision sim:unit 1.0.sealed --serial unit-1 --hardware band-a --root root.json
    exit: 0
    --- stdout
    sim:unit is band band-a, serial unit-1
    trusts root 1, sha256 [hex]
    runs band/1.0
      jump: band/1.0 runs
    lock none: nothing on this chip keeps a hostile application from rewriting bootloader and trust store: what it runs is only as trustworthy as what it ran before
    --- stderr
    warning: this unit's trust store was written before and cannot be read: it begins anew, and its log with it
    writing band/1.0 to sim:unit
    ");
}

#[test]
fn a_log_that_was_cut_short_or_rewritten() {
    let (desk, _) = unit();
    let young = fs::read(desk.path("unit/flash.bin")).unwrap();
    desk.cuff("device push sim:unit 1.1.sealed").expect(0);
    desk.cuff("sim boot unit").expect(0);
    desk.cuff("device log sim:unit --save --since head.json")
        .expect(0);
    desk.cuff("device log sim:unit --since head.json").expect(0);
    let old = fs::read(desk.path("unit/flash.bin")).unwrap();
    // The log region as it was before, everything else as it is.
    let mut mixed = old.clone();
    mixed[0x4400..0x5400].copy_from_slice(&young[0x4400..0x5400]);
    desk.write("unit/flash.bin", &mixed);
    assert_snapshot!(desk.cuff("device log sim:unit --since head.json --save"), @"
    $ cuff device log sim:unit --since head.json --save
    exit: 17
    --- stdout
        1  floor 2026-11-02T00:00:00Z  provisioned
    BROKEN: the log was cut short: it ends at record 1, and record 3 was seen before
    log broken: ends at record 1, [hex]; compared with record 3, seen before
    --- stderr
    warning: the log is broken: what was remembered of it is kept as it was
    ");
    // A flipped bit in the second record of the ring's first page.
    let mut flipped = old.clone();
    flipped[0x4800 + 64 + 32 + 9] ^= 1;
    desk.write("unit/flash.bin", &flipped);
    assert_snapshot!(desk.cuff("device log sim:unit"), @"
    $ cuff device log sim:unit
    exit: 17
    --- stdout
        1  floor 2026-11-02T00:00:00Z  provisioned
        2  floor 2026-11-03T00:00:00Z  a release confirmed, security counter 2 (kept aside)
        3  floor 2026-11-03T00:00:00Z  the security counter went to 2 (kept aside)
    BROKEN: 2 written places behind record 1 do not continue the chain
    log broken: ends at record 1, [hex]; nothing was remembered to compare it with
    ");
    desk.write("unit/flash.bin", old);
    desk.write("other.json", "{}");
    assert_snapshot!(desk.cuff("device log sim:unit --since other.json"), @"
    $ cuff device log sim:unit --since other.json
    exit: 2
    --- stderr
    error: `other.json` is not what `cuff device log --save` writes for this unit: missing field `schema_version` at line 1 column 2
    help: name the right file with --since, or remove this one
    ");
}

#[cfg(feature = "probe")]
#[test]
fn a_chip_on_no_board() {
    let desk = Desk::new();
    assert_snapshot!(desk.cuff("device info probe:1366:1015:1"), @"
    $ cuff device info probe:1366:1015:1
    exit: 2
    --- stderr
    error: nothing says what board is behind the probe
    help: name it with --board, as --board qemu-an386, or set CUFF_BOARD
    ");
    assert_snapshot!(desk.cuff("device info probe:1366:1015:1 --board qemu-an386"), @"
    $ cuff device info probe:1366:1015:1 --board qemu-an386
    exit: 20
    --- stderr
    error: no debug probe probe:1366:1015:1 is plugged in
    help: plug it in; `cuff device list` shows what is there
    ");
    assert_snapshot!(desk.cuff("device list"), @"
    $ cuff device list
    exit: 20
    --- stdout
    no debug probe is plugged in
    ");
    assert_snapshot!(desk.cuff("device list sim:unit"), @"
    $ cuff device list sim:unit
    exit: 2
    --- stderr
    error: `sim:unit` is no debug probe
    help: name probes alone, as probe:VID:PID:SERIAL
    ");
    assert_snapshot!(desk.cuff("device info probe: --board qemu-an505"), @"
    $ cuff device info probe: --board qemu-an505
    exit: 2
    --- stderr
    error: the description of board qemu-an505 has no [debug] table: a probe would not know its chip
    help: give the description a [debug] table, as docs/factory.md shows
    ");
}
