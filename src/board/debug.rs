//! How a debug probe knows a chip: its name, the words that prove it, where its unique number lies, how it is locked.
//! Takes the `[debug]` table of a board description; gives checked addresses. Talks to no probe.

use serde::Deserialize;

use super::region::Region;

/// What a probe must know of a chip before it writes a byte.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Debug {
    /// The chip, by the name that probe-rs knows it under.
    pub chip: String,
    /// Words that only this chip has; all must hold before anything is written.
    pub identify: Vec<Word>,
    /// Where the chip keeps a number that no other chip has.
    pub uid: Region,
    /// The word of flash that closes the debug port at the next reset, where the chip can.
    pub lock: Option<Word>,
}

/// A word at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Word {
    /// Where, a multiple of 4.
    pub address: u64,
    /// The value.
    pub value: u32,
    /// Which bits of it count.
    #[serde(default = "all")]
    pub mask: u32,
}

impl Word {
    /// Whether `found` is this word, as far as its mask goes.
    pub fn is(self, found: u32) -> bool {
        found & self.mask == self.value & self.mask
    }
}

impl Debug {
    /// The rule that the table breaks, if it breaks one.
    pub(super) fn fault(&self) -> Option<&'static str> {
        let whole = |address: u64| address.is_multiple_of(4) && address < 1 << 32;
        let words = || self.identify.iter().chain(&self.lock);
        if self.chip.is_empty() || !self.chip.chars().all(|c| c.is_ascii_graphic()) {
            Some("chip must be a name without spaces")
        } else if self.identify.is_empty() || self.identify.iter().any(|word| word.mask == 0) {
            Some("identify must name a word with bits that count, or a wrong chip would be written")
        } else if !words().all(|word| whole(word.address)) {
            Some("every address must be a multiple of 4 below 0x100000000")
        } else if !whole(self.uid.start) || !matches!(self.uid.length, 4 | 8 | 12 | 16) {
            Some("uid must be 4, 8, 12 or 16 bytes at a multiple of 4")
        } else {
            None
        }
    }
}

fn all() -> u32 {
    u32::MAX
}
