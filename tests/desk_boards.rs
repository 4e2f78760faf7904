//! Boards at the desk: named on the first day, warned of when they fill, and told what to do when they are full.

#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use insta::assert_snapshot;
use release::bundle;
use support::{Desk, project};

const INIT: &str = "init desk --demo --key root=alice.pub --product band --online online.pub";

/// A board with so much room for evidence.
fn room(evidence: usize) -> Desk {
    let desk = Desk::new().with_a_working_directory().hide_hex();
    let board = std::fs::read_to_string(project().join("boards/nrf52840/board.toml")).unwrap();
    let board = board.replace("nrf52840", "narrow");
    let room = board.replace("evidence = 16384", &format!("evidence = {evidence}"));
    assert!(evidence == 16384 || room != board);
    desk.write("desk/narrow.toml", room);
    desk
}

fn stage(desk: &Desk, release: u8) -> support::Transcript {
    let name = format!("{release}.cuff");
    desk.write(
        &name,
        bundle("band", &format!("1.0.{release}"), release.into(), release),
    );
    desk.cuff(&format!("stage {name}"))
}

#[test]
fn boards_named_on_the_first_day_are_checked_from_then_on() {
    let desk = room(16384);
    desk.cuff(&format!("{INIT} --board band=nrf52840,narrow.toml"))
        .expect(0);
    assert!(
        desk.read("desk/cuff.toml")
            .contains("boards = [\"nrf52840\", \"narrow.toml\"]")
    );
    desk.sign("alice").expect(0);
    let published = desk.cuff("publish --online-key online.key").expect(0);
    assert!(
        published.stdout.contains("of 16384 bytes on nrf52840"),
        "{published}"
    );
}

#[test]
fn a_board_nobody_knows_is_refused_before_anything_is_written() {
    let desk = room(16384);
    assert_snapshot!(desk.cuff(&format!("{INIT} --board band=nrf5284")).expect(2), @r#"
    $ cuff init desk --demo --key root=alice.pub --product band --online online.pub --board band=nrf5284
    exit: 2
    --- stderr
    error: `nrf5284` is no board of band
    cause: no board is called "nrf5284": known are qemu-an505, qemu-an386, microbit, nrf52840; describe another with --board FILE
    help: give one of ours by name, or the path of a description, from the working directory on
    "#);
    assert_snapshot!(desk.cuff(&format!("{INIT} --board ring=nrf52840")).expect(2), @"
    $ cuff init desk --demo --key root=alice.pub --product band --online online.pub --board ring=nrf52840
    exit: 2
    --- stderr
    error: there is no product `ring` in this repository
    help: make it one with --product
    ");
    assert!(!desk.path("desk/cuff.toml").exists());
}

#[test]
fn a_product_that_fills_its_board_is_told_on_staging_and_yanking_helps() {
    let desk = room(4096);
    desk.cuff(&format!("{INIT} --board band=narrow.toml"))
        .expect(0);
    let warned = (1..20)
        .map(|release| stage(&desk, release))
        .find(|staged| staged.code != 0 || !staged.stderr.is_empty());
    assert_snapshot!(warned.unwrap().expect(0), @"
    $ cuff stage 2.cuff
    exit: 0
    --- stdout
    band/1.0.2 staged
    band v1 staged
    next: `cuff review`, then `cuff sign --key FILE`
    --- stderr
    warning: band: its evidence takes 3210 of the 4096 bytes on narrow.toml (78 %): `cuff yank` the releases no device needs any more
    ");
    // The same words for those who sign, and for whoever publishes.
    let review = desk.cuff("review").expect(0);
    let warning = "band: its evidence takes";
    assert!(review.stdout.contains(warning), "{review}");
    desk.sign("alice").expect(0);
    let published = desk.cuff("publish --online-key online.key").expect(0);
    assert!(published.stderr.contains(warning), "{published}");

    let refused = (20..40)
        .map(|release| stage(&desk, release))
        .find(|staged| staged.code != 0);
    assert_snapshot!(refused.unwrap().expect(1), @"
    $ cuff stage 22.cuff
    exit: 1
    --- stderr
    error: the evidence for band needs 4387 bytes from root v1 on, but board narrow.toml has room for 4096; the largest part is band with 2345 bytes
    help: `cuff yank` the releases no device needs any more
    ");
    desk.cuff("yank band/1.0.1").expect(0);
    let next = desk.cuff("review --json").expect(0).json();
    assert_eq!(next["roles"][0]["to_version"], 2);
    desk.sign("alice").expect(0);
    desk.cuff("publish --online-key online.key").expect(0);
}

#[test]
fn without_a_board_the_way_to_one_is_told() {
    let desk = room(16384);
    desk.cuff(INIT).expect(0);
    let review = desk.cuff("review").expect(0);
    assert!(review.stdout.contains("\n  no release yet\n"), "{review}");
    desk.sign("alice").expect(0);
    let published = desk.cuff("publish --online-key online.key").expect(0);
    assert!(
        published
            .stdout
            .contains("set `boards` under [products.band] in cuff.toml"),
        "{published}"
    );
}
