//! The numbers that only go up, each with its own type so that none passes for another.

use core::fmt;

/// Largest integer every JSON reader keeps exact (2^53 - 1).
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// A metadata version: a positive integer up to 2^53 - 1 (TUF 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// Refuses zero and what JSON readers would round.
    pub const fn new(value: u64) -> Option<Self> {
        if value == 0 || value > MAX_INTEGER {
            None
        } else {
            Some(Self(value))
        }
    }

    /// The bare number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after this one, if there is one.
    pub const fn next(self) -> Option<Self> {
        Self::new(self.0 + 1)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A size in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Length(pub u64);

impl Length {
    /// The size of `bytes`.
    pub const fn of(bytes: &[u8]) -> Self {
        Self(bytes.len() as u64)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

/// A security counter: what may be installed next, never less than what was confirmed before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counter(pub u64);

impl fmt::Display for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
