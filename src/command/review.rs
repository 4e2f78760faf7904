//! `cuff review`: what a signature would approve.
//!
//! It reads the working directory and answers with the meaning of what is staged. It writes nothing but a note, in this
//! clone, of which digest was shown.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Place, bench, people, review_failed};
use crate::console::{Answer, Console, Exit, safe};
use crate::repository::audit::Audit;
use crate::repository::audit::entry::Event;
use crate::repository::review::{Change, ReleaseFacts, Review as Meaning, RoleReview, Warning};

/// Show what a signature would approve
#[derive(Debug, clap::Args)]
pub struct Review {
    #[command(flatten)]
    place: Place,
}

impl Review {
    /// Reviews.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let bench = bench(&desk, true)?;
        let review = Meaning::of(&bench, &people(&desk)?).map_err(review_failed)?;
        if let Ok(digest) = review.digest.parse() {
            // A note for `sign` in this clone. Who may only read must be able to review all the same.
            let before = desk.last_review();
            if let Err(error) = desk.set_last_review(digest) {
                console.warn(format_args!("this review is not remembered: {error}"));
            } else if before != Some(digest)
                && let Err(error) = Audit::of(&desk).note(bench.now(), Event::Reviewed { digest })
            {
                console.warn(format_args!("this review is not in the audit log: {error}"));
            }
        }
        console.answer(&Reviewed(review))
    }
}

/// What a signature would approve.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(transparent)]
pub struct Reviewed(Meaning);

impl Answer for Reviewed {
    const COMMAND: &'static str = "review";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        write(&self.0, out)
    }
}

/// The review for people; `sign` shows the very same.
pub(super) fn write(review: &Meaning, out: &mut dyn Write) -> fmt::Result {
    if review.roles.is_empty() {
        return writeln!(out, "nothing is staged");
    }
    for role in &review.roles {
        role_text(role, out)?;
    }
    for Warning { about, message, .. } in &review.warnings {
        writeln!(out, "! {}: {}", safe(about), safe(message))?;
    }
    writeln!(out, "review {}", review.short)
}

fn role_text(role: &RoleReview, out: &mut dyn Write) -> fmt::Result {
    let from = match role.from_version {
        0 => "new".to_owned(),
        version => format!("v{version} -> v{}", role.to_version),
    };
    writeln!(
        out,
        "{} ({from}), valid until {}",
        safe(&role.role),
        role.expires
    )?;
    for change in &role.changes {
        change_text(change, out)?;
    }
    if role.changes.is_empty() {
        let nothing = if role.from_version == 0 {
            "no release yet"
        } else {
            "the same again, with a new date"
        };
        writeln!(out, "  {nothing}")?;
    }
    Ok(())
}

fn change_text(change: &Change, out: &mut dyn Write) -> fmt::Result {
    match change {
        Change::ReleaseAdded(facts) => {
            writeln!(out, "  + release {}", safe(&facts.release))?;
            release_text(facts, out)
        }
        Change::ReleaseReplaced(facts) => {
            writeln!(
                out,
                "  ! release {} gets OTHER BYTES than were published",
                safe(&facts.release)
            )?;
            release_text(facts, out)
        }
        Change::ReleaseRemoved {
            release,
            counter,
            advisory,
        } => {
            writeln!(out, "  - release {} (counter {counter})", safe(release))?;
            match advisory {
                Some(advisory) => {
                    writeln!(out, "      withdrawn  {}", safe(&advisory.to_string()))
                }
                None => Ok(()),
            }
        }
        Change::MinimumCounter { from, to } => {
            writeln!(
                out,
                "  minimum counter {from} -> {to}: devices refuse releases below it"
            )
        }
        Change::ProductAdded { product } => writeln!(out, "  + product {}", safe(product)),
        Change::ProductRemoved { product } => writeln!(out, "  - product {}", safe(product)),
        Change::Bins { from: 0, to } => writeln!(out, "  + {to} hashed bins, signed by a machine"),
        Change::Bins { from, to } => {
            writeln!(
                out,
                "  {from} -> {to} hashed bins: everything in them is shared out anew"
            )
        }
        Change::KeyAdded { role, person, .. } => {
            writeln!(out, "  + {} may sign {}", safe(person), safe(role))
        }
        Change::KeyRemoved { role, person, .. } => {
            writeln!(
                out,
                "  - {} may no longer sign {}",
                safe(person),
                safe(role)
            )
        }
        Change::Threshold {
            role,
            from: 0,
            to,
            keys,
        } => {
            writeln!(out, "  {} needs {to} of {keys} signatures", safe(role))
        }
        Change::Threshold {
            role,
            from,
            to,
            keys,
        } => {
            writeln!(
                out,
                "  {} needs {to} of {keys} signatures (was {from})",
                safe(role)
            )
        }
    }
}

fn release_text(facts: &ReleaseFacts, out: &mut dyn Write) -> fmt::Result {
    let before = facts.counter_before.map_or_else(
        || "first release".to_owned(),
        |counter| format!("published: {counter}"),
    );
    let hardware: Vec<String> = facts
        .hardware
        .iter()
        .map(|id| safe(id).to_string())
        .collect();
    writeln!(out, "      kind       {}", safe(&facts.kind))?;
    writeln!(out, "      counter    {} ({before})", facts.counter)?;
    writeln!(out, "      hardware   {}", hardware.join(", "))?;
    writeln!(
        out,
        "      bootloader {} or newer",
        facts.minimum_bootloader
    )?;
    writeln!(
        out,
        "      image      {} bytes, sha256 {}",
        facts.image_length, facts.image_sha256
    )?;
    writeln!(
        out,
        "      bundle     {} bytes, sha256 {}",
        facts.bundle_length, facts.bundle_sha256
    )?;
    papers_text(facts, out)
}

/// The papers: their digests, and what changed in them since the release before.
fn papers_text(facts: &ReleaseFacts, out: &mut dyn Write) -> fmt::Result {
    let sbom = match (&facts.sbom, facts.sbom_components) {
        (None, _) => "none".to_owned(),
        (Some(digest), None) => digest.clone(),
        (Some(digest), Some(1)) => format!("{digest}, 1 component"),
        (Some(digest), Some(count)) => format!("{digest}, {count} components"),
    };
    let sbom = Some(("sbom      ", sbom.as_str(), &facts.sbom_changes));
    let recipients = facts.recipients.as_deref();
    let recipients = recipients.map(|told| ("recipients", told, &facts.recipients_changes));
    for (name, told, changes) in [sbom, recipients].into_iter().flatten() {
        writeln!(out, "      {name} {told}")?;
        if let (false, Some(before)) = (changes.is_empty(), &facts.compared_with) {
            writeln!(out, "        since {}:", safe(before))?;
        }
        for line in changes {
            writeln!(out, "          {}", safe(line))?;
        }
    }
    Ok(())
}
