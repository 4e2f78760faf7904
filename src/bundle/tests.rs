//! A bundle opens only when everything in it agrees; each disagreement is refused by name.

use proptest::prelude::*;

use super::*;
use crate::board::bench;
use crate::firmware::Pieces;
use crate::name::{Hardware, Product, Version};
use cuff_verifier::member::Member;
use cuff_verifier::release::{BadRecord, Kind};
use cuff_verifier::version::Counter;

const MANIFEST: &str = r#"product = "band"
version = "1.4.0"
counter = 7
hardware = ["band-b", "band-a"]
boards = ["bench"]
minimum-bootloader = 1
firmware = "band.elf"
"#;

fn image() -> Vec<u8> {
    let mut bytes = 0x2004_0000u32.to_le_bytes().to_vec();
    bytes.extend_from_slice(&0x2_0041u32.to_le_bytes());
    bytes.resize(1000, 0x5A);
    bytes
}

fn made(extras: &Extras) -> Bundle {
    let manifest = Manifest::read("m.toml", MANIFEST).unwrap();
    let firmware = Pieces::read(&image(), Some(0x2_0000))
        .unwrap()
        .measure(&[])
        .unwrap();
    let image = Image::admit(&firmware, manifest.kind, &[&bench::board()]).unwrap();
    Bundle::make(&manifest, &image, extras).unwrap()
}

fn full() -> Bundle {
    let extras = Extras::default()
        .with_sbom(b"{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\"}".to_vec())
        .and_then(|extras| extras.with_recipients(b"format = 1\n".to_vec()));
    made(&extras.unwrap())
}

/// The entries of a full bundle, to be tampered with.
fn parts() -> Vec<(String, Vec<u8>)> {
    let bundle = full();
    tape::read(bundle.as_bytes(), &LIMITS)
        .unwrap()
        .into_iter()
        .map(|entry| (entry.name.to_owned(), entry.bytes.to_vec()))
        .collect()
}

fn reopened(parts: &[(String, Vec<u8>)]) -> Result<Bundle, BundleError> {
    let entries: Vec<_> = parts
        .iter()
        .map(|(name, bytes)| Entry { name, bytes })
        .collect();
    Bundle::open(&tape::write(&entries).unwrap())
}

fn with_record(change: impl Fn(String) -> String) -> BundleError {
    let mut parts = parts();
    let text = String::from_utf8(parts[0].1.clone()).unwrap();
    parts[0].1 = change(text.clone()).into_bytes();
    assert_ne!(parts[0].1, text.as_bytes());
    reopened(&parts).unwrap_err()
}

#[test]
fn the_record_is_canonical_and_complete() {
    let bundle = made(&Extras::default());
    let digest = Digest::of(&image());
    assert_eq!(
        String::from_utf8(bundle.record().canonical()).unwrap(),
        format!(
            r#"{{"counter":7,"format":1,"hardware":["band-a","band-b"],"images":[{{"length":1000,"region":"active","sha256":"{digest}"}}],"kind":"application","minimum_bootloader":1,"product":"band","version":"1.4.0"}}"#
        )
    );
    assert_eq!(bundle.record().target(), "band/1.4.0");
    assert_eq!(bundle.image(), image());
    assert_eq!(Bundle::open(bundle.as_bytes()).unwrap(), bundle);
}

#[test]
fn the_documented_record_is_one() {
    let documentation = include_str!("../../docs/bundle-format.md");
    let example = documentation.split("```").nth(1).unwrap();
    let text = example.strip_prefix("json").unwrap().replace('\n', "");
    assert_eq!(
        Record::read(text.as_bytes()).unwrap().target(),
        "band/1.4.0"
    );
}

#[test]
fn the_digest_of_a_known_bundle_never_changes() {
    assert_eq!(
        full().digest().to_string(),
        "54f60955be3962854befc4f35ac9fe18d646f0aa4fc86f5d6a7d3533991cee79"
    );
}

#[test]
fn a_changed_byte_in_any_entry_is_refused() {
    for (index, entry) in [(1, "images/active.bin"), (2, SBOM), (3, RECIPIENTS)] {
        let mut parts = parts();
        parts[index].1[5] ^= 1;
        assert!(
            matches!(reopened(&parts), Err(BundleError::Digest { entry: found, .. }) if found == entry)
        );
    }
}

#[test]
fn an_image_of_another_length_is_refused() {
    let mut parts = parts();
    parts[1].1.push(0xFF);
    assert_eq!(
        reopened(&parts),
        Err(BundleError::Length {
            entry: "images/active.bin".to_owned(),
            recorded: 1000,
            found: 1001
        })
    );
}

#[test]
fn entries_missing_added_or_out_of_order_are_refused() {
    for index in 0..4 {
        let mut parts = parts();
        parts.remove(index);
        assert!(matches!(
            reopened(&parts),
            Err(BundleError::Missing { .. } | BundleError::Order { .. })
        ));
    }
    let mut swapped = parts();
    swapped.swap(2, 3);
    assert!(matches!(
        reopened(&swapped),
        Err(BundleError::Order { expected, found }) if expected == SBOM && found == RECIPIENTS
    ));
    let mut renamed = parts();
    renamed[1].0 = "images/boot.bin".to_owned();
    assert!(matches!(reopened(&renamed), Err(BundleError::Order { .. })));
    let plain = made(&Extras::default());
    let mut entries = tape::read(plain.as_bytes(), &LIMITS).unwrap();
    entries.push(Entry {
        name: "extra.txt",
        bytes: b"hello",
    });
    assert_eq!(
        Bundle::open(&tape::write(&entries).unwrap()),
        Err(BundleError::Unexpected {
            found: "extra.txt".to_owned()
        })
    );
}

#[test]
fn the_record_has_one_spelling() {
    for change in [
        |text: String| text.replace("{\"counter\"", "{ \"counter\""),
        |text: String| format!("{text}\n"),
        |text: String| text.replace("\"counter\":7,\"format\":1", "\"format\":1,\"counter\":7"),
        |text: String| text.replace("\"counter\":7", "\"counter\":7,\"counter\":8"),
        |text: String| text.replace("\"counter\":7", "\"counter\":07"),
        |text: String| text.replace("\"counter\":7", "\"counter\":7.0"),
    ] {
        let error = with_record(change);
        assert!(
            matches!(
                error,
                BundleError::Record(RecordError::Rule(BadRecord::Json(_)))
            ),
            "{error}"
        );
    }
}

#[test]
fn the_record_keeps_its_rules() {
    for (from, to, expected) in [
        (
            "\"counter\":7,",
            "\"colour\":1,\"counter\":7,",
            BadRecord::UnknownMember,
        ),
        ("\"format\":1", "\"format\":2", BadRecord::Format),
        (
            "\"region\":\"active\"",
            "\"region\":\"trust\"",
            BadRecord::Images,
        ),
        (
            "\"band-a\",\"band-b\"",
            "\"band-b\",\"band-a\"",
            BadRecord::Hardware,
        ),
        ("\"counter\":7,", "", BadRecord::Missing(Member::Counter)),
    ] {
        let error = with_record(|text| text.replace(from, to));
        assert_eq!(error, BundleError::Record(RecordError::Rule(expected)));
    }
    for (from, to) in [
        ("\"product\":\"band\"", "\"product\":\"../x\""),
        ("\"product\":\"band\"", "\"product\":\"root\""),
        ("\"version\":\"1.4.0\"", "\"version\":\"1/4\""),
        ("\"band-b\"", "\"band_b\""),
    ] {
        let error = with_record(|text| text.replace(from, to));
        assert!(
            matches!(error, BundleError::Record(RecordError::Name(_))),
            "{to}: {error}"
        );
    }
}

#[test]
fn a_bundle_with_any_bit_flipped_is_refused() {
    let whole = full().as_bytes().to_vec();
    for at in 0..whole.len() {
        let mut bad = whole.clone();
        bad[at] ^= 1 << (at % 8);
        // Facts only the signature can vouch for may change into other facts, and then the digest differs.
        if let Ok(bundle) = Bundle::open(&bad) {
            assert!((512..1024).contains(&at), "byte {at}");
            assert_ne!(bundle.record(), full().record());
        }
    }
}

fn any_record() -> impl Strategy<Value = (Record, Vec<u8>, [Option<Vec<u8>>; 2])> {
    let extra = || proptest::option::of(proptest::collection::vec(any::<u8>(), 0..2000));
    (
        "[a-z0-9-]{1,31}",
        "[A-Za-z0-9_+-]([A-Za-z0-9._+-]{0,62}[A-Za-z0-9_+-])?",
        0..=cuff_verifier::version::MAX_INTEGER,
        proptest::collection::btree_set("[a-z0-9-]{1,31}", 1..8),
        any::<bool>(),
        proptest::collection::vec(any::<u8>(), 1..3000),
        (extra(), extra()),
    )
        .prop_filter_map("a name some system reserves", |fields| {
            let (product, version, counter, hardware, boot, image, (sbom, recipients)) = fields;
            let record = Record {
                kind: if boot {
                    Kind::Bootloader
                } else {
                    Kind::Application
                },
                product: Product::parse(&product).ok()?,
                version: Version::parse(&version).ok()?,
                counter: Counter(counter),
                hardware: hardware
                    .iter()
                    .map(|id| Hardware::parse(id).ok())
                    .collect::<Option<_>>()?,
                minimum_bootloader: 1,
                image: ImageRecord {
                    length: Length::of(&image),
                    sha256: Digest::of(&image),
                },
                sbom: sbom.as_deref().map(Digest::of),
                recipients: recipients.as_deref().map(Digest::of),
            };
            Some((record, image, [sbom, recipients]))
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_survives_the_round_trip((record, image, [sbom, recipients]) in any_record()) {
        let release = record.canonical();
        prop_assert_eq!(Record::read(&release).unwrap(), record.clone());
        let mut parts = vec![
            (RECORD.to_owned(), release),
            (image_entry(&record), image.clone()),
        ];
        parts.extend(sbom.clone().map(|bytes| (SBOM.to_owned(), bytes)));
        parts.extend(recipients.clone().map(|bytes| (RECIPIENTS.to_owned(), bytes)));
        let bundle = reopened(&parts).unwrap();
        prop_assert_eq!(bundle.record(), &record);
        prop_assert_eq!(bundle.image(), image);
        prop_assert_eq!(bundle.sbom(), sbom.as_deref());
        prop_assert_eq!(bundle.recipients(), recipients.as_deref());
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        prop_assert!(Bundle::open(&bytes).is_err());
    }
}
