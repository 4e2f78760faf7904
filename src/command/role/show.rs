//! `cuff role show`: one role, its keys and threshold, its releases, staged changes included.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::desk::{Place, bench, bench_failed, people};
use crate::console::{Answer, Console, Exit, safe};
use crate::repository::bench::{Bench, BenchError};
use crate::repository::people::People;
use crate::role::name::RoleName;
use crate::role::pipeline::{Signed, Staged};

/// Show one role
#[derive(Debug, clap::Args)]
pub struct Show {
    /// root, targets, snapshot, timestamp or a product
    #[arg(value_name = "ROLE")]
    role: RoleName,

    #[command(flatten)]
    place: Place,
}

impl Show {
    /// Shows.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let bench = bench(&desk, true)?;
        if bench.authorities(&self.role).is_empty() {
            return Err(bench_failed(BenchError::Unknown(self.role.clone())));
        }
        console.answer(&Shown(RoleFacts::of(&bench, &people(&desk)?, &self.role)))
    }
}

/// A role as it will be once everything staged is published.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoleFacts {
    /// The role.
    pub role: String,
    /// Whether a new version is staged.
    pub staged: bool,
    /// Its version, 0 when there is none yet.
    pub version: u64,
    /// Until when it is valid; null when there is none yet.
    pub expires: Option<String>,
    /// How many must sign.
    pub threshold: u64,
    /// Who may sign.
    pub keys: Vec<RoleKey>,
    /// Releases of a product.
    pub releases: Vec<RoleRelease>,
    /// Releases below this are refused by devices; null for other roles.
    pub minimum_counter: Option<u64>,
}

/// A key of a role.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoleKey {
    /// The person, or the short key id.
    pub person: String,
    /// The key id.
    pub key: String,
}

/// A release of a product.
#[derive(Debug, Serialize, JsonSchema)]
pub struct RoleRelease {
    /// PRODUCT/VERSION.
    pub release: String,
    /// Its security counter.
    pub counter: u64,
}

impl RoleFacts {
    /// Looks a role up.
    pub(super) fn of(bench: &Bench<'_>, people: &People, role: &RoleName) -> Self {
        let staged = bench.staging().roles.get(role).map(Staged::draft);
        let published = bench
            .published()
            .and_then(|published| published.signed(role))
            .map(Signed::draft);
        let draft = staged.or(published);
        let authority = bench.authorities(role).pop();
        let keys = authority.iter().flat_map(|authority| authority.keys.keys());
        let keys = people.sorted(keys).into_iter();
        let product = match role {
            RoleName::Product(name) => bench.product(name),
            _ => None,
        };
        let releases = product.iter().flat_map(|product| &product.targets);
        Self {
            role: role.to_string(),
            staged: staged.is_some(),
            version: draft.map_or(0, crate::role::pipeline::Draft::version),
            expires: draft.map(|draft| draft.expires().to_string()),
            threshold: authority
                .as_ref()
                .map_or(0, |authority| authority.threshold),
            keys: keys
                .map(|key| RoleKey {
                    person: people.show(key),
                    key: key.to_string(),
                })
                .collect(),
            releases: releases
                .map(|(name, release)| RoleRelease {
                    release: name.to_string(),
                    counter: release.record().counter.0,
                })
                .collect(),
            minimum_counter: product.map(|product| product.minimum_counter),
        }
    }
}

/// One role.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Shown(RoleFacts);

impl Answer for Shown {
    const COMMAND: &'static str = "role show";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let role = &self.0;
        let staged = if role.staged { " (staged)" } else { "" };
        writeln!(out, "{} v{}{staged}", safe(&role.role), role.version)?;
        if let Some(expires) = &role.expires {
            writeln!(out, "valid until {expires}")?;
        }
        writeln!(
            out,
            "{} of {} keys must sign",
            role.threshold,
            role.keys.len()
        )?;
        for key in &role.keys {
            writeln!(out, "  {}  {}", key.key, safe(&key.person))?;
        }
        if let Some(minimum) = role.minimum_counter {
            writeln!(out, "minimum counter {minimum}")?;
        }
        for release in &role.releases {
            writeln!(
                out,
                "  {}  counter {}",
                safe(&release.release),
                release.counter
            )?;
        }
        Ok(())
    }
}
