//! The first record of a unit.
//!
//! Takes an identity, the factory's trusted root, and a release with its evidence; judges them with the same verifier and
//! writes them with the same encoder as every later commit. It never takes a time from a host clock.

use cuff_verifier::{
    digest::Digest,
    evidence::Evidence,
    judge::{self, Known, Outcome},
    time::Instant,
    verdict::{Reason, Verdict},
    version::Counter,
};

use crate::{
    carry, counter,
    field::Text,
    flash::{Chip, Fault, Flash},
    layout::Slot,
    log::Kind,
    record::{Identity, Image, Record, Root},
    trust,
};

/// What a unit begins with.
#[derive(Clone, Copy, Debug)]
pub struct First<'a> {
    /// Who it is.
    pub identity: Identity,
    /// The root the factory trusts: canonical `signed` bytes.
    pub root: &'a [u8],
    /// Evidence of the release.
    pub evidence: &'a [u8],
    /// Its image; empty when the release comes later, as the unit's first update.
    pub image: &'a [u8],
    /// When re-provisioning: the floor of the unit's signed record, else the default. The later one counts.
    pub floor: Instant,
    /// When re-provisioning: the counter of the unit's signed record, else the default. The larger one counts.
    pub counter: Counter,
    /// The version of the bootloader.
    pub bootloader: u64,
}

/// Judges the release and writes the unit's first state; the trust store comes last, so a cut leaves no half-made unit.
pub fn provision<F: Flash>(
    chip: &mut Chip<'_, F>,
    first: &First<'_>,
) -> Result<Record, Unprovisioned> {
    if !chip.fits() {
        return Err(Fault::Outside.into());
    }
    let layout = chip.layout();
    let (mut record, root) = judged(first)?;
    if record
        .installed
        .is_some_and(|image| image.length > layout.largest_image())
    {
        return Err(Reason::ImageTooLarge.into());
    }
    if first.evidence.len() > usize::try_from(layout.evidence).unwrap_or(0) {
        return Err(Reason::EvidenceTooLarge.into());
    }
    if record.root.length > layout.largest_root {
        return Err(Reason::EvidenceTooLarge.into());
    }
    // A unit that was one before keeps its log and its counter, and never uses a sequence twice.
    let held = counter::look(chip).value.unwrap_or_default();
    record.counter = record.counter.max(held).max(first.counter);
    if let Some(before) = trust::look(chip).record() {
        record.floor = record.floor.max(before.floor);
        record.counter = record.counter.max(before.counter);
        record.sequence = before.sequence.checked_add(1).ok_or(Fault::Outside)?;
    } else {
        chip.clear(layout.log)?;
    }
    chip.erase(layout.trust)?;
    chip.clear(layout.journal)?;
    chip.clear(layout.inbox)?;
    chip.clear(layout.candidate)?;
    chip.clear(layout.active)?;
    if record.installed.is_some() {
        chip.program(layout.image(Slot::Active), 0, first.image)?;
        chip.program(layout.evidence(Slot::Active), 0, first.evidence)?;
    }
    counter::raise(chip, record.counter)?;
    carry::note(chip, &record, Kind::Provisioned, 0);
    trust::found(chip, &record, root)?;
    Ok(record)
}

fn judged<'a>(first: &First<'a>) -> Result<(Record, &'a [u8]), Reason> {
    let known = Known {
        floor: first.floor,
        ..Known::of_new_unit(
            first.identity.product.as_str(),
            first.identity.hardware.as_str(),
            first.bootloader,
            first.root,
        )
    };
    let evidence = Evidence::parse(first.evidence)?;
    let walk = judge::walk(&known, &evidence);
    let chain = match walk.outcome {
        Outcome::Complete(chain) => chain,
        Outcome::RootsOnly => return Err(Reason::EvidenceIncomplete),
        Outcome::Refused(reason) => return Err(reason),
    };
    let installed = if first.image.is_empty() {
        None
    } else {
        let release = chain.release(&known)?;
        if let Verdict::Refuse(reason) = release.admits(first.image) {
            return Err(reason);
        }
        Some(Image {
            length: u32::try_from(first.image.len()).map_err(|_| Reason::ImageTooLarge)?,
            sha256: release.record.image.sha256,
            counter: release.record.counter,
            release: Text::new(release.path).ok_or(Reason::EvidencePath)?,
        })
    };
    let advance = walk.advance.ok_or(Reason::EvidenceIncomplete)?;
    // Borrowed from `first` through `known`, so it is found there again.
    let root = if advance.root_changed {
        find(first.evidence, advance.root)?
    } else {
        first.root
    };
    let record = Record {
        sequence: 1,
        identity: first.identity,
        root: Root {
            length: u32::try_from(root.len()).map_err(|_| Reason::EvidenceTooLarge)?,
            version: advance.root_version.get(),
            sha256: Digest::of(root),
        },
        versions: advance.versions,
        timestamp_sha256: advance.timestamp_digest,
        floor: advance.floor,
        minimum_counter: advance.minimum_counter,
        counter: installed.map_or(Counter(0), |image| image.counter),
        installed,
        trial: None,
        former: None,
    };
    Ok((record, root))
}

fn find<'a>(within: &'a [u8], part: &[u8]) -> Result<&'a [u8], Reason> {
    part.as_ptr()
        .addr()
        .checked_sub(within.as_ptr().addr())
        .and_then(|at| within.get(at..)?.get(..part.len()))
        .filter(|found| *found == part)
        .ok_or(Reason::EvidenceIncomplete)
}

/// Why a unit was not provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unprovisioned {
    /// The verifier refused what it was to begin with.
    Refused(Reason),
    /// Flash failed.
    Fault(Fault),
}

impl From<Reason> for Unprovisioned {
    fn from(reason: Reason) -> Self {
        Self::Refused(reason)
    }
}

impl From<Fault> for Unprovisioned {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl core::fmt::Display for Unprovisioned {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Refused(reason) => reason.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
        }
    }
}

impl core::error::Error for Unprovisioned {}
