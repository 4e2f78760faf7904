//! `cuff sim` and `cuff device`, as a person sees them: a unit's life, and how each mistake is told.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/factory.rs"]
mod factory;
#[path = "support/cuff.rs"]
mod support;

use std::fs;

use bench::{desk, provision, unit};
use insta::assert_snapshot;

#[test]
fn a_unit_is_made_and_provisioned() {
    let (desk, _) = desk();
    assert_snapshot!(desk.cuff("sim new unit --board board.toml"), @"
    $ cuff sim new unit --board board.toml
    exit: 0
    --- stdout
    sim:unit made: a blank wearable with 96 KiB of flash, images up to 4096 bytes, evidence up to 28672 bytes
    next: cuff device provision sim:unit SEALED --serial S --hardware ID
    ");
    assert_snapshot!(desk.cuff("device info sim:unit"), @"
    $ cuff device info sim:unit
    exit: 13
    --- stdout
    device      sim:unit
    board       wearable, bootloader 1
    lock        none: nothing on this chip keeps a hostile application from rewriting bootloader and trust store: what it runs is only as trustworthy as what it ran before
    standing    never provisioned: it trusts nobody and runs nothing
    ");
    assert_snapshot!(desk.cuff("sim boot unit"), @"
    $ cuff sim boot unit
    exit: 13
    --- stdout
    sim:unit, boot 1
      recovery: both banks of the trust store are damaged (reason 505, trust-damaged)
    this unit was never provisioned: it trusts nobody and runs nothing
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
    writing band/1.0 to sim:unit
    ");
    assert_snapshot!(desk.cuff("device info sim:unit"), @"
    $ cuff device info sim:unit
    exit: 0
    --- stdout
    device      sim:unit
    board       wearable, bootloader 1
    lock        none: nothing on this chip keeps a hostile application from rewriting bootloader and trust store: what it runs is only as trustworthy as what it ran before
    identity    band band-a, serial unit-1
    trust       root 1, timestamp 2, snapshot 2, targets 2, band 2
    floor       2026-11-02T00:00:00Z: expiry is held against this moment, the latest that enough signers vouched for
    counter     1, signed minimum 0: releases below 1 are refused
    installed   band/1.0, 2000 bytes, sha256 [hex]
    log         1 records, head [hex]
    ");
    assert_snapshot!(desk.cuff("device verify sim:unit 1.0.sealed"), @"
    $ cuff device verify sim:unit 1.0.sealed
    exit: 0
    --- stdout
    unit-1 says it runs band/1.0
    its trust store says sha256 [hex]
    its active slot has  sha256 [hex]
    the sealed bundle's signers say the same
      boot      not judged  erased
      trust     whole       record 1 in both banks
      counter   whole       1 in both mirrors
      journal   whole       erased
      log       whole       1 records, chained
      inbox     not judged  nothing to judge
      active    whole       band/1.0
      candidate whole       erased
    lock none: nothing on this chip keeps a hostile application from rewriting bootloader and trust store: what it runs is only as trustworthy as what it ran before
    whole
    ");
    assert_snapshot!(desk.cuff("sim boot unit"), @"
    $ cuff sim boot unit
    exit: 0
    --- stdout
    sim:unit, boot 1
      jump: band/1.0 runs
    ");
}

#[test]
fn an_update_is_pushed_tried_confirmed_and_installed() {
    let (desk, _) = unit();
    assert_snapshot!(desk.cuff("device push sim:unit 1.1.sealed --dry-run"), @"
    $ cuff device push sim:unit 1.1.sealed --dry-run
    exit: 0
    --- stdout
    band/1.1 to unit-1, sim:unit
    message 1 of 1: candidate, evidence 3725 bytes, image 2900 bytes
    would be accepted
    next: its trust would move; push again without --dry-run
    ");
    assert_snapshot!(desk.cuff("device push sim:unit 1.1.sealed"), @"
    $ cuff device push sim:unit 1.1.sealed
    exit: 0
    --- stdout
    band/1.1 to unit-1, sim:unit
    message 1 of 1: candidate, evidence 3725 bytes, image 2900 bytes
      trust: root 1, timestamp 3, product 3, floor 2026-11-03T00:00:00Z, minimum counter 0
      verdict: band/1.1 may run; its trial is open
      swap: band/1.1 moves into the active slot
      trial: band/1.1 starts, 1 of 3
      jump: band/1.1 runs on trial
    accepted
    next: band/1.1 runs on trial, start 1 of 3: once it confirms, the next boot installs it; if it never does, the release before comes back
    ");
    assert_snapshot!(desk.cuff("device info sim:unit"), @"
    $ cuff device info sim:unit
    exit: 0
    --- stdout
    device      sim:unit
    board       wearable, bootloader 1
    lock        none: nothing on this chip keeps a hostile application from rewriting bootloader and trust store: what it runs is only as trustworthy as what it ran before
    identity    band band-a, serial unit-1
    trust       root 1, timestamp 3, snapshot 3, targets 3, band 3
    floor       2026-11-03T00:00:00Z: expiry is held against this moment, the latest that enough signers vouched for
    counter     1, signed minimum 0: releases below 1 are refused
    installed   band/1.0, 2000 bytes, sha256 [hex]
    on trial    band/1.1, 2900 bytes, sha256 [hex]
                started 1 of 3 times
    previous    band/1.0, 2000 bytes, sha256 [hex]
    log         1 records, head [hex]
    ");
    assert_snapshot!(desk.cuff("sim boot unit"), @"
    $ cuff sim boot unit
    exit: 0
    --- stdout
    sim:unit, boot 1
      application: band/1.1 confirms its trial; the next boot installs it
      confirm: band/1.1 is installed, security counter 2
      counter: both mirrors hold 2 now
      jump: band/1.1 runs
    ");
    assert_snapshot!(desk.cuff("device log sim:unit --save"), @"
    $ cuff device log sim:unit --save
    exit: 0
    --- stdout
        1  floor 2026-11-02T00:00:00Z  provisioned
        2  floor 2026-11-03T00:00:00Z  a release confirmed, security counter 2
        3  floor 2026-11-03T00:00:00Z  the security counter went to 2
    log whole: ends at record 3, [hex]; nothing was remembered to compare it with
    remembered in [dir]/.local/state/cuff/devices/[hex].json
    ");
    desk.cuff("device verify sim:unit 1.1.sealed").expect(0);
    // The older release may not come back.
    assert_snapshot!(desk.cuff("device push sim:unit 1.0.sealed"), @"
    $ cuff device push sim:unit 1.0.sealed
    exit: 10
    --- stdout
    band/1.0 to unit-1, sim:unit
    message 1 of 1: candidate, evidence 3347 bytes, image 2000 bytes
      verdict: candidate refused: the timestamp is older than the one trusted before (reason 212, timestamp-rollback)
      jump: band/1.1 runs
    refused: the timestamp is older than the one trusted before (reason 212, timestamp-rollback)
    next: fetch the sealed bundle again: this one is older than what the device knows
    ");
}

#[test]
fn a_sick_update_is_reverted() {
    let (desk, _) = unit();
    desk.cuff("device push sim:unit 1.1.sealed").expect(0);
    assert_snapshot!(desk.cuff("sim boot unit --sick --times 3"), @"
    $ cuff sim boot unit --sick --times 3
    exit: 11
    --- stdout
    sim:unit, boot 1
      trial: band/1.1 starts, 2 of 3
      jump: band/1.1 runs on trial
      application: band/1.1 does not confirm
    sim:unit, boot 2
      trial: band/1.1 starts, 3 of 3
      jump: band/1.1 runs on trial
      application: band/1.1 does not confirm
    sim:unit, boot 3
      revert: band/1.1 started 3 times and never confirmed
      revert: band/1.0 is back
      jump: band/1.0 runs
    ");
    desk.cuff("device verify sim:unit 1.0.sealed").expect(10);
    desk.cuff("device verify sim:unit").expect(0);
    assert_snapshot!(desk.cuff("device log sim:unit"), @"
    $ cuff device log sim:unit
    exit: 0
    --- stdout
        1  floor 2026-11-02T00:00:00Z  provisioned
        2  floor 2026-11-03T00:00:00Z  a trial started 3 times and never confirmed
    log whole: ends at record 2, [hex]; nothing was remembered to compare it with
    ");
}

#[test]
fn during_a_trial_only_trust_is_taken() {
    let (desk, mut band) = unit();
    desk.cuff("device push sim:unit 1.1.sealed").expect(0);
    assert_snapshot!(desk.cuff("device push sim:unit 1.1.sealed --dry-run"), @"
    $ cuff device push sim:unit 1.1.sealed --dry-run
    exit: 10
    --- stdout
    band/1.1 to unit-1, sim:unit
    message 1 of 1: candidate, evidence 3725 bytes, image 2900 bytes
    would be refused: a trial is open, and the candidate slot holds the only way back (reason 502, trial-open)
    next: its trust would stay as it is; let the application confirm and reset the device, or let the trial run out: on a simulated wearable, `cuff sim boot`
    ");
    assert_snapshot!(desk.cuff("device push sim:unit 1.1.sealed"), @"
    $ cuff device push sim:unit 1.1.sealed
    exit: 10
    --- stderr
    error: the device refuses: a trial is open, and the candidate slot holds the only way back (reason 502, trial-open)
    help: let the application confirm and reset the device, or let the trial run out: on a simulated wearable, `cuff sim boot`
    ");
    band.minimum = 2;
    band.publish();
    desk.write("trust.sealed", band.seal_of(&[]));
    assert_snapshot!(desk.cuff("device push sim:unit trust.sealed --trust-only"), @"
    $ cuff device push sim:unit trust.sealed --trust-only
    exit: 0
    --- stdout
    trust alone to unit-1, sim:unit
    message 1 of 1: trust, evidence 3722 bytes
      trust: root 1, timestamp 4, product 4, floor 2026-11-04T00:00:00Z, minimum counter 2
      verdict: the evidence holds
      trial: band/1.1 starts, 2 of 3
      jump: band/1.1 runs on trial
    accepted
    next: band/1.1 runs on trial, start 2 of 3: once it confirms, the next boot installs it; if it never does, the release before comes back
    ");
    desk.cuff("sim boot unit").expect(0);
    let info = desk.cuff("device info sim:unit --json").expect(0).json();
    assert_eq!(info["state"]["installed"]["release"], "band/1.1");
    assert_eq!(info["state"]["minimum_counter"], 2);
}

#[test]
fn many_roots_go_over_in_steps() {
    let (desk, mut band) = unit();
    for _ in 0..24 {
        band.renew_root();
    }
    band.publish();
    desk.write("late.sealed", band.seal());
    let pushed = desk.cuff("device push sim:unit late.sealed").expect(0);
    assert_snapshot!(pushed, @"
    $ cuff device push sim:unit late.sealed
    exit: 0
    --- stdout
    band/1.1 to unit-1, sim:unit
    message 1 of 7: roots, evidence 7056 bytes
      trust: root 5 (new), timestamp 2, product 2, floor 2026-11-02T00:00:00Z, minimum counter 0
      verdict: the evidence holds
      jump: band/1.0 runs
    message 2 of 7: roots, evidence 7056 bytes
      trust: root 9 (new), timestamp 2, product 2, floor 2026-11-02T00:00:00Z, minimum counter 0
      verdict: the evidence holds
      jump: band/1.0 runs
    message 3 of 7: roots, evidence 7060 bytes
      trust: root 13 (new), timestamp 2, product 2, floor 2026-11-02T00:00:00Z, minimum counter 0
      verdict: the evidence holds
      jump: band/1.0 runs
    message 4 of 7: roots, evidence 7060 bytes
      trust: root 17 (new), timestamp 2, product 2, floor 2026-11-02T00:00:00Z, minimum counter 0
      verdict: the evidence holds
      jump: band/1.0 runs
    message 5 of 7: roots, evidence 7060 bytes
      trust: root 21 (new), timestamp 2, product 2, floor 2026-11-02T00:00:00Z, minimum counter 0
      verdict: the evidence holds
      jump: band/1.0 runs
    message 6 of 7: roots, evidence 7060 bytes
      trust: root 25 (new), timestamp 2, product 2, floor 2026-11-02T00:00:00Z, minimum counter 0
      verdict: the evidence holds
      jump: band/1.0 runs
    message 7 of 7: candidate, evidence 3725 bytes, image 2900 bytes
      trust: root 25, timestamp 4, product 4, floor 2026-11-04T00:00:00Z, minimum counter 0
      verdict: band/1.1 may run; its trial is open
      swap: band/1.1 moves into the active slot
      trial: band/1.1 starts, 1 of 3
      jump: band/1.1 runs on trial
    accepted
    next: band/1.1 runs on trial, start 1 of 3: once it confirms, the next boot installs it; if it never does, the release before comes back
    ");
    let info = desk.cuff("device info sim:unit --json").expect(0).json();
    assert_eq!(info["state"]["root"]["version"], 25);
}

#[test]
fn a_saved_state_is_what_the_judge_is_told() {
    let (desk, _) = unit();
    desk.cuff("device info sim:unit --save unit.json").expect(0);
    let state = cuff::state::State::read(desk.read("unit.json").as_bytes()).unwrap();
    let device = state.check().unwrap();
    assert_eq!(device.root_version(), 1);
    assert_eq!(device.known().product, "band");
    assert_eq!(device.known().versions.product, 2);
    assert_eq!(
        device.state().installed.as_ref().unwrap().release,
        "band/1.0"
    );
}

#[test]
fn the_device_is_also_named_by_the_environment() {
    let (desk, _) = unit();
    let desk = desk.variable("CUFF_DEVICE", "sim:unit");
    desk.cuff("device info").expect(0);
    desk.cuff("device push 1.1.sealed").expect(0);
}

#[test]
fn every_answer_is_json_too() {
    let (desk, _) = desk();
    for (line, code) in [
        ("sim new unit --board board.toml --json", 0),
        ("device info sim:unit --json", 13),
        (
            "device provision sim:unit 1.0.sealed --serial u --hardware band-a --root root.json --dry-run --json",
            0,
        ),
        (
            "device provision sim:unit 1.0.sealed --serial u --hardware band-a --root root.json --json",
            0,
        ),
        ("device push sim:unit 1.1.sealed --dry-run --json", 0),
        ("device push sim:unit 1.1.sealed --json", 0),
        ("device verify sim:unit --json", 0),
        ("device log sim:unit --json", 0),
        ("sim cut unit --after 9999 --json", 0),
        ("sim boot unit --json", 0),
    ] {
        let answer = desk.cuff(line).expect(code).json();
        assert_eq!(answer["schema_version"], 1, "{line}");
        assert_eq!(answer["ok"], code == 0, "{line}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let (desk, _) = unit();
    let before = fs::read(desk.path("unit/flash.bin")).unwrap();
    let outside = desk.read("unit/wearable.toml");
    desk.cuff("device push sim:unit 1.1.sealed --dry-run")
        .expect(0);
    desk.cuff("sim boot unit --dry-run").expect(0);
    desk.cuff("sim cut unit --after 3 --dry-run").expect(0);
    desk.cuff("sim new other --board microbit --dry-run")
        .expect(0);
    desk.cuff("device provision sim:unit 1.0.sealed --serial u --hardware band-a --root root.json --dry-run")
        .expect(14);
    assert!(!desk.path("other").exists());
    assert_eq!(fs::read(desk.path("unit/flash.bin")).unwrap(), before);
    assert_eq!(desk.read("unit/wearable.toml"), outside);
}
