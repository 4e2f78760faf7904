//! The serial line of a chip: cuff reaches the demo band on it, and the bootloader in recovery.

use std::process::{Child, Stdio};

use crate::boards::left_out;
use crate::carried::Bench;
use crate::qemu::{AN386, AN505, Clock, Machine, Qemu};
use crate::stock::run;
use crate::support::{Desk, Transcript};

#[test]
fn a_host_updates_the_band_over_its_serial_line() {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN386);
    let mut chip = bench.powered();
    chip.go();
    chip.hear("band 1.0.0 started\n");
    let host = Host::new(&mut chip);
    let info = host.device("info AT --json").json();
    assert_eq!(info["line"]["speaker"], "application");
    assert_eq!(info["state"]["serial"], "chip-1");

    bench.release("1.1", 2, "band-2");
    host.desk.write("1.1.sealed", bench.factory.seal());
    let push = host.device("push AT 1.1.sealed --json").json();
    assert_eq!(push["boots"][0][0]["event"], "trial-opened", "{push:#}");
    // The application on trial is who answers, and it judges nothing: the next boot installs.
    chip.hear("band confirms\n");
    chip.reset();
    chip.go();
    chip.hear("band 1.1.0 started\n");
    let info = host.device("info AT --json").json();
    assert_eq!(info["state"]["installed"]["release"], "band/1.1");
    let log = host.device("log AT --json").json();
    assert_eq!(log["broken"], false);
}

#[test]
fn recovery_takes_an_update_over_the_serial_line() {
    if left_out() {
        return;
    }
    let (mut bench, mut chip) = in_recovery(&AN386);
    let host = Host::new(&mut chip);
    let info = host.device("info AT --json").json();
    assert_eq!(info["line"]["speaker"], "bootloader", "{info:#}");
    bench.release("1.1", 2, "band-2");
    host.desk.write("1.1.sealed", bench.factory.seal());
    let push = host.device("push AT 1.1.sealed --json").json();
    // Its evidence was judged in recovery already; the boot keeps the trust it brings, and then opens the trial.
    assert_eq!(
        push["boots"][0][0]["event"], "evidence-accepted",
        "{push:#}"
    );
    assert_eq!(push["boots"][0][1]["event"], "trial-opened", "{push:#}");
    chip.hear("band confirms\n");
}

/// Behind `TrustZone` the application answers no host. Recovery does, on the secure side, with the same UART, and judges as elsewhere.
#[test]
fn recovery_behind_trustzone_takes_an_update_over_the_serial_line() {
    if left_out() {
        return;
    }
    let (mut bench, mut chip) = in_recovery(&AN505);
    let host = Host::new(&mut chip);
    let info = host.device("info AT --json").json();
    assert_eq!(info["line"]["speaker"], "bootloader", "{info:#}");
    assert_eq!(info["state"]["serial"], "chip-1");
    bench.release("1.1", 2, "band-2");
    host.desk.write("1.1.sealed", bench.factory.seal());
    // After the reset nobody answers, and nobody waits for that here: what the chip does is what counts.
    let mut push = host.spawn("push AT 1.1.sealed");
    chip.hear("band confirms\n");
    push.kill().unwrap();
    push.wait().unwrap();
    chip.halt();
    chip.reset();
    chip.go();
    chip.hear("band 1.1.0 started\n");
    let unit = bench.take(&chip);
    assert_eq!(unit.installed, "band/1.1");
}

/// A unit whose active image was spoiled, so that its bootloader stays.
fn in_recovery(machine: &'static Machine) -> (Bench, Qemu) {
    let bench = Bench::new(machine);
    let mut chip = Qemu::new(machine, &spoiled(&bench), false, Clock::Instructions);
    chip.go();
    (bench, chip)
}

/// The flash of a unit whose active image was spoiled.
fn spoiled(bench: &Bench) -> Vec<u8> {
    let mut flash = bench.flash();
    let active = bench.sim().layout().active.offset as usize;
    flash[active + 100] ^= 1;
    flash
}

/// smpmgr as it comes from its index, with its defaults: to the band, and to the bootloader in recovery.
#[test]
#[cfg(target_os = "linux")]
fn a_stock_tool_updates_a_chip_over_its_serial_line() {
    if left_out() {
        return;
    }
    for (machine, healthy) in [(&AN386, true), (&AN386, false), (&AN505, false)] {
        let mut bench = Bench::new(machine);
        let flash = if healthy {
            bench.flash()
        } else {
            spoiled(&bench)
        };
        let desk = Desk::new();
        bench.release("1.1", 2, "band-2");
        desk.write("1.1.sealed", bench.factory.seal());
        desk.cuff("export --smp 1.1.sealed --release band/1.1 -o band.smp")
            .expect(0);
        let (mut chip, terminal) = Qemu::on_a_terminal(machine, &flash);
        chip.go();
        if healthy {
            chip.hear("band 1.0.0 started\n");
        }
        let smpmgr = |words: &str| {
            let words = format!("--port {terminal} {words}");
            let (pleased, said) = run(&desk, "smpmgr", &words.split(' ').collect::<Vec<_>>());
            assert!(pleased, "{words}: {said}");
            said
        };
        smpmgr("image upload --format any band.smp");
        let state = smpmgr("image state-read");
        assert!(state.contains("version='1.1'"), "{state}");
        // What is installed, and whether it runs.
        assert!(state.contains("version='1.0'"), "{state}");
        assert_eq!(state.contains("active=True"), healthy, "{state}");
        smpmgr("os reset");
        chip.hear("band confirms\n");
    }
}

/// A desk with a cable.
struct Host {
    desk: Desk,
    target: String,
}

impl Host {
    fn new(chip: &mut Qemu) -> Self {
        Self {
            desk: Desk::new(),
            target: format!("tcp:127.0.0.1:{}", chip.line_port()),
        }
    }

    fn device(&self, line: &str) -> Transcript {
        let line = line.replace("AT", &self.target);
        self.desk.cuff(&format!("device {line}")).expect(0)
    }

    fn spawn(&self, line: &str) -> Child {
        let line = line.replace("AT", &self.target);
        let mut command = self.desk.command();
        command.arg("device").args(line.split(' '));
        let nothing = || Stdio::null();
        command.stdin(nothing()).stdout(nothing()).stderr(nothing());
        command.spawn().unwrap()
    }
}
