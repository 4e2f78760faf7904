//! How fast the client's whole workflow is judged on a host: ten thousand sets of metadata, each another.
//!
//! `cargo bench --bench verify`. A set is a root, a timestamp, a snapshot, targets and a product role with one release: eight
//! signatures to verify, four digests to compare, and a search for the release. Files lie in memory.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

#[path = "../tests/support/author.rs"]
mod author;

use std::collections::BTreeMap;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use cuff::repository::client::Client;
use cuff::repository::client::trust::Trust;
use cuff::repository::foreign;
use cuff::repository::source::{Source, SourceError};
use cuff_verifier::profile::Profile;
use cuff_verifier::time::Clock;

use author::Author;

const SETS: usize = 10_000;

/// A repository in memory.
struct Memory(BTreeMap<String, Vec<u8>>);

impl Source for Memory {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn get(&self, path: &str, _: u64) -> Result<Option<Vec<u8>>, SourceError> {
        Ok(self.0.get(path).cloned())
    }
}

fn sets() -> (Vec<u8>, Vec<Memory>) {
    let mut author = Author::new();
    let root = author.root();
    let sets = (0..SETS)
        .map(|_| {
            author.next(&["targets", "band"]);
            let mut files = author.files();
            files.retain(|path, _| path.starts_with("metadata/"));
            Memory(files)
        })
        .collect();
    (root, sets)
}

fn verify(criterion: &mut Criterion) {
    let (root, sets) = sets();
    let mut group = criterion.benchmark_group("ten thousand sets");
    group.sample_size(10);
    group.throughput(Throughput::Elements(SETS as u64));
    for (name, profile) in [("device", Profile::Device), ("foreign", Profile::Foreign)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for set in &sets {
                    let client = Client {
                        trust: &mut Trust::in_memory(root.clone()),
                        profile,
                        clock: Clock::Exact(author::now()),
                    };
                    let view = client.update(set, &["band/1.0.0"]).unwrap();
                    assert!(view.findings()[0].listing.is_some());
                }
            });
        });
    }
    group.finish();
    let snapshot = sets[0].0.iter().find(|(path, _)| path.contains("snapshot"));
    let (_, snapshot) = snapshot.unwrap();
    let mut group = criterion.benchmark_group("strict JSON into canonical form");
    group.throughput(Throughput::Bytes(snapshot.len() as u64));
    group.bench_function("snapshot", |bencher| {
        bencher.iter(|| foreign::canonical(black_box(snapshot)).unwrap());
    });
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
