//! `cuff schema`: the JSON schemas of every answer, as files for the documentation.
//!
//! It knows every answer there is; `docs/schema/` is what it writes, and a test compares the two.

use std::fmt::{self, Write};
use std::path::PathBuf;

use anyhow::Context;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{
    amend, audit, bins, build, cancel, check, completions, device, export, fetch, init, inspect,
    key, man, prune, publish, refresh, review, role, sign, sim, stage, status, tour, verify, yank,
};
use crate::console::{Answer, Console, Exit, answer, failure, safe};
use crate::durable;

/// File name and schema of every answer: one line each, sorted by command.
pub fn schemas() -> Vec<(String, Value)> {
    vec![
        failure_entry(),
        // Sorted by command.
        entry::<amend::Amended>(),
        entry::<audit::identity::Owned>(),
        entry::<audit::show::Shown>(),
        entry::<audit::verify::Checked>(),
        entry::<bins::change::Added>(),
        entry::<bins::fetch::Fetched>(),
        entry::<bins::rebalance::Rebalanced>(),
        entry::<bins::change::Removed>(),
        entry::<bins::show::Shown>(),
        entry::<build::Built>(),
        entry::<cancel::Cancelled>(),
        entry::<check::Checked>(),
        entry::<completions::Script>(),
        entry::<device::info::Described>(),
        entry::<device::list::Probes>(),
        #[cfg(feature = "probe")]
        entry::<device::lock::Locked>(),
        entry::<device::log::Told>(),
        entry::<device::provision::Provisioned>(),
        (
            "device-provision-lines.json".to_owned(),
            device::station::line::schema(),
        ),
        entry::<device::push::Pushed>(),
        entry::<device::records::Exported>(),
        entry::<device::records::Verified>(),
        #[cfg(feature = "probe")]
        entry::<device::recover::Recovered>(),
        #[cfg(feature = "probe")]
        entry::<device::slot::Assigned>(),
        entry::<device::upload::Uploaded>(),
        entry::<device::verify::Verified>(),
        entry::<export::Exported>(),
        entry::<fetch::Fetched>(),
        entry::<init::Founded>(),
        entry::<inspect::Inspected>(),
        entry::<key::export::Exported>(),
        entry::<key::list::Listed>(),
        entry::<key::new::Made>(),
        entry::<key::show::Shown>(),
        entry::<man::Manual>(),
        entry::<prune::Pruned>(),
        entry::<publish::Published>(),
        entry::<refresh::Refreshed>(),
        entry::<review::Reviewed>(),
        entry::<role::change::KeyAdded>(),
        entry::<role::delegate::Delegated>(),
        entry::<role::drill::Drilled>(),
        entry::<role::change::ExpirySet>(),
        entry::<role::list::Listed>(),
        entry::<role::change::KeyRemoved>(),
        entry::<role::rotate::Rotated>(),
        entry::<role::change::ThresholdSet>(),
        entry::<role::show::Shown>(),
        entry::<role::delegate::Undelegated>(),
        entry::<Written>(),
        entry::<sign::SignedRoles>(),
        entry::<sign::travel::TakenIn>(),
        entry::<sign::travel::SentOut>(),
        entry::<sim::boot::Booted>(),
        entry::<sim::cut::Armed>(),
        entry::<sim::new::Made>(),
        entry::<sim::serve::Serving>(),
        entry::<stage::StagedRelease>(),
        entry::<status::Stands>(),
        entry::<tour::Toured>(),
        entry::<verify::Verified>(),
        entry::<yank::Yanked>(),
    ]
}

/// Write the JSON schema of every answer into a folder
#[derive(Debug, clap::Args)]
pub struct Schema {
    /// The folder; made if it is missing
    folder: PathBuf,
}

impl Schema {
    /// Writes one file an answer.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        std::fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make the folder `{}`", self.folder.display()))?;
        let mut files = Vec::new();
        for (name, schema) in schemas() {
            durable::write(&self.folder.join(&name), format!("{schema:#}\n").as_bytes())?;
            files.push(name);
        }
        console.answer(&Written {
            folder: self.folder.display().to_string(),
            files,
        })
    }
}

/// Which schemas were written.
#[derive(Serialize, JsonSchema)]
struct Written {
    /// Where.
    folder: String,
    /// The names of the files in it.
    files: Vec<String>,
}

impl Answer for Written {
    const COMMAND: &'static str = "schema";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(
            out,
            "{} schemas in {}",
            self.files.len(),
            safe(&self.folder)
        )
    }
}

fn entry<A: Answer>() -> (String, Value) {
    (
        format!("{}.json", A::COMMAND.replace(' ', "-")),
        answer::schema::<A>(),
    )
}

fn failure_entry() -> (String, Value) {
    ("failure.json".to_owned(), failure::schema())
}
