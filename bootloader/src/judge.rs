//! Asks the verifier about what lies in the candidate slot or the inbox.
//!
//! Takes the trust record and mapped flash, gives an owned [`Judged`]: what trust advances to, and what may be installed.
//! It adds the limits of this board (slot, counter) and never writes.

use cuff_verifier::{
    evidence::Evidence,
    judge::{self, Known, Outcome, Walk},
    verdict::{Reason, Verdict},
    version::Counter,
};

use crate::{
    counter,
    field::Text,
    flash::{Chip, Flash},
    layout::{Layout, Region, Slot},
    record::{Image, Record, Root},
    trust,
};

/// Where evidence lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Evidence without an image.
    Inbox,
    /// The tail of the candidate slot.
    Candidate,
}

impl Place {
    fn region(self, layout: &Layout) -> Region {
        match self {
            Self::Inbox => layout.inbox_evidence(),
            Self::Candidate => layout.evidence(Slot::Candidate),
        }
    }
}

/// What became of a look at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Trust state to commit now, whatever becomes of the image.
    pub advance: Option<Advance>,
    /// Whether the evidence holds.
    pub evidence: Result<(), Reason>,
    /// The image that may be installed.
    pub image: Result<Image, Reason>,
}

/// New trust state, ready to commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advance {
    /// The record to commit.
    pub next: Record,
    /// Where the new root lies; `None` when the root stays.
    pub root: Option<Region>,
}

/// Judges one place against what the unit knows.
#[inline(never)]
pub fn judge<F: Flash>(
    chip: &Chip<'_, F>,
    record: &Record,
    counter: Counter,
    bootloader: u64,
    place: Place,
) -> Judged {
    let layout = chip.layout();
    let region = place.region(layout);
    let root = chip.mapped(trust::trusted_root(chip, record));
    let (Some(root), Some(memory)) = (root, chip.mapped(region)) else {
        return Judged::refused(Reason::FlashFault);
    };
    let evidence = match Evidence::parse(memory) {
        Ok(evidence) => evidence,
        Err(error) => return Judged::refused(error.into()),
    };
    let known = known(record, root, counter, bootloader);
    let Walk { advance, outcome } = judge::walk(&known, &evidence);
    let advance = match advance.map(|advance| place_root(record, &advance, memory, region)) {
        Some(None) => return Judged::refused(Reason::FlashFault),
        Some(Some(advance)) if layout.largest_root < advance.next.root.length => {
            return Judged::refused(Reason::EvidenceTooLarge);
        }
        Some(advance) => advance,
        None => None,
    };
    let (evidence, image) = match (&outcome, place) {
        (Outcome::Refused(reason), _) => (Err(*reason), Err(*reason)),
        (Outcome::RootsOnly, _) | (Outcome::Complete(_), Place::Inbox) => {
            (Ok(()), Err(Reason::NoImage))
        }
        (Outcome::Complete(chain), Place::Candidate) => {
            let release = chain.release(&known);
            (
                Ok(()),
                release.and_then(|release| whole_image(chip, &release)),
            )
        }
    };
    Judged {
        advance,
        evidence,
        image,
    }
}

/// Judges evidence that announces an image still to come: what recovery asks before it accepts a byte of it.
#[inline(never)]
pub fn announced<F: Flash>(
    chip: &Chip<'_, F>,
    record: &Record,
    counter: Counter,
    bootloader: u64,
    place: Place,
) -> Result<Image, Reason> {
    let root = chip
        .mapped(trust::trusted_root(chip, record))
        .ok_or(Reason::FlashFault)?;
    let memory = chip
        .mapped(place.region(chip.layout()))
        .ok_or(Reason::FlashFault)?;
    let known = known(record, root, counter, bootloader);
    match judge::walk(&known, &Evidence::parse(memory)?).outcome {
        Outcome::Refused(reason) => Err(reason),
        Outcome::RootsOnly => Err(Reason::NoImage),
        Outcome::Complete(chain) => fitting_image(chip, &chain.release(&known)?),
    }
}

impl Judged {
    /// Nothing to keep, nothing to install.
    pub fn refused(reason: Reason) -> Self {
        Self {
            advance: None,
            evidence: Err(reason),
            image: Err(reason),
        }
    }
}

/// What the verifier is told the unit knows.
pub fn known<'a>(
    record: &'a Record,
    root: &'a [u8],
    counter: Counter,
    bootloader: u64,
) -> Known<'a> {
    Known {
        product: record.identity.product.as_str(),
        hardware: record.identity.hardware.as_str(),
        bootloader,
        root,
        versions: record.versions,
        timestamp_digest: record.timestamp_sha256,
        floor: record.floor,
        minimum_counter: record.minimum_counter,
        counter: counter.max(record.counter),
    }
}

/// The image a release speaks of, if this board and this counter can take it.
fn fitting_image<F: Flash>(
    chip: &Chip<'_, F>,
    release: &judge::Release<'_>,
) -> Result<Image, Reason> {
    let signed = &release.record.image;
    let length = u32::try_from(signed.length.0).map_err(|_| Reason::ImageTooLarge)?;
    if length == 0 || length > chip.layout().largest_image() {
        return Err(Reason::ImageTooLarge);
    }
    if !counter::can_reach(release.record.counter) {
        return Err(Reason::CounterExhausted);
    }
    Ok(Image {
        length,
        sha256: signed.sha256,
        counter: release.record.counter,
        release: Text::new(release.path).ok_or(Reason::EvidencePath)?,
    })
}

fn whole_image<F: Flash>(
    chip: &Chip<'_, F>,
    release: &judge::Release<'_>,
) -> Result<Image, Reason> {
    let image = fitting_image(chip, release)?;
    let region = chip.layout().image(Slot::Candidate).part(0, image.length);
    let bytes = chip.mapped(region).ok_or(Reason::FlashFault)?;
    match release.admits(bytes) {
        Verdict::Boot => Ok(image),
        Verdict::Refuse(reason) => Err(reason),
    }
}

/// Turns the verifier's borrowed state into a record, and finds where in flash the new root lies.
fn place_root(
    record: &Record,
    advance: &judge::Advance<'_>,
    memory: &[u8],
    region: Region,
) -> Option<Advance> {
    let mut next = Record {
        versions: advance.versions,
        timestamp_sha256: advance.timestamp_digest,
        floor: advance.floor,
        minimum_counter: advance.minimum_counter,
        ..*record
    };
    if !advance.root_changed {
        return Some(Advance { next, root: None });
    }
    let at = advance
        .root
        .as_ptr()
        .addr()
        .checked_sub(memory.as_ptr().addr())?;
    let found = memory.get(at..)?.get(..advance.root.len())?;
    if found != advance.root {
        return None;
    }
    let length = u32::try_from(found.len()).ok()?;
    next.root = Root {
        length,
        version: advance.root_version.get(),
        sha256: cuff_verifier::digest::Digest::of(found),
    };
    Some(Advance {
        next,
        root: Some(region.part(u32::try_from(at).ok()?, length)),
    })
}
