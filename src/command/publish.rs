//! `cuff publish`: puts what people have signed into the store, under a new snapshot and timestamp.
//!
//! It takes the online key. The whole candidate is judged by the verifier, as a client and as the oldest device, before
//! anything is written. Running it again after an interruption finishes the work.

use std::fmt::{self, Write};
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{
    Place, bench, bench_failed, capacity_failed, need_pin, published_failed, review_failed,
};
use super::unlock::Unlock;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::repository::candidate::CandidateError;
use crate::repository::desk::Desk;
use crate::repository::publish::{self, PublishError, Report, Scope};
use crate::role::pipeline::ReadError;
use crate::store::StoreError;
use crate::store::local::LocalStore;

/// Publish what is staged and signed
#[derive(Debug, clap::Args)]
pub struct Publish {
    #[command(flatten)]
    shared: Shared,
}

/// What `publish` and `refresh` both take.
#[derive(Debug, clap::Args)]
pub(super) struct Shared {
    /// The directory to publish to (else `store` in cuff.toml)
    #[arg(long, value_name = "DIR")]
    to: Option<String>,

    /// The private key that signs snapshot and timestamp
    #[arg(long, value_name = "FILE")]
    online_key: PathBuf,

    #[command(flatten)]
    unlock: Unlock,

    #[command(flatten)]
    place: Place,

    /// Make and judge everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Publish {
    /// Publishes.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let (report, store) = self.shared.run(console, Scope::Staged)?;
        console.answer(&Published(PublishedFacts::of(
            &report,
            store,
            self.shared.dry_run,
        )))
    }
}

impl Shared {
    pub(super) fn dry_run(&self) -> bool {
        self.dry_run
    }

    /// Opens everything and publishes.
    pub(super) fn run(&self, console: &Console, scope: Scope) -> anyhow::Result<(Report, String)> {
        let desk = self.place.open()?;
        need_pin(&desk)?;
        let folder = self.folder(&desk)?;
        let mut bench = bench(&desk, self.dry_run)?;
        let signer = self.unlock.open(console, &self.online_key)?;
        let scratch;
        let store = if self.dry_run && !folder.exists() {
            // A directory that is not there yet holds nothing; an empty one stands in for it.
            scratch = tempfile::tempdir()?;
            LocalStore::open(scratch.path())
        } else {
            LocalStore::create(&folder)
        };
        let store = store.map_err(store_failed)?;
        let report = publish::publish(&mut bench, &store, &signer, scope, self.dry_run)
            .map_err(publish_failed)?;
        if report.gap {
            console.warn("the new root replaced a key that the old metadata was signed with: clients that came at the very moment of publishing were refused and must try again");
        }
        for need in &report.needs {
            if let Some(warning) = need.warning() {
                console.warn(format_args!("{}: {warning}", need.product));
            }
        }
        Ok((report, folder.display().to_string()))
    }

    fn folder(&self, desk: &Desk) -> anyhow::Result<PathBuf> {
        match &self.to {
            Some(url) if url.contains("://") => Err(anyhow::anyhow!(
                "publishing to a URL is not possible yet: `{}`",
                safe(url)
            ))
            .exit(Exit::Usage)
            .help("publish to a directory and copy it: objects first, timestamp.json last"),
            Some(folder) => Ok(Path::new(folder).to_owned()),
            None => desk
                .store()
                .ok_or_else(|| anyhow::anyhow!("there is no place to publish to"))
                .exit(Exit::Usage)
                .help("give --to DIR, or set `store` in cuff.toml"),
        }
    }
}

fn store_failed(error: StoreError) -> anyhow::Error {
    let help = match &error {
        StoreError::Busy { .. } => "wait for the other process to finish",
        StoreError::Missing { .. } => "give another directory with --to, or make this one",
        _ => {
            "make room or fix the permissions, then run the same command again: it goes on where it stopped"
        }
    };
    advised(error, Exit::Unknown, "store", help)
}

pub(super) fn publish_failed(error: PublishError) -> anyhow::Error {
    let (exit, rule, help) = match error {
        PublishError::Bench(error) | PublishError::Candidate(CandidateError::Bench(error)) => {
            return bench_failed(error);
        }
        PublishError::Review(error) => return review_failed(error),
        PublishError::Capacity(error) => return capacity_failed(error),
        PublishError::Store(error) | PublishError::Candidate(CandidateError::Store(error)) => {
            return store_failed(error);
        }
        PublishError::Candidate(CandidateError::Published(error)) => {
            return published_failed(error);
        }
        PublishError::Candidate(ref candidate) => match candidate {
            CandidateError::Role(ReadError::Unsigned { .. }) => (
                Exit::No,
                "under-threshold",
                "`cuff status` shows who can still sign",
            ),
            CandidateError::NotOnline { .. } => (
                Exit::No,
                "not-the-online-key",
                "take the key that `cuff role show timestamp` lists",
            ),
            CandidateError::NoRepository | CandidateError::NotStaged(_) => {
                (Exit::No, "nothing-staged", "begin with `cuff init`")
            }
            CandidateError::Taken { .. } => (
                Exit::No,
                "other-bytes",
                "find out who wrote it; published objects are never replaced",
            ),
            _ => (Exit::Unknown, "candidate", "nothing was written"),
        },
        PublishError::NothingPublished => {
            (Exit::No, "nothing-published", "`cuff publish` comes first")
        }
        PublishError::ExampleKeys(_) => (
            Exit::No,
            "example-keys",
            "make real keys with `cuff key new`; for a demonstration set `demo = true` in cuff.toml",
        ),
        PublishError::Empty(_) => (
            Exit::No,
            "half-a-repository",
            "give the right directory with --to; to move a repository, copy all of it there first",
        ),
        PublishError::Taken(_) => (Exit::No, "store-taken", "give another directory with --to"),
        PublishError::Behind { .. } => (
            Exit::No,
            "rolled-back",
            "somebody put an old copy back: restore the newest one",
        ),
        PublishError::Ahead { .. } => (
            Exit::No,
            "behind",
            "pull: somebody published from another clone",
        ),
        PublishError::Raced => (
            Exit::Unknown,
            "raced",
            "pull, then run the same command again",
        ),
        PublishError::Preflight(_) => (
            Exit::No,
            "refused",
            "nothing was written; `cuff status` shows what is out of date",
        ),
        PublishError::Published(_) => (
            Exit::No,
            "broken-store",
            "nothing was written; compare the store with `metadata/`",
        ),
        PublishError::People(_) => (
            Exit::No,
            "refused-public-key",
            "ask its holder for the file again",
        ),
        PublishError::Vanished(_)
        | PublishError::Mirror { .. }
        | PublishError::Durable(_)
        | PublishError::Staging(_) => (
            Exit::Unknown,
            "mirror",
            "the repository is published; run the same command again to bring this directory up to date",
        ),
    };
    advised(error, exit, rule, help)
}

/// What was published.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PublishedFacts {
    /// The store.
    store: String,
    /// Whether nothing was written.
    dry_run: bool,
    /// Whether the store held all of it before.
    up_to_date: bool,
    /// Objects written, in order.
    written: Vec<String>,
    /// Roles that are new.
    roles: Vec<RoleVersion>,
    /// Version of the snapshot.
    snapshot_version: Option<u64>,
    /// Until when the snapshot is valid.
    snapshot_expires: Option<String>,
    /// Version of the timestamp.
    timestamp_version: Option<u64>,
    /// Until when the timestamp is valid: `refresh` before that.
    timestamp_expires: Option<String>,
    /// Evidence every product needs on its devices.
    evidence: Vec<Evidence>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct RoleVersion {
    /// The role.
    role: String,
    /// Its version.
    version: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct Evidence {
    /// The product.
    product: String,
    /// Bytes from the newest root on; earlier ones go before it where they do not fit beside it.
    bytes: u64,
    /// The board with the least room.
    board: Option<String>,
    /// Its room in bytes.
    room: Option<u64>,
}

impl PublishedFacts {
    pub(super) fn of(report: &Report, store: String, dry_run: bool) -> Self {
        let (snapshot, timestamp) = (report.snapshot.clone(), report.timestamp.clone());
        let evidence = report.needs.iter().map(|need| Evidence {
            product: need.product.to_string(),
            bytes: need.bytes,
            board: need.board.as_ref().map(|(name, _)| name.clone()),
            room: need.board.as_ref().map(|(_, room)| *room),
        });
        Self {
            store,
            dry_run,
            up_to_date: report.timestamp.is_none(),
            written: report.written.clone(),
            roles: report
                .roles
                .iter()
                .map(|(role, version)| RoleVersion {
                    role: role.clone(),
                    version: *version,
                })
                .collect(),
            snapshot_version: snapshot.as_ref().map(|(version, _)| *version),
            snapshot_expires: snapshot.map(|(_, expires)| expires),
            timestamp_version: timestamp.as_ref().map(|(version, _)| *version),
            timestamp_expires: timestamp.map(|(_, expires)| expires),
            evidence: evidence.collect(),
        }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> fmt::Result {
        if self.up_to_date {
            return writeln!(out, "`{}` is up to date", safe(&self.store));
        }
        let verb = if self.dry_run { "would write" } else { "wrote" };
        writeln!(
            out,
            "{verb} {} objects to `{}`",
            self.written.len(),
            safe(&self.store)
        )?;
        for role in &self.roles {
            writeln!(out, "  {} v{}", safe(&role.role), role.version)?;
        }
        if let (Some(version), Some(expires)) = (self.snapshot_version, &self.snapshot_expires) {
            writeln!(out, "  snapshot v{version}, valid until {expires}")?;
        }
        if let (Some(version), Some(expires)) = (self.timestamp_version, &self.timestamp_expires) {
            writeln!(
                out,
                "  timestamp v{version}, valid until {expires}: `cuff refresh` before that"
            )?;
        }
        for need in &self.evidence {
            match (&need.board, need.room) {
                (Some(board), Some(room)) => {
                    writeln!(
                        out,
                        "  evidence for {}: {} of {room} bytes on {}",
                        safe(&need.product),
                        need.bytes,
                        safe(board)
                    )?;
                }
                _ => writeln!(
                    out,
                    "  evidence for {0}: {1} bytes; set `boards` under [products.{0}] in cuff.toml to know whether it fits them",
                    safe(&need.product),
                    need.bytes
                )?,
            }
        }
        Ok(())
    }
}

/// What was published.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Published(PublishedFacts);

impl Answer for Published {
    const COMMAND: &'static str = "publish";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        self.0.write(out)
    }
}
