//! Ten rotations of every key: three people keep signing, python-tuf follows every root, and a simulated unit that missed all
//! of it is brought up to date with one command. Twenty products lie in the repository.

#![allow(clippy::unwrap_used)]

#[path = "support/python_tuf.rs"]
mod python_tuf;
#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use std::fs;

use cuff::instant;
use python_tuf::{python, quick};
use release::bundle;
use support::Desk;

const ROTATIONS: usize = 10;

/// The names of everyone's keys after so many rotations.
fn names(rotation: usize) -> [String; 4] {
    ["alice", "bob", "carol", "online"].map(|name| match rotation {
        0 => name.to_owned(),
        _ => format!("{name}-{rotation}"),
    })
}

fn publish(desk: &Desk, online: &str) {
    desk.cuff(&format!("publish --online-key {online}.key"))
        .expect(0);
}

/// A repository with so many products, its first release of the band, and a unit that runs it.
fn founded(products: usize) -> Desk {
    let desk = Desk::new().variable("CUFF_DESK", "desk").hide_hex();
    for name in names(0) {
        desk.cuff(&format!("key new {name} --unencrypted"))
            .expect(0);
    }
    let others: Vec<String> = (1..products)
        .map(|product| format!("--product scale-{product}"))
        .collect();
    let others = others.join(" ");
    desk.cuff(&format!(
        "init desk --key root=alice.pub,bob.pub,carol.pub --threshold root=2 --product band {others} \
         --online online.pub --board band=qemu-an386"
    ))
    .expect(0);
    desk.write("band-1.0.cuff", bundle("band", "1.0", 1, 1));
    desk.cuff("stage band-1.0.cuff").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    publish(&desk, "online");
    desk.cuff("fetch desk/published band/1.0 --sealed -o first.sealed")
        .expect(0);
    let fingerprint = desk.cuff("status --json").expect(0).json();
    let fingerprint = fingerprint["root_sha256"].as_str().unwrap();
    desk.cuff("sim new unit --board qemu-an386").expect(0);
    desk.cuff(&format!(
        "device provision sim:unit first.sealed --serial unit-1 --hardware band-a --root-sha256 {fingerprint}"
    ))
    .expect(0);
    desk
}

/// Everyone's key is replaced, a full threshold and the online key at once.
fn rotate(desk: &Desk, rotation: usize) {
    let (old, new) = (names(rotation - 1), names(rotation));
    for name in &new {
        desk.cuff(&format!("key new {name} --unencrypted"))
            .expect(0);
    }
    let pairs: Vec<String> = old
        .iter()
        .zip(&new)
        .map(|(old, new)| format!("{old}={new}.pub"))
        .collect();
    desk.cuff(&format!("role rotate {}", pairs.join(" ")))
        .expect(0);
    for name in [&old[0], &old[2], &new[0], &new[1]] {
        desk.sign(name).expect(0);
    }
    publish(desk, &new[3]);
}

fn missed_ten_rotations(products: usize) {
    let desk = founded(products);
    let published = desk.path("desk/published");
    let first = fs::read(published.join("metadata/1.root.json")).unwrap();
    for rotation in 1..=ROTATIONS {
        rotate(&desk, rotation);
        // Once is enough: other products change nothing for it.
        if products == 1 && !quick() {
            let now = instant::now().unwrap();
            let found = python(&published, &first, now, "band/1.0");
            assert_eq!(found, Ok(true), "after rotation {rotation}");
        }
    }
    desk.write("band-2.0.cuff", bundle("band", "2.0", 2, 2));
    desk.cuff("stage band-2.0.cuff").expect(0);
    let last = names(ROTATIONS);
    for name in &last[1..3] {
        desk.sign(name).expect(0);
    }
    publish(&desk, &last[3]);
    let checked = desk.cuff("check desk/published --json").expect(0).json();
    assert_eq!(checked["ok"], true, "{checked}");
    desk.cuff("fetch desk/published band/2.0 --sealed -o second.sealed")
        .expect(0);
    let pushed = desk.cuff("device push sim:unit second.sealed").expect(0);
    assert!(pushed.stdout.contains("accepted"), "{pushed}");
    desk.cuff("sim boot unit").expect(0);
    let info = desk.cuff("device info sim:unit").expect(0).stdout;
    assert!(info.contains("installed   band/2.0"), "{info}");
    assert!(
        info.contains("root 11") || info.contains("root        11"),
        "{info}"
    );
}

#[test]
fn a_unit_that_missed_ten_rotations_is_brought_up_to_date() {
    missed_ten_rotations(1);
}

#[test]
fn the_same_among_twenty_products() {
    missed_ten_rotations(20);
}
