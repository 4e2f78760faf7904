//! `cuff role list`: every role, who signs it and until when it is valid, staged changes included.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::show::RoleFacts;
use crate::command::desk::{Place, bench, people};
use crate::console::{Answer, Console, Exit, safe};
use crate::role::name::RoleName;

/// List the roles
#[derive(Debug, clap::Args)]
pub struct List {
    #[command(flatten)]
    place: Place,
}

impl List {
    /// Lists.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let (bench, people) = (bench(&desk, true)?, people(&desk)?);
        let products = bench
            .targets()
            .map(|targets| &targets.delegations.roles[..])
            .unwrap_or_default();
        let products = products
            .iter()
            .map(|role| RoleName::Product(role.name.clone()));
        let names = [
            RoleName::Root,
            RoleName::Targets,
            RoleName::Snapshot,
            RoleName::Timestamp,
        ];
        let roles = names
            .into_iter()
            .chain(products)
            .map(|role| RoleFacts::of(&bench, &people, &role))
            .collect();
        console.answer(&Listed { roles })
    }
}

/// The roles.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Listed {
    /// Root, targets, snapshot, timestamp, then the products.
    roles: Vec<RoleFacts>,
}

impl Answer for Listed {
    const COMMAND: &'static str = "role list";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        for role in &self.roles {
            let people: Vec<String> = role
                .keys
                .iter()
                .map(|key| safe(&key.person).to_string())
                .collect();
            let staged = if role.staged { " (staged)" } else { "" };
            writeln!(
                out,
                "{}{staged}: {} of {} [{}]{}",
                safe(&role.role),
                role.threshold,
                role.keys.len(),
                people.join(", "),
                role.expires
                    .as_ref()
                    .map(|expires| format!(", valid until {expires}"))
                    .unwrap_or_default()
            )?;
        }
        Ok(())
    }
}
