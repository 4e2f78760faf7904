//! A copy of a unit's flash at the desk: the bootloader's own code writes to it, and a probe carries over what it touched.
//!
//! Takes pages that were read, or are known to be erased before they are written; gives the pages that changed. It programs
//! erased units only, as the chip would.

use std::collections::BTreeSet;

use cuff_bootloader::flash::Flash;
use cuff_bootloader::layout::{Layout, Region};
use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

/// A chip's flash, as far as it was read.
#[derive(Clone, Debug)]
pub struct Shadow {
    bytes: Vec<u8>,
    page: usize,
    touched: BTreeSet<usize>,
}

/// A stretch of flash to write: every page it touches is erased first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stretch {
    /// From the start of flash.
    pub offset: u32,
    /// The bytes; what follows them in their last page stays erased.
    pub bytes: Vec<u8>,
}

impl Shadow {
    /// Flash of which nothing was read yet: it passes for erased.
    pub fn erased(layout: &Layout) -> Self {
        Self {
            bytes: vec![0xff; size(layout.flash_length())],
            page: size(layout.erase).max(1),
            touched: BTreeSet::new(),
        }
    }

    /// What was read of a region.
    pub fn fill(&mut self, region: Region, bytes: &[u8]) {
        let from = size(region.offset);
        if let Some(place) = self.bytes.get_mut(from..from + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    /// The pages that were erased or written, in order, without the erased tail of each.
    pub fn stretches(&self) -> Vec<Stretch> {
        let pages = self.touched.iter().filter_map(|page| {
            let at = page * self.page;
            let bytes = self.bytes.get(at..at + self.page)?;
            let used = bytes.iter().rposition(|byte| *byte != 0xff);
            // A page that only needs erasing still needs a word to be written at.
            let length = used.map_or(UNIT, |last| (last + 1).next_multiple_of(UNIT));
            Some(Stretch {
                offset: u32::try_from(at).unwrap_or(u32::MAX),
                bytes: bytes.get(..length)?.to_vec(),
            })
        });
        pages.collect()
    }

    /// How many pages were touched.
    pub fn pages(&self) -> usize {
        self.touched.len()
    }

    fn range(&self, offset: u32, length: usize) -> Result<std::ops::Range<usize>, Outside> {
        let from = size(offset);
        let end = from.checked_add(length).ok_or(Outside)?;
        (end <= self.bytes.len())
            .then_some(from..end)
            .ok_or(Outside)
    }
}

/// More than one page touches a stretch, or it lies outside.
#[derive(Clone, Copy, Debug)]
pub struct Outside;

impl NorFlashError for Outside {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::OutOfBounds
    }
}

impl ErrorType for Shadow {
    type Error = Outside;
}

impl ReadNorFlash for Shadow {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), Outside> {
        let range = self.range(offset, out.len())?;
        out.copy_from_slice(self.bytes.get(range).ok_or(Outside)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Shadow {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Outside> {
        let range = self.range(from, size(to.saturating_sub(from)))?;
        self.touched
            .extend(range.start / self.page..range.end.div_ceil(self.page));
        self.bytes.get_mut(range).ok_or(Outside)?.fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Outside> {
        let range = self.range(offset, bytes.len())?;
        self.touched
            .extend(range.start / self.page..range.end.div_ceil(self.page));
        let place = self.bytes.get_mut(range).ok_or(Outside)?;
        for (old, new) in place.iter_mut().zip(bytes) {
            *old &= new;
        }
        Ok(())
    }
}

impl Flash for Shadow {
    fn mapped(&self, offset: u32, length: u32) -> Option<&[u8]> {
        let range = self.range(offset, size(length)).ok()?;
        self.bytes.get(range)
    }
}

fn size(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

/// Probes write whole words.
const UNIT: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_touched_pages_are_carried_over_and_their_erased_tails_are_not() {
        let layout = crate::board::bench::board().layout().unwrap();
        let page = usize::try_from(layout.erase).unwrap();
        let mut shadow = Shadow::erased(&layout);
        shadow.fill(Region::new(0, 4), &[1, 2, 3, 4]);
        assert_eq!(shadow.stretches(), []);
        shadow.write(layout.erase, &[7; 5]).unwrap();
        shadow.erase(3 * layout.erase, 4 * layout.erase).unwrap();
        let found = shadow.stretches();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].offset, layout.erase);
        assert_eq!(found[0].bytes, [7, 7, 7, 7, 7, 0xff, 0xff, 0xff]);
        assert_eq!(found[1].bytes, [0xff; 4]);
        let mut read = [0; 4];
        shadow.read(0, &mut read).unwrap();
        assert_eq!(read, [1, 2, 3, 4]);
        let end = u32::try_from(shadow.capacity()).unwrap();
        assert!(shadow.write(end, &[0]).is_err());
        assert!(page > 0);
    }
}
