//! What `cuff device` says to sealed bundles, roots and names that are not for this unit.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/bench.rs"]
mod bench;
#[path = "support/factory.rs"]
mod factory;
#[path = "support/cuff.rs"]
mod support;

use bench::{blank, provision, unit};
use cuff::bundle::seal::Seal;
use factory::{Factory, Release};
use insta::assert_snapshot;

#[test]
fn provisioning_needs_a_root_somebody_pinned() {
    let (desk, band) = blank();
    assert_snapshot!(provision(&desk, ""), @"
    $ cuff device provision sim:unit 1.0.sealed --serial unit-1 --hardware band-a
    exit: 2
    --- stderr
    error: no root is pinned: nothing says whom the unit shall trust
    help: give --root FILE or --root-sha256 HEX, or stand in a working directory that has joined its repository
    ");
    let stranger = Factory::strangers("band");
    desk.write("stranger.json", stranger.root(1));
    assert_snapshot!(provision(&desk, "--root stranger.json"), @"
    $ cuff device provision sim:unit 1.0.sealed --serial unit-1 --hardware band-a --root stranger.json
    exit: 10
    --- stderr
    error: the sealed bundle is refused: too few distinct keys signed (reason 200, under-threshold)
    help: it was signed by others than those the unit trusts: check where it comes from
    ");
    assert_snapshot!(provision(
        &desk,
        &format!("--root-sha256 {}", stranger.fingerprint(1))
    ), @"
    $ cuff device provision sim:unit 1.0.sealed --serial unit-1 --hardware band-a --root-sha256 [hex]
    exit: 1
    --- stderr
    error: no root in the sealed bundle has the pinned SHA-256 [hex]
    help: fetch a sealed bundle that begins at the pinned root, or check the fingerprint over a way you trust
    ");
    assert_snapshot!(provision(&desk, "--root-sha256 1234"), @"
    $ cuff device provision sim:unit 1.0.sealed --serial unit-1 --hardware band-a --root-sha256 1234
    exit: 2
    --- stderr
    error: --root-sha256 holds `1234`: expected 64 lower-case hex digits
    ");
    assert_eq!(desk.cuff("device info sim:unit").code, 13);
    provision(&desk, &format!("--root-sha256 {}", band.fingerprint(1))).expect(0);
}

#[test]
fn the_working_directory_pins_a_root_too() {
    let (desk, band) = blank();
    desk.write("cuff.toml", "");
    let pin = serde_json::json!({"version": 1, "sha256": band.fingerprint(1)});
    desk.write(".cuff/pin.json", pin.to_string());
    provision(&desk, "").expect(0);
}

#[test]
fn a_unit_is_provisioned_once() {
    let (desk, _) = unit();
    assert_snapshot!(provision(&desk, "--root root.json"), @"
    $ cuff device provision sim:unit 1.0.sealed --serial unit-1 --hardware band-a --root root.json
    exit: 14
    --- stderr
    error: this unit is band unit-1 already
    help: bring it an update with `cuff device push`
    ");
}

#[test]
fn names_a_unit_cannot_keep() {
    let (desk, _) = blank();
    let line = "device provision sim:unit 1.0.sealed --root root.json";
    assert_snapshot!(desk.cuff(&format!(
        "{line} --hardware band-a --serial {}",
        "9".repeat(32)
    )), @"
    $ cuff device provision sim:unit 1.0.sealed --root root.json --hardware band-a --serial [hex]
    exit: 2
    --- stderr
    error: serial `[hex]` cannot be kept by a unit: expected 1 to 31 printable ASCII characters
    help: choose a shorter, plainer name
    ");
    desk.cuff(&format!("{line} --hardware Band --serial 1"))
        .expect(2);
    desk.cuff(&format!(
        "{line} --hardware band-a --serial 1 --product scale"
    ))
    .expect(1);
    assert_snapshot!(desk.cuff(&format!("{line} --hardware band-b --serial 1")), @"
    $ cuff device provision sim:unit 1.0.sealed --root root.json --hardware band-b --serial 1
    exit: 10
    --- stderr
    error: the sealed bundle is refused: the release is not for this hardware (reason 315, other-hardware)
    help: push a release that was made for this unit
    ");
}

#[test]
fn sealed_bundles_for_somebody_else() {
    let (desk, mut band) = unit();
    let mut scale = Factory::strangers("scale");
    scale.release(Release::new("1.0", 1, 500));
    desk.write("scale.sealed", scale.seal());
    assert_snapshot!(desk.cuff("device push sim:unit scale.sealed"), @"
    $ cuff device push sim:unit scale.sealed
    exit: 10
    --- stderr
    error: the sealed bundle holds scale/1.0, and this unit is a band
    help: name a sealed bundle for this product, or bring its trust alone with --trust-only
    ");
    let mut strangers = Factory::strangers("band");
    strangers.version = 7;
    strangers.release(Release::new("9.9", 9, 500));
    desk.write("strangers.sealed", strangers.seal());
    assert_snapshot!(desk.cuff("device push sim:unit strangers.sealed"), @"
    $ cuff device push sim:unit strangers.sealed
    exit: 10
    --- stdout
    band/9.9 to unit-1, sim:unit
    message 1 of 1: candidate, evidence 3346 bytes, image 500 bytes
      verdict: candidate refused: too few distinct keys signed (reason 200, under-threshold)
      jump: band/1.0 runs
    refused: too few distinct keys signed (reason 200, under-threshold)
    next: it was signed by others than those the unit trusts: check where it comes from
    ");
    desk.cuff("device push sim:unit strangers.sealed --dry-run")
        .expect(10);
    let both = band.releases.clone();
    desk.write("both.sealed", band.publish().seal_of(&both));
    assert_snapshot!(desk.cuff("device push sim:unit both.sealed"), @"
    $ cuff device push sim:unit both.sealed
    exit: 2
    --- stderr
    error: the sealed bundle holds several releases of band: band/1.0, band/1.1
    help: name one with --release
    ");
    assert_snapshot!(desk.cuff("device push sim:unit both.sealed --release band/2.0"), @"
    $ cuff device push sim:unit both.sealed --release band/2.0
    exit: 1
    --- stderr
    error: the sealed bundle holds band/1.0, band/1.1, not band/2.0
    help: fetch a sealed bundle with that release in it
    ");
    desk.cuff("device push sim:unit both.sealed --release band/1.1")
        .expect(0);
}

#[test]
fn sealed_bundles_that_were_damaged() {
    let (desk, mut band) = unit();
    let whole = band.seal();
    desk.write("cut.sealed", &whole[..whole.len() - 600]);
    assert_eq!(desk.cuff("device push sim:unit cut.sealed").code, 1);
    let last = band.releases[1].clone();
    let swapped = Release {
        image: vec![7; 2900],
        ..last.clone()
    };
    // A bundle that agrees with itself, under the name of the one that was signed.
    let mut files = band.files(std::slice::from_ref(&last));
    let name = files
        .keys()
        .find(|name| name.starts_with("targets/"))
        .unwrap()
        .clone();
    files.insert(name, band.bundle(&swapped));
    desk.write("swapped.sealed", Seal::pack(&files).unwrap().as_bytes());
    assert_snapshot!(desk.cuff("device push sim:unit swapped.sealed"), @"
    $ cuff device push sim:unit swapped.sealed
    exit: 1
    --- stderr
    error: band/1.1 in the sealed bundle is not the file that its metadata lists
    help: fetch the sealed bundle again: it was damaged or changed on its way
    ");
    for _ in 0..3 {
        band.renew_root();
    }
    let mut files = band.publish().files(&[last]);
    files.remove("metadata/2.root.json");
    desk.write("gap.sealed", Seal::pack(&files).unwrap().as_bytes());
    assert_snapshot!(desk.cuff("device push sim:unit gap.sealed"), @"
    $ cuff device push sim:unit gap.sealed
    exit: 10
    --- stderr
    error: `2.root.json` is missing: a device follows roots one by one
    help: fetch a sealed bundle that holds every root from the one the device trusts on
    ");
}

#[test]
fn a_repository_that_outgrew_the_board() {
    let (desk, mut band) = unit();
    let digits: &'static str = "0123456789".repeat(7).leak();
    for length in 1..=digits.len() {
        band.release(Release::new(&digits[..length], 1, 100));
    }
    band.day = 9;
    band.release(Release::new("1.2", 3, 100));
    desk.write("large.sealed", band.seal());
    assert_snapshot!(desk.cuff("device push sim:unit large.sealed"), @"
    $ cuff device push sim:unit large.sealed
    exit: 10
    --- stderr
    error: the evidence is 34979 bytes without any root link, and this board keeps 28672 for it
    help: the repository has outgrown this board: shorten the metadata of its product
    ");
    assert_snapshot!(desk.cuff("device push sim:unit large.sealed --trust-only"), @"
    $ cuff device push sim:unit large.sealed --trust-only
    exit: 10
    --- stderr
    error: the evidence is 34976 bytes without any root link, and this board keeps 8192 for it
    help: the repository has outgrown this board: shorten the metadata of its product
    ");
}

#[test]
fn images_that_do_not_fit_or_suit() {
    let (desk, mut band) = unit();
    band.release(Release::new("2.0", 2, 5000));
    desk.write("long.sealed", band.seal());
    desk.cuff("device push sim:unit long.sealed --dry-run")
        .expect(10);
    assert_snapshot!(desk.cuff("device push sim:unit long.sealed"), @"
    $ cuff device push sim:unit long.sealed
    exit: 10
    --- stderr
    error: the device refuses: the image does not fit its slot (reason 402, image-too-large)
    help: `cuff device info` shows what the device knows, docs/device.md what to do
    ");
    let other = Release {
        hardware: "band-b",
        ..Release::new("2.1", 2, 500)
    };
    band.release(other);
    desk.write("other.sealed", band.seal());
    assert_snapshot!(desk.cuff("device push sim:unit other.sealed"), @"
    $ cuff device push sim:unit other.sealed
    exit: 10
    --- stdout
    band/2.1 to unit-1, sim:unit
    message 1 of 1: candidate, evidence 4478 bytes, image 500 bytes
      trust: root 1, timestamp 5, product 5, floor 2026-11-05T00:00:00Z, minimum counter 0
      verdict: candidate refused: the release is not for this hardware (reason 315, other-hardware)
      jump: band/1.0 runs
    refused: the release is not for this hardware (reason 315, other-hardware)
    next: push a release that was made for this unit
    ");
    assert_snapshot!(desk.cuff("device log sim:unit"), @"
    $ cuff device log sim:unit
    exit: 0
    --- stdout
        1  floor 2026-11-02T00:00:00Z  provisioned
        2  floor 2026-11-05T00:00:00Z  candidate refused: the release is not for this hardware (reason 315, other-hardware)
    log whole: ends at record 2, [hex]; nothing was remembered to compare it with
    ");
}
