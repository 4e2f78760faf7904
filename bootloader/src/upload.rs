//! How candidates, inbox messages and confirms get into flash: from the application, from recovery, from a host.
//!
//! Takes bytes in order, gives a complete offer or nothing; while a trial is open the candidate slot is refused by name,
//! because it holds the only way back. Nothing is judged here: the bootloader judges at the next reset.

use cuff_verifier::{digest::Digest, sure::Sure, verdict::Reason};

use crate::{
    flash::{Chip, Fault, Flash, LARGEST_UNIT},
    layout::{Region, Slot},
    record::TrialId,
    slot, trust,
};

/// A candidate on its way: evidence first, then the image.
#[derive(Debug)]
pub struct Candidate {
    evidence: Stream,
    image: Stream,
}

impl Candidate {
    /// Starts over with `file`, the SHA-256 of all that will be sent. Withdraws whatever was offered before.
    pub fn begin<F: Flash>(chip: &mut Chip<'_, F>, file: &Digest) -> Result<Self, Refused> {
        erase(chip)?;
        slot::note_file(chip, file)?;
        Ok(Self::at_start(chip))
    }

    /// Goes on with an upload of the same file, and says how many bytes of it (evidence, then image) need not come again.
    pub fn resume<F: Flash>(
        chip: &mut Chip<'_, F>,
        file: &Digest,
    ) -> Result<Option<(Self, u64)>, Refused> {
        refuse_during_trial(chip)?;
        if !slot::began_with(chip, file) || slot::offer(chip) != slot::Offer::None {
            return Ok(None);
        }
        let layout = chip.layout();
        let mut candidate = Self::at_start(chip);
        let mut length = [0; 4];
        chip.read(layout.evidence(Slot::Candidate), 8, &mut length)?;
        let evidence = u32::from_le_bytes(length);
        // The last page that holds anything may be torn: it comes again.
        let mut last = None;
        for index in 0..layout.pages(layout.largest_image()) {
            let page = layout.page(Slot::Candidate, index);
            if !chip.blank(page, 0, page.length)? {
                last = Some(index);
            }
        }
        let Some(last) = last.filter(|_| evidence <= layout.evidence) else {
            return Ok(Some((candidate, 0)));
        };
        candidate.evidence.at = evidence;
        candidate.evidence.closed = true;
        candidate.image.at = last.saturating_mul(layout.erase);
        let done = u64::from(evidence).saturating_add(u64::from(candidate.image.at));
        Ok(Some((candidate, done)))
    }

    /// Starts with the evidence that lies in the inbox: in recovery, once [`crate::judge::announced`] has said yes to it.
    /// `file` is the SHA-256 of all that is sent.
    pub fn announced<F: Flash>(chip: &mut Chip<'_, F>, file: &Digest) -> Result<Self, Refused> {
        let mut candidate = Self::begin(chip, file)?;
        let inbox = chip.layout().inbox_evidence();
        let slot = chip.layout().evidence(Slot::Candidate);
        let length = inbox.length.min(slot.length);
        chip.copy(inbox, slot, 0, length)?;
        if !chip.blank(inbox, length, inbox.length.saturating_sub(length))? {
            return Err(Refused::TooLong);
        }
        candidate.evidence.closed = true;
        Ok(candidate)
    }

    /// Adds evidence.
    pub fn evidence<F: Flash>(
        &mut self,
        chip: &mut Chip<'_, F>,
        bytes: &[u8],
    ) -> Result<(), Refused> {
        self.evidence.write(chip, bytes)
    }

    /// Adds image bytes; the evidence is complete then.
    pub fn image<F: Flash>(&mut self, chip: &mut Chip<'_, F>, bytes: &[u8]) -> Result<(), Refused> {
        self.evidence.close(chip)?;
        self.image.write(chip, bytes)
    }

    /// Offers the candidate to the next boot.
    pub fn finish<F: Flash>(mut self, chip: &mut Chip<'_, F>) -> Result<(), Refused> {
        self.evidence.close(chip)?;
        self.image.close(chip)?;
        Ok(slot::make_offer(chip)?)
    }

    fn at_start<F: Flash>(chip: &Chip<'_, F>) -> Self {
        let layout = chip.layout();
        Self {
            evidence: Stream::over(layout.evidence(Slot::Candidate), false),
            image: Stream::over(layout.image(Slot::Candidate), false),
        }
    }
}

/// Writes a whole candidate and offers it.
pub fn candidate<F: Flash>(
    chip: &mut Chip<'_, F>,
    evidence: &[u8],
    image: &[u8],
) -> Result<(), Refused> {
    let mut hasher = cuff_verifier::digest::Hasher::new();
    hasher.update(evidence);
    hasher.update(image);
    let mut upload = Candidate::begin(chip, &hasher.finish())?;
    upload.evidence(chip, evidence)?;
    upload.image(chip, image)?;
    upload.finish(chip)
}

/// Withdraws the candidate.
pub fn erase<F: Flash>(chip: &mut Chip<'_, F>) -> Result<(), Refused> {
    refuse_during_trial(chip)?;
    let layout = chip.layout();
    // The offer goes first, so that no half-erased candidate is ever judged.
    chip.erase(layout.spare())?;
    Ok(chip.clear(layout.slot(Slot::Candidate))?)
}

/// Evidence without an image on its way to the inbox; accepted during an open trial too.
#[derive(Debug)]
pub struct Inbox(Stream);

impl Inbox {
    /// Starts over. The confirmation page is not touched.
    pub fn begin<F: Flash>(chip: &mut Chip<'_, F>) -> Result<Self, Refused> {
        let inbox = chip.layout().inbox_evidence();
        chip.clear(inbox)?;
        Ok(Self(Stream::over(inbox, true)))
    }

    /// Adds evidence.
    pub fn write<F: Flash>(&mut self, chip: &mut Chip<'_, F>, bytes: &[u8]) -> Result<(), Refused> {
        self.0.write(chip, bytes)
    }

    /// Shows the message to the next boot.
    pub fn finish<F: Flash>(mut self, chip: &mut Chip<'_, F>) -> Result<(), Refused> {
        self.0.close(chip)
    }
}

/// Writes a whole message to the inbox.
pub fn inbox<F: Flash>(chip: &mut Chip<'_, F>, evidence: &[u8]) -> Result<(), Refused> {
    let mut inbox = Inbox::begin(chip)?;
    inbox.write(chip, evidence)?;
    inbox.finish(chip)
}

/// Returns the trial id that was handed over at the jump; the next boot commits the image.
///
/// Called by the running application alone. Any other id than the open trial's is refused.
pub fn confirm<F: Flash>(chip: &mut Chip<'_, F>, id: TrialId) -> Result<(), Refused> {
    let open = trust::look(chip)
        .record()
        .and_then(|record| record.trial.map(|trial| trial.id(&record.identity)));
    if !open.is_some_and(|open| Sure::equal(&open.0, &id.0).holds()) {
        return Err(Refused::NotThisTrial);
    }
    Ok(slot::confirm(chip, id)?)
}

/// Why nothing was written, or not all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A trial is open: the candidate slot holds the only way back.
    TrialOpen,
    /// More bytes than the place holds.
    TooLong,
    /// The confirm does not name the open trial.
    NotThisTrial,
    /// Flash failed.
    Fault(Fault),
}

impl Refused {
    /// The same as a numbered reason.
    pub fn reason(self) -> Reason {
        match self {
            Self::TrialOpen => Reason::TrialOpen,
            Self::TooLong => Reason::ImageTooLarge,
            Self::NotThisTrial => Reason::ConfirmMismatch,
            Self::Fault(_) => Reason::FlashFault,
        }
    }
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            other => other.reason().fmt(f),
        }
    }
}

impl core::error::Error for Refused {}

pub(crate) fn refuse_during_trial<F: Flash>(chip: &mut Chip<'_, F>) -> Result<(), Refused> {
    match trust::look(chip).record() {
        Some(record) if record.trial.is_some() => Err(Refused::TrialOpen),
        _ => Ok(()),
    }
}

/// Bytes into a region, in whole units, each page erased just before its first byte.
#[derive(Debug)]
struct Stream {
    region: Region,
    at: u32,
    unit: [u8; LARGEST_UNIT],
    held: usize,
    /// The first unit is what makes the message visible, and is written last.
    first: Option<[u8; LARGEST_UNIT]>,
    closed: bool,
}

impl Stream {
    fn over(region: Region, first_unit_last: bool) -> Self {
        Self {
            region,
            at: 0,
            unit: [0xff; LARGEST_UNIT],
            held: 0,
            first: first_unit_last.then_some([0xff; LARGEST_UNIT]),
            closed: false,
        }
    }

    fn write<F: Flash>(&mut self, chip: &mut Chip<'_, F>, bytes: &[u8]) -> Result<(), Refused> {
        let size = usize::try_from(chip.layout().program).map_err(|_| Fault::Outside)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = size.saturating_sub(self.held);
            let (now, later) = rest
                .split_at_checked(room.min(rest.len()))
                .unwrap_or((rest, &[]));
            let end = self.held.saturating_add(now.len());
            let place = self.unit.get_mut(self.held..end).ok_or(Fault::Outside)?;
            // Not `copy_from_slice`, whose panic would be linked: the compiler does not see that the lengths agree.
            for (to, from) in place.iter_mut().zip(now) {
                *to = *from;
            }
            self.held = end;
            rest = later;
            if self.held >= size {
                self.flush(chip)?;
            }
        }
        Ok(())
    }

    fn flush<F: Flash>(&mut self, chip: &mut Chip<'_, F>) -> Result<(), Refused> {
        let layout = chip.layout();
        if self.at >= self.region.length || self.closed {
            return Err(Refused::TooLong);
        }
        if self.at.is_multiple_of(layout.erase) {
            chip.clear(self.region.part(self.at, layout.erase))?;
        }
        match &mut self.first {
            Some(first) if self.at == 0 => *first = self.unit,
            _ => {
                let size = usize::try_from(layout.program).map_err(|_| Fault::Outside)?;
                chip.program(
                    self.region,
                    self.at,
                    self.unit.get(..size).ok_or(Fault::Outside)?,
                )?;
            }
        }
        self.at = self.at.saturating_add(layout.program);
        self.unit = [0xff; LARGEST_UNIT];
        self.held = 0;
        Ok(())
    }

    fn close<F: Flash>(&mut self, chip: &mut Chip<'_, F>) -> Result<(), Refused> {
        if self.closed {
            return Ok(());
        }
        if self.held > 0 {
            self.flush(chip)?;
        }
        if let Some(first) = self.first {
            let size = usize::try_from(chip.layout().program).map_err(|_| Fault::Outside)?;
            chip.program(self.region, 0, first.get(..size).ok_or(Fault::Outside)?)?;
        }
        self.closed = true;
        Ok(())
    }
}
