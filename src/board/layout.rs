//! From a board description to the geometry the bootloader works with.
//! Takes absolute addresses, gives offsets from the start of flash; the bootloader's own check has the last word.

use cuff_bootloader::layout::{self, Layout, Misfit};
use cuff_bootloader::record::RECORD;

use super::Board;
use super::region::Region;

impl Board {
    /// Where flash starts: the lowest region.
    pub fn flash_start(&self) -> u64 {
        let starts = self.regions.named().map(|(_, region)| region.start);
        starts.into_iter().min().unwrap_or_default()
    }

    /// Bytes of a root that a bank of the trust store has room for: whatever it has beside its record.
    pub fn largest_root(&self) -> u32 {
        narrow(self.regions.trust.length / 2).saturating_sub(RECORD)
    }

    /// The geometry, or what the bootloader has against it.
    pub fn layout(&self) -> Result<Layout, Misfit> {
        let at = |region: Region| {
            layout::Region::new(
                narrow(region.start - self.flash_start()),
                narrow(region.length),
            )
        };
        let regions = &self.regions;
        let layout = Layout {
            program: narrow(self.program_unit),
            erase: narrow(self.erase_unit),
            evidence: narrow(self.evidence),
            trials: u32::from(self.trials),
            largest_root: self.largest_root(),
            boot: at(regions.boot),
            trust: at(regions.trust),
            counter: at(regions.counter),
            journal: at(regions.journal),
            log: at(regions.log),
            inbox: at(regions.inbox),
            active: at(regions.active),
            candidate: at(regions.candidate),
        };
        layout.check().map(|()| layout)
    }
}

/// Addresses and lengths were checked to lie below 2^32; a value that does not becomes one that fails the check.
fn narrow(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::bench;

    #[test]
    fn offsets_count_from_the_start_of_flash() {
        let mut board = bench::board();
        let layout = board.layout().unwrap();
        assert_eq!(layout.active.offset, 0x2_0000);
        let moved = 0x8000_0000;
        let regions = &mut board.regions;
        for region in [
            &mut regions.boot,
            &mut regions.trust,
            &mut regions.counter,
            &mut regions.journal,
            &mut regions.log,
            &mut regions.inbox,
            &mut regions.active,
            &mut regions.candidate,
        ] {
            region.start += moved;
        }
        assert_eq!(board.flash_start(), moved);
        assert_eq!(board.layout().unwrap(), layout);
    }

    #[test]
    fn the_bootloader_has_the_last_word() {
        let mut board = bench::board();
        board.trials = 200;
        assert_eq!(board.layout(), Err(Misfit::Trials));
    }
}
