//! Killed processes and pulled plugs, through the binary: the unit comes back.
//!
//! Apart from the sweeps in `power_cut.rs`, because a process that is just being started shares this one's locks.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/factory.rs"]
mod factory;
#[path = "support/cuff.rs"]
mod support;

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use bench::unit;
use insta::assert_snapshot;

#[test]
fn a_killed_process_leaves_a_unit_that_comes_back() {
    let (desk, _) = unit();
    let mut killed = 0;
    for delay in 1..40 {
        fs::create_dir(desk.path("copy")).unwrap();
        for name in ["flash.bin", "board.toml", "wearable.toml"] {
            let from = desk.path("unit").join(name);
            fs::copy(from, desk.path("copy").join(name)).unwrap();
        }
        let mut child = desk
            .command()
            .args(["device", "push", "sim:copy", "1.1.sealed"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(delay * 3));
        child.kill().unwrap();
        killed += usize::from(child.wait().unwrap().code().is_none());
        desk.cuff("sim boot copy --times 2").expect(0);
        desk.cuff("device verify sim:copy").expect(0);
        fs::remove_dir_all(desk.path("copy")).unwrap();
    }
    assert!(killed > 0, "every push was faster than its killer");
}

#[test]
fn a_person_pulls_the_plug() {
    let (desk, _) = unit();
    desk.cuff("sim cut unit --after 700").expect(0);
    assert_snapshot!(desk.cuff("device push sim:unit 1.1.sealed"), @"
    $ cuff device push sim:unit 1.1.sealed
    exit: 15
    --- stderr
    error: the device went away: power was cut after 700 flash operations
    help: power the device again and repeat the command: it goes on from what it has
    ");
    assert_snapshot!(desk.cuff("sim boot unit"), @"
    $ cuff sim boot unit
    exit: 0
    --- stdout
    sim:unit, boot 1
      trust: a damaged bank was repaired from the other
      verdict: band/1.1 may run; its trial is open
      swap: band/1.1 moves into the active slot
      trial: band/1.1 starts, 1 of 3
      jump: band/1.1 runs on trial
      application: band/1.1 confirms its trial; the next boot installs it
    ");
    desk.cuff("sim boot unit").expect(0);
    let info = desk.cuff("device info sim:unit --json").json();
    assert_eq!(info["state"]["installed"]["release"], "band/1.1");
    // One that is never reached is used up all the same.
    desk.cuff("sim cut unit --after 0").expect(0);
    desk.cuff("sim boot unit").expect(0);
    assert!(!desk.read("unit/wearable.toml").contains("cut"));
}
