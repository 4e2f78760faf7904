//! Releases that are withdrawn, and what a date will bring.

#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use std::process::Command;

use release::bundle;
use support::Desk;

/// band/1.0 and band/1.1 are published, and a unit runs 1.0.
fn published() -> Desk {
    let desk = Desk::new().with_a_working_directory().hide_hex();
    desk.cuff(
        "init desk --demo --key root=alice.pub,bob.pub,carol.pub --key band=alice.pub,bob.pub --threshold root=2 \
         --online online.pub",
    )
    .expect(0);
    for (version, counter, fill) in [("1.0", 1, 1), ("1.1", 2, 2)] {
        let file = format!("band-{version}.cuff");
        desk.write(&file, bundle("band", version, counter, fill));
        desk.cuff(&format!("stage {file}")).expect(0);
        publish(&desk);
        desk.cuff(&format!(
            "fetch desk/published band/{version} --sealed -o {version}.sealed"
        ))
        .expect(0);
    }
    desk.cuff("sim new unit --board qemu-an386").expect(0);
    let root = desk.path("desk/published/metadata/1.root.json");
    desk.cuff(&format!(
        "device provision sim:unit 1.0.sealed --serial unit-1 --hardware band-a --root {}",
        root.display()
    ))
    .expect(0);
    desk
}

fn publish(desk: &Desk) {
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk.publish().expect(0);
}

/// `cuff yank` with a sentence in it.
fn yank(desk: &Desk, release: &str, more: &[&str]) -> support::Transcript {
    let line = ["yank", release, "--reason", "the heart rate freezes"];
    desk.run(line.iter().chain(more), "")
}

#[test]
fn a_withdrawn_release_is_refused_by_name() {
    let desk = published();
    let more = ["--severity", "high", "--replaced-by", "band/1.0"];
    yank(&desk, "band/1.1", &more).expect(0);
    let review = desk.cuff("review").expect(0).stdout;
    assert!(
        review.contains("  - release band/1.1 (counter 2)\n      withdrawn  high: the heart rate freezes; take band/1.0 instead\n"),
        "{review}"
    );
    assert!(
        review.contains("! band/1.1: it is withdrawn (high), but the minimum counter stays 0: devices still take it"),
        "{review}"
    );
    publish(&desk);
    let refused = desk
        .cuff("fetch desk/published band/1.1 -o band.cuff --json")
        .expect(1)
        .json();
    assert_eq!(refused["error"]["rule"], "withdrawn");
    let message = refused["error"].to_string();
    assert!(
        message.contains(
            "band/1.1 was withdrawn (high: the heart rate freezes; take band/1.0 instead)"
        ),
        "{message}"
    );
    let unknown = desk
        .cuff("fetch desk/published band/9 -o band.cuff --json")
        .expect(1)
        .json();
    assert_eq!(unknown["error"]["rule"], "target-unknown");
    // Nothing is wrong but the keys of the demonstration.
    let checked = desk.cuff("check desk/published --json").json();
    let problems = checked["problems"].as_array().unwrap();
    let errors = problems
        .iter()
        .filter(|problem| problem["severity"] == "error");
    for error in errors {
        assert_eq!(error["rule"], "example-key", "{checked}");
    }
    // Its name stays taken.
    let again = desk.cuff("stage band-1.1.cuff").expect(1);
    assert!(
        again
            .stderr
            .contains("band/1.1 was withdrawn (high: the heart rate freezes"),
        "{again}"
    );
}

#[test]
fn a_device_hears_of_it_with_the_next_metadata() {
    let desk = published();
    desk.write("band-1.2.cuff", bundle("band", "1.2", 3, 3));
    desk.cuff("stage band-1.2.cuff").expect(0);
    let more = [
        "--severity",
        "critical",
        "--replaced-by",
        "band/1.2",
        "--minimum-counter",
        "3",
    ];
    yank(&desk, "band/1.1", &more).expect(0);
    // Nothing below the new minimum may stay.
    desk.cuff("yank band/1.0").expect(0);
    let review = desk.cuff("review").expect(0).stdout;
    assert!(review.contains("minimum counter 0 -> 3"), "{review}");
    assert!(!review.contains("devices still take it"), "{review}");
    publish(&desk);
    // The desk that knows of it brings it to nobody.
    let refused = desk.cuff("device push sim:unit 1.1.sealed").expect(10);
    assert!(
        refused.stderr.contains(
            "band/1.1 was withdrawn (critical: the heart rate freezes; take band/1.2 instead)"
        ),
        "{refused}"
    );
    // Elsewhere, a device that has not heard of it still takes the sealed bundle from before: said in the documentation.
    let copy = desk.path("unheard");
    copy_folder(&desk.path("unit"), &copy);
    let elsewhere = |line: &str| {
        let mut command = desk.command();
        let output = command.env_remove("CUFF_DESK").args(line.split(' '));
        output.output().unwrap().status.code()
    };
    assert_eq!(elsewhere("device push sim:unheard 1.1.sealed"), Some(0));
    // One that has does not.
    desk.cuff("fetch desk/published band/1.2 --sealed -o 1.2.sealed")
        .expect(0);
    desk.cuff("device push sim:unit 1.2.sealed").expect(0);
    desk.cuff("sim boot unit").expect(0);
    assert_eq!(elsewhere("device push sim:unit 1.1.sealed"), Some(10));
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    let copied = Command::new("cp").arg("-r").args([from, to]).status();
    assert!(copied.unwrap().success());
}

#[test]
fn an_advisory_that_says_nothing_useful_is_refused() {
    let desk = published();
    for (more, words) in [
        (vec![], "--severity"),
        (vec!["--severity", "awful"], "low, medium, high or critical"),
        (
            vec!["--severity", "low", "--replaced-by", "band/7"],
            "there is no release band/7 to take instead",
        ),
    ] {
        let refused = yank(&desk, "band/1.1", &more).expect(2);
        assert!(refused.stderr.contains(words), "{refused}");
    }
    let loud = ["yank", "band/1.1", "--severity", "low", "--reason", "\u{7}"];
    let loud = desk.run(loud, "").expect(2);
    assert!(loud.stderr.contains("printable ASCII"), "{loud}");
    desk.write("band-1.2.cuff", bundle("band", "1.2", 3, 3));
    desk.cuff("stage band-1.2.cuff").expect(0);
    let unheard = yank(&desk, "band/1.2", &["--severity", "low"]).expect(2);
    assert!(unheard.stderr.contains("was never published"), "{unheard}");
}

#[test]
fn status_tells_what_a_date_will_bring() {
    let desk = published();
    let now = desk.cuff("status --json").expect(0).json();
    assert_eq!(now["root_keys_to_lose"], 1);
    assert_eq!(now["devices"][0]["with_clock"], true);
    assert_eq!(now["devices"][0]["without_clock"], true);
    assert_eq!(now["devices"][0]["until_role"], "timestamp");
    let later = desk.cuff("status --at 2099-01-01 --json").expect(1).json();
    assert_eq!(later["expired"], true);
    let band = &later["devices"][0];
    assert_eq!(band["with_clock"], false, "{band}");
    assert_eq!(band["without_clock"], true, "{band}");
    assert_eq!(
        band["sign_again"],
        serde_json::json!(["root", "targets", "band"])
    );
    let said = desk.cuff("status --at 2099-01-01").expect(1).stdout;
    for line in [
        "band with a clock: devices REFUSE what is published now",
        "band without a clock: devices install it, until they see something signed after",
        "band: people must sign root, targets, band again",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}
