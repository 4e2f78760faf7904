//! `cuff sign`: one person approves what `review` shows.
//!
//! It takes a private key and signs every staged role that key belongs to, bound to the digest of the review: typed yes on
//! a terminal, `--review DIGEST` without one. Other people's signatures stay as they are.

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Place, bench, desk_failed, need_pin, people, review_failed, staging_failed};
use super::review;
use super::unlock::Unlock;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::key::Signer;
use crate::key::public_file::PublicFile;
use crate::repository::review::Review;
use crate::repository::signing::{Task, TaskError};
use crate::repository::status::Status;
use crate::role::name::RoleName;
use crate::role::wire::Hex;

/// Sign what is staged
#[derive(Debug, clap::Args)]
pub struct Sign {
    /// The private key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,

    /// Sign this role only; repeat for several
    #[arg(long, value_name = "ROLE")]
    role: Vec<RoleName>,

    /// The digest that was reviewed, all of it or the 16 digits `review` shows; needed without a terminal
    #[arg(long, value_name = "DIGEST")]
    review: Option<String>,

    #[command(flatten)]
    unlock: Unlock,

    #[command(flatten)]
    place: Place,

    /// Show what would be signed, write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Sign {
    /// Shows the review, asks, signs.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        need_pin(&desk)?;
        let mut bench = bench(&desk, self.dry_run)?;
        bench.refuse_stale().map_err(super::desk::bench_failed)?;
        let people = people(&desk)?;
        let review = Review::of(&bench, &people).map_err(review_failed)?;
        let reviewed: Hex = review.digest.parse()?;
        if let Some(given) = &self.review {
            check_digest(given, &review)?;
        }
        let mut approved = self.review.is_some() || self.dry_run;
        let announced = self.announced();
        if let Some(key) = announced {
            let task = Task::of(&bench, &people, key, &self.role).map_err(task_failed)?;
            if !approved && !task.todo().is_empty() {
                ask(console, &desk, &review, &task, &people.show(&key))?;
                approved = true;
            }
        }
        let signer = self.unlock.open(console, &self.key)?;
        let key = Hex::from(signer.public().id());
        if announced.is_some_and(|announced| announced != key) {
            return Err(self.another_key());
        }
        let task = Task::of(&bench, &people, key, &self.role).map_err(task_failed)?;
        let mut answer = SignedRoles {
            person: people.show(&key),
            key: key.to_string(),
            review: review.digest.clone(),
            dry_run: self.dry_run,
            signed: task.todo().iter().map(ToString::to_string).collect(),
            already: task.already().iter().map(ToString::to_string).collect(),
            complete: false,
            waiting: Vec::new(),
        };
        if !task.todo().is_empty() && !self.dry_run {
            if !approved {
                ask(console, &desk, &review, &task, &answer.person)?;
            }
            task.sign(&mut bench, &people, &reviewed, &signer)
                .map_err(task_failed)?;
        }
        let status = Status::of(&bench, &people, true, bench.now());
        answer.complete = status.complete;
        answer.waiting = status
            .staged
            .iter()
            .filter(|role| !role.is_complete())
            .map(|role| role.role.clone())
            .collect();
        console.answer(&answer)
    }

    /// Who will sign, by the `.pub` beside the private key: so that they read what before they type their passphrase.
    fn announced(&self) -> Option<Hex> {
        let file = PublicFile::read(&self.key.with_extension("pub")).ok()?;
        Some(Hex::from(file.key().id()))
    }

    fn another_key(&self) -> anyhow::Error {
        advised(
            anyhow::anyhow!(
                "`{}` is not the public key of `{}`",
                safe(&self.key.with_extension("pub").display().to_string()),
                safe(&self.key.display().to_string())
            ),
            Exit::No,
            "other-public-key",
            "nothing was signed; find out which of the two files is in the wrong place",
        )
    }
}

/// Shows the review where a person sees it and takes their yes.
fn ask(
    console: &Console,
    desk: &crate::repository::desk::Desk,
    review: &Review,
    task: &Task,
    person: &str,
) -> anyhow::Result<()> {
    let mut text = String::new();
    review::write(review, &mut text)?;
    for line in text.lines() {
        console.show(line);
    }
    if let Some(last) = desk.last_review()
        && last.to_string() != review.digest
    {
        console.warn("this is not what you last reviewed in this clone");
    }
    let roles: Vec<String> = task.todo().iter().map(ToString::to_string).collect();
    let question = format!(
        "sign {} as {person}, review {}?",
        roles.join(", "),
        review.short
    );
    let instead = format!("--review {}, after reading `cuff review`", review.short);
    let yes = console
        .prompt()
        .confirm(&question, &instead)
        .exit(Exit::Usage)
        .rule("no-terminal")?;
    if yes {
        desk.set_last_review(review.digest.parse()?)
            .map_err(desk_failed)
    } else {
        Err(advised(
            anyhow::anyhow!("not signed"),
            Exit::No,
            "declined",
            "`cuff review` shows what is staged",
        ))
    }
}

fn check_digest(given: &str, review: &Review) -> anyhow::Result<()> {
    let plain: String = given
        .chars()
        .filter(|character| *character != '-')
        .collect();
    let long_enough = plain.len() >= 16
        && plain
            .chars()
            .all(|character| matches!(character, '0'..='9' | 'a'..='f'));
    if !long_enough {
        return Err(anyhow::anyhow!(
            "`{}` is no review digest: expected 16 to 64 hexadecimal digits",
            safe(given)
        ))
        .exit(Exit::Usage)
        .rule("usage");
    }
    if review.digest.starts_with(&plain) {
        return Ok(());
    }
    Err(advised(
        anyhow::anyhow!(
            "what is staged is not what was reviewed: reviewed {}, staged now {}",
            safe(given),
            review.short
        ),
        Exit::No,
        "not-reviewed",
        "read `cuff review` again, then sign its digest",
    ))
}

fn task_failed(error: TaskError) -> anyhow::Error {
    let (exit, rule, help) = match error {
        TaskError::Review(error) => return review_failed(error),
        TaskError::Staging(error) => return staging_failed(error),
        TaskError::Nothing | TaskError::NotStaged(_) => (
            Exit::No,
            "nothing-staged",
            "`cuff status` shows what is staged",
        ),
        TaskError::NotInRole { .. } => (
            Exit::No,
            "key-not-in-role",
            "take the right key, or add this one with `cuff role add-key`",
        ),
        TaskError::NotReviewed { .. } => (
            Exit::No,
            "not-reviewed",
            "read `cuff review` again, then sign its digest",
        ),
        TaskError::OtherKey { .. } | TaskError::Signing(_) => (
            Exit::Unknown,
            "signer",
            "check that the right key file or token is there, and try again",
        ),
    };
    advised(error, exit, rule, help)
}

/// Roles that were signed.
#[derive(Debug, Serialize, JsonSchema)]
pub struct SignedRoles {
    /// Who signed.
    person: String,
    /// Their key id.
    key: String,
    /// The review that was approved.
    review: String,
    /// Whether nothing was written.
    dry_run: bool,
    /// Roles signed now.
    signed: Vec<String>,
    /// Roles this key had signed before.
    already: Vec<String>,
    /// Whether everything staged has all its signatures.
    complete: bool,
    /// Roles that wait for more signatures.
    waiting: Vec<String>,
}

impl Answer for SignedRoles {
    const COMMAND: &'static str = "sign";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let would = if self.dry_run { "would sign" } else { "signed" };
        if self.signed.is_empty() {
            writeln!(
                out,
                "{} has already signed {}",
                safe(&self.person),
                self.already.join(", ")
            )?;
        } else {
            writeln!(
                out,
                "{} {would} {}",
                safe(&self.person),
                self.signed.join(", ")
            )?;
        }
        if self.complete {
            writeln!(out, "complete: `cuff publish --online-key FILE`")
        } else {
            writeln!(
                out,
                "waiting for more signatures: {} (`cuff status`)",
                self.waiting.join(", ")
            )
        }
    }
}
