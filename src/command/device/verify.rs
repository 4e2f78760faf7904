//! `cuff device verify`: what a device holds, judged at the desk.
//!
//! It reads every region back and compares the active slot with what the unit says, and, with a sealed bundle, bootloader and
//! application with what its signers say. It changes nothing.

use std::fmt::{self, Write};
use std::path::PathBuf;

use cuff_verifier::verdict::{Reason, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use super::{At, explained, layout, provisioned, shipment, unshipped};
use crate::board::Lock;
use crate::console::{Answer, Console, Exit, safe};
use crate::device::event::Why;
use crate::device::regions::Held as Region;
use crate::device::unit::lock_means;
use crate::device::verify::{Held, Unread, against, regions};

/// Judge at the desk what a device holds
#[derive(Debug, clap::Args)]
pub struct Verify {
    #[command(flatten)]
    at: At,

    /// A sealed bundle with the release that the device says it runs
    sealed: Option<PathBuf>,
}

impl Verify {
    /// Reads back and judges.
    pub fn run(&self, console: &Console) -> anyhow::Result<Exit> {
        let shipment = self.sealed.as_deref().map(shipment).transpose()?;
        let mut link = self.at.reach(console)?;
        let unit = link.unit().map_err(explained)?;
        let knowledge = provisioned(&unit)?;
        let held = Held::read(link.as_mut(), knowledge).map_err(explained)?;
        let regions = regions(
            link.as_mut(),
            &layout(&unit)?,
            &unit,
            knowledge,
            shipment.as_ref(),
        )
        .map_err(|error| match error {
            Unread::Link(error) => explained(error),
            Unread::Shipment(error) => unshipped(error),
        })?;
        let mut answer = Verified {
            target: self.at.target()?.to_string(),
            serial: knowledge.serial().to_owned(),
            release: None,
            on_trial: knowledge.record.trial.is_some(),
            expected_sha256: None,
            found_sha256: None,
            signers: None,
            reason: Some(Reason::NothingInstalled.into()),
            regions,
            lock: unit.board.lock,
            lock_means: lock_means(&unit.board).to_owned(),
        };
        if let Some(held) = held {
            let path = held.image.release.to_string();
            answer.expected_sha256 = Some(held.image.sha256.to_string());
            answer.found_sha256 = Some(held.found.to_string());
            answer.reason = (!held.is_whole()).then(|| Reason::ActiveMismatch.into());
            if let Some(shipment) = &shipment {
                let goods = shipment
                    .goods(knowledge.product(), Some(&path))
                    .map_err(unshipped)?;
                if let Some(goods) = goods {
                    let judgement =
                        against(shipment, &goods, &unit, knowledge, &held).map_err(unshipped)?;
                    answer.signers = Some(judgement.verdict == Verdict::Boot);
                    if let Verdict::Refuse(reason) = judgement.verdict {
                        answer.reason.get_or_insert(reason.into());
                    }
                }
            }
            answer.release = Some(path);
        }
        console.answer(&answer)
    }
}

/// What a device holds.
#[derive(Serialize, JsonSchema)]
pub struct Verified {
    /// The device, as it was named.
    target: String,
    /// The unit.
    serial: String,
    /// The release it says it runs; absent when nothing is installed.
    release: Option<String>,
    /// Whether that release is still on trial.
    on_trial: bool,
    /// SHA-256 of the image, as the unit's trust store has it.
    expected_sha256: Option<String>,
    /// SHA-256 of what the active slot holds.
    found_sha256: Option<String>,
    /// Whether the signers of the sealed bundle say the same; absent without one.
    signers: Option<bool>,
    /// Why the answer is no.
    reason: Option<Why>,
    /// Every region of flash; null where the link cannot read it.
    regions: Option<Vec<Region>>,
    /// `hardware` or `none`.
    #[schemars(with = "String")]
    lock: Lock,
    /// What that means for whoever relies on this answer.
    lock_means: String,
}

impl Verified {
    fn broken(&self) -> Option<&Region> {
        let mut regions = self.regions.iter().flatten();
        regions.find(|region| region.whole == Some(false))
    }
}

impl Answer for Verified {
    const COMMAND: &'static str = "device verify";

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let release = self.release.as_deref().unwrap_or("nothing");
        let trial = if self.on_trial { ", on trial" } else { "" };
        writeln!(
            out,
            "{} says it runs {}{trial}",
            safe(&self.serial),
            safe(release)
        )?;
        if let (Some(expected), Some(found)) = (&self.expected_sha256, &self.found_sha256) {
            writeln!(out, "its trust store says sha256 {expected}")?;
            writeln!(out, "its active slot has  sha256 {found}")?;
        }
        match self.signers {
            Some(true) => writeln!(out, "the sealed bundle's signers say the same")?,
            Some(false) => writeln!(out, "the judge does not accept the sealed bundle for it")?,
            None => writeln!(
                out,
                "no sealed bundle was given: nothing was held against its signers"
            )?,
        }
        for region in self.regions.iter().flatten() {
            writeln!(out, "  {region}")?;
        }
        if self.regions.is_none() {
            writeln!(
                out,
                "flash cannot be read this way: all of this is the unit's own word"
            )?;
        }
        if self.lock == Lock::None {
            writeln!(out, "lock none: {}", self.lock_means)?;
        }
        match (&self.reason, self.broken()) {
            (Some(reason), _) => writeln!(out, "refused: {reason}"),
            (None, Some(region)) => writeln!(out, "refused: {} is not whole", region.region),
            (None, None) => writeln!(out, "whole"),
        }
    }

    fn exit(&self) -> Exit {
        if self.reason.is_none() && self.broken().is_none() {
            Exit::Yes
        } else {
            Exit::Refused
        }
    }
}
