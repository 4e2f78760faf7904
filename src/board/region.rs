//! A stretch of a device's address space.
//! Plain arithmetic that cannot overflow: starts and lengths come from files.

use std::fmt;

use serde::{Deserialize, Serialize};

/// `length` bytes from the absolute address `start`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// First address.
    pub start: u64,
    /// Bytes.
    pub length: u64,
}

impl Region {
    /// The first address after the region.
    pub fn end(self) -> u64 {
        self.start.saturating_add(self.length)
    }

    /// Whether `address` lies inside.
    pub fn holds(self, address: u64) -> bool {
        self.start <= address && address < self.end()
    }

    /// Whether both cover some byte.
    pub fn overlaps(self, other: Self) -> bool {
        self.start < other.end() && other.start < self.end()
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}..{:#010x}", self.start, self.end())
    }
}
