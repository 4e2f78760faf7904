//! `cuff audit identity`: whose clone this is, that is, whose log what is staged, reviewed and refused here goes to.
//!
//! It takes nothing and answers, or takes a name and remembers it in this clone.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::command::desk::{Place, audit_failed, people};
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::repository::audit::Audit;
use crate::repository::people::People;
use crate::role::wire::Hex;

/// Show or say whose clone this is
#[derive(Debug, clap::Args)]
pub struct Identity {
    /// The holder of a key in `keys/`, or the beginning of the key's id
    name: Option<String>,

    #[command(flatten)]
    place: Place,
}

impl Identity {
    /// Shows or sets it.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let people = people(&desk)?;
        let audit = Audit::of(&desk);
        if let Some(name) = &self.name {
            let [key] = people.find(name, people.ids())[..] else {
                return Err(advised(
                    anyhow::anyhow!("`{}` names no one key in `keys/`", safe(name)),
                    Exit::No,
                    "no-such-person",
                    "put the person's .pub file into `keys/`",
                ));
            };
            audit.set_identity(&key).map_err(audit_failed)?;
        }
        console.answer(&Owned::of(
            &audit.identity().map_err(audit_failed)?,
            &people,
        ))
    }
}

/// Whose clone this is.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Owned {
    /// The name of the log.
    log: String,
    /// The person, if the log is of a key.
    person: Option<String>,
}

impl Owned {
    fn of(log: &str, people: &People) -> Self {
        Self {
            log: log.to_owned(),
            person: log.parse::<Hex>().ok().map(|key| people.show(&key)),
        }
    }
}

impl Answer for Owned {
    const COMMAND: &'static str = "audit identity";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        match &self.person {
            Some(person) => writeln!(out, "this clone belongs to {}", safe(person)),
            None => writeln!(
                out,
                "this clone belongs to nobody yet ({}): `cuff audit identity NAME`, or sign once",
                self.log
            ),
        }
    }
}
