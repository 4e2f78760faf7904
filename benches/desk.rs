//! What a repository costs as a product role grows: publishing one more release, signing it, and fetching one.
//!
//! Takes a working directory with 1, 100 and 1000 releases in one product role, two people of two, one online key, and
//! bundles of 3 KiB. Gives times, at the desk from the lock on the working directory to the last fsync, without key derivation, which
//! is slow on purpose. `docs/figures.md` has what it said.

#![allow(missing_docs, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use cuff::bundle::record::{ImageRecord, Record};
use cuff::bundle::tape::{self, Entry};
use cuff::key::secret::SecretKey;
use cuff::key::{PublicKey, SignError, Signer};
use cuff::repository::bench::Bench;
use cuff::repository::client::Client;
use cuff::repository::client::trust::Trust;
use cuff::repository::desk::Desk;
use cuff::repository::foundation::{Foundation, Signers};
use cuff::repository::people::People;
use cuff::repository::publish::{Order, Scope, publish};
use cuff::repository::release;
use cuff::repository::review::Review;
use cuff::repository::signing::Task;
use cuff::repository::source::directory::Directory;
use cuff::role::wire::Hex;
use cuff::store::local::LocalStore;
use cuff_verifier::digest::Digest;
use cuff_verifier::profile::Profile;
use cuff_verifier::release::Kind;
use cuff_verifier::time::{Clock, Instant};
use cuff_verifier::version::{Counter, Length};

const NOW: Instant = Instant(1_800_000_000);
const ALICE: u8 = 1;
const BOB: u8 = 2;
const ONLINE: u8 = 3;
const TARGETS: [usize; 3] = [1, 100, 1000];

/// A key in memory.
struct Hand(SecretKey);

impl Signer for Hand {
    fn public(&self) -> PublicKey {
        self.0.public()
    }
    fn describe(&self) -> String {
        "bench key".to_owned()
    }
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        Ok(self.0.sign(message))
    }
}

fn hand(seed: u8) -> Hand {
    Hand(SecretKey::from_seed(&[seed; 32]))
}

/// A working directory and its store, in a folder that goes away.
struct Room {
    folder: tempfile::TempDir,
}

impl Room {
    /// All releases but the last are published; the last is staged, and signed by so many people.
    fn with(targets: usize, signed_by: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::create(&folder.path().join("desk"), "").unwrap();
        let room = Self { folder };
        LocalStore::create(&room.path("store")).unwrap();
        let signers = || Signers {
            keys: vec![hand(ALICE).public(), hand(BOB).public()],
            threshold: 2,
        };
        let foundation = Foundation {
            root: signers(),
            targets: signers(),
            products: BTreeMap::from([("band".parse().unwrap(), signers())]),
            bins: None,
            online: hand(ONLINE).public(),
        };
        let mut bench = Bench::take(&desk, NOW).unwrap();
        foundation.lay(&mut bench).unwrap();
        stage(&mut bench, 0..targets - 1);
        drop(bench);
        for person in [ALICE, BOB] {
            room.sign(person);
        }
        room.publish();
        stage(&mut Bench::take(&desk, NOW).unwrap(), targets - 1..targets);
        for person in signed_by {
            room.sign(*person);
        }
        room
    }

    fn copy(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(self.folder.path(), folder.path());
        // What the copy left for the disk to do would be waited for by the first fsync that is measured.
        let settled = Command::new("sync").arg("-f").arg(folder.path()).status();
        assert!(settled.unwrap().success());
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn sign(&self, person: u8) {
        let desk = Desk::open(&self.path("desk")).unwrap();
        let mut bench = Bench::take(&desk, NOW).unwrap();
        let people = People::load(&desk).unwrap();
        let digest: Hex = Review::of(&bench, &people).unwrap().digest.parse().unwrap();
        let key = Hex::from(hand(person).public().id());
        let task = Task::of(&bench, &people, key, &[]).unwrap();
        task.sign(&mut bench, &digest, &hand(person)).unwrap();
    }

    fn publish(&self) {
        let desk = Desk::open(&self.path("desk")).unwrap();
        let store = LocalStore::open(&self.path("store")).unwrap();
        let mut bench = Bench::take(&desk, NOW).unwrap();
        black_box(
            publish(
                &mut bench,
                &store,
                &Order {
                    scope: Scope::Staged,
                    dry_run: false,
                    online: &[&hand(ONLINE)],
                    bins: None,
                    begin_fleet: false,
                },
                &mut |_, _| {},
            )
            .unwrap(),
        );
    }
}

/// A client that has the first root and nothing else.
fn fetch(store: &Path, root: &[u8], path: &str) {
    let source = Directory::new(store);
    let client = Client {
        trust: &mut Trust::in_memory(root.to_owned()),
        profile: Profile::Device,
        clock: Clock::Exact(NOW),
    };
    let view = client.update(&source, &[path]).unwrap();
    black_box(release::fetch(&source, &view.findings()[0]).unwrap());
}

fn stage(bench: &mut Bench<'_>, releases: std::ops::Range<usize>) {
    for release in releases {
        let (record, bundle) = bundle(release);
        bench.stage(record, bundle, false).unwrap();
    }
    bench.save().unwrap();
}

fn bundle(release: usize) -> (Record, Vec<u8>) {
    let version = format!("1.0.{release}");
    let image = version.as_bytes().repeat(80);
    let record = Record {
        kind: Kind::Application,
        product: "band".parse().unwrap(),
        version: version.parse().unwrap(),
        counter: Counter(1),
        hardware: vec!["band-a".parse().unwrap(), "band-b".parse().unwrap()],
        minimum_bootloader: 1,
        image: ImageRecord {
            length: Length::of(&image),
            sha256: Digest::of(&image),
        },
        sbom: None,
        recipients: None,
    };
    let canonical = record.canonical();
    let entries = [
        Entry {
            name: "release.json",
            bytes: &canonical,
        },
        Entry {
            name: "images/active.bin",
            bytes: &image,
        },
    ];
    let bundle = tape::write(&entries).unwrap();
    (record, bundle)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("publish one more release");
    for targets in TARGETS {
        let room = Room::with(targets, &[ALICE, BOB]);
        group.bench_function(BenchmarkId::from_parameter(targets), |bencher| {
            bencher.iter_batched(
                || room.copy(),
                |room| room.publish(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("sign one more release");
    for targets in TARGETS {
        let room = Room::with(targets, &[]);
        group.bench_function(BenchmarkId::from_parameter(targets), |bencher| {
            bencher.iter_batched(
                || room.copy(),
                |room| room.sign(ALICE),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    let mut group = criterion.benchmark_group("fetch one release");
    for targets in TARGETS {
        let room = Room::with(targets, &[ALICE, BOB]);
        room.publish();
        let (store, path) = (room.path("store"), format!("band/1.0.{}", targets - 1));
        let anchor = fs::read(store.join("metadata/1.root.json")).unwrap();
        group.bench_function(BenchmarkId::from_parameter(targets), |bencher| {
            bencher.iter(|| fetch(&store, &anchor, &path));
        });
    }
    group.finish();
}

criterion_group! {
    name = desk;
    config = Criterion::default().sample_size(10);
    targets = measure
}
criterion_main!(desk);
