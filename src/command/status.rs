//! `cuff status`: what is staged, who has signed, who can still sign, what expires when.
//!
//! It reads the working directory and answers no (exit 1) when something published has expired or something staged is not
//! complete. It writes nothing.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use super::desk::{Place, bench, desk_failed, people};
use crate::console::{Advice, Answer, Console, Exit, safe};
use crate::instant::{self, Span};
use crate::repository::status::{Forecast, PublishedRole, StagedRole, Status as Standing};
use crate::role::name::RoleName;
use crate::role::pipeline::Staged;
use crate::role::wire::Hex;

/// Show what is staged, who has signed, and what expires when
///
/// Exit code 1 when something published has expired, or something staged still waits for signatures.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// Hold expiry against this date instead of now
    #[arg(long, value_name = "DATE")]
    at: Option<String>,

    #[command(flatten)]
    place: Place,
}

impl Status {
    /// Looks.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let desk = self.place.open()?;
        let bench = bench(&desk, true)?;
        let at = match &self.at {
            Some(text) => instant::parse(text).exit(Exit::Usage)?,
            None => bench.now(),
        };
        let pin = desk.pin().map_err(desk_failed)?;
        let published = bench
            .published()
            .map(|published| (published.as_pin().version, published.as_pin().sha256));
        let staged = bench
            .staging()
            .roles
            .get(&RoleName::Root)
            .map(|root| (1, Hex::sha256(Staged::signed(root))));
        let root = published.or(staged);
        console.answer(&Stands {
            root_version: root.map(|(version, _)| version),
            root_sha256: root.map(|(_, digest)| digest.to_string()),
            asked_about: self.at.is_some(),
            standing: Standing::of(&bench, &people(&desk)?, pin.is_some(), at),
        })
    }
}

/// Where things stand.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Stands {
    /// Version of the newest root.
    root_version: Option<u64>,
    /// Its fingerprint: what a colleague joins with.
    root_sha256: Option<String>,
    /// Whether a date was given; people are told what devices make of it only then.
    #[serde(skip)]
    asked_about: bool,
    #[serde(flatten)]
    standing: Standing,
}

impl Answer for Stands {
    const COMMAND: &'static str = "status";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        if let (Some(version), Some(digest)) = (self.root_version, &self.root_sha256) {
            writeln!(out, "root v{version} fingerprint {digest}")?;
        }
        if !self.standing.pinned {
            writeln!(
                out,
                "! this clone was never told which root to trust: `cuff init --join --root-sha256 FINGERPRINT`"
            )?;
        }
        if self.standing.staged.is_empty() {
            writeln!(out, "nothing is staged")?;
        }
        for role in &self.standing.staged {
            staged(role, out)?;
        }
        for release in &self.standing.bundles {
            writeln!(out, "staged release {}", safe(release))?;
        }
        for outdated in &self.standing.outdated {
            writeln!(
                out,
                "! the signature of {} on {} is over other bytes and does not count",
                safe(&outdated.person),
                safe(&outdated.role)
            )?;
        }
        for role in &self.standing.published {
            published(role, out)?;
        }
        match self.standing.root_keys_to_lose {
            None => {}
            Some(0) => writeln!(
                out,
                "! no root key may be lost: without any one of them no device could ever be updated (`cuff role add-key root`)"
            )?,
            Some(keys) => writeln!(
                out,
                "{keys} more root key{} may be lost before no device could ever be updated",
                if keys == 1 { "" } else { "s" }
            )?,
        }
        if self.asked_about {
            writeln!(out, "at {}", self.standing.at)?;
            for forecast in &self.standing.devices {
                devices(forecast, out)?;
            }
        }
        Ok(())
    }

    fn exit(&self) -> Exit {
        if self.standing.complete && !self.standing.expired {
            Exit::Yes
        } else {
            Exit::No
        }
    }
}

fn staged(role: &StagedRole, out: &mut dyn Write) -> fmt::Result {
    let stale = if role.stale {
        ", STALE: `cuff amend` or `cuff cancel`"
    } else {
        ""
    };
    writeln!(out, "staged {} v{}{stale}", safe(&role.role), role.version)?;
    for asked in &role.asked {
        let names = |names: &[String]| {
            let names = names.iter().map(|name| safe(name).to_string());
            names.collect::<Vec<_>>().join(", ")
        };
        write!(out, "  {} needed by {}, ", asked.threshold, safe(&asked.by))?;
        match asked.signed.len() {
            0 => write!(out, "none signed")?,
            count => write!(out, "{count} signed: {}", names(&asked.signed))?,
        }
        match (asked.missing, &asked.can_sign[..]) {
            (0, _) => writeln!(out, "; complete")?,
            (missing, []) => writeln!(out, "; {missing} missing, nobody left to sign")?,
            (missing, left) => writeln!(out, "; {missing} missing, can sign: {}", names(left))?,
        }
    }
    Ok(())
}

/// What devices of a product make of what is published now.
fn devices(forecast: &Forecast, out: &mut dyn Write) -> fmt::Result {
    let (product, until) = (safe(&forecast.product), &forecast.until);
    let verdict = |yes| if yes { "install" } else { "REFUSE" };
    writeln!(
        out,
        "  {product} with a clock: devices {} what is published now ({} is valid until {until})",
        verdict(forecast.with_clock),
        safe(&forecast.until_role)
    )?;
    writeln!(
        out,
        "  {product} without a clock: devices {} it, until they see something signed after {until}; their time floor is {}",
        verdict(forecast.without_clock),
        forecast.floor
    )?;
    if !forecast.sign_again.is_empty() {
        writeln!(
            out,
            "  {product}: people must sign {} again before anything can be released",
            forecast.sign_again.join(", ")
        )?;
    }
    Ok(())
}

fn published(role: &PublishedRole, out: &mut dyn Write) -> fmt::Result {
    let left = if role.expired {
        "EXPIRED".to_owned()
    } else if role.seconds_left < Span::days(2).seconds() {
        format!("{} hours left", role.seconds_left.div_ceil(3600))
    } else {
        format!(
            "{} days left",
            role.seconds_left.div_ceil(Span::days(1).seconds())
        )
    };
    writeln!(
        out,
        "published {} v{}, valid until {} ({left})",
        safe(&role.role),
        role.version,
        role.expires
    )
}
