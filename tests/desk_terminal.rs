//! Signing at a terminal: what is signed is read before the passphrase is typed.
//!
//! `script` of util-linux lends the terminal.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

#[path = "support/cuff.rs"]
mod support;

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use support::Desk;

const INIT: &str = "init desk --demo --key root=alice.pub --product band --online online.pub";

fn room() -> Desk {
    let desk = Desk::new()
        .with_example_keys()
        .variable("CUFF_DESK", "desk");
    desk.cuff(INIT).expect(0);
    desk
}

/// `cuff` on a terminal of its own.
struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: ChildStdout,
    seen: String,
}

impl Terminal {
    fn cuff(desk: &Desk, line: &str) -> Self {
        let plain = desk.command();
        let mut command = Command::new("script");
        command
            .args(["--quiet", "--return", "--command"])
            .arg(format!("{} {line}", env!("CARGO_BIN_EXE_cuff")))
            .arg("/dev/null")
            .env_clear()
            .current_dir(desk.path(""));
        for (name, value) in plain.get_envs() {
            command.env(name, value.unwrap());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            keyboard: child.stdin.take().unwrap(),
            screen: child.stdout.take().unwrap(),
            child,
            seen: String::new(),
        }
    }

    /// Waits until this is on the screen.
    fn sees(&mut self, text: &str) {
        while !self.seen.contains(text) {
            let mut some = [0; 4096];
            let count = self.screen.read(&mut some).unwrap();
            assert!(count > 0, "no `{text}` in:\n{}", self.seen);
            self.seen += &String::from_utf8_lossy(&some[..count]);
        }
    }

    fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Exit code, and all that was on the screen.
    fn leaves(mut self) -> (i32, String) {
        self.screen.read_to_string(&mut self.seen).unwrap();
        (self.child.wait().unwrap().code().unwrap(), self.seen)
    }
}

#[test]
fn the_review_comes_before_the_passphrase() {
    let desk = room();
    for line in ["sign --key alice.key", "--quiet sign --key alice.key"] {
        let mut terminal = Terminal::cuff(&desk, line);
        terminal.sees("[y/N]");
        assert!(
            terminal.seen.contains("+ product band"),
            "{}",
            terminal.seen
        );
        assert!(terminal.seen.contains("as alice (d1e6a2a3), review"));
        assert!(!terminal.seen.contains("passphrase"));
        terminal.types("n\n");
        let (code, screen) = terminal.leaves();
        assert_eq!(code, 1, "{screen}");
        assert!(screen.contains("not signed") && !screen.contains("passphrase"));
    }
    let mut terminal = Terminal::cuff(&desk, "sign --key alice.key");
    terminal.sees("[y/N]");
    terminal.types("y\n");
    terminal.sees("passphrase of alice.key");
    terminal.types("example\n");
    let (code, screen) = terminal.leaves();
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("alice (d1e6a2a3) signed root, targets, band"));
    assert_eq!(screen.matches("[y/N]").count(), 1);
}

#[test]
fn without_a_public_key_beside_it_the_passphrase_comes_first() {
    let desk = room();
    std::fs::rename(desk.path("alice.key"), desk.path("desk/moved.key")).unwrap();
    let mut terminal = Terminal::cuff(&desk, "sign --key desk/moved.key");
    terminal.sees("passphrase of desk/moved.key");
    assert!(!terminal.seen.contains("[y/N]"));
    terminal.types("example\n");
    terminal.sees("[y/N]");
    terminal.types("y\n");
    let (code, screen) = terminal.leaves();
    assert_eq!(code, 0, "{screen}");
}

#[test]
fn a_public_key_of_somebody_else_beside_the_key_is_refused() {
    let desk = room().variable("CUFF_PASSPHRASE", "example");
    std::fs::copy(desk.path("bob.key"), desk.path("alice.key")).unwrap();
    let review = desk.cuff("review --json").expect(0).json();
    let digest = review["digest"].as_str().unwrap();
    insta::assert_snapshot!(
        desk.cuff(&format!("sign --key alice.key --review {digest}")).expect(1).stderr, @"
    error: `alice.pub` is not the public key of `alice.key`
    help: nothing was signed; find out which of the two is in the wrong place
    ");
    assert!(!desk.path("desk/staged/signatures").exists());
}
