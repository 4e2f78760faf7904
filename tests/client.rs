//! The reading side of a repository, over repositories of a small author of its own: the client, `cuff fetch`,
//! `cuff check`, `cuff verify`, and what other TUF clients say of the same bytes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "client/attacks.rs"]
mod attacks;
#[path = "support/author.rs"]
mod author;
#[path = "client/bins.rs"]
mod bins;
#[path = "client/cases.rs"]
mod cases;
#[path = "client/check.rs"]
mod check;
#[path = "client/commands.rs"]
mod commands;
#[path = "client/desk.rs"]
mod desk;
#[path = "client/evidence.rs"]
mod evidence;
#[path = "client/oracles.rs"]
mod oracles;
#[path = "support/python_tuf.rs"]
mod python_tuf;
#[path = "support/release.rs"]
mod release;
#[path = "support/ring_provider.rs"]
mod ring_provider;
#[path = "support/server.rs"]
mod server;
#[path = "support/cuff.rs"]
mod support;
#[path = "client/trust.rs"]
mod trust;
#[path = "client/wire.rs"]
mod wire;

use std::path::Path;

use cuff::repository::client::trust::Trust;
use cuff::repository::client::{Client, ClientError};
use cuff::repository::source::directory::Directory;
use cuff::repository::view::View;
use cuff_verifier::profile::Profile;
use cuff_verifier::time::Clock;
use cuff_verifier::verdict::Reason;

/// One update at the hour of the tests.
fn update(trust: &mut Trust, folder: &Path, wanted: &[&str]) -> Result<View, ClientError> {
    let client = Client {
        trust,
        profile: Profile::Device,
        clock: Clock::Exact(author::now()),
    };
    client.update(&Directory::new(folder), wanted)
}

/// The reason a client stops for, by the device's name.
#[track_caller]
fn reason(result: Result<View, ClientError>) -> Reason {
    match result.map(|_| "accepted") {
        Err(ClientError::Refused { refusal, .. }) => refusal.into(),
        other => panic!("no refusal by a rule: {other:?}"),
    }
}
