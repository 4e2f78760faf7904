//! Where everything lies in a wearable's flash.
//!
//! Takes the numbers of a board description, gives regions; a layout that overlaps or does not fit is named by
//! [`Layout::check`], at compile time when the board writes `const _: () = assert!(LAYOUT.check().is_ok())`.
//! It never reads flash, and every region it derives lies inside the region it was derived from.

use crate::{counter, journal, record, trust};

/// A run of bytes, counted from the start of flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub offset: u32,
    /// How many bytes.
    pub length: u32,
}

impl Region {
    /// A region of `length` bytes at `offset`.
    pub const fn new(offset: u32, length: u32) -> Self {
        Self { offset, length }
    }

    /// The byte after the last.
    pub const fn end(self) -> u32 {
        self.offset.saturating_add(self.length)
    }

    /// The part of `length` bytes at `at`, cut down to what lies inside.
    #[must_use]
    pub const fn part(self, at: u32, length: u32) -> Self {
        let at = if at < self.length { at } else { self.length };
        let left = self.length.saturating_sub(at);
        let length = if length < left { length } else { left };
        Self::new(self.offset.saturating_add(at), length)
    }

    const fn overlaps(self, other: Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }
}

/// One of the two places an image can lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// What runs.
    Active,
    /// What was uploaded, or the way back while a trial is open.
    Candidate,
}

/// The geometry of one board. Offsets count from the start of flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Bytes that are programmed at once, and once only between two erases: 4, 8 or 16.
    pub program: u32,
    /// Bytes that are erased at once, at least 1024.
    pub erase: u32,
    /// Bytes of evidence reserved in each slot.
    pub evidence: u32,
    /// How often an unconfirmed image may start.
    pub trials: u32,
    /// The largest root (canonical `signed` bytes) a trust bank must hold.
    pub largest_root: u32,
    /// The bootloader itself.
    pub boot: Region,
    /// Two trust banks.
    pub trust: Region,
    /// Four pages: two mirrored pages, and two to turn to.
    pub counter: Region,
    /// Two banks of swap steps.
    pub journal: Region,
    /// The tamper log; its first page is never recycled.
    pub log: Region,
    /// Evidence without an image; the last page is where the application confirms.
    pub inbox: Region,
    /// The slot that runs.
    pub active: Region,
    /// The slot that is written to.
    pub candidate: Region,
}

impl Layout {
    /// Refuses a layout whose parts overlap, are not aligned, or are too small for what they hold.
    pub const fn check(&self) -> Result<(), Misfit> {
        if !matches!(self.program, 4 | 8 | 16) {
            return Err(Misfit::ProgramUnit);
        }
        if self.erase < 1024 || !self.erase.is_power_of_two() {
            return Err(Misfit::EraseUnit);
        }
        if self.trials == 0 || self.trials > MOST_TRIALS {
            return Err(Misfit::Trials);
        }
        let regions = self.regions();
        let mut rest: &[Region] = &regions;
        while let [region, others @ ..] = rest {
            if !self.whole(region.length)
                || !region.offset.is_multiple_of(self.erase)
                || region.offset.checked_add(region.length).is_none()
            {
                return Err(Misfit::Alignment);
            }
            let mut ahead = others;
            while let [other, more @ ..] = ahead {
                if region.overlaps(*other) {
                    return Err(Misfit::Overlap);
                }
                ahead = more;
            }
            rest = others;
        }
        self.check_sizes()
    }

    const fn check_sizes(&self) -> Result<(), Misfit> {
        if !self.whole(self.trust.length / 2)
            || self.bank(trust::Bank::A).length < record::RECORD.saturating_add(self.largest_root)
        {
            return Err(Misfit::Trust);
        }
        if self.counter.length < self.erase.saturating_mul(counter::PAGES) {
            return Err(Misfit::Counter);
        }
        if self.active.length != self.candidate.length {
            return Err(Misfit::Slots);
        }
        if !self.whole(self.evidence)
            || self.active.length
                < self
                    .evidence
                    .saturating_add(self.erase)
                    .saturating_add(self.erase)
        {
            return Err(Misfit::Evidence);
        }
        // Two marks a page, one for each start, after the header.
        let marks = self
            .slot_pages()
            .saturating_mul(2)
            .saturating_add(self.trials);
        let needed = journal::HEADER.saturating_add(marks.saturating_mul(self.program));
        if !self.whole(self.journal.length / 2) || self.journal_bank(0).length < needed {
            return Err(Misfit::Journal);
        }
        if self.log.length < self.erase.saturating_mul(3) {
            return Err(Misfit::Log);
        }
        if self.inbox.length < self.erase.saturating_mul(2) {
            return Err(Misfit::Inbox);
        }
        Ok(())
    }

    const fn whole(&self, length: u32) -> bool {
        length > 0 && length.is_multiple_of(self.erase)
    }

    const fn regions(&self) -> [Region; 8] {
        [
            self.boot,
            self.trust,
            self.counter,
            self.journal,
            self.log,
            self.inbox,
            self.active,
            self.candidate,
        ]
    }

    /// Bytes of flash from its start to the end of the last region.
    pub const fn flash_length(&self) -> u32 {
        let regions = self.regions();
        let mut rest: &[Region] = &regions;
        let mut end = 0;
        while let [region, others @ ..] = rest {
            if region.end() > end {
                end = region.end();
            }
            rest = others;
        }
        end
    }

    /// One of the two trust banks.
    pub const fn bank(&self, bank: trust::Bank) -> Region {
        let half = self.trust.length / 2;
        match bank {
            trust::Bank::A => self.trust.part(0, half),
            trust::Bank::B => self.trust.part(half, half),
        }
    }

    /// Counter page `index`, below [`counter::PAGES`].
    pub const fn counter_page(&self, index: u32) -> Region {
        self.counter
            .part(index.saturating_mul(self.erase), self.erase)
    }

    /// Journal bank 0 or 1.
    pub const fn journal_bank(&self, index: u32) -> Region {
        let half = self.journal.length / 2;
        self.journal.part(index.saturating_mul(half), half)
    }

    /// Log page `index`; page 0 keeps the first of each kind.
    pub const fn log_page(&self, index: u32) -> Region {
        self.log.part(index.saturating_mul(self.erase), self.erase)
    }

    /// How many pages the log has.
    pub const fn log_pages(&self) -> u32 {
        whole_pages(self.log.length, self.erase)
    }

    /// Where evidence without an image is written.
    pub const fn inbox_evidence(&self) -> Region {
        self.inbox
            .part(0, self.inbox.length.saturating_sub(self.erase))
    }

    /// The one page in which the application returns the trial id.
    pub const fn confirmation(&self) -> Region {
        self.inbox
            .part(self.inbox.length.saturating_sub(self.erase), self.erase)
    }

    /// The whole of a slot.
    pub const fn slot(&self, slot: Slot) -> Region {
        match slot {
            Slot::Active => self.active,
            Slot::Candidate => self.candidate,
        }
    }

    /// Pages in a slot, the spare one counted.
    pub const fn slot_pages(&self) -> u32 {
        whole_pages(self.active.length, self.erase)
    }

    /// The longest image a slot takes.
    pub const fn largest_image(&self) -> u32 {
        self.active
            .length
            .saturating_sub(self.evidence)
            .saturating_sub(self.erase)
    }

    /// The image part of a slot, from its first byte.
    pub const fn image(&self, slot: Slot) -> Region {
        self.slot(slot).part(0, self.largest_image())
    }

    /// The evidence part of a slot, behind the longest image.
    pub const fn evidence(&self, slot: Slot) -> Region {
        self.slot(slot).part(self.largest_image(), self.evidence)
    }

    /// The last page of the candidate slot: the offer of an upload, and the room a swap needs.
    pub const fn spare(&self) -> Region {
        self.candidate
            .part(self.active.length.saturating_sub(self.erase), self.erase)
    }

    /// Page `index` of a slot.
    pub const fn page(&self, slot: Slot, index: u32) -> Region {
        self.slot(slot)
            .part(index.saturating_mul(self.erase), self.erase)
    }

    /// Pages that `length` bytes touch.
    pub const fn pages(&self, length: u32) -> u32 {
        whole_pages(
            length.saturating_add(self.erase.saturating_sub(1)),
            self.erase,
        )
    }
}

/// Why a layout cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// The program unit is not 4, 8 or 16.
    ProgramUnit,
    /// The erase unit is below 1024 or not a power of two.
    EraseUnit,
    /// No trial, or more than 16.
    Trials,
    /// A region is empty or does not begin and end at an erase unit.
    Alignment,
    /// Two regions overlap.
    Overlap,
    /// A trust bank cannot hold the record and the largest root.
    Trust,
    /// The counter has less than four pages.
    Counter,
    /// The two slots differ in length.
    Slots,
    /// Evidence is not in whole pages, or leaves no page for the image and the spare one.
    Evidence,
    /// A journal bank cannot hold the marks of a swap and the trials.
    Journal,
    /// The log has less than three pages.
    Log,
    /// The inbox has less than two pages.
    Inbox,
}

impl core::fmt::Display for Misfit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::ProgramUnit => "the program unit must be 4, 8 or 16 bytes",
            Self::EraseUnit => "the erase unit must be a power of two of at least 1024 bytes",
            Self::Trials => "trials must be between 1 and 16",
            Self::Alignment => "every region must begin and end at an erase unit and not be empty",
            Self::Overlap => "two regions overlap",
            Self::Trust => "half of trust must hold the record and the largest root, in whole erase units",
            Self::Counter => "counter needs four erase units",
            Self::Slots => "active and candidate must have the same length",
            Self::Evidence => "evidence must be whole erase units and leave two of the slot free",
            Self::Journal => "half of journal must hold two marks a slot page and one a trial, in whole erase units",
            Self::Log => "log needs three erase units",
            Self::Inbox => "inbox needs two erase units, the last one for the confirm",
        })
    }
}

const fn whole_pages(length: u32, page: u32) -> u32 {
    match length.checked_div(page) {
        Some(pages) => pages,
        None => 0,
    }
}

const MOST_TRIALS: u32 = 16;
