//! Bundles for tests of the desk: a record and an image, without firmware or manifest.

#![allow(dead_code, clippy::unwrap_used)]

use cuff::bundle::record::{ImageRecord, Record};
use cuff::bundle::tape::{self, Entry};
use cuff_verifier::digest::Digest;
use cuff_verifier::release::Kind;
use cuff_verifier::version::{Counter, Length};

/// A bundle whose image is `fill`, 512 times.
pub fn bundle(product: &str, version: &str, counter: u64, fill: u8) -> Vec<u8> {
    bundle_with(product, version, counter, fill, None, None)
}

/// The same with papers: a bill of materials and a data-recipients declaration.
pub fn bundle_with(
    product: &str,
    version: &str,
    counter: u64,
    fill: u8,
    sbom: Option<&str>,
    recipients: Option<&str>,
) -> Vec<u8> {
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
        sbom: sbom.map(|text| Digest::of(text.as_bytes())),
        recipients: recipients.map(|text| Digest::of(text.as_bytes())),
    };
    let release = record.canonical();
    let mut entries = vec![
        Entry {
            name: "release.json",
            bytes: &release,
        },
        Entry {
            name: "images/active.bin",
            bytes: &image,
        },
    ];
    for (name, text) in [("sbom.cdx.json", sbom), ("recipients.toml", recipients)] {
        let bytes = text.map(str::as_bytes);
        entries.extend(bytes.map(|bytes| Entry { name, bytes }));
    }
    tape::write(&entries).unwrap()
}
