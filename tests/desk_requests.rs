//! Signing on a machine without a network: a request goes out, is reviewed and signed there, and comes back.

#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use std::fs;

use cuff::key::file::{self, Protection};
use cuff::key::secret::SecretKey;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::scalar::{Scalar, clamp_integer};
use release::bundle;
use serde_json::Value;
use sha2::{Digest, Sha512};
use support::{Desk, Transcript};

/// A repository with its first release staged; the machine that signs has keys and no working directory.
struct Room {
    desk: Desk,
    vault: Desk,
    root: String,
}

fn room() -> Room {
    let desk = Desk::new().with_a_working_directory().hide_hex();
    let founded = desk
        .cuff(
            "init desk --demo --key root=alice.pub,bob.pub,carol.pub --key band=alice.pub,bob.pub --threshold root=2 \
             --online online.pub --json",
        )
        .expect(0)
        .json();
    desk.write("band-1.0.cuff", bundle("band", "1.0", 1, 1));
    desk.cuff("stage band-1.0.cuff").expect(0);
    let vault = Desk::new()
        .with_example_keys()
        .variable("CUFF_PASSPHRASE", "example")
        .hide_hex();
    Room {
        desk,
        vault,
        root: founded["root_sha256"].as_str().unwrap().to_owned(),
    }
}

impl Room {
    fn out(&self) -> Value {
        let _ = fs::remove_file(self.desk.path("request.cuffsign"));
        self.desk
            .cuff("sign --out request.cuffsign --json")
            .expect(0)
            .json()
    }

    /// Carries the request to the other machine, under a name of its own.
    fn carry(&self, name: &str) {
        self.vault
            .write(name, fs::read(self.desk.path("request.cuffsign")).unwrap());
    }

    fn sign_there(&self, name: &str, person: &str, digest: &str) -> Transcript {
        self.vault.cuff(&format!(
            "sign {name} --key {person}.key --root-sha256 {} --review {digest}",
            self.root
        ))
    }

    fn back(&self, name: &str) {
        self.desk
            .write(name, fs::read(self.vault.path(name)).unwrap());
    }
}

#[test]
fn signatures_come_back_in_any_order() {
    let room = room();
    let sent = room.out();
    let digest = sent["review"].as_str().unwrap().to_owned();
    assert_eq!(sent["root_sha256"], room.root.as_str());
    assert_eq!(digest, room.desk.review_digest());
    for (name, person) in [("a.cuffsign", "alice"), ("b.cuffsign", "bob")] {
        room.carry(name);
        let signed = room.sign_there(name, person, &digest).expect(0);
        assert!(
            signed.stdout.contains("signed root, targets, band"),
            "{signed}"
        );
        room.back(name);
    }
    // Carol signs at the desk in the meantime.
    room.desk.sign("carol").expect(0);
    let taken = room
        .desk
        .cuff("sign --in b.cuffsign --in a.cuffsign --json")
        .expect(0)
        .json();
    assert_eq!(taken["taken"].as_array().unwrap().len(), 6, "{taken}");
    assert_eq!(taken["complete"], true);
    let again = room
        .desk
        .cuff("sign --in a.cuffsign --json")
        .expect(0)
        .json();
    assert_eq!(again["known"].as_array().unwrap().len(), 3, "{again}");
    assert_eq!(again["taken"].as_array().unwrap().len(), 0, "{again}");
    room.desk.publish().expect(0);
}

#[test]
fn one_request_goes_from_hand_to_hand() {
    let room = room();
    let digest = room.out()["review"].as_str().unwrap().to_owned();
    room.carry("r.cuffsign");
    room.sign_there("r.cuffsign", "alice", &digest).expect(0);
    room.sign_there("r.cuffsign", "bob", &digest).expect(0);
    let again = room.sign_there("r.cuffsign", "bob", &digest).expect(0);
    assert!(again.stdout.contains("has already signed"), "{again}");
    room.back("r.cuffsign");
    let looked = room
        .desk
        .cuff("sign --in r.cuffsign --dry-run --json")
        .expect(0)
        .json();
    assert_eq!(looked["taken"].as_array().unwrap().len(), 6);
    assert!(!room.desk.path("desk/staged/signatures").exists());
    room.desk.cuff("sign --in r.cuffsign").expect(0);
    room.desk.publish().expect(0);
}

#[test]
fn the_other_machine_shows_the_same_review() {
    let room = room();
    let there = room.out();
    room.carry("r.cuffsign");
    // Without a terminal nobody can say yes, so the digest is asked for: the one the desk shows.
    let line = format!(
        "sign r.cuffsign --key alice.key --root-sha256 {}",
        room.root
    );
    let asked = room.vault.cuff(&line).expect(2);
    let review = room.desk.cuff("review").expect(0).stdout;
    for line in review.lines() {
        assert!(asked.stderr.contains(line), "{line}\n{asked}");
    }
    assert!(
        asked.stderr.contains(there["short"].as_str().unwrap()),
        "{asked}"
    );
    let other = room
        .sign_there("r.cuffsign", "alice", &"0".repeat(64))
        .expect(1);
    assert!(other.stderr.contains("not what was reviewed"), "{other}");
    let untrusted = room.vault.cuff("sign r.cuffsign --key alice.key").expect(2);
    assert!(untrusted.stderr.contains("--root-sha256"), "{untrusted}");
    let stranger = format!(
        "sign r.cuffsign --key alice.key --root-sha256 {}",
        "0".repeat(64)
    );
    let stranger = room.vault.cuff(&stranger).expect(1);
    assert!(
        stranger.stderr.contains("no root here has the fingerprint"),
        "{stranger}"
    );
}

#[test]
fn an_edited_request_is_refused_on_both_machines() {
    let room = room();
    let digest = room.out()["review"].as_str().unwrap().to_owned();
    let whole = fs::read(room.desk.path("request.cuffsign")).unwrap();
    // A minimum counter of its own, canonical and unsigned.
    let at = whole
        .windows(19)
        .position(|part| part == b"\"minimum_counter\":0")
        .unwrap();
    let mut edited = whole.clone();
    edited[at + 18] = b'7';
    room.vault.write("edited.cuffsign", &edited);
    room.desk.write("edited.cuffsign", &edited);
    for refused in [
        room.sign_there("edited.cuffsign", "alice", &digest),
        room.desk.cuff("sign --in edited.cuffsign"),
    ] {
        assert_eq!(refused.code, 1, "{refused}");
        assert!(
            refused.stderr.contains("it was edited on the way"),
            "{refused}"
        );
    }
    room.vault.write("cut.cuffsign", &whole[..whole.len() / 2]);
    let cut = room.sign_there("cut.cuffsign", "alice", &digest).expect(1);
    assert!(cut.stderr.contains("cut short"), "{cut}");
    let other = room.desk.cuff("sign --in band-1.0.cuff").expect(2);
    assert!(other.stderr.contains("no signing request"), "{other}");
    // A request that holds a signature is never written over.
    let taken = room.desk.cuff("sign --out request.cuffsign").expect(1);
    assert!(taken.stderr.contains("never overwritten"), "{taken}");
}

#[test]
fn a_desk_that_moved_on_takes_nothing() {
    let room = room();
    let digest = room.out()["review"].as_str().unwrap().to_owned();
    room.carry("r.cuffsign");
    room.sign_there("r.cuffsign", "alice", &digest).expect(0);
    room.back("r.cuffsign");
    room.desk
        .write("band-1.1.cuff", bundle("band", "1.1", 2, 2));
    room.desk.cuff("stage band-1.1.cuff").expect(0);
    let moved = room.desk.cuff("sign --in r.cuffsign").expect(1);
    assert!(
        moved.stderr.contains("another state than is staged here")
            && moved.stderr.contains("band, bundles"),
        "{moved}"
    );
    assert!(!room.desk.path("desk/staged/signatures").exists());
}

/// A signature file out of a request, and the request with another in its place.
fn swap(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes
        .windows(from.len())
        .position(|part| part == from.as_bytes())
        .unwrap();
    let mut changed = bytes.to_vec();
    changed[at..at + to.len()].copy_from_slice(to.as_bytes());
    changed
}

#[test]
fn signatures_that_do_not_hold_are_named_and_overwrite_nothing() {
    let room = room();
    let digest = room.out()["review"].as_str().unwrap().to_owned();
    room.carry("r.cuffsign");
    room.sign_there("r.cuffsign", "alice", &digest).expect(0);
    room.back("r.cuffsign");
    room.desk.sign("alice").expect(0);
    let folder = room.desk.path("desk/staged/signatures/root");
    let file = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let good = fs::read_to_string(&file).unwrap();
    let record: Value = serde_json::from_str(&good).unwrap();
    let (sig, bytes) = (
        record["sig"].as_str().unwrap(),
        record["sha256"].as_str().unwrap(),
    );
    let whole = fs::read(room.desk.path("r.cuffsign")).unwrap();
    // The right person, damaged.
    let zeros = "0".repeat(sig.len());
    room.desk.write("bad.cuffsign", swap(&whole, sig, &zeros));
    let bad = room.desk.cuff("sign --in bad.cuffsign").expect(1);
    assert!(
        bad.stdout.contains("on root: not taken, it does not hold"),
        "{bad}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), good);
    // The right person over other bytes.
    let other = "0".repeat(bytes.len());
    room.desk.write(
        "other.cuffsign",
        swap(&whole, &format!("\"{bytes}\""), &format!("\"{other}\"")),
    );
    let other = room.desk.cuff("sign --in other.cuffsign").expect(1);
    assert!(
        other
            .stdout
            .contains("not taken, it was made for other bytes than are staged"),
        "{other}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), good);
    room.desk.cuff("sign --in r.cuffsign").expect(0);
}

/// Another signature that holds, by the same key over the same bytes: what a signer makes whose nonces are not those of RFC 8032.
fn second_signature(seed: &[u8; 32], message: &[u8]) -> String {
    let expanded = Sha512::digest(seed);
    let secret = Scalar::from_bytes_mod_order(clamp_integer(expanded[..32].try_into().unwrap()));
    let public = (ED25519_BASEPOINT_POINT * secret).compress();
    let nonce = Scalar::from(4711_u32);
    let commitment = (ED25519_BASEPOINT_POINT * nonce).compress();
    let challenge = Sha512::new()
        .chain_update(commitment.as_bytes())
        .chain_update(public.as_bytes())
        .chain_update(message)
        .finalize();
    let challenge = Scalar::from_bytes_mod_order_wide(&challenge.into());
    let response = nonce + challenge * secret;
    hex::encode([*commitment.as_bytes(), response.to_bytes()].concat())
}

#[test]
fn a_second_signature_that_holds_is_a_conflict_and_overwrites_nothing() {
    const SEED: [u8; 32] = [0x5D; 32];
    let desk = Desk::new()
        .with_a_working_directory()
        .variable("CUFF_PASSPHRASE", "example");
    let key = SecretKey::from_seed(&SEED);
    file::create(&desk.path("dora.key"), &key, &Protection::Unencrypted).unwrap();
    desk.cuff("key new dora --signer dora.key").expect(0);
    desk.cuff("init desk --demo --key root=dora.pub,alice.pub --product band --online online.pub")
        .expect(0);
    let digest = desk.review_digest();
    desk.cuff(&format!(
        "sign --key dora.key --role root --review {digest}"
    ))
    .expect(0);
    desk.cuff("sign --out request.cuffsign").expect(0);
    let folder = desk.path("desk/staged/signatures/root");
    let file = fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let good = fs::read_to_string(&file).unwrap();
    let record: Value = serde_json::from_str(&good).unwrap();
    let root = fs::read(desk.path("desk/staged/root.json")).unwrap();
    let other = second_signature(&SEED, &root);
    assert_ne!(record["sig"], other);
    let whole = fs::read(desk.path("request.cuffsign")).unwrap();
    let swapped = swap(&whole, record["sig"].as_str().unwrap(), &other);
    desk.write("other.cuffsign", &swapped);
    let conflict = desk.cuff("sign --in other.cuffsign").expect(1);
    assert!(
        conflict.stdout.contains(
            "on root: not taken, this key has signed already, with another signature that holds; that one stays"
        ),
        "{conflict}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), good);
    // It holds, indeed: where there is none, it is taken.
    fs::remove_file(&file).unwrap();
    let taken = desk.cuff("sign --in other.cuffsign").expect(0);
    assert!(taken.stdout.contains("on root: taken"), "{taken}");
}
