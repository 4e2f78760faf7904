//! `cuff tour` as a stranger runs it: every step ends as it should, and it minds its manners.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/cuff.rs"]
mod support;

use std::collections::BTreeSet;
use std::process::Stdio;

use insta::assert_snapshot;
use serde_json::{Value, json};
use support::Desk;

/// What must be shown, in which order, and how it must end; a step more or less fails here.
#[test]
fn every_step_ends_as_it_should() {
    let desk = Desk::new();
    let answer = desk.cuff("tour --json").expect(0);
    assert_eq!(answer.stderr, "", "with --json nobody is talked to");
    let answer = answer.json();
    assert_eq!(answer["ok"], true);
    assert_eq!(answer["kept"], Value::Null);
    let steps = answer["steps"].as_array().unwrap();
    assert_eq!(json!(steps.len()), answer["of"]);
    let told: Vec<String> = steps.iter().map(told).collect();
    assert_snapshot!(told.join("\n"), @"
    1 Three people and a build server make keys: done
    2 A repository: two of three, two products: done
    3 Firmware becomes bundles: done
    4 Both are staged: done
    5 Alice reviews and signs; one is too few: refused-at-desk
    6 Bob and Carol review and sign: done
    7 The repository is published: done
    8 The band's release is sealed for the factory: done
    9 A blank wearable, simulated: done
    10 The factory tells it whom to trust: done
    11 It boots what was signed: done
    12 Built, reviewed, signed twice, published: done
    13 The desk asks the bootloader's own judge: done
    14 The wearable tries it: done
    15 It confirms; the next boot installs it: done
    16 A new key takes her old one's place: done
    17 Signed without the stolen key: done
    18 The wearable learns it, without an image: done
    19 Three more releases, signed by the new key: done
    20 Control: with enough keys it would run: done
    21 One signature short: refused-by-device (200)
    22 The same key twice: refused-by-device (201)
    23 The other product's keys: refused-by-device (200)
    24 The stolen key, after the rotation: refused-by-device (200)
    25 A tampered image: refused-by-device (401)
    26 A truncated update: refused-by-device (401)
    27 An older security counter: refused-by-device (317)
    28 Older metadata: refused-by-device (212)
    29 A release for other hardware: refused-by-device (315)
    30 A release that expired long ago: refused-by-device (234)
    31 Power is cut while the slots are swapped: power-lost
    32 It goes on where it was, and confirms: recovered
    33 A sick release: the one before comes back: reverted
    34 The tamper log kept all of it, in a chain: done
    ");
    for step in steps {
        assert_eq!(step["as_expected"], true, "{step:#}");
        assert_eq!(step["surprise"], Value::Null, "{step:#}");
        let commands = step["commands"].as_array().unwrap();
        assert!(!commands.is_empty(), "{step:#}");
        for command in commands {
            assert_ne!(command["line"], "", "{step:#}");
        }
        let last = &commands[commands.len() - 1];
        match step["ending"].as_str().unwrap() {
            // The device's own word: the number, the name and the sentence stand in what it printed.
            "refused-by-device" => {
                assert_eq!(last["exit"], 10, "{step:#}");
                let why = format!(
                    "verdict: candidate refused: {} (reason {}, {})",
                    step["reason"]["sentence"].as_str().unwrap(),
                    step["reason"]["code"],
                    step["reason"]["name"].as_str().unwrap()
                );
                assert_eq!(last["line"], why.as_str());
            }
            "refused-at-desk" => assert_eq!(last["exit"], 1, "{step:#}"),
            "power-lost" => assert_eq!(last["exit"], 15, "{step:#}"),
            "reverted" => assert_eq!(last["exit"], 11, "{step:#}"),
            _ => assert_eq!(last["exit"], 0, "{step:#}"),
        }
    }
    assert!(desk.files().is_empty(), "{:?}", desk.files());
}

fn told(step: &Value) -> String {
    let reason = match step["reason"]["code"].as_u64() {
        Some(code) => format!(" ({code})"),
        None => String::new(),
    };
    let ending = step["ending"].as_str().unwrap();
    let title = step["title"].as_str().unwrap();
    format!("{:>2} {title}: {ending}{reason}", step["number"])
}

#[test]
fn what_is_kept_can_be_explored() {
    let desk = Desk::new().variable("CUFF_PASSPHRASE", "tour");
    let toured = desk.cuff("tour --keep kept").expect(0);
    // The story is talk, the table is the answer; each has every refusal's number.
    for code in ["200", "201", "212", "234", "315", "317", "401"] {
        assert!(toured.stderr.contains(&format!("(reason {code}, ")));
        assert!(toured.stdout.contains(&format!("  {code} ")));
    }
    assert!(toured.stderr.contains("\n    $ cuff key new alice\n"));
    assert!(toured.stdout.contains("go on by hand:"));
    assert!(
        toured
            .stdout
            .contains("34 steps, every one ended as it should")
    );
    let info = desk
        .cuff("device info sim:kept/wearable --json")
        .expect(0)
        .json();
    assert_eq!(info["state"]["installed"]["release"], "band/1.6.0");
    assert_eq!(info["state"]["counter"], 9);
    assert_eq!(info["state"]["root"]["version"], 2);
    desk.cuff("status --desk kept/desk").expect(0);
    desk.cuff("check kept/desk/published").expect(0);
    // Fresh keys every time: nothing of them is in the program.
    let keys: BTreeSet<String> = desk.files().into_iter().collect();
    for key in ["alice", "alice-2", "bob", "carol", "online"] {
        assert!(keys.contains(&format!("kept/{key}.key")), "{keys:?}");
    }
    assert_snapshot!(desk.cuff("tour --keep kept"), @"
    $ cuff tour --keep kept
    exit: 1
    --- stderr
    error: `kept` is not empty
    help: name a folder that is new or empty: the tour touches nothing of yours
    ");
}

#[test]
fn quiet_leaves_the_table_and_a_closed_pipe_leaves_the_exit_code() {
    let desk = Desk::new();
    let quiet = desk.cuff("tour -q").expect(0);
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.starts_with(" #  step"), "{quiet}");
    // Wide terminals are not everybody's.
    let widest = quiet.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "{quiet}");

    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let status = desk
        .command()
        .arg("tour")
        .stdin(Stdio::null())
        .stdout(closed())
        .stderr(closed())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_folder_that_cannot_be_made_is_no_refusal() {
    let desk = Desk::new();
    desk.write("file", "");
    desk.cuff("tour --keep file/below").expect(3);
    let lost = Desk::new().variable("TMPDIR", "/nowhere/at/all");
    let said = lost.cuff("tour").expect(3).stderr;
    assert!(
        said.starts_with("error: cannot make a temporary folder\n"),
        "{said}"
    );
    assert!(said.contains("help: set TMPDIR to a folder"), "{said}");
}

#[test]
fn it_goes_on_to_a_chip() {
    // Foreign programs are left out of a quick run.
    if std::env::var_os("CUFF_QUICK").is_some() {
        return;
    }
    let desk = Desk::new();
    let answer = desk.cuff("tour --qemu --json").expect(0).json();
    let steps = answer["steps"].as_array().unwrap();
    assert_eq!(json!(steps.len()), answer["of"]);
    let told: Vec<String> = steps[34..].iter().map(told).collect();
    assert_snapshot!(told.join("\n"), @"
    35 A second wearable, and its first boot: done
    36 The stolen key is taken away, on the chip: done
    37 An update: tried, confirmed by the band, installed: done
    38 One signature short, on the chip: refused-by-device (200)
    39 A sick release: the watchdog brings the one before back: reverted
    40 The tamper log of the chip, in a chain: done
    ");
}

#[test]
fn without_qemu_it_says_what_to_install() {
    let desk = Desk::new().variable("PATH", "/nowhere");
    assert_snapshot!(desk.cuff("tour --qemu"), @"
    $ cuff tour --qemu
    exit: 3
    --- stderr
    error: cannot run `qemu-system-arm`
    cause: No such file or directory (os error 2)
    help: install QEMU (Debian: `apt-get install qemu-system-arm`); `cuff tour` without --qemu needs nothing
    ");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
}
