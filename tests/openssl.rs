//! Key files and the real `openssl`, both ways: ours are read by it, its are read by us.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/cuff.rs"]
mod support;

use std::process::{Command, Output};

use cuff::key::Signer;
use cuff::key::file::{self, KeyFile, KeyFileError, Protection};
use cuff::key::pkcs8::{self, OpenError};
use cuff::key::secret::{Passphrase, SecretKey};
use support::Desk;

fn openssl(desk: &Desk, line: &str) -> Output {
    let output = Command::new("openssl")
        .args(line.split(' '))
        .current_dir(desk.path(""))
        .output();
    output.expect("these tests need the `openssl` command, version 3")
}

fn succeeds(desk: &Desk, line: &str) -> String {
    let output = openssl(desk, line);
    assert!(
        output.status.success(),
        "openssl {line}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::from_file(text).unwrap()
}

#[test]
fn openssl_opens_what_we_encrypt() {
    let desk = Desk::new();
    let key = SecretKey::generate().unwrap();
    file::create(
        &desk.path("a.key"),
        &key,
        &Protection::Passphrase(passphrase("right")),
    )
    .unwrap();
    let public = succeeds(&desk, "pkey -in a.key -passin pass:right -pubout");
    assert_eq!(public, pkcs8::public_pem(&key.public()).unwrap());
    assert!(
        !openssl(&desk, "pkey -in a.key -passin pass:wrong -pubout")
            .status
            .success()
    );
    let parameters = succeeds(&desk, "asn1parse -in a.key");
    for word in ["PBES2", ":scrypt", ":4000", "aes-256-cbc"] {
        assert!(parameters.contains(word), "{word} in {parameters}");
    }
}

#[test]
fn openssl_opens_what_we_leave_unencrypted() {
    let desk = Desk::new();
    let key = SecretKey::generate().unwrap();
    file::create(&desk.path("a.key"), &key, &Protection::Unencrypted).unwrap();
    assert_eq!(
        succeeds(&desk, "pkey -in a.key -pubout"),
        pkcs8::public_pem(&key.public()).unwrap()
    );
}

#[test]
fn openssl_verifies_what_we_sign_with_its_key() {
    let desk = Desk::new();
    succeeds(
        &desk,
        "genpkey -algorithm ed25519 -aes256 -pass pass:right -out a.key",
    );
    let public = succeeds(&desk, "pkey -in a.key -passin pass:right -pubout");
    let signer = KeyFile::read(&desk.path("a.key"))
        .unwrap()
        .open(Some(&passphrase("right")))
        .unwrap();
    assert_eq!(pkcs8::public_pem(&signer.public()).unwrap(), public);
    desk.write("a.pem", &public);
    desk.write("message", "the bytes that people sign");
    desk.write(
        "signature",
        signer.sign(b"the bytes that people sign").unwrap(),
    );
    let line = "pkeyutl -verify -pubin -inkey a.pem -rawin -in message -sigfile signature";
    assert!(succeeds(&desk, line).contains("Signature Verified Successfully"));
}

#[test]
fn each_way_openssl_encrypts_is_read_or_named() {
    let desk = Desk::new();
    succeeds(&desk, "genpkey -algorithm ed25519 -out plain.key");
    for (options, readable) in [
        ("-v2 aes-256-cbc -v2prf hmacWithSHA256", true),
        ("-v2 aes-128-cbc -iter 100000", true),
        ("-scrypt", true),
        ("-v2 aes-256-cbc -v2prf hmacWithSHA1", false),
        ("-v2 des3", false),
        ("-v1 PBE-SHA1-3DES", false),
    ] {
        succeeds(
            &desk,
            &format!("pkcs8 -topk8 -in plain.key -out a.key -passout pass:right {options}"),
        );
        let opened = KeyFile::read(&desk.path("a.key"))
            .and_then(|file| file.open(Some(&passphrase("right"))));
        match opened {
            Ok(signer) => {
                let public = succeeds(&desk, "pkey -in plain.key -pubout");
                assert_eq!(pkcs8::public_pem(&signer.public()).unwrap(), public);
                assert!(readable, "{options}");
            }
            Err(KeyFileError::Open {
                source: OpenError::Unsupported(_),
                ..
            }) => assert!(!readable, "{options}"),
            Err(other) => panic!("{options}: {other:?}"),
        }
    }
}

#[test]
fn keys_of_other_kinds_are_named() {
    let desk = Desk::new();
    for kind in ["x25519", "rsa", "EC -pkeyopt ec_paramgen_curve:P-256"] {
        succeeds(&desk, &format!("genpkey -algorithm {kind} -out a.key"));
        let error = KeyFile::read(&desk.path("a.key")).unwrap_err();
        assert!(
            matches!(
                error,
                KeyFileError::Open {
                    source: OpenError::NotEd25519(_),
                    ..
                }
            ),
            "{kind}: {error:?}"
        );
    }
}

#[test]
fn an_exported_public_key_is_read_by_openssl() {
    let desk = Desk::new().with_example_keys();
    let pem = desk
        .cuff("key export alice.pub --format pem")
        .expect(0)
        .stdout;
    desk.write("a.pem", pem);
    assert!(
        succeeds(&desk, "pkey -pubin -in a.pem -noout -text").starts_with("ED25519 Public-Key")
    );
    let private = succeeds(&desk, "pkey -in alice.key -passin pass:example -pubout");
    assert_eq!(private, desk.read("a.pem"));
}
