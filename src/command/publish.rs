//! `cuff publish`: puts what people have signed into the store, under a new snapshot and timestamp.
//!
//! It takes the online key. The whole candidate is judged by the verifier, as a client and as the oldest device, before
//! anything is written. Running it again after an interruption finishes the work.

pub(super) mod advice;

use std::fmt::{self, Write};
use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

use super::bucket::of_store;
use super::desk::{Place, bench, need_pin};
use super::unlock::Unlock;
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::key::Signer;
use crate::key::uri::SignerUri;
use crate::repository::bins::Work;
use crate::repository::bins::edits::Edits;
use crate::repository::candidate::CandidateError;
use crate::repository::desk::Desk;
use crate::repository::publish::{self, Gap, Order, PublishError, Report, Scope};
use crate::repository::published::PublishedError;
use crate::store::address::Address;
use crate::store::cloud::CloudStore;
use crate::store::local::LocalStore;
use crate::store::trouble::Trouble;
use crate::store::{Keeper, Store, StoreError};

/// Publish what is staged and signed
#[derive(Debug, clap::Args)]
pub struct Publish {
    #[command(flatten)]
    shared: Shared,
}

/// Which store, of which working directory.
#[derive(Debug, clap::Args)]
pub(super) struct Where {
    /// Where to publish to: a directory, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX` (else `store` in
    /// cuff.toml)
    ///
    /// Credentials for a bucket come from the environment alone (docs/store.md).
    #[arg(long, value_name = "URL")]
    to: Option<String>,

    #[command(flatten)]
    place: Place,
}

/// What all that publish take.
#[derive(Debug, clap::Args)]
pub(super) struct Shared {
    #[command(flatten)]
    place: Where,

    /// The private key that signs snapshot and timestamp: a file, or pkcs11:, ssh-agent:, exec: or vault: (docs/signers.md);
    /// give the old one too when a new root replaces it
    #[arg(long, value_name = "SIGNER", required = true)]
    online_key: Vec<SignerUri>,

    /// The private key that signs hashed bins, where they are made or signed afresh: a file, or one of the above
    #[arg(long, value_name = "SIGNER")]
    bin_key: Option<SignerUri>,

    #[command(flatten)]
    unlock: Unlock,

    /// Make and judge everything, write nothing
    #[arg(long)]
    dry_run: bool,

    /// Begin a record of devices for a repository that was published without one; older devices are not known then
    #[arg(long)]
    begin_fleet: bool,
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
        let (report, store, _) = self.run_again(console, scope, 0, &Edits::default())?;
        Ok((report, store))
    }

    /// Opens everything and publishes; goes back to the start when somebody else was faster or the store did not answer, and
    /// gives the reasons why it did.
    pub(super) fn run_again(
        &self,
        console: &Console,
        scope: Scope,
        retries: u32,
        edits: &Edits,
    ) -> anyhow::Result<(Report, String, Vec<String>)> {
        let (desk, address) = self.place.find(console)?;
        let keys = self.online_key.iter();
        let signers = keys
            .map(|key| self.unlock.open(console, key))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let bin_key = self.bin_key.as_ref();
        let bin_key = bin_key
            .map(|key| self.unlock.open(console, key))
            .transpose()?;
        let online: Vec<_> = signers.iter().map(|key| &**key as &dyn Signer).collect();
        let store = store(&address, self.dry_run)?;
        let store: &dyn Store = &*store;
        let mut reasons: Vec<String> = Vec::new();
        let report = loop {
            let attempt = u32::try_from(reasons.len()).unwrap_or(u32::MAX);
            let mut bench = bench(&desk, self.dry_run)?;
            let renew = scope == Scope::OnlineOnly;
            let work = bin_key
                .as_ref()
                .and_then(|key| Work::at(&bench, &**key, edits, renew));
            let mut bar = None;
            let told = &mut |done, all| {
                bar.get_or_insert_with(|| console.progress("publishing", all))
                    .reach(done);
            };
            let order = Order {
                scope,
                dry_run: self.dry_run,
                online: &online,
                bins: work,
                begin_fleet: self.begin_fleet,
            };
            match publish::publish(&mut bench, store, &order, told) {
                Ok(report) => break report,
                Err(error) if attempt < retries && passes(&error) => {
                    console.warn(format_args!(
                        "{error}; trying again, {} of {retries}",
                        attempt + 1
                    ));
                    reasons.push(error.to_string());
                    std::thread::sleep(Duration::from_secs(2 << attempt.min(4)));
                }
                Err(error) if attempt > 0 => {
                    return Err(advice::of(error)
                        .context(format!("given up after {} attempts", attempt + 1)));
                }
                Err(error) => return Err(advice::of(error)),
            }
        };
        // The private keys, or the sessions with the tokens, end here: not when the process does.
        drop(online);
        drop(signers);
        drop(bin_key);
        self.warn(console, &report);
        Ok((report, address.to_string(), reasons))
    }

    fn warn(&self, console: &Console, report: &Report) {
        if let Some(gap) = report.gap {
            let (replaced, came) = if self.dry_run {
                ("replaces", "come at the very moment of publishing will be")
            } else {
                ("replaced", "came at the very moment of publishing were")
            };
            let (whose, rest) = match gap {
                Gap::OnlineKey => (
                    "the key that snapshot and timestamp were signed with",
                    "; a second --online-key with the old key spares them that",
                ),
                Gap::OfflineKeys => ("keys that targets was signed with", ""),
            };
            console.warn(format_args!(
                "the new root {replaced} {whose}: clients that {came} refused and must try again{rest}"
            ));
        }
        if report.set_aside {
            console.warn("the store held a snapshot or timestamp that nobody here made, with numbers to lock clients and devices out; they were set aside, and whoever saw them forgets them with the new root");
        }
        if report.fleet_begins {
            console.warn("this repository was published before there was a fleet: it begins with the releases that are published now, and knows of no older devices");
        }
        for cohort in &report.idle {
            console.warn(format_args!(
                "devices that run {cohort} find no release they can install"
            ));
        }
        for need in &report.needs {
            if let Some(warning) = need.warning() {
                console.warn(format_args!("{}: {warning}", need.product));
            }
        }
    }

    /// Refuses to go on without the key of the bins.
    pub(super) fn need_bin_key(&self) -> anyhow::Result<()> {
        if self.bin_key.is_none() {
            return Err(anyhow::anyhow!("bins are signed by a key of their own"))
                .exit(Exit::Usage)
                .rule("no-bin-key")
                .help("give it with --bin-key");
        }
        Ok(())
    }
}

impl Where {
    /// Opens the working directory and the store, to look at it or to take away from it.
    pub(super) fn open(
        &self,
        console: &Console,
    ) -> anyhow::Result<(Desk, String, Box<dyn Keeper>)> {
        let (desk, address) = self.find(console)?;
        let store = store(&address, true)?;
        Ok((desk, address.to_string(), store))
    }

    fn find(&self, console: &Console) -> anyhow::Result<(Desk, Address)> {
        let desk = self.place.open()?;
        need_pin(&desk)?;
        let address = self.address(&desk)?;
        if matches!(address, Address::Bucket(_)) && console.offline() {
            return Err(anyhow::anyhow!(
                "`{address}` needs the network, and --offline was given"
            ))
            .exit(Exit::Usage)
            .rule("offline");
        }
        Ok((desk, address))
    }

    fn address(&self, desk: &Desk) -> anyhow::Result<Address> {
        let address = match &self.to {
            Some(given) => Some(Address::read(given, Path::new(""))),
            None => desk.store(),
        };
        address
            .ok_or_else(|| anyhow::anyhow!("there is no place to publish to"))
            .exit(Exit::Usage)
            .help("give --to with a directory or a URL, or set `store` in cuff.toml")?
            .exit(Exit::Usage)
            .rule("no-address")
            .help(
                "give a directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX",
            )
    }
}

fn store(address: &Address, reading: bool) -> anyhow::Result<Box<dyn Keeper>> {
    let opened: Result<Box<dyn Keeper>, StoreError> = match address {
        Address::Bucket(bucket) => {
            CloudStore::open(bucket.clone()).map(|store| Box::new(store) as _)
        }
        // A directory that is not there yet holds nothing, and a dry run does not make it.
        Address::Folder(folder) if reading && !folder.exists() => {
            Ok(Box::new(LocalStore::absent(folder)))
        }
        Address::Folder(folder) => LocalStore::create(folder).map(|store| Box::new(store) as _),
    };
    opened.map_err(of_store)
}

/// Whether it may go better a moment later.
fn passes(error: &PublishError) -> bool {
    let store = match error {
        PublishError::Raced { .. } => return true,
        PublishError::Store(error)
        | PublishError::Candidate(CandidateError::Store(error))
        | PublishError::Published(PublishedError::Store(error)) => error,
        _ => return false,
    };
    matches!(
        store,
        StoreError::Busy { .. }
            | StoreError::Remote {
                trouble: Trouble::Unreachable | Trouble::Failed,
                ..
            }
    )
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
    /// Whether the store held what only a thief of the old online key can have made, which clients forget with the new root.
    set_aside: bool,
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
        let (snapshot, timestamp) = (report.snapshot, report.timestamp);
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
            set_aside: report.set_aside,
            roles: report
                .roles
                .iter()
                .map(|(role, version)| RoleVersion {
                    role: role.clone(),
                    version: *version,
                })
                .collect(),
            snapshot_version: snapshot.map(|(version, _)| version),
            snapshot_expires: snapshot.map(|(_, expires)| expires.to_string()),
            timestamp_version: timestamp.map(|(version, _)| version),
            timestamp_expires: timestamp.map(|(_, expires)| expires.to_string()),
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
