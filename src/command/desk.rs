//! What the commands of the signing desk share: finding the working directory, and the advice that fits a refusal.
//!
//! Not a command. It takes library errors and gives them an exit code, a rule and a next step.

use std::fmt::{self, Write};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Error;
use schemars::JsonSchema;
use serde::Serialize;

use crate::console::advised;
use crate::console::{Exit, safe};
use crate::instant;
use crate::repository::audit::AuditError;
use crate::repository::bench::release::ReleaseError;
use crate::repository::bench::{Bench, BenchError, Changed};
use crate::repository::capacity::CapacityError;
use crate::repository::desk::{Desk, DeskError};
use crate::repository::people::{People, PeopleError};
use crate::repository::published::PublishedError;
use crate::repository::review::ReviewError;
use crate::repository::staging::StagingError;

/// Which working directory, for every command of the desk: `#[command(flatten)]` it.
#[derive(Debug, Default, clap::Args)]
pub struct Place {
    /// The working directory (else the one at or above the current directory)
    #[arg(long, value_name = "DIR", env = "CUFF_DESK")]
    desk: Option<PathBuf>,
}

impl Place {
    /// The one that was named already.
    pub fn at(desk: Option<&Path>) -> Self {
        Self {
            desk: desk.map(Path::to_owned),
        }
    }

    /// Finds it and reads its settings.
    pub fn open(&self) -> anyhow::Result<Desk> {
        let found = match &self.desk {
            Some(folder) => Desk::open(folder),
            None => Desk::discover(&std::env::current_dir()?),
        };
        found.map_err(desk_failed)
    }

    /// Finds it, if there is one: for commands that do without.
    pub fn find(&self) -> anyhow::Result<Option<Desk>> {
        if self.desk.is_some() {
            return self.open().map(Some);
        }
        match Desk::discover(&std::env::current_dir()?) {
            Ok(desk) => Ok(Some(desk)),
            Err(DeskError::NotFound(_)) => Ok(None),
            Err(error) => Err(desk_failed(error)),
        }
    }
}

/// Lays out the bench, with the lock unless nothing is to be written.
pub fn bench(desk: &Desk, dry_run: bool) -> anyhow::Result<Bench<'_>> {
    let now = instant::now()?;
    let bench = if dry_run {
        Bench::look(desk, now)
    } else {
        Bench::take(desk, now)
    };
    bench.map_err(bench_failed)
}

/// The names behind the keys.
pub fn people(desk: &Desk) -> anyhow::Result<People> {
    People::load(desk).map_err(|error| match error {
        PeopleError::Folder { .. } => Error::new(error),
        PeopleError::File(_) => advised(
            error,
            Exit::No,
            "refused-public-key",
            "ask its holder for the file again, over a way you trust",
        ),
    })
}

/// Refuses to sign or publish in a clone that was never told which root to trust.
pub fn need_pin(desk: &Desk) -> anyhow::Result<()> {
    if desk.pin().map_err(desk_failed)?.is_some() {
        return Ok(());
    }
    Err(advised(
        anyhow::anyhow!("this clone was never told which root to trust"),
        Exit::No,
        "not-joined",
        "ask a colleague for the root fingerprint (`cuff status` shows it there), over a way you trust, and run `cuff init --join --root-sha256 FINGERPRINT`",
    ))
}

/// Roles an edit staged or took off, as an answer.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Edited {
    /// Whether nothing was written.
    pub dry_run: bool,
    /// What changed in the staging area.
    pub changed: Vec<ChangedRole>,
}

/// One staged role that changed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct ChangedRole {
    /// The role.
    pub role: String,
    /// Its staged version; null when it is no longer staged.
    pub version: Option<u64>,
    /// Signatures that were over the old bytes and are gone.
    pub lost_signatures: usize,
}

impl Edited {
    /// What the bench would write now; call it before saving.
    pub fn of(bench: &Bench<'_>, dry_run: bool) -> Self {
        Self {
            dry_run,
            changed: bench.changed().into_iter().map(ChangedRole::from).collect(),
        }
    }

    /// For people.
    pub fn write(&self, out: &mut dyn Write) -> fmt::Result {
        let would = if self.dry_run { "would be " } else { "" };
        for role in &self.changed {
            match role.version {
                Some(version) => write!(out, "{} v{version} {would}staged", safe(&role.role))?,
                None => write!(out, "{} {would}no longer staged", safe(&role.role))?,
            }
            match role.lost_signatures {
                0 => writeln!(out)?,
                lost => writeln!(out, "; {lost} signature(s) over the old bytes dropped")?,
            }
        }
        if self.changed.is_empty() {
            writeln!(out, "nothing changed")?;
        }
        Ok(())
    }
}

impl From<Changed> for ChangedRole {
    fn from(changed: Changed) -> Self {
        Self {
            role: changed.role.to_string(),
            version: changed.version,
            lost_signatures: changed.lost_signatures,
        }
    }
}

/// Makes the answer of a command that edits: `edited!(Amended, "amend")`.
macro_rules! edited {
    ($name:ident, $command:literal) => {
        /// What changed in the staging area.
        #[derive(Debug, serde::Serialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub $crate::command::desk::Edited);

        impl $crate::console::Answer for $name {
            const COMMAND: &'static str = $command;

            fn human(&self, out: &mut dyn std::fmt::Write) -> std::fmt::Result {
                self.0.write(out)
            }
        }
    };
}
pub(crate) use edited;

/// A working directory that cannot be used.
pub fn desk_failed(error: DeskError) -> Error {
    let (exit, rule, help) = match &error {
        DeskError::NotFound(_) => (
            Exit::Usage,
            "no-working-directory",
            "go to the directory with cuff.toml, or make one with `cuff init`",
        ),
        DeskError::Taken(_) => (
            Exit::No,
            "taken",
            "run `cuff status` in it, or give another directory",
        ),
        DeskError::Busy => (
            Exit::Unknown,
            "busy",
            "wait for the other command to finish",
        ),
        DeskError::Settings(_) => (
            Exit::Usage,
            "settings",
            "correct cuff.toml; docs/working-directory.md lists its members",
        ),
        DeskError::Pin { .. } => (
            Exit::No,
            "damaged-pin",
            "ask a colleague for the root fingerprint and join again",
        ),
        DeskError::Read { .. } | DeskError::Write { .. } | DeskError::Durable(_) => {
            (Exit::Unknown, "working-directory", disk_help(&error))
        }
    };
    advised(error, exit, rule, help)
}

/// An audit log that cannot be added to.
pub fn audit_failed(error: AuditError) -> Error {
    let (exit, rule, help) = match error {
        AuditError::Desk(error) => return desk_failed(error),
        AuditError::Conflict(_) => (
            Exit::No,
            "audit-conflict",
            "keep one side (`git checkout --ours audit` or `--theirs audit`), and use a key in one clone at a time",
        ),
        AuditError::Broken { .. } => (
            Exit::No,
            "audit-broken",
            "bring the file back with `git checkout`; `cuff audit verify` says what else is wrong",
        ),
        AuditError::Read { .. } | AuditError::Write { .. } | AuditError::Durable(_) => {
            (Exit::Unknown, "working-directory", disk_help(&error))
        }
        AuditError::Random => (Exit::Unknown, "audit", "run the same command again"),
    };
    advised(error, exit, rule, help)
}

/// An edit that is refused.
pub fn bench_failed(error: BenchError) -> Error {
    let (exit, rule, help) = match error {
        BenchError::Desk(error) => return desk_failed(error),
        BenchError::Staging(error) => return staging_failed(error),
        BenchError::Audit(error) => return audit_failed(error),
        BenchError::Published(error) => return published_failed(error),
        BenchError::Stale(_) => (
            Exit::No,
            "stale",
            "`cuff amend` stages your releases anew on what is published now; `cuff cancel` drops them",
        ),
        BenchError::Unknown(_) => (
            Exit::Usage,
            "unknown-role",
            "`cuff role list` shows the roles",
        ),
        BenchError::Online(_) => (
            Exit::Usage,
            "online-role",
            "its lifetime stands in cuff.toml under [expiry]",
        ),
        BenchError::NotStaged(_) => (
            Exit::Usage,
            "not-staged",
            "`cuff status` shows what is staged",
        ),
        BenchError::Foundation(_) => (
            Exit::No,
            "foundation",
            "`cuff yank RELEASE` takes a staged release back; to begin anew, remove the working directory",
        ),
        BenchError::Roles(_) => (
            Exit::No,
            "keys",
            "`cuff role show ROLE` shows its keys and threshold",
        ),
        BenchError::Clock { .. } => (
            Exit::No,
            "clock",
            "set this machine's clock and run the same command again; nothing was written",
        ),
        BenchError::Bins | BenchError::NoBins => (
            Exit::No,
            "bins-beside-products",
            "keep them in two repositories: `cuff init --bins N` makes one for bins, `cuff init --product NAME` one for products",
        ),
        BenchError::SharedKey(_) => (
            Exit::Usage,
            "keys",
            "make one for the bins alone with `cuff key new`",
        ),
        BenchError::Canonical(_) | BenchError::Forever => {
            (Exit::Usage, "not-canonical", "choose another value")
        }
        BenchError::Release(ref release) => release_advice(release),
    };
    advised(error, exit, rule, help)
}

/// What to do about a release that is refused.
fn release_advice(error: &ReleaseError) -> (Exit, &'static str, &'static str) {
    match error {
        ReleaseError::UnknownProduct { .. } | ReleaseError::NotThere(_) => (
            Exit::Usage,
            "unknown-product",
            "correct the manifest and build again, or name a release `cuff role show` lists",
        ),
        ReleaseError::BelowPublished { .. } | ReleaseError::BelowMinimum { .. } => (
            Exit::No,
            "counter-too-low",
            "raise `counter` in the manifest and build again",
        ),
        ReleaseError::OtherBytes {
            place: "staged", ..
        } => (
            Exit::No,
            "other-bytes",
            "`cuff amend BUNDLE` replaces a staged release; its signatures are made again",
        ),
        ReleaseError::OtherBytes { .. } => (
            Exit::No,
            "other-bytes",
            "a published name stands for its bytes for ever: give the build a new version",
        ),
        ReleaseError::Withdrawn { .. } => (
            Exit::No,
            "withdrawn",
            "a name that was withdrawn stays taken: give the build a new version",
        ),
        ReleaseError::NobodyHasIt(_) => (
            Exit::Usage,
            "usage",
            "leave --reason away: what is only staged vanishes without a word",
        ),
        ReleaseError::NoReplacement(_) => (
            Exit::Usage,
            "unknown-product",
            "name a release that is published or staged with --replaced-by",
        ),
        ReleaseError::AlreadyPublished(_) => {
            (Exit::Yes, "already-published", "there is nothing to do")
        }
        ReleaseError::NothingToAmend(_) => (
            Exit::No,
            "nothing-to-amend",
            "stage it with `cuff stage BUNDLE`",
        ),
        ReleaseError::MinimumFalls { .. } => (
            Exit::No,
            "minimum-falls",
            "devices keep the highest minimum they saw",
        ),
        ReleaseError::CannotCarry(_) => (
            Exit::No,
            "stale",
            "`cuff cancel` it and make the change again with `cuff role`",
        ),
    }
}

/// A staging area that cannot be used.
pub fn staging_failed(error: StagingError) -> Error {
    let (exit, rule, help) = match &error {
        StagingError::Conflict { .. } => (
            Exit::No,
            "two-stagers",
            "keep one side (`git checkout --ours staged` or `--theirs staged`), then stage the other change again",
        ),
        StagingError::Edited { .. } | StagingError::Signature { .. } => (
            Exit::No,
            "edited-by-hand",
            "bring the file back with `git checkout`, or stage the change again",
        ),
        StagingError::Stray(_) => (Exit::No, "stray-file", "move it out of `staged/`"),
        StagingError::Io { .. } | StagingError::Write(_) => {
            (Exit::Unknown, "working-directory", disk_help(&error))
        }
    };
    advised(error, exit, rule, help)
}

/// What to do about a disk that does not do its part.
fn disk_help(error: &(dyn std::error::Error + 'static)) -> &'static str {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let cause = causes.find_map(|error| error.downcast_ref::<io::Error>());
    match cause.map(io::Error::kind) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) => {
            "make room on the disk, then run the same command again"
        }
        Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            "this user may not do that there: take a clone of your own, or have the permissions of the working directory changed"
        }
        _ => "check the disk and the permissions of the working directory",
    }
}

/// A product that does not fit its boards.
pub fn capacity_failed(error: CapacityError) -> Error {
    let (exit, rule, help) = match error {
        CapacityError::Bench(error) => return bench_failed(error),
        CapacityError::TooLarge { .. } => (
            Exit::No,
            "evidence-too-large",
            "`cuff yank` the releases no device needs any more",
        ),
        CapacityError::RootTooLarge { .. } => (
            Exit::No,
            "root-too-large",
            "take keys out of root, or give the board a larger trust region",
        ),
        CapacityError::NoSuchBoard { .. } | CapacityError::NoSuchRoot { .. } => (
            Exit::Usage,
            "settings",
            "correct cuff.toml; docs/working-directory.md says what `boards` and `oldest-root` mean",
        ),
        CapacityError::Preflight(_) | CapacityError::Canonical(_) => (
            Exit::No,
            "refused",
            "nothing was written; `cuff status` shows what is out of date",
        ),
    };
    advised(error, exit, rule, help)
}

/// A mirror that does not hold.
pub fn published_failed(error: PublishedError) -> Error {
    let (exit, rule, help) = match &error {
        PublishedError::Store(_) => (Exit::Unknown, "store", "check the disk and the permissions"),
        PublishedError::NotTrusted { .. } => (
            Exit::No,
            "other-root",
            "someone replaced the root: do not sign; compare fingerprints with your colleagues",
        ),
        PublishedError::Missing(_) | PublishedError::NotPinned { .. } => (
            Exit::No,
            "half-a-repository",
            "bring `metadata/` back with `git checkout`, or pull again",
        ),
        PublishedError::Role(_)
        | PublishedError::Refused(_)
        | PublishedError::WrongVersion { .. } => (
            Exit::No,
            "broken-mirror",
            "do not sign; compare `metadata/` with a colleague's clone",
        ),
    };
    advised(error, exit, rule, help)
}

/// What is staged cannot be approved.
pub fn review_failed(error: ReviewError) -> Error {
    let help = match &error {
        ReviewError::NoBundle { .. } => {
            "pull again: whoever staged it must commit `staged/targets` too"
        }
        ReviewError::StrayBundle(_) => "remove it, or stage it with `cuff stage`",
        _ => "do not sign; stage the release again from its bundle",
    };
    advised(error, Exit::No, "staged-bundle", help)
}
