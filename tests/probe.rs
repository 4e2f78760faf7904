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
        })
        .unwrap();
        let said = desk.cuff("device log");
        assert!([15, 22].contains(&said.code), "{said}");
        unit.power_cycle().unwrap();
    }
    assert_eq!(desk.cuff("device info").code, 13);
}

#[test]
fn a_probe_that_is_not_there_busy_or_not_ours_has_a_name_and_a_number() {
    let Some((desk, unit)) = bench() else { return };
    assert_snapshot!(desk.cuff("device info probe:1366:1015:000000001"), @"
    $ cuff device info probe:1366:1015:000000001
    exit: 20
    --- stderr
    error: no debug probe probe:1366:1015:000000001 is plugged in
    help: plug it in; `cuff device list` shows what is there
    ");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!(
        "probe:20b7:9db1:tcp:127.0.0.1:{}",
        gone.local_addr().unwrap().port()
    );
    drop(gone);
    let desk = desk.replace(&nobody, "NOBODY");
    assert_snapshot!(desk.cuff(&format!("device info {nobody}")), @"
    $ cuff device info NOBODY
    exit: 20
    --- stderr
    error: no debug probe answers at NOBODY: Connection refused (os error 111)
    help: plug it in; `cuff device list` shows what is there
    ");
    // Another program talks to it: the probe takes one at a time.
    let target = unit.target();
    let (_, address) = target.split_once("tcp:").unwrap();
    let other = std::net::TcpStream::connect(address).unwrap();
    assert_snapshot!(desk.cuff("device info"), @"
    $ cuff device info
    exit: 16
    --- stderr
    error: the debug probe PROBE does not answer: another program uses it, or it is stuck
    help: close the other program, a debugger, an IDE or another cuff; if there is none, plug the probe in again
    ");
    drop(other);
    assert_eq!(desk.cuff("device info").code, 13);
    // A socket that this user may not use.
    let socket = desk.path("probe.socket");
    let _server = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    assert_snapshot!(as_nobody(&desk, &socket), @"
    exit: 21
    error: the debug probe probe:20b7:9db1:unix:SOCKET is there, and this user may not use it
    help: ask whoever runs that probe's server to let this user connect
    ");
}

/// `cuff device info` on a socket that only its owner may use, run by somebody else.
fn as_nobody(desk: &Desk, socket: &std::path::Path) -> String {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    let open = |path: &std::path::Path, mode| {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    open(&desk.path("."), 0o755);
    let am_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    open(socket, if am_root { 0o600 } else { 0 });
    // Wherever this was built, somebody else may not look there.
    let cuff = desk.path("cuff");
    if fs::hard_link(env!("CARGO_BIN_EXE_cuff"), &cuff).is_err() {
        fs::copy(env!("CARGO_BIN_EXE_cuff"), &cuff).unwrap();
    }
    let mut command = std::process::Command::new(&cuff);
    command
        .env_clear()
        .args(["device", "info", "--board", "qemu-an386"])
        .arg(format!("probe:20b7:9db1:unix:{}", socket.display()));
    if am_root {
        command.uid(65534).gid(65534);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let said = said.replace(socket.to_str().unwrap(), "SOCKET");
    format!("exit: {}\n{said}", output.status.code().unwrap())
}

#[test]
fn a_wire_that_is_bad_once_is_no_answer_and_does_no_harm() {
    let Some((desk, unit)) = bench() else { return };
    for after in [5, 60, 150, 400, 2000] {
        for faults in [
            Faults {
                fault_after: Some(after),
                ..Faults::default()
            },
            Faults {
                silent_after: Some(after),
                ..Faults::default()
            },
        ] {
            unit.break_with(faults.clone()).unwrap();
            let said = desk.cuff("device info");
            // probe-rs tries again where it can; where it cannot, nobody calls the unit something it is not.
            assert!([13, 15, 22].contains(&said.code), "{faults:?}: {said}");
            unit.break_with(Faults::default()).unwrap();
            assert_eq!(desk.cuff("device info").code, 13, "after {faults:?}");
        }
    }
    unit.break_with(Faults {
        slow: 1,
        ..Faults::default()
    })
    .unwrap();
    assert_eq!(desk.cuff("device info").code, 13);
}
