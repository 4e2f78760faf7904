//! Uploading to an S3 server: cuff's store beside `object_store` itself, in turns, the same objects, as many requests at a time.
//!
//! Takes the server from the environment, as cuff does (`benches/compare/run.sh uploads` starts one), and prints a table.

#![allow(missing_docs, clippy::unwrap_used, clippy::cast_precision_loss)]

use std::time::{Duration, Instant};

use cuff::store::address::{Bucket, Cloud};
use cuff::store::cloud::CloudStore;
use cuff::store::{Object, ObjectName, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::aws::{AmazonS3Builder, S3ConditionalPut};
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions, PutPayload};

const ROUNDS: usize = 7;
/// Number and length of the objects: bundles, and bins.
const LOADS: [(usize, usize); 2] = [(48, 512 << 10), (400, 14 << 10)];

fn main() {
    // As cuff does when it opens a bucket; what comes first here is object_store alone.
    let _ = rustls::crypto::ring::default_provider().install_default();
    println!("\n### Uploads to a local S3 server, median of {ROUNDS}\n");
    println!(
        "| objects | object_store | cuff | cuff, read back as `publish` does | cuff / object_store |"
    );
    println!("|---|---|---|---|---|");
    for (count, length) in LOADS {
        let bytes = vec![7; length];
        let (mut raw, mut ours, mut whole) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..ROUNDS {
            let names = |kind: &str| -> Vec<String> {
                let object = |n| format!("{kind}-{length}-{round}/{n}");
                (0..count).map(object).collect()
            };
            raw.push(raw_upload(&names("raw"), &bytes));
            let (put, all) = our_upload(&names("ours"), &bytes);
            ours.push(put);
            whole.push(all);
        }
        let rate = |times: &mut Vec<Duration>| {
            times.sort();
            (count * length) as f64 / f64::from(1 << 20) / times[ROUNDS / 2].as_secs_f64()
        };
        let (raw, ours, whole) = (rate(&mut raw), rate(&mut ours), rate(&mut whole));
        println!(
            "| {count} of {} KiB | {raw:.1} MiB/s | {ours:.1} MiB/s | {whole:.1} MiB/s | {:.0} % |",
            length >> 10,
            100.0 * ours / raw
        );
    }
}

fn raw_upload(names: &[String], bytes: &[u8]) -> Duration {
    let store = AmazonS3Builder::from_env()
        .with_bucket_name("bucket")
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let start = Instant::now();
    let puts = stream::iter(names).map(|name| {
        let (store, payload) = (&store, PutPayload::from(bytes.to_vec()));
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        async move {
            store
                .put_opts(&Path::from(name.as_str()), payload, options)
                .await
        }
    });
    let done: Vec<_> = runtime.block_on(puts.buffered(16).try_collect()).unwrap();
    assert_eq!(done.len(), names.len());
    start.elapsed()
}

/// Until everything is written, and until everything was read back.
fn our_upload(names: &[String], bytes: &[u8]) -> (Duration, Duration) {
    let bucket = Bucket {
        cloud: Cloud::S3,
        name: "bucket".to_owned(),
        prefix: String::new(),
    };
    let store = CloudStore::open(bucket).unwrap();
    let names: Vec<_> = names
        .iter()
        .map(|name| ObjectName::new(name).unwrap())
        .collect();
    let objects: Vec<_> = names.iter().map(|name| Object { name, bytes }).collect();
    let start = Instant::now();
    store.put_all(&objects, &mut |_| {}).unwrap();
    let written = start.elapsed();
    let found = store.get_all(&names.iter().collect::<Vec<_>>()).unwrap();
    assert!(found.iter().all(|found| found.as_deref() == Some(bytes)));
    (written, start.elapsed())
}
