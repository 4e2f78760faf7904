//! Tokens: `SoftHSM`, and between it and us a shim for what it cannot do (locking, other encodings, wrong signatures).

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::support::{Desk, Transcript, project};
use crate::{found, quick, run};

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const PIN: &str = "4711";

/// A desk with a token slot machine of its own; `CUFF_PKCS11_MODULE` is the shim in front of `SoftHSM`.
pub fn desk() -> Desk {
    let desk = Desk::new().hide_hex();
    desk.write(
        "softhsm2.conf",
        format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            desk.path("tokens").display()
        ),
    );
    std::fs::create_dir(desk.path("tokens")).unwrap();
    desk.write("pin", PIN);
    let configuration = desk.path("softhsm2.conf");
    desk.variable("SOFTHSM2_CONF", configuration)
        .variable("SHIM_IN_FRONT_OF", SOFTHSM)
        .variable("CUFF_PKCS11_MODULE", shim())
}

fn with(desk: &Desk, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("SOFTHSM2_CONF", desk.path("softhsm2.conf"));
    command
}

/// Puts a key from a file onto a token.
pub fn import(desk: &Desk, label: &str, name: &str, file: &str) {
    run(with(desk, "softhsm2-util")
        .arg("--import")
        .arg(desk.path(file))
        .args(["--token", label, "--label", name, "--id", "01"])
        .args(["--pin", PIN]));
}

/// Gives a token another PIN.
pub fn change_pin(desk: &Desk, label: &str, pin: &str) {
    run(with(desk, "pkcs11-tool")
        .args(["--module", SOFTHSM, "--token-label", label])
        .args(["--login", "--pin", PIN, "--change-pin", "--new-pin", pin]));
}

/// Initialises a token and makes a key on it.
pub fn token(desk: &Desk, label: &str, keys: &[(&str, &str)]) {
    run(with(desk, "softhsm2-util")
        .args(["--init-token", "--free", "--label", label])
        .args(["--pin", PIN, "--so-pin", "0815"]));
    for (number, (name, kind)) in keys.iter().enumerate() {
        run(with(desk, "pkcs11-tool")
            .args([
                "--module",
                SOFTHSM,
                "--token-label",
                label,
                "--login",
                "--pin",
                PIN,
            ])
            .args(["--keypairgen", "--key-type", kind, "--usage-sign"])
            .args(["--label", name, "--id", &format!("{:02}", number + 1)]));
    }
}

/// The shim, compiled once a run.
fn shim() -> PathBuf {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    let built = SHIM.get_or_init(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let shim = folder.join(format!("token-shim-{}.so", std::process::id()));
        run(Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror"])
            .arg("-I/usr/include/p11-kit-1")
            .arg(project().join("tests/signers/token_shim.c"))
            .arg("-o")
            .arg(&shim)
            .arg("-ldl"));
        shim
    });
    built.clone()
}

fn introduce(desk: &Desk, uri: &str) -> Transcript {
    desk.cuff(&format!("key new me --signer {uri} --passphrase-file pin"))
}

fn refused(desk: &Desk, uri: &str, code: i32, rule: &str, words: &[&str]) {
    let line = format!("{uri} --passphrase-file pin");
    crate::refused(desk, &line, code, rule, words);
}

#[test]
fn a_token_founds_signs_and_publishes() {
    if quick() {
        return;
    }
    for encoding in ["octets", "raw"] {
        let desk = desk().variable("SHIM_POINT", encoding);
        token(&desk, "desk", &[("root", "EC:edwards25519")]);
        let uri = "pkcs11:token=desk;object=root?pin-source=file:pin";
        let made = desk.cuff(&format!("key new me --signer {uri}")).expect(0);
        assert!(made.stdout.contains("token `desk` (serial "), "{made}");
        assert!(made.stderr.contains("touch it"), "{made}");
        desk.cuff("key show me.pub").expect(0);
        let online = desk.cuff(&format!("key new online --signer {uri}"));
        online.expect(0);
        found(&desk);
        let review = desk.cuff("review --desk desk --json").expect(0).json();
        let digest = review["digest"].as_str().unwrap().to_owned();
        let signed = desk
            .cuff(&format!(
                "sign --desk desk --key {uri} --review {digest} --json"
            ))
            .expect(0);
        assert_eq!(signed.json()["complete"], true, "{signed}");
        desk.cuff(&format!("publish --desk desk --online-key {uri}"))
            .expect(0);
        desk.cuff("status --desk desk").expect(0);
    }
}

#[test]
fn the_pin_may_come_from_the_environment_or_nowhere() {
    if quick() {
        return;
    }
    let desk = desk();
    token(&desk, "desk", &[("root", "EC:edwards25519")]);
    let asked = desk.cuff("key new me --signer pkcs11:token=desk").expect(2);
    assert!(asked.stderr.contains("PIN of token `desk`"), "{asked}");
    let desk = desk.variable("CUFF_PASSPHRASE", PIN);
    desk.cuff("key new me --signer pkcs11:token=desk").expect(0);
}

#[test]
fn a_wrong_pin_is_told_from_a_locked_token() {
    if quick() {
        return;
    }
    let desk = desk();
    token(&desk, "desk", &[("root", "EC:edwards25519")]);
    desk.write("wrong", "4712\n");
    let wrong = "pkcs11:token=desk?pin-source=wrong";
    refused(
        &desk,
        wrong,
        1,
        "wrong-pin",
        &["the PIN is wrong", "fewer wrong PINs", "do not guess"],
    );
    // The next to open it is warned before a PIN is sent, and a right one ends the warning.
    let warned = introduce(&desk, "pkcs11:token=desk").expect(0);
    assert!(warned.stderr.contains("warning: token `desk`"), "{warned}");

    let desk = desk.variable("SHIM_FLAGS", "final");
    refused(&desk, wrong, 1, "wrong-pin", &["ONE attempt is left"]);
    let desk = desk.variable("SHIM_FLAGS", "locks");
    refused(&desk, wrong, 1, "token-locked", &["is locked", "PUK"]);
    let desk = desk.variable("SHIM_FLAGS", "locked");
    // Nobody is asked for a PIN that cannot help.
    refused(
        &desk,
        "pkcs11:token=desk",
        1,
        "token-locked",
        &["is locked", "PUK"],
    );
}

#[test]
fn two_tokens_of_one_label_are_told_apart_by_serial() {
    if quick() {
        return;
    }
    let desk = desk();
    token(&desk, "desk", &[("root", "EC:edwards25519")]);
    let one = introduce(&desk, "pkcs11:token=desk").expect(0);
    let (_, after) = one.stdout.split_once("(serial ").unwrap();
    let serial = after.split(')').next().unwrap().to_owned();
    token(&desk, "desk", &[]);
    refused(
        &desk,
        "pkcs11:token=desk",
        2,
        "several-tokens",
        &["2 tokens", &serial, "serial="],
    );
    desk.cuff(&format!(
        "key new again --signer pkcs11:token=desk;serial={serial} --passphrase-file pin"
    ))
    .expect(0);
}

#[test]
fn keys_that_devices_cannot_verify_and_keys_that_are_not_there() {
    if quick() {
        return;
    }
    let desk = desk();
    let keys = [
        ("p256", "EC:prime256v1"),
        ("rsa", "rsa:2048"),
        ("one", "EC:edwards25519"),
        ("two", "EC:edwards25519"),
    ];
    token(&desk, "desk", &keys);
    for name in ["p256", "rsa"] {
        let uri = format!("pkcs11:token=desk;object={name}");
        refused(
            &desk,
            &uri,
            1,
            "unsupported-key",
            &["Ed25519", name, "CKK_"],
        );
    }
    refused(
        &desk,
        "pkcs11:object=three",
        1,
        "no-such-key",
        &["`one`", "`two`", "object="],
    );
    refused(
        &desk,
        "pkcs11:token=desk",
        2,
        "several-keys",
        &["2 Ed25519 keys", "`one`", "`two`"],
    );
    refused(
        &desk,
        "pkcs11:token=other",
        3,
        "no-token",
        &["there is token `desk`"],
    );
    refused(
        &desk,
        "pkcs11:?module-path=/none.so",
        3,
        "pkcs11-library",
        &["/none.so"],
    );
    refused(&desk, "pkcs11:?pin-value=4711", 2, "usage", &["pin-source"]);
    let desk = desk.variable("SHIM_POINT", "none");
    refused(
        &desk,
        "pkcs11:object=one",
        1,
        "no-public-key",
        &["shows no public key"],
    );
}

#[test]
fn a_signature_over_other_bytes_goes_nowhere() {
    if quick() {
        return;
    }
    let desk = desk();
    token(&desk, "desk", &[("root", "EC:edwards25519")]);
    introduce(&desk, "pkcs11:token=desk").expect(0);
    std::fs::copy(desk.path("me.pub"), desk.path("online.pub")).unwrap();
    found(&desk);
    let before = desk.files();
    let desk = desk.variable("SHIM_SIGN", "other");
    refused(
        &desk,
        "pkcs11:token=desk",
        3,
        "signer",
        &["is no signature of its key"],
    );
    let review = desk.cuff("review --desk desk --json").expect(0).json();
    let digest = review["digest"].as_str().unwrap();
    let signed = desk
        .cuff(&format!(
            "sign --desk desk --key pkcs11:token=desk --passphrase-file pin --review {digest}"
        ))
        .expect(3);
    assert!(signed.stderr.contains("is not by key"), "{signed}");
    let signatures = |files: &[String]| {
        files
            .iter()
            .filter(|name| name.contains("signatures"))
            .count()
    };
    assert_eq!(signatures(&desk.files()), signatures(&before));
}
