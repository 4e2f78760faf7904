//! What is written reads back the same, for whatever is written; and nothing else is read as the same.
//!
//! One test for every encoder and its decoder. The fuzz targets ask the other way round, beginning with bytes.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::BTreeMap;

use cuff::bundle::record::{ImageRecord, Record as Release};
use cuff::bundle::seal::Seal;
use cuff::bundle::tape::{self, Entry, Limits};
use cuff::instant;
use cuff::key::PublicKey;
use cuff::key::pkcs8::{self, OpenError, Sealed};
use cuff::key::public_file::PublicFile;
use cuff::key::secret::SecretKey;
use cuff::repository::foreign;
use cuff::role::canonical;
use cuff::state::{Installed, RoleVersions, State};
use cuff_bootloader::boot::Ended;
use cuff_bootloader::field::Text;
use cuff_bootloader::log::Head;
use cuff_bootloader::mailbox::Mailbox;
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::record::{Identity, Image, Record, Root, Trial, TrialId};
use cuff_bootloader::report::{self, Report};
use cuff_verifier::digest::{Digest, decode_hex};
use cuff_verifier::evidence::{Evidence, Parts};
use cuff_verifier::json::Value as Canonical;
use cuff_verifier::judge::Versions;
use cuff_verifier::release::Kind;
use cuff_verifier::threshold::Document;
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::Reason;
use cuff_verifier::version::{Counter, Length, MAX_INTEGER};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn text<const N: usize>() -> impl Strategy<Value = Text<N>> {
    proptest::collection::vec(0x20..0x7f_u8, 0..=N)
        .prop_map(|bytes| Text::new(&String::from_utf8(bytes).unwrap()).unwrap())
}

fn versions() -> impl Strategy<Value = Versions> {
    any::<[u64; 4]>().prop_map(|[timestamp, snapshot, targets, product]| Versions {
        timestamp,
        snapshot,
        targets,
        product,
    })
}

fn identity() -> impl Strategy<Value = Identity> {
    (text(), text(), text()).prop_map(|(product, hardware, serial)| Identity {
        product,
        hardware,
        serial,
    })
}

fn image() -> impl Strategy<Value = Image> {
    (any::<u32>(), digest(), any::<u64>(), text()).prop_map(|(length, sha256, counter, release)| {
        Image {
            length,
            sha256,
            counter: Counter(counter),
            release,
        }
    })
}

fn record() -> impl Strategy<Value = Record> {
    let images = (
        proptest::option::of(image()),
        proptest::option::of((image(), any::<u64>())),
        proptest::option::of(image()),
    );
    let root = (any::<u32>(), any::<u64>(), digest());
    (
        identity(),
        root,
        versions(),
        digest(),
        any::<[u64; 4]>(),
        images,
    )
        .prop_map(
            |(identity, (length, version, sha256), versions, timestamp, numbers, images)| {
                let [sequence, floor, minimum, counter] = numbers;
                let (installed, trial, former) = images;
                Record {
                    sequence,
                    identity,
                    root: Root {
                        length,
                        version,
                        sha256,
                    },
                    versions,
                    timestamp_sha256: timestamp,
                    floor: Instant(floor),
                    minimum_counter: Counter(minimum),
                    counter: Counter(counter),
                    installed,
                    trial: trial.map(|(image, opened)| Trial { image, opened }),
                    former,
                }
            },
        )
}

fn answer() -> impl Strategy<Value = Option<Result<(), Reason>>> {
    let reason = select(Reason::ALL);
    proptest::option::of(prop_oneof![Just(Ok(())), reason.prop_map(Err)])
}

fn report() -> impl Strategy<Value = Report> {
    let hand_over = prop_oneof![
        proptest::option::of(any::<[u8; 16]>()).prop_map(|trial| HandOver::Jump {
            trial: trial.map(TrialId)
        }),
        select(Reason::ALL).prop_map(HandOver::Recovery),
    ];
    let state = (record(), text(), text(), any::<u32>(), any::<[u8; 16]>()).prop_map(
        |(known, installed, trial, sequence, hash)| report::State {
            identity: known.identity,
            root_version: known.root.version,
            root_sha256: known.root.sha256,
            versions: known.versions,
            timestamp_sha256: known.timestamp_sha256,
            floor: known.floor,
            minimum_counter: known.minimum_counter,
            counter: known.counter,
            installed,
            installed_sha256: known.timestamp_sha256,
            trial,
            log_head: Head { sequence, hash },
        },
    );
    let ended = (hand_over, answer(), answer());
    (
        any::<[u8; 16]>(),
        any::<u64>(),
        ended,
        proptest::option::of(state),
    )
        .prop_map(
            |(nonce, bootloader, (hand_over, inbox, candidate), state)| Report {
                nonce,
                ended: Ended {
                    hand_over,
                    inbox,
                    candidate,
                },
                bootloader,
                state,
            },
        )
}

/// Any JSON that canonical form has: printable ASCII, whole numbers that every reader keeps.
fn json() -> impl Strategy<Value = Value> {
    let largest = i64::try_from(MAX_INTEGER).unwrap();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-largest..=largest).prop_map(Value::from),
        "[ -~]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 48, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[ -~]{0,8}", inner, 0..5)
                .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 1..40)
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9]{0,11}(-[a-z0-9]{1,6})?"
}

const LIMITS: Limits = Limits {
    entries: 64,
    entry: |_| 1 << 20,
    whole: 4 << 20,
};

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn evidence(
        path in "[a-z]{1,8}/[a-z0-9.]{0,8}",
        first in 1..u32::MAX,
        roots in proptest::collection::vec(file(), 0..5),
        online in [file(), file(), file()],
        delegated in proptest::collection::vec(file(), 0..5),
        behind in proptest::collection::vec(any::<u8>(), 0..9),
    ) {
        let roots: Vec<&[u8]> = roots.iter().map(Vec::as_slice).collect();
        let delegated: Vec<&[u8]> = delegated.iter().map(Vec::as_slice).collect();
        let parts = Parts {
            path: &path,
            first_root: if roots.is_empty() { 0 } else { first },
            roots: &roots,
            online: Some(online.each_ref().map(Vec::as_slice)),
            delegated: &delegated,
        };
        let mut bytes = Vec::new();
        parts.encode(&mut |piece| bytes.extend_from_slice(piece)).unwrap();
        let length = bytes.len();
        prop_assert_eq!(parts.length(), Some(length));
        bytes.extend(behind);
        let read = Evidence::parse(&bytes).unwrap();
        prop_assert_eq!(read.bytes().len(), length);
        prop_assert_eq!(read.path(), &path);
        prop_assert!(read.roots().map(|(_, root)| root.served()).eq(roots.iter().copied()));
        prop_assert!(read.roots().map(|(version, _)| version).eq((u64::from(first)..).take(roots.len())));
        prop_assert!(read.online().unwrap().iter().map(Document::served).eq(online.iter()));
        prop_assert!(read.delegated().map(|file| file.served()).eq(delegated.iter().copied()));
    }

    #[test]
    fn trust_record(record in record(), at in 0..736_usize, bit in 0..8_u32) {
        let bytes = record.encode().unwrap();
        prop_assert_eq!(Record::decode(&bytes), Some(record));
        // Another byte behind a true seal is another record, or none.
        let mut bent = bytes;
        bent[at] ^= 1 << bit;
        let seal = Digest::of(&bent[..736]);
        bent[736..].copy_from_slice(&seal.0);
        if let Some(read) = Record::decode(&bent) {
            prop_assert!(read != record);
            prop_assert_eq!(read.encode(), Some(bent));
        }
    }

    #[test]
    fn unit_report_and_mailbox(report in report(), at in 0..624_usize, bit in 0..8_u32) {
        let bytes = report.encode().unwrap();
        prop_assert_eq!(Report::decode(&bytes), Some(report));
        let mail = Mailbox::answer(&report).unwrap();
        prop_assert_eq!(mail.report(&report.nonce), Some(report));
        prop_assert_eq!(Mailbox::request(&report.nonce).asked(), Some(report.nonce));
        let mut bent = bytes;
        bent[at] ^= 1 << bit;
        let seal = Digest::of(&bent[..624]);
        bent[624..].copy_from_slice(&seal.0[..16]);
        if let Some(read) = Report::decode(&bent) {
            prop_assert!(read != report);
            prop_assert_eq!(read.encode(), Some(bent));
        }
    }

    #[test]
    fn canonical_json(value in json()) {
        let bytes = canonical::encode(&value).unwrap();
        prop_assert_eq!(Canonical::check(&bytes).unwrap().bytes(), bytes.as_slice());
        prop_assert_eq!(&serde_json::from_slice::<Value>(&bytes).unwrap(), &value);
        // However a file is spelled, it is the same to the front end for other people's files.
        let file = json!({"signatures": [], "signed": {"value": value}});
        let bytes = canonical::encode(&file).unwrap();
        let pretty = serde_json::to_vec_pretty(&file).unwrap();
        prop_assert_eq!(foreign::canonical(&pretty).unwrap(), bytes.as_slice());
        prop_assert_eq!(foreign::canonical(&bytes).unwrap(), bytes);
    }

    #[test]
    fn container(files in proptest::collection::btree_map("f[a-z]{0,8}(/f[a-z.]{0,8}z)?", file(), 0..6)) {
        let files: Vec<_> = files.iter().filter(|(name, _)| !name.contains("..")).collect();
        let entries: Vec<Entry<'_>> = files.iter().map(|(name, bytes)| Entry { name, bytes }).collect();
        let bytes = tape::write(&entries).unwrap();
        prop_assert_eq!(tape::read(&bytes, &LIMITS).unwrap(), entries);
    }

    #[test]
    fn sealed_bundle(
        metadata in proptest::collection::btree_map("metadata/[1-9]\\.f[a-z]{0,8}\\.json", file(), 1..6),
        targets in proptest::collection::btree_map("targets/f[a-z]{0,8}/f[a-z]{0,8}", file(), 0..6),
    ) {
        let files: BTreeMap<String, Vec<u8>> = metadata.into_iter().chain(targets).collect();
        let seal = Seal::pack(&files).unwrap();
        let again = Seal::open(seal.as_bytes().to_vec()).unwrap();
        prop_assert_eq!(&again, &seal);
        let read: BTreeMap<String, Vec<u8>> = again
            .entries()
            .map(|(name, bytes)| (name.to_owned(), bytes.to_vec()))
            .collect();
        prop_assert_eq!(read, files);
    }

    #[test]
    fn keys(seed in any::<[u8; 32]>(), name in name()) {
        let secret = SecretKey::from_seed(&seed);
        let pem = pkcs8::leave_unencrypted(&secret).unwrap();
        let opened = Sealed::parse(&pem)
            .unwrap()
            .open(|| -> Result<_, OpenError> { unreachable!("it is not encrypted") })
            .unwrap();
        prop_assert_eq!(opened.public(), secret.public());
        let public: PublicKey = secret.public().to_string().parse().unwrap();
        prop_assert_eq!(public, secret.public());
        let file = PublicFile::prove(&name, &secret).unwrap();
        prop_assert_eq!(PublicFile::parse(&file.text()).unwrap(), file);
    }

    #[test]
    fn release_record(
        (product, version) in (name(), "[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]{1,3}"),
        hardware in proptest::collection::btree_set(name(), 1..5),
        (counter, bootloader, length) in (0..MAX_INTEGER, 0..MAX_INTEGER, 1..u64::from(u32::MAX)),
        digests in any::<[[u8; 32]; 3]>(),
        which in any::<[bool; 3]>(),
    ) {
        let [image, sbom, recipients] = digests.map(Digest);
        let record = Release {
            kind: if which[0] { Kind::Application } else { Kind::Bootloader },
            product: cuff::name::Product::parse(&product).unwrap(),
            version: cuff::name::Version::parse(&version).unwrap(),
            counter: Counter(counter),
            hardware: hardware
                .iter()
                .map(|id| cuff::name::Hardware::parse(id).unwrap())
                .collect(),
            minimum_bootloader: bootloader,
            image: ImageRecord {
                length: Length(length),
                sha256: image,
            },
            sbom: which[1].then_some(sbom),
            recipients: which[2].then_some(recipients),
        };
        let bytes = record.canonical();
        prop_assert_eq!(Release::read(&bytes).unwrap(), record);
        prop_assert!(cuff_verifier::release::Record::read(&bytes).is_ok());
    }

    #[test]
    fn device_state(
        words in ["[ -~]{0,20}", "[ -~]{0,20}", "[ -~]{0,20}", "[0-9a-f]{64}", "[ -~]{0,20}"],
        numbers in any::<[u64; 7]>(),
        root in json(),
        board in proptest::option::of("[a-z0-9-]{1,12}"),
        installed in proptest::option::of(("[ -~]{0,20}", any::<u64>(), "[0-9a-f]{64}")),
    ) {
        let [product, hardware, serial, timestamp_digest, floor] = words;
        let [bootloader, timestamp, snapshot, targets, of_product, minimum_counter, counter] = numbers;
        let installed = installed.map(|(release, length, sha256)| Installed { release, length, sha256 });
        let state = State {
            schema_version: 1,
            product,
            hardware,
            serial,
            bootloader,
            root,
            versions: RoleVersions { timestamp, snapshot, targets, product: of_product },
            timestamp_digest,
            floor,
            minimum_counter,
            counter,
            board,
            lock: None,
            installed: installed.clone(),
            previous: None,
            trial: installed,
        };
        let text = state.to_json();
        prop_assert_eq!(State::read(text.as_bytes()).unwrap(), state);
    }

    #[test]
    fn moments(seconds in 0..=Instant::LAST.0) {
        let shown = Instant(seconds).to_string();
        prop_assert_eq!(Instant::parse(shown.as_bytes()), Some(Instant(seconds)));
        prop_assert_eq!(instant::parse(&shown).unwrap(), Instant(seconds));
    }

    #[test]
    fn digests(bytes in any::<[u8; 32]>()) {
        let shown = Digest(bytes).to_string();
        prop_assert_eq!(Digest::from_hex(shown.as_bytes()), Some(Digest(bytes)));
        let mut read = [0; 32];
        prop_assert_eq!(decode_hex(shown.as_bytes(), &mut read), Some(()));
        prop_assert_eq!(read, bytes);
        prop_assert_eq!(Digest::from_hex(shown.to_uppercase().as_bytes()).is_some(), !shown.contains(|c: char| c.is_ascii_lowercase()));
    }
}
