//! The journal: how far a swap is, and how often a trial has started.
//!
//! Takes one mark a step, gives the [`Progress`]; two banks, so that a new turn never erases the one it continues from,
//! and one program unit a mark, never programmed twice. It steers; it never says what was accepted: a turn counts only
//! while the trust record names the same business.

use cuff_verifier::{digest::Digest, sure::Sure};

use crate::{
    field::{Reader, Writer},
    flash::{Chip, Fault, Flash},
    layout::{Layout, Region, Slot},
    record::shortened,
};

/// Which way pages move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The candidate becomes active, the active one the way back.
    Install,
    /// The way back becomes active again.
    Revert,
}

/// What a turn belongs to: a trial's id, or the id of a restoration.
pub type Business = [u8; 16];

/// A turn under way or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which way.
    pub turn: Turn,
    /// What for.
    pub business: Business,
    /// Pages of image that move, evidence not counted.
    pub image_pages: u32,
    /// Steps done.
    pub done: u32,
    /// Steps in all: two a page.
    pub total: u32,
    /// Starts of the trial that were counted.
    pub starts: u32,
    bank: u32,
    sequence: u64,
}

impl Progress {
    /// Whether every page is where it belongs.
    pub fn is_complete(&self) -> bool {
        self.done >= self.total
    }

    /// The next page to copy.
    pub fn next_copy(&self, layout: &Layout) -> Copy {
        copy(layout, self.turn, self.image_pages, self.done)
    }
}

/// One page copy of a swap. What it overwrites has been copied before, or is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The page read.
    pub from: Region,
    /// The page written.
    pub to: Region,
}

/// Reads both banks and gives the newer sound one.
#[inline(never)]
pub fn look<F: Flash>(chip: &mut Chip<'_, F>) -> Option<Progress> {
    let (first, second) = (read(chip, 0), read(chip, 1));
    match (first, second) {
        (Some(first), Some(second)) if second.sequence > first.sequence => Some(second),
        (Some(first), _) => Some(first),
        (None, second) => second,
    }
}

/// Opens a turn in the bank that does not hold the newest one.
pub fn begin<F: Flash>(
    chip: &mut Chip<'_, F>,
    turn: Turn,
    business: Business,
    image_pages: u32,
) -> Result<(), Fault> {
    let (bank, sequence) = match look(chip) {
        Some(now) => (1u32.saturating_sub(now.bank), now.sequence),
        None => (0, 0),
    };
    let sequence = sequence.checked_add(1).ok_or(Fault::Outside)?;
    let mut bytes = [0; HEADER as usize];
    let (body, seal) = bytes.split_at_mut_checked(BODY).ok_or(Fault::Outside)?;
    let word = match turn {
        Turn::Install => INSTALL,
        Turn::Revert => REVERT,
    };
    Writer::new(body)
        .bytes(MAGIC)
        .u64(sequence)
        .u32(word)
        .u32(image_pages)
        .bytes(&business);
    seal.copy_from_slice(&shortened(&Digest::of(body)));
    let region = chip.layout().journal_bank(bank);
    chip.erase(region)?;
    chip.program(region, 0, &bytes)
}

/// Marks the current step as done.
pub fn mark_step<F: Flash>(chip: &mut Chip<'_, F>, progress: &Progress) -> Result<(), Fault> {
    mark(chip, progress, progress.done)
}

/// Counts one more start of the trial.
pub fn mark_start<F: Flash>(chip: &mut Chip<'_, F>, progress: &Progress) -> Result<(), Fault> {
    mark(
        chip,
        progress,
        progress.total.saturating_add(progress.starts),
    )
}

fn mark<F: Flash>(chip: &mut Chip<'_, F>, progress: &Progress, index: u32) -> Result<(), Fault> {
    let at = HEADER.saturating_add(index.saturating_mul(chip.layout().program));
    chip.mark(chip.layout().journal_bank(progress.bank), at)
}

fn read<F: Flash>(chip: &mut Chip<'_, F>, bank: u32) -> Option<Progress> {
    let layout = chip.layout();
    let region = layout.journal_bank(bank);
    let mut bytes = [0; HEADER as usize];
    chip.read(region, 0, &mut bytes).ok()?;
    let (body, seal) = bytes.split_at_checked(BODY)?;
    let mut r = Reader::new(body);
    if r.array::<8>() != *MAGIC || !Sure::equal(&shortened(&Digest::of(body)), seal).holds() {
        return None;
    }
    let sequence = r.u64();
    let turn = match r.u32() {
        INSTALL => Turn::Install,
        REVERT => Turn::Revert,
        _ => return None,
    };
    let image_pages = r.u32();
    if image_pages > layout.pages(layout.largest_image()) {
        return None;
    }
    let total = image_pages
        .saturating_add(layout.pages(layout.evidence))
        .saturating_mul(2);
    let done = chip.used(region, HEADER, total).ok()?;
    let behind = HEADER.saturating_add(total.saturating_mul(layout.program));
    let starts = chip.used(region, behind, layout.trials).ok()?;
    Some(Progress {
        turn,
        business: r.array(),
        image_pages,
        done,
        total,
        starts,
        bank,
        sequence,
    })
}

/// Copy number `step` of a turn.
///
/// Installing goes from the last page down: each active page moves one page further into the candidate slot, whose page
/// there has just been vacated (the spare page first), then the candidate's page takes its place. Reverting is the
/// mirror image, from the first page up. So every page that is still needed stands whole somewhere at every moment.
fn copy(layout: &Layout, turn: Turn, image_pages: u32, step: u32) -> Copy {
    let evidence_pages = layout.pages(layout.evidence);
    let first_evidence = layout.pages(layout.largest_image());
    let moving = image_pages.saturating_add(evidence_pages);
    let nth = step / 2;
    let upward = match turn {
        Turn::Install => moving.saturating_sub(1).saturating_sub(nth),
        Turn::Revert => nth,
    };
    let page = if upward < image_pages {
        upward
    } else {
        first_evidence.saturating_add(upward.saturating_sub(image_pages))
    };
    let active = layout.page(Slot::Active, page);
    let here = layout.page(Slot::Candidate, page);
    let above = layout.page(Slot::Candidate, page.saturating_add(1));
    match (turn, step.is_multiple_of(2)) {
        (Turn::Install, true) => Copy {
            from: active,
            to: above,
        },
        (Turn::Install, false) => Copy {
            from: here,
            to: active,
        },
        (Turn::Revert, true) => Copy {
            from: active,
            to: here,
        },
        (Turn::Revert, false) => Copy {
            from: above,
            to: active,
        },
    }
}

/// Bytes of a bank's header.
pub const HEADER: u32 = 64;
const BODY: usize = 48;
const MAGIC: &[u8; 8] = b"cuffjrn1";
const INSTALL: u32 = 0x6e73_7469;
const REVERT: u32 = 0x7472_7665;
