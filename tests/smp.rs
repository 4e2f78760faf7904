//! Devices on serial lines: cuff against a simulated wearable, stock SMP tools against it, and cuff against somebody else's.
//!
//! smpmgr and smpclient come with `cargo xtask setup`; they are left out with `CUFF_QUICK=1` alone.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/factory.rs"]
mod factory;
#[path = "smp/foreign.rs"]
mod foreign;
#[path = "support/stock.rs"]
mod stock;
#[path = "support/cuff.rs"]
mod support;
#[path = "smp/tools.rs"]
mod tools;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use support::{Desk, Transcript};

/// A wearable on its line, until the test ends.
struct Served {
    child: Child,
    /// How it is named.
    target: String,
}

impl Served {
    fn tcp(desk: &Desk) -> Self {
        Self::with(desk, &["--tcp", "127.0.0.1:0"])
    }

    fn pty(desk: &Desk) -> Self {
        Self::with(desk, &["--pty"])
    }

    fn with(desk: &Desk, more: &[&str]) -> Self {
        let mut child = desk
            .command()
            .args(["sim", "serve", "unit"])
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut said).unwrap();
        let target = said.split_whitespace().last().expect(&said).to_owned();
        Self { child, target }
    }

    /// `cuff device WORDS`, with `AT` for this line.
    fn device(&self, desk: &Desk, line: &str) -> Transcript {
        desk.cuff(&format!("device {}", line.replace("AT", &self.target)))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Breaks the image that `unit` runs, so that its bootloader stays in recovery.
fn break_active(desk: &Desk) {
    let board = fs::read_to_string(desk.path("unit/board.toml")).unwrap();
    let board = cuff::board::Board::read("board.toml", &board).unwrap();
    let active = usize::try_from(board.layout().unwrap().active.offset).unwrap();
    let mut flash = fs::read(desk.path("unit/flash.bin")).unwrap();
    flash[active + 100..active + 104].fill(0);
    desk.write("unit/flash.bin", flash);
}

fn installed(desk: &Desk) -> String {
    let unit = desk.cuff("device info sim:unit --json").expect(0).json();
    let release = &unit["state"]["installed"]["release"];
    release.as_str().unwrap().to_owned()
}

/// The whole of a push over a line, and what the unit tells of itself before and after.
fn pushed_over(desk: &Desk, served: &Served) {
    let info = served.device(desk, "info AT --board board.toml --json");
    let info = info.expect(0).json();
    assert_eq!(info["line"]["speaker"], "application");
    assert_eq!(info["line"]["dropped"], 0);
    let direct = |served: &Served| {
        let mut told = served
            .device(desk, "info AT --board board.toml --json")
            .expect(0)
            .json();
        let object = told.as_object_mut().unwrap();
        object.retain(|name, _| !matches!(name.as_str(), "line" | "target"));
        told
    };
    let dry = served.device(
        desk,
        "push AT 1.1.sealed --board board.toml --dry-run --json",
    );
    assert_eq!(dry.expect(0).json()["ended"], "accepted");
    let push = served.device(desk, "push AT 1.1.sealed --board board.toml --json");
    let push = push.expect(0).json();
    assert_eq!(push["boots"][0][0]["event"], "trial-opened");
    assert_eq!(push["boots"][0][1]["event"], "trial-started");
    assert_eq!(push["boots"][0][1]["release"], "band/1.1");
    let verify = served.device(desk, "verify AT 1.1.sealed --board board.toml --json");
    let verify = verify.expect(0).json();
    assert_eq!(verify["on_trial"], true);
    assert_eq!(verify["signers"], true);
    let again = served.device(desk, "push AT 1.1.sealed --board board.toml --json");
    assert_eq!(again.expect(10).json()["error"]["rule"], "trial-open");
    let trust = served.device(
        desk,
        "push AT 1.1.sealed --trust-only --board board.toml --json",
    );
    assert_eq!(
        trust.expect(0).json()["boots"][0][0]["event"],
        "evidence-accepted"
    );
    let log = served.device(desk, "log AT --board board.toml --json");
    assert_eq!(log.expect(0).json()["broken"], false);
    let state = direct(served);
    assert_eq!(state["state"]["installed"]["release"], "band/1.1");
    assert_eq!(state["state"]["counter"], 2);
    assert_eq!(state["trial_starts"], serde_json::Value::Null);
}

#[test]
fn a_unit_behind_a_socket_is_pushed_to() {
    let (desk, _) = bench::unit();
    let served = Served::tcp(&desk);
    pushed_over(&desk, &served);
    let said = served.device(&desk, "info AT --json").expect(2).json();
    assert_eq!(said["error"]["rule"], "unknown-board");
    drop(served);
    // What was told over the line is what the folder holds.
    assert_eq!(installed(&desk), "band/1.1");
}

#[test]
#[cfg(target_os = "linux")]
fn a_unit_behind_a_serial_port_is_pushed_to() {
    let (desk, _) = bench::unit();
    let served = Served::pty(&desk);
    assert!(
        served.target.starts_with("serial:/dev/"),
        "{}",
        served.target
    );
    pushed_over(&desk, &served);
}

#[test]
fn recovery_judges_before_it_takes_an_image() {
    let (desk, mut band) = bench::unit();
    band.release(factory::Release::new("1.2", 0, 2000));
    desk.write("1.2.sealed", band.seal());
    break_active(&desk);
    let served = Served::tcp(&desk);
    let info = served.device(&desk, "info AT --board board.toml --json");
    assert_eq!(info.expect(0).json()["line"]["speaker"], "bootloader");
    let push = |file: &str| {
        served.device(
            &desk,
            &format!(
                "push AT {file} --release band/{} --board board.toml --json",
                &file[..3]
            ),
        )
    };
    let refused = push("1.2.sealed").expect(10).json();
    assert_eq!(refused["error"]["rule"], "counter-rollback");
    let taken = push("1.1.sealed").expect(0).json();
    assert_eq!(
        taken["boots"][0].as_array().unwrap().last().unwrap()["event"],
        "trial-started"
    );
}

#[test]
fn power_goes_in_the_middle_and_the_push_goes_on_from_there() {
    let (desk, _) = bench::unit();
    for after in [40, 300, 900] {
        desk.cuff(&format!("sim cut unit --after {after}"))
            .expect(0);
        let mut served = Served::tcp(&desk);
        let push = served.device(&desk, "push AT 1.1.sealed --board board.toml");
        if push.code != 0 {
            assert!([3, 15].contains(&push.code), "{push}");
            assert_eq!(served.child.wait().unwrap().code(), Some(15), "{push}");
        }
    }
    for _ in 0..3 {
        let served = Served::tcp(&desk);
        let push = served.device(&desk, "push AT 1.1.sealed --board board.toml");
        assert!([0, 10].contains(&push.code), "{push}");
        drop(served);
        desk.cuff("sim boot unit --times 2").expect(0);
        if installed(&desk) == "band/1.1" {
            return;
        }
    }
    panic!("band/1.1 was never installed");
}

#[test]
fn a_refusal_at_the_next_boot_is_told_with_its_reason() {
    let (desk, mut band) = bench::unit();
    band.release(factory::Release {
        hardware: "band-b",
        ..factory::Release::new("1.2", 3, 2000)
    });
    desk.write("1.2.sealed", band.seal());
    let served = Served::tcp(&desk);
    let push = served.device(
        &desk,
        "push AT 1.2.sealed --release band/1.2 --board board.toml --json",
    );
    let push = push.expect(10).json();
    assert_eq!(push["reason"]["name"], "other-hardware");
    let provision = served.device(
        &desk,
        "provision AT 1.0.sealed --serial x --hardware band-a --root root.json --board board.toml --json",
    );
    assert_eq!(
        provision.expect(14).json()["error"]["rule"],
        "already-provisioned"
    );
}

#[test]
fn nobody_and_somebody_else_are_told_apart() {
    let desk = Desk::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let said = desk.cuff(&format!("device info tcp:127.0.0.1:{port} --json"));
    assert_eq!(said.expect(3).json()["error"]["rule"], "no-device");
    drop(silent);
    let said = desk.cuff(&format!("device info tcp:127.0.0.1:{port} --json"));
    assert_eq!(said.expect(3).json()["error"]["rule"], "no-device");
    let chatterer = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = chatterer.local_addr().unwrap().port();
    let chatter = std::thread::spawn(move || {
        let (mut line, _) = chatterer.accept().unwrap();
        while line.write_all(b"band 1.0.0: 72 bpm\n").is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    });
    let said = desk.cuff(&format!("device info tcp:127.0.0.1:{port} --json"));
    assert_eq!(said.expect(3).json()["error"]["rule"], "no-device");
    chatter.join().unwrap();
    let said = desk.cuff("device info serial:/nowhere/at/all --json");
    assert_eq!(said.expect(3).json()["error"]["rule"], "no-device");
    let said = desk.cuff(&format!(
        "device info tcp:127.0.0.1:{port} --offline --json"
    ));
    assert_eq!(said.expect(2).json()["error"]["rule"], "offline");
    let foreign = foreign::Foreign::start();
    let said = desk.cuff(&format!("device info {} --json", foreign.target()));
    let said = said.expect(28).json();
    assert_eq!(said["error"]["rule"], "foreign-device");
    assert!(
        said["error"]["message"]
            .as_str()
            .unwrap()
            .contains("MCUboot"),
        "{said}"
    );
    assert!(foreign.slots.lock().unwrap().second.is_empty());
}

#[test]
fn an_export_says_what_is_in_it_and_refuses_what_does_not_fit() {
    let (desk, _) = bench::desk();
    let export = |more: &str| desk.cuff(&format!("export --smp 1.1.sealed {more} --json"));
    let said = export("-o band.smp --release band/1.1 --board board.toml")
        .expect(0)
        .json();
    let file = fs::read(desk.path("band.smp")).unwrap();
    assert_eq!(
        said["sha256"],
        cuff_verifier::digest::Digest::of(&file).to_string()
    );
    let evidence = usize::try_from(said["evidence"].as_u64().unwrap()).unwrap();
    assert_eq!(said["image"], file.len() - evidence);
    assert!(file.starts_with(b"cuff-ev1"));
    let trust = export("--dry-run --trust-only band").expect(0).json();
    assert_eq!(trust["image"], 0);
    assert_eq!(trust["release"], serde_json::Value::Null);
    let unknown = export("--dry-run --release band/9.9").expect(1).json();
    assert_eq!(unknown["error"]["rule"], "release-not-inside");
    assert!(!desk.files().contains(&"nowhere".to_owned()));
}

#[test]
fn an_image_goes_to_a_device_of_somebody_else_once_the_desk_has_judged_it() {
    let (desk, _) = bench::desk();
    let theirs = foreign::Foreign::start();
    let upload = |more: &str| {
        desk.cuff(&format!(
            "device upload {} 1.1.sealed --release band/1.1 --json {more}",
            theirs.target()
        ))
    };
    let refused = upload("--hardware band-b --root root.json")
        .expect(10)
        .json();
    assert_eq!(refused["error"]["rule"], "other-hardware");
    let refused = upload("--hardware band-a").expect(2).json();
    assert_eq!(refused["error"]["rule"], "no-pin");
    let dry = upload("--hardware band-a --root root.json --dry-run")
        .expect(0)
        .json();
    assert_eq!(dry["bootloader"], "MCUboot");
    assert!(theirs.slots.lock().unwrap().second.is_empty());
    let done = upload("--hardware band-a --root root.json")
        .expect(0)
        .json();
    assert_eq!(done["runs"], true);
    assert_eq!(done["after"][0]["confirmed"], false);
    let slots = theirs.slots.lock().unwrap();
    assert_eq!(slots.running, factory::Release::new("1.1", 2, 2900).image);
    assert_eq!(slots.second, b"what it came with");
    assert_eq!(slots.resets, 1);
    drop(slots);
    // One of ours is pushed to.
    let (desk, _) = bench::unit();
    let ours = Served::tcp(&desk);
    let said = ours.device(
        &desk,
        "upload AT 1.1.sealed --release band/1.1 --hardware band-a --root root.json --json",
    );
    assert_eq!(said.expect(2).json()["error"]["rule"], "cuff-device");
}
