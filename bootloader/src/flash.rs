//! Flash, region by region: nothing is read, programmed or erased outside the region it was meant for.
//!
//! Takes a NOR driver and a [`Layout`], gives reads, whole program units, whole pages and digests. It never programs a
//! unit that is not blank, never programs a blank unit, and reads back what it wrote.

use cuff_verifier::digest::{Digest, Hasher};
use embedded_storage::nor_flash::NorFlash;

use crate::layout::{Layout, Region};

/// What a board's flash driver gives.
pub trait Flash: NorFlash {
    /// The bytes where the processor reads them; nothing can write them while they are borrowed.
    fn mapped(&self, offset: u32, length: u32) -> Option<&[u8]>;

    /// Called once a page during long work: feed the watchdog here.
    fn breathe(&mut self) {}
}

/// A driver and the layout it is used with.
pub struct Chip<'f, F> {
    flash: &'f mut F,
    layout: &'f Layout,
}

impl<'f, F: Flash> Chip<'f, F> {
    /// Joins a driver and a layout.
    pub fn new(flash: &'f mut F, layout: &'f Layout) -> Self {
        Self { flash, layout }
    }

    /// The layout.
    pub fn layout(&self) -> &'f Layout {
        self.layout
    }

    /// Whether the layout is sound and the driver reads single bytes, and programs and erases no more at once than it says.
    pub fn fits(&self) -> bool {
        let unit = usize::try_from(self.layout.program).unwrap_or(0);
        let page = usize::try_from(self.layout.erase).unwrap_or(0);
        let end = usize::try_from(self.layout.flash_length()).unwrap_or(usize::MAX);
        self.layout.check().is_ok()
            && unit.is_multiple_of(F::WRITE_SIZE)
            && page.is_multiple_of(F::ERASE_SIZE)
            && F::READ_SIZE == 1
            && end <= self.flash.capacity()
    }

    /// The bytes of a region where the processor reads them.
    pub fn mapped(&self, region: Region) -> Option<&[u8]> {
        self.flash.mapped(region.offset, region.length)
    }

    /// Fills `out` from `at` on.
    pub fn read(&mut self, region: Region, at: u32, out: &mut [u8]) -> Result<(), Fault> {
        let from = inside(region, at, out.len())?;
        self.flash.read(from, out).map_err(|_| Fault::Driver)
    }

    /// Programs `bytes` from `at` on, padded with 0xFF to whole units, and reads them back.
    pub fn program(&mut self, region: Region, at: u32, bytes: &[u8]) -> Result<(), Fault> {
        let size = usize::try_from(self.layout.program).map_err(|_| Fault::Outside)?;
        if !at.is_multiple_of(self.layout.program) {
            return Err(Fault::Unaligned);
        }
        let mut at = at;
        let mut rest = bytes;
        while !rest.is_empty() && size > 0 {
            let (piece, later) = rest.split_at_checked(size).unwrap_or((rest, &[]));
            rest = later;
            let mut buffer = [BLANK; LARGEST_UNIT];
            let unit = buffer.get_mut(..size).ok_or(Fault::Outside)?;
            unit.get_mut(..piece.len())
                .ok_or(Fault::Outside)?
                .copy_from_slice(piece);
            let from = inside(region, at, size)?;
            if !self.blank(region, at, self.layout.program)? {
                return Err(Fault::Written);
            }
            if unit.iter().any(|byte| *byte != BLANK) {
                self.flash.write(from, unit).map_err(|_| Fault::Driver)?;
                let mut seen = [0; LARGEST_UNIT];
                let seen = seen.get_mut(..size).ok_or(Fault::Outside)?;
                self.read(region, at, seen)?;
                if seen != unit {
                    return Err(Fault::ReadBack);
                }
            }
            at = at.saturating_add(self.layout.program);
        }
        Ok(())
    }

    /// Programs one unit whose value says only that it is used.
    pub fn mark(&mut self, region: Region, at: u32) -> Result<(), Fault> {
        let size = usize::try_from(self.layout.program).map_err(|_| Fault::Outside)?;
        let mark = [MARK; LARGEST_UNIT];
        self.program(region, at, mark.get(..size).ok_or(Fault::Outside)?)
    }

    /// Erases every page of the region, also one that reads blank: a torn erase can read blank and not last.
    pub fn erase(&mut self, region: Region) -> Result<(), Fault> {
        self.erase_pages(region, false)
    }

    /// Erases the pages that hold something: for regions where nothing is decided, to save wear.
    pub fn clear(&mut self, region: Region) -> Result<(), Fault> {
        self.erase_pages(region, true)
    }

    fn erase_pages(&mut self, region: Region, only_used: bool) -> Result<(), Fault> {
        let page = self.layout.erase;
        if page == 0 || !region.offset.is_multiple_of(page) || !region.length.is_multiple_of(page) {
            return Err(Fault::Unaligned);
        }
        let mut at = 0;
        while at < region.length {
            let part = region.part(at, page);
            if !only_used || !self.blank(part, 0, page)? {
                self.flash
                    .erase(part.offset, part.end())
                    .map_err(|_| Fault::Driver)?;
                if !self.blank(part, 0, page)? {
                    return Err(Fault::ReadBack);
                }
            }
            self.flash.breathe();
            at = at.saturating_add(page);
        }
        Ok(())
    }

    /// Copies `length` bytes; the target must be blank.
    pub fn copy(&mut self, from: Region, to: Region, at: u32, length: u32) -> Result<(), Fault> {
        self.pieces(from, 0, length, |chip, done, bytes| {
            chip.program(to, at.saturating_add(done), bytes)
                .map(|()| true)
        })
        .map(|_| ())
    }

    /// Replaces one page by another.
    pub fn replace(&mut self, from: Region, to: Region) -> Result<(), Fault> {
        self.erase(to)?;
        self.copy(from, to, 0, from.length)
    }

    /// Whether `length` bytes are all erased.
    pub fn blank(&mut self, region: Region, at: u32, length: u32) -> Result<bool, Fault> {
        self.pieces(region, at, length, |_, _, bytes| {
            Ok(bytes.iter().all(|byte| *byte == BLANK))
        })
    }

    /// How many program units from `at` on are used before the first blank one, at most `most`.
    pub fn used(&mut self, region: Region, at: u32, most: u32) -> Result<u32, Fault> {
        let unit = self.layout.program;
        let mut count: u32 = 0;
        while count < most {
            let here = at.saturating_add(count.saturating_mul(unit));
            if self.blank(region, here, unit)? {
                break;
            }
            count = count.saturating_add(1);
        }
        Ok(count)
    }

    /// SHA-256 of the first `length` bytes.
    pub fn digest(&mut self, region: Region, length: u32) -> Result<Digest, Fault> {
        let mut hasher = Hasher::new();
        self.absorb(region, length, &mut hasher)?;
        Ok(hasher.finish())
    }

    /// Adds the first `length` bytes to a digest under way.
    pub fn absorb(
        &mut self,
        region: Region,
        length: u32,
        hasher: &mut Hasher,
    ) -> Result<(), Fault> {
        self.pieces(region, 0, length, |_, _, bytes| {
            hasher.update(bytes);
            Ok(true)
        })
        .map(|_| ())
    }

    /// Reads in pieces until the visitor says false; gives what the last one said.
    fn pieces(
        &mut self,
        region: Region,
        at: u32,
        length: u32,
        mut visit: impl FnMut(&mut Self, u32, &[u8]) -> Result<bool, Fault>,
    ) -> Result<bool, Fault> {
        let mut buffer = [0; PIECE];
        let mut done: u32 = 0;
        while done < length {
            let left = length.saturating_sub(done);
            let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            let piece = buffer.get_mut(..size).ok_or(Fault::Outside)?;
            self.read(region, at.saturating_add(done), piece)?;
            if !visit(self, done, piece)? {
                return Ok(false);
            }
            let before = done;
            done = done.saturating_add(u32::try_from(size).unwrap_or(left));
            if before / BREATH != done / BREATH {
                self.flash.breathe();
            }
        }
        Ok(true)
    }
}

/// Why flash could not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The bytes lie outside their region.
    Outside,
    /// Not at a program or erase unit.
    Unaligned,
    /// The program unit has been written since its page was erased.
    Written,
    /// What was read back is not what was written.
    ReadBack,
    /// The driver refused.
    Driver,
    /// Nothing valid is stored where something must be.
    Lost,
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Outside => "the bytes lie outside their flash region",
            Self::Unaligned => "not at the start of a program or erase unit",
            Self::Written => "the program unit was already written since the last erase",
            Self::ReadBack => "flash read back something else than was written",
            Self::Driver => "the flash driver refused",
            Self::Lost => "nothing valid is stored where something must be",
        })
    }
}

impl core::error::Error for Fault {}

fn inside(region: Region, at: u32, length: usize) -> Result<u32, Fault> {
    let length = u32::try_from(length).map_err(|_| Fault::Outside)?;
    let end = at.checked_add(length).ok_or(Fault::Outside)?;
    if end > region.length {
        return Err(Fault::Outside);
    }
    region.offset.checked_add(at).ok_or(Fault::Outside)
}

/// The largest program unit of any board.
pub(crate) const LARGEST_UNIT: usize = 16;
/// What erased flash reads as.
pub(crate) const BLANK: u8 = 0xff;
const MARK: u8 = 0x5a;
const PIECE: usize = 64;
const BREATH: u32 = 1024;
