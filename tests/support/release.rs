//! Bundles for tests of the desk: a record and an image, without firmware or manifest.

#![allow(dead_code, clippy::unwrap_used)]

use cuff::bundle::record::{ImageRecord, Record};
use cuff::bundle::tape::{self, Entry};
use cuff_verifier::digest::Digest;
use cuff_verifier::release::Kind;
use cuff_verifier::version::{Counter, Length};

/// A bundle whose image is `fill`, 512 times.
pub fn bundle(product: &str, version: &str, counter: u64, fill: u8) -> Vec<u8> {
    let image = vec![fill; 512];
    let record = Record {
        kind: Kind::Application,
        product: product.parse().unwrap(),
        version: version.parse().unwrap(),
        counter: Counter(counter),
        hardware: vec!["band-a".parse().unwrap(), "band-b".parse().unwrap()],
        minimum_bootloader: 1,
        image: ImageRecord {
            length: Length::of(&image),
            sha256: Digest::of(&image),
        },
        sbom: None,
        recipients: None,
    };
    let release = record.canonical();
    tape::write(&[
        Entry {
            name: "release.json",
            bytes: &release,
        },
        Entry {
            name: "images/active.bin",
            bytes: &image,
        },
    ])
    .unwrap()
}
