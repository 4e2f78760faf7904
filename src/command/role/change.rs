//! `cuff role add-key`, `remove-key`, `set-threshold` and `expiry`: one change each, staged.
//!
//! A change to root or targets is staged in root, one to a product in targets; roles it leaves under their threshold are
//! staged with it and named in the answer.

use std::path::PathBuf;

use super::holder::{keep, key, newcomer};
use crate::command::desk::{Edited, Place, bench, bench_failed, desk_failed, edited};
use crate::console::{Console, Exit};
use crate::instant::Span;
use crate::repository::bench::Bench;
use crate::repository::bench::roles::RoleEdit;
use crate::repository::desk::{Desk, Pin};
use crate::role::name::RoleName;
use crate::role::pipeline::Staged;
use crate::role::wire::Hex;

/// Which role, and where.
#[derive(Debug, clap::Args)]
struct Change {
    /// The role: root, targets, snapshot, timestamp or a product
    #[arg(value_name = "ROLE")]
    role: RoleName,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Let one more key sign a role
#[derive(Debug, clap::Args)]
pub struct AddKey {
    #[command(flatten)]
    change: Change,

    /// The public key
    #[arg(value_name = "FILE.pub")]
    key: PathBuf,
}

impl AddKey {
    /// Stages it, and keeps the file in `keys/`.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.change.place.open()?;
        let file = newcomer(&desk, &self.key)?;
        let answer = KeyAdded(self.change.stage(&desk, RoleEdit::AddKey(file.key()))?);
        if !self.change.dry_run {
            keep(&desk, &file)?;
        }
        console.answer(&answer)
    }
}

/// Take a key away from a role
#[derive(Debug, clap::Args)]
pub struct RemoveKey {
    #[command(flatten)]
    change: Change,

    /// The person's name, or the beginning of the key id
    #[arg(value_name = "NAME|KEYID")]
    key: String,
}

impl RemoveKey {
    /// Stages it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.change.place.open()?;
        let keys = bench(&desk, true)?.keys_of(&self.change.role);
        let keys = keys.into_keys().collect();
        let key = key(&desk, &self.key, keys, &self.change.role.to_string())?;
        console.answer(&KeyRemoved(
            self.change.stage(&desk, RoleEdit::RemoveKey(key))?,
        ))
    }
}

/// Set how many keys must sign a role
#[derive(Debug, clap::Args)]
pub struct SetThreshold {
    #[command(flatten)]
    change: Change,

    /// How many
    #[arg(value_name = "N")]
    threshold: u64,
}

impl SetThreshold {
    /// Stages it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.change.place.open()?;
        console.answer(&ThresholdSet(
            self.change
                .stage(&desk, RoleEdit::Threshold(self.threshold))?,
        ))
    }
}

/// Sign a role anew with another expiry
#[derive(Debug, clap::Args)]
pub struct Expiry {
    #[command(flatten)]
    change: Change,

    /// How long it is valid from now on, as 365d
    #[arg(value_name = "TIME")]
    time: Span,
}

impl Expiry {
    /// Stages it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.change.place.open()?;
        console.answer(&ExpirySet(
            self.change.stage(&desk, RoleEdit::Expiry(self.time))?,
        ))
    }
}

impl Change {
    fn stage(&self, desk: &Desk, edit: RoleEdit) -> anyhow::Result<Edited> {
        stage(desk, self.dry_run, |bench| {
            bench.edit(&self.role, edit).map_err(bench_failed)
        })
    }
}

/// Lets `edit` change the bench, and writes what came of it unless this is a dry run.
pub(in crate::command) fn stage(
    desk: &Desk,
    dry_run: bool,
    edit: impl FnOnce(&mut Bench<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<Edited> {
    let mut bench = bench(desk, dry_run)?;
    let before = staged_root(&bench);
    edit(&mut bench)?;
    let edited = Edited::of(&bench, dry_run);
    bench.save().map_err(bench_failed)?;
    let after = staged_root(&bench);
    // Before the first publication the pinned root is the staged one; whoever changes it here still trusts it.
    let pin = desk.pin().map_err(desk_failed)?;
    if let (false, Some(pin), Some(before), Some(after), None) =
        (dry_run, pin, before, after, bench.published())
        && pin.sha256 == before
    {
        desk.set_pin(&Pin {
            version: 1,
            sha256: after,
        })
        .map_err(desk_failed)?;
    }
    Ok(edited)
}

fn staged_root(bench: &Bench<'_>) -> Option<Hex> {
    bench
        .staging()
        .roles
        .get(&RoleName::Root)
        .map(|root| Hex::sha256(Staged::signed(root)))
}

edited!(KeyAdded, "role add-key");
edited!(KeyRemoved, "role remove-key");
edited!(ThresholdSet, "role set-threshold");
edited!(ExpirySet, "role expiry");
