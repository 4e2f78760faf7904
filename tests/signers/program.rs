//! Programs that sign: the protocol of docs/signers.md, spoken by a shell script around `openssl`.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::{Desk, project};
use crate::{found, run};

/// The script that docs/signers.md shows, and a key for it.
fn desk() -> Desk {
    let desk = Desk::new().hide_hex();
    let page = std::fs::read_to_string(project().join("docs/signers.md")).unwrap();
    let (_, script) = page.split_once("```sh\n#!/bin/sh\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    program(&desk, "signer", script);
    run(Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(desk.path("secret.pem")));
    desk
}

fn program(desk: &Desk, name: &str, script: &str) {
    desk.write(name, format!("#!/bin/sh\n{script}"));
    std::fs::set_permissions(desk.path(name), PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn the_documented_program_founds_signs_and_publishes() {
    let desk = desk();
    let uri = "exec:./signer?arg=secret.pem";
    for name in ["me", "online"] {
        desk.cuff(&format!("key new {name} --signer {uri}"))
            .expect(0);
    }
    found(&desk);
    let review = desk.cuff("review --desk desk --json").expect(0).json();
    let digest = review["digest"].as_str().unwrap();
    desk.cuff(&format!("sign --desk desk --key {uri} --review {digest}"))
        .expect(0);
    desk.cuff(&format!("publish --desk desk --online-key {uri}"))
        .expect(0);
    desk.cuff("status --desk desk").expect(0);
}

#[test]
fn what_a_program_gives_is_checked() {
    let desk = desk();
    let public = "cat >/dev/null; [ $1 = sign ] || exec ./signer secret.pem public";
    for (script, rule, words) in [
        ("exit 7", "signer-program", "exit status: 7"),
        ("echo 00", "signer-program", "printed 2 characters"),
        (
            "printf '%0300d' 0",
            "signer-program",
            "printed 300 characters",
        ),
        ("printf '%064d' 0", "weak-key", "weak"),
        // A signature of the right form over nothing.
        (
            &format!("{public}; printf '%0128d' 0"),
            "signer",
            "no signature of its key",
        ),
        (&format!("{public}; exit 1"), "signer", "exit status: 1"),
        // The right key, other bytes.
        (
            &format!("{public}; echo other | ./signer secret.pem sign"),
            "signer",
            "no signature of its key",
        ),
    ] {
        program(&desk, "wrong", script);
        let refused = desk.cuff("key new nobody --signer exec:./wrong --json");
        assert_eq!(refused.json()["error"]["rule"], rule, "{script}: {refused}");
        assert!(refused.stderr.contains(words), "{script}: {refused}");
        assert!(!desk.path("nobody.pub").exists());
    }
    let absent = desk.cuff("key new nobody --signer exec:./absent").expect(3);
    assert!(absent.stderr.contains("cannot run"), "{absent}");
}

#[test]
fn a_signer_that_is_none_is_refused_on_the_command_line() {
    let desk = Desk::new();
    let refused = desk.cuff("key new nobody --signer gpg:me").expect(2);
    assert!(
        refused.stderr.contains("`gpg:` is no kind of signer"),
        "{refused}"
    );
}
