//! `cuff sign`: one person approves what `review` shows.
//!
//! It takes a private key and signs every staged role that key belongs to, bound to the digest of the review: typed yes on
//! a terminal, `--review DIGEST` without one. Other people's signatures stay as they are. A machine without a working
//! directory signs a request that travels.

pub mod travel;

use std::fmt::{self, Write};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{
    Place, audit_failed, bench, desk_failed, need_pin, people, review_failed, staging_failed,
};
use super::review;
use super::unlock::Unlock;
use crate::console::{Advice, Answer, Console, Exit, advised, safe};
use crate::key::uri::SignerUri;
use crate::repository::desk::Desk;
use crate::repository::review::Review;
use crate::repository::signing::{Task, TaskError};
use crate::repository::status::Status;
use crate::role::name::RoleName;
use crate::role::wire::Hex;

/// Sign what is staged
///
/// On a machine without a network: `--out FILE` writes a request at the desk, `cuff sign FILE --key KEY` shows and signs it
/// there, `--in FILE` merges the signatures at the desk.
#[derive(Debug, clap::Args)]
pub struct Sign {
    /// A signing request from another machine, to be signed here
    #[arg(value_name = "REQUEST", requires = "root_sha256", conflicts_with_all = ["out", "merge"])]
    request: Option<PathBuf>,

    /// The private key: a file, or pkcs11:, ssh-agent:, exec: or vault: (docs/signers.md)
    #[arg(long, value_name = "SIGNER", required_unless_present_any = ["out", "merge"])]
    key: Option<SignerUri>,

    /// Write a request about everything staged, to be signed on another machine
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "role", "review", "merge"])]
    out: Option<PathBuf>,

    /// Merge the signatures of a request that came back; repeat for several
    #[arg(long = "in", id = "merge", value_name = "FILE", conflicts_with_all = ["key", "role", "review"])]
    merge: Vec<PathBuf>,

    /// The fingerprint of the root that the request must follow from, as `status` shows it at the desk
    #[arg(long, value_name = "HEX", requires = "request")]
    root_sha256: Option<Hex>,

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
        if let Some(out) = &self.out {
            return travel::write_out(console, &self.place, out, self.dry_run);
        }
        let Some(key) = &self.key else {
            return travel::take_in(console, &self.place, &self.merge, self.dry_run);
        };
        let answer = if let (Some(path), Some(root)) = (&self.request, self.root_sha256) {
            let laid = travel::lay_out(path, root)?;
            let answer = self.sign(console, &laid.desk, key)?;
            if !self.dry_run && !answer.signed.is_empty() {
                travel::write_back(&laid.desk, &answer.review, path)?;
            }
            answer
        } else {
            let desk = self.place.open()?;
            need_pin(&desk)?;
            self.sign(console, &desk, key)?
        };
        console.answer(&answer)
    }

    fn sign(&self, console: &Console, desk: &Desk, key: &SignerUri) -> anyhow::Result<SignedRoles> {
        let mut bench = bench(desk, self.dry_run)?;
        bench.refuse_stale().map_err(super::desk::bench_failed)?;
        let people = people(desk)?;
        let review = Review::of(&bench, &people).map_err(review_failed)?;
        let reviewed: Hex = review.digest.parse()?;
        if let Some(given) = &self.review {
            check_digest(given, &review)?;
        }
        let mut approved = self.review.is_some() || self.dry_run;
        let announced = Unlock::announced(key).map(|key| Hex::from(key.id()));
        if let Some(key) = announced {
            let task = Task::of(&bench, &people, key, &self.role).map_err(task_failed)?;
            if !approved && !task.todo().is_empty() {
                ask(console, desk, &review, &task, &people.show(&key))?;
                approved = true;
            }
        }
        let signer = self.unlock.open(console, key)?;
        let id = Hex::from(signer.public().id());
        if announced.is_some_and(|announced| announced != id) {
            return Err(another_key(key));
        }
        let task = Task::of(&bench, &people, id, &self.role).map_err(task_failed)?;
        let mut answer = SignedRoles {
            request: self.request.is_some(),
            person: people.show(&id),
            key: id.to_string(),
            review: review.digest.clone(),
            dry_run: self.dry_run,
            signed: task.todo().iter().map(ToString::to_string).collect(),
            already: task.already().iter().map(ToString::to_string).collect(),
            complete: false,
            waiting: Vec::new(),
        };
        if !task.todo().is_empty() && !self.dry_run {
            if !approved {
                ask(console, desk, &review, &task, &answer.person)?;
            }
            task.sign(&mut bench, &reviewed, &*signer)
                .map_err(task_failed)?;
        }
        // The private key, or the session with the token, ends here: not when the process does.
        drop(signer);
        let status = Status::of(&bench, &people, true, bench.now());
        answer.complete = status.complete;
        answer.waiting = status.waiting();
        Ok(answer)
    }
}

fn another_key(key: &SignerUri) -> anyhow::Error {
    advised(
        match key.file() {
            Some(path) => anyhow::anyhow!(
                "`{}` is not the public key of `{}`",
                safe(&path.with_extension("pub").display().to_string()),
                safe(&path.display().to_string())
            ),
            None => anyhow::anyhow!("another key answered than `{key}` showed"),
        },
        Exit::No,
        "other-public-key",
        "nothing was signed; find out which of the two is in the wrong place",
    )
}

/// Shows the review where a person sees it and takes their yes.
fn ask(
    console: &Console,
    desk: &Desk,
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
        TaskError::Audit(error) => return audit_failed(error),
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
    /// Whether it was a request from another machine that was signed.
    request: bool,
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
        if self.request && !self.dry_run {
            return writeln!(out, "now back at the desk: `cuff sign --in` this file");
        }
        next(self.complete, &self.waiting, out)
    }
}

/// What comes after a signature.
fn next(complete: bool, waiting: &[String], out: &mut dyn Write) -> fmt::Result {
    if complete {
        writeln!(out, "complete: `cuff publish --online-key FILE`")
    } else {
        writeln!(
            out,
            "waiting for more signatures: {} (`cuff status`)",
            waiting.join(", ")
        )
    }
}
