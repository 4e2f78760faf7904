//! Keys that are not files: real tokens (`SoftHSM`), a real ssh-agent, programs, and a stand-in for Vault.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/cuff.rs"]
mod support;

#[path = "signers/agent.rs"]
mod agent;
#[path = "signers/memory.rs"]
mod memory;
#[path = "signers/program.rs"]
mod program;
#[path = "signers/token.rs"]
mod token;
#[path = "signers/vault.rs"]
mod vault;

use std::process::Command;

use support::{Desk, Transcript};

/// Whether foreign programs are left out: a quick run does without them, a whole one fails where they are missing.
fn quick() -> bool {
    std::env::var_os("CUFF_QUICK").is_some()
}

/// Runs a foreign program that must succeed.
fn run(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let output = command.output().unwrap_or_else(|error| {
        panic!("{shown}: {error}; run `cargo xtask setup`, or set CUFF_QUICK=1 to leave foreign programs out")
    });
    assert!(
        output.status.success(),
        "{shown}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A repository whose root, targets and band belong to the holder of `me.pub`, and the online roles to `online.pub`.
fn found(desk: &Desk) {
    desk.cuff("init desk --key root=me.pub --key band=me.pub --online online.pub")
        .expect(0);
}

/// A signer that cannot be had, and why; nothing may have been written.
fn refused(desk: &Desk, signer: &str, code: i32, rule: &str, words: &[&str]) -> Transcript {
    let refused = desk
        .cuff(&format!("key new nobody --signer {signer} --json"))
        .expect(code);
    assert_eq!(refused.json()["error"]["rule"], rule, "{refused}");
    for word in words {
        assert!(refused.stderr.contains(word), "{word}: {refused}");
    }
    assert!(!desk.path("nobody.pub").exists());
    refused
}
