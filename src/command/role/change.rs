//! `cuff role add-key`, `remove-key`, `set-threshold` and `expiry`: one change each, staged.
//!
//! A change to root or targets is staged in root, one to a product in targets; roles it leaves under their threshold are
//! staged with it and named in the answer.

use std::path::PathBuf;

use crate::command::desk::{Edited, Place, bench, bench_failed, desk_failed, edited, people};
use crate::command::key::read_public;
use crate::console::{Advice, Console, Exit, safe};
use crate::durable;
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
        let file = read_public(&self.key)?;
        let path = desk.keys().join(format!("{}.pub", file.name()));
        if path.exists() && read_public(&path)?.key() != file.key() {
            return Err(anyhow::anyhow!(
                "`{}` holds another key of that name",
                path.display()
            ))
            .exit(Exit::No)
            .rule("name-taken")
            .help("names tell people apart: make the new key under another name");
        }
        let answer = KeyAdded(self.change.stage(&desk, RoleEdit::AddKey(file.key()))?);
        if !self.change.dry_run {
            std::fs::create_dir_all(desk.keys())?;
            durable::write(&path, file.text().as_bytes())?;
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
        let keys: Vec<Hex> = {
            let bench = bench(&desk, true)?;
            let authority = bench.authorities(&self.change.role).pop();
            authority
                .map(|authority| authority.keys.into_keys().collect())
                .unwrap_or_default()
        };
        let found = people(&desk)?.find(&self.key, keys);
        let key = match found.as_slice() {
            [key] => *key,
            [] => {
                return Err(anyhow::anyhow!(
                    "{} has no key `{}`",
                    self.change.role,
                    safe(&self.key)
                ))
                .exit(Exit::Usage)
                .rule("unknown-key")
                .help("`cuff role show ROLE` lists its keys");
            }
            _ => {
                return Err(anyhow::anyhow!(
                    "`{}` fits several keys of {}",
                    safe(&self.key),
                    self.change.role
                ))
                .exit(Exit::Usage)
                .rule("unknown-key")
                .help("give more digits of the key id");
            }
        };
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
        let mut bench = bench(desk, self.dry_run)?;
        let before = staged_root(&bench);
        bench.edit(&self.role, edit).map_err(bench_failed)?;
        let edited = Edited::of(&bench, self.dry_run);
        bench.save().map_err(bench_failed)?;
        let after = staged_root(&bench);
        // Before the first publication the pinned root is the staged one; whoever changes it here still trusts it.
        let pin = desk.pin().map_err(desk_failed)?;
        if let (false, Some(pin), Some(before), Some(after), None) =
            (self.dry_run, pin, before, after, bench.published())
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
