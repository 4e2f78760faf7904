//! Publishing to buckets: through the binary, against a small server of our own and against real ones.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "store/bucket.rs"]
mod bucket;
#[path = "store/ceph.rs"]
mod ceph;
#[path = "support/fake_s3.rs"]
mod fake_s3;
#[path = "store/outside.rs"]
mod outside;
#[path = "store/prune.rs"]
mod prune;
#[path = "support/release.rs"]
mod release;
#[path = "store/servers.rs"]
mod servers;
#[path = "support/cuff.rs"]
mod support;
#[path = "store/sweep.rs"]
mod sweep;

use fake_s3::FakeS3;
use release::bundle;
use support::Desk;

/// A founded repository with one release staged and signed, and an environment that leads to this server.
fn room(server: &FakeS3) -> Desk {
    staged(at(server.address()))
}

/// An empty desk whose S3 is at this address.
fn at(address: &str) -> Desk {
    Desk::new()
        .with_a_working_directory()
        .variable("AWS_ENDPOINT_URL", address)
        .variable("AWS_ALLOW_HTTP", "true")
        .variable("AWS_REGION", "us-east-1")
        .variable("AWS_ACCESS_KEY_ID", NAME)
        .variable("AWS_SECRET_ACCESS_KEY", SECRET)
        .replace(address, "[server]")
}

fn staged(desk: Desk) -> Desk {
    desk.write("band-1.cuff", bundle("band", "1.0.0", 5, 1));
    desk.write("band-2.cuff", bundle("band", "2.0.0", 6, 2));
    desk.cuff("init desk --demo --key root=alice.pub,bob.pub --product band --online online.pub")
        .expect(0);
    desk.cuff("stage band-1.cuff").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
    desk
}

/// Stages and signs the second release.
fn next(desk: &Desk) {
    desk.cuff("stage band-2.cuff").expect(0);
    desk.sign("alice").expect(0);
    desk.sign("bob").expect(0);
}

const NAME: &str = "AKIAEXAMPLE";
const SECRET: &str = "hunter2secret";
const PUBLISH: &str = "publish --to s3://bucket/tuf --online-key online.key";
