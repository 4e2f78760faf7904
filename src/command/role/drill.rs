//! `cuff role drill`: keys were lost or stolen, and everything that follows from it is staged at once.
//!
//! It takes the keys and, where a role would be left with too few, new ones. It answers with what is staged, who is asked
//! to sign, and what signing cannot undo.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::change::stage;
use super::holder::{all_keys, keep, key, replacements, split};
use crate::command::desk::{Edited, Place, bench, bench_failed, people};
use crate::console::{Answer, Console, Exit, advised, safe};
use crate::repository::drill::{DrillError, Loss, drill};
use crate::repository::people::People;
use crate::role::name::RoleName;
use crate::role::wire::Hex;

/// Take lost or stolen keys out of every role, in one event
///
/// Stages new versions of root, targets and products as needed. A stolen key still counts in the root before, and may help
/// to sign the one that drops it; a lost one cannot.
#[derive(Debug, clap::Args)]
#[group(id = "loss", required = true, multiple = false, args = ["compromised", "lost"])]
pub struct Drill {
    /// Somebody else may have these keys: holders' names or the beginnings of key ids
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    compromised: Vec<String>,

    /// Nobody has these keys any more
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    lost: Vec<String>,

    /// The new key that takes the place of one of them: `bob=bob-2.pub`; repeat for several
    #[arg(long = "replace", value_name = "OLD=FILE.pub", value_parser = split)]
    replace: Vec<(String, String)>,

    #[command(flatten)]
    place: Place,

    /// Check everything, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Drill {
    /// Stages it, and keeps the files in `keys/`.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let known = all_keys(&bench(&desk, true)?);
        let (loss, texts) = if self.lost.is_empty() {
            (Loss::Compromised, &self.compromised)
        } else {
            (Loss::Lost, &self.lost)
        };
        let mut gone = BTreeMap::new();
        for text in texts {
            gone.insert(key(&desk, text, known.clone(), "this repository")?, None);
        }
        let files = replacements(&desk, &known, &self.replace)?;
        for (old, file) in &files {
            let Some(instead) = gone.get_mut(old) else {
                return Err(advised(
                    anyhow::anyhow!(
                        "{} is to be replaced, but is not among the keys that are gone",
                        safe(&people(&desk)?.show(old))
                    ),
                    Exit::Usage,
                    "usage",
                    "name it after --compromised or --lost too; `cuff role rotate` replaces keys that are not gone",
                ));
            };
            *instead = Some(file.key());
        }
        let mut names = people(&desk)?;
        for file in files.values() {
            names.learn(file);
        }
        let mut drilled = None;
        let edited = stage(&desk, self.dry_run, |bench| {
            let done = drill(bench, &names, loss, &gone).map_err(drill_failed)?;
            drilled = Some((done, asked(bench, &names, loss, &gone)));
            Ok(())
        })?;
        if !self.dry_run {
            for file in files.values() {
                keep(&desk, file)?;
            }
        }
        let (done, asked) = drilled.unzip();
        let done = done.map(|done| (done.changed, done.reached));
        let (changed, reached) = done.unwrap_or_default();
        let text = |roles: Vec<RoleName>| roles.iter().map(ToString::to_string).collect();
        console.answer(&Drilled {
            keys: gone.keys().map(|key| names.show(key)).collect(),
            compromised: loss == Loss::Compromised,
            roles: text(changed),
            reached: text(reached),
            asked: asked.unwrap_or_default(),
            edited,
        })
    }
}

/// Who is asked to sign what is staged, and by whom; lost keys cannot.
fn asked(
    bench: &crate::repository::bench::Bench<'_>,
    people: &People,
    loss: Loss,
    gone: &BTreeMap<Hex, Option<crate::key::PublicKey>>,
) -> Vec<AskedRole> {
    let roles = bench.staging().roles.keys();
    let asked = roles.flat_map(|role| {
        let authorities = bench.authorities(role).into_iter();
        authorities.map(|authority| AskedRole {
            role: role.to_string(),
            by: authority.by.clone(),
            threshold: authority.threshold,
            people: {
                let able = authority
                    .keys
                    .keys()
                    .filter(|key| loss == Loss::Compromised || !gone.contains_key(key));
                let able = people.sorted(able).into_iter();
                able.map(|key| people.show(key)).collect()
            },
        })
    });
    asked.collect()
}

fn drill_failed(error: DrillError) -> anyhow::Error {
    let (rule, help) = match error {
        DrillError::Bench(error) => return bench_failed(error),
        DrillError::Short(_) => (
            "too-few-keys",
            "nothing was staged: let new keys be made with `cuff key new` and name them with --replace OLD=FILE.pub, or lower a threshold first with `cuff role set-threshold`",
        ),
        DrillError::Beyond { .. } => (
            "beyond-repair",
            "nothing was staged: search for backups of the lost keys; without them devices keep what they run, take no update any more, and must be provisioned anew with a new root",
        ),
        DrillError::Nowhere => ("unknown-key", "`cuff role list` shows whose keys there are"),
    };
    advised(error, Exit::No, rule, help)
}

/// What a drill staged.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Drilled {
    /// The keys that go.
    keys: Vec<String>,
    /// Whether somebody else may have them.
    compromised: bool,
    /// Roles whose keys change.
    roles: Vec<String>,
    /// Published roles that whoever has these keys can sign alone.
    reached: Vec<String>,
    /// Who is asked to sign.
    asked: Vec<AskedRole>,
    #[serde(flatten)]
    edited: Edited,
}

/// One role and one set of keys that must sign it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline)]
struct AskedRole {
    /// The role.
    role: String,
    /// The metadata that names the keys.
    by: String,
    /// How many must sign.
    threshold: u64,
    /// Who can.
    people: Vec<String>,
}

impl Answer for Drilled {
    const COMMAND: &'static str = "role drill";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let keys: Vec<String> = self.keys.iter().map(|key| safe(key).to_string()).collect();
        let what = if self.compromised {
            "compromised"
        } else {
            "lost"
        };
        writeln!(
            out,
            "{what}: {}; out of {}",
            keys.join(", "),
            self.roles.join(", ")
        )?;
        self.edited.write(out)?;
        for asked in &self.asked {
            let names: Vec<String> = asked
                .people
                .iter()
                .map(|name| safe(name).to_string())
                .collect();
            writeln!(
                out,
                "  {}: {} needed by {}, of {}",
                safe(&asked.role),
                asked.threshold,
                safe(&asked.by),
                names.join(", ")
            )?;
        }
        if self.compromised && !self.reached.is_empty() {
            writeln!(
                out,
                "! whoever has these keys can sign alone until this is published, and may have done so: {}",
                self.reached.join(", ")
            )?;
            self.what_was_reached(out)?;
        }
        if self.edited.dry_run {
            return Ok(());
        }
        writeln!(
            out,
            "next: `cuff review`, then everyone who is asked `cuff sign --key FILE`, then `cuff publish`"
        )
    }
}

impl Drilled {
    /// What the thief can have done, role by role, and what helps.
    fn what_was_reached(&self, out: &mut dyn Write) -> fmt::Result {
        for role in &self.reached {
            match role.as_str() {
                "root" => writeln!(
                    out,
                    "!   root: a device that met a root of theirs trusts them; publish before they do, and compare `cuff device info` of units in the field"
                )?,
                "targets" => writeln!(
                    out,
                    "!   targets: they can name keys of their own for every product, if they have the online key too"
                )?,
                "snapshot" | "timestamp" => writeln!(
                    out,
                    "!   {role}: they can hold back updates, also by numbers so high that ours are refused; the new root makes clients and devices forget them"
                )?,
                product => writeln!(
                    out,
                    "!   {}: releases nobody here made may exist; raise the minimum counter with `cuff yank --minimum-counter`",
                    safe(product)
                )?,
            }
        }
        Ok(())
    }
}
