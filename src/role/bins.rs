//! Hashed bins: how target paths are shared out among many roles, by the first digits of their SHA-256 (TUF 4.5).
//!
//! A number of bins and who signs them; names, prefixes and the bin of a path all follow from the number. Bins are read by hosts:
//! snapshot lists every one, and is part of what a device must hold.

use super::wire::Hex;
use cuff_verifier::digest::Digest;
use serde::Serialize;

/// The bins of a repository, and who signs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bins {
    count: Count,
    /// Sorted key ids.
    pub keyids: Vec<Hex>,
    /// How many different keys must sign.
    pub threshold: u64,
}

/// How many bins there are: a power of two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(u32);

impl Count {
    /// Accepts a power of two that clients have room for.
    pub fn new(count: u32) -> Result<Self, CountError> {
        if count.is_power_of_two() && count <= MAX_BINS {
            Ok(Self(count))
        } else {
            Err(CountError(count.to_string()))
        }
    }

    /// As a number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// Digits of a prefix: as few as tell the bins apart.
    fn digits(self) -> u32 {
        self.0.trailing_zeros().div_ceil(4).max(1)
    }

    /// Prefixes of one bin.
    fn share(self) -> u32 {
        (1 << (4 * self.digits())) / self.0
    }

    /// The bin that a path falls into.
    pub fn bin_of(self, path: &str) -> u32 {
        let [a, b, c, d, ..] = Digest::of(path.as_bytes()).0;
        // One bin takes all of them; a shift by all bits would not.
        u32::from_be_bytes([a, b, c, d])
            .checked_shr(32 - self.0.trailing_zeros())
            .unwrap_or(0)
    }

    /// The name of a bin: its first and its last prefix. No two numbers of bins have a name in common, so that bins can be shared
    /// out anew beside the old ones.
    pub fn name(self, bin: u32) -> String {
        let (digits, share) = (self.digits() as usize, self.share());
        let first = bin * share;
        if share == 1 {
            format!("bin-{first:0digits$x}")
        } else {
            format!("bin-{first:0digits$x}-{:0digits$x}", first + share - 1)
        }
    }

    /// Every bin.
    pub fn bins(self) -> impl Iterator<Item = u32> {
        0..self.0
    }
}

impl std::str::FromStr for Count {
    type Err = CountError;

    fn from_str(text: &str) -> Result<Self, CountError> {
        let refuse = || CountError(text.escape_debug().to_string());
        Self::new(text.parse().map_err(|_| refuse())?)
    }
}

/// A number of bins nobody can have.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a repository has 1, 2, 4, ... or {MAX_BINS} bins, found {0}")]
pub struct CountError(String);

/// Most bins: snapshot lists each of them in some 150 bytes, and clients read 2 MiB of it.
pub const MAX_BINS: u32 = 4096;

impl Bins {
    /// So many bins for one key.
    pub fn of(count: Count, mut keyids: Vec<Hex>, threshold: u64) -> Self {
        keyids.sort();
        Self {
            count,
            keyids,
            threshold,
        }
    }

    /// How many there are.
    pub fn count(&self) -> Count {
        self.count
    }

    /// The delegations, in order.
    pub fn delegations(&self) -> Vec<BinDelegation> {
        let (digits, share) = (self.count.digits() as usize, self.count.share());
        let prefixes =
            |bin: u32| (bin * share..(bin + 1) * share).map(|n| format!("{n:0digits$x}"));
        let delegation = |bin| BinDelegation {
            keyids: self.keyids.clone(),
            name: self.count.name(bin),
            path_hash_prefixes: prefixes(bin).collect(),
            terminating: true,
            threshold: self.threshold,
        };
        self.count.bins().map(delegation).collect()
    }

    /// From the delegations that these bins are written as; what differs from them in anything else is not ours.
    pub(super) fn read(delegations: &[BinDelegation]) -> Option<Self> {
        let first = delegations.first()?;
        let count = Count::new(u32::try_from(delegations.len()).ok()?).ok()?;
        let bins = Self::of(count, first.keyids.clone(), first.threshold);
        (bins.delegations() == delegations).then_some(bins)
    }
}

/// One bin, as a targets role delegates to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BinDelegation {
    pub(super) keyids: Vec<Hex>,
    pub(super) name: String,
    pub(super) path_hash_prefixes: Vec<String>,
    pub(super) terminating: bool,
    pub(super) threshold: u64,
}

#[cfg(test)]
mod tests {
    use super::{Bins, Count};
    use crate::role::wire::Hex;
    use std::collections::BTreeSet;

    fn count(number: u32) -> Count {
        Count::new(number).unwrap()
    }

    #[test]
    fn every_path_has_one_bin_and_its_prefix_says_so() {
        for number in [1, 2, 16, 32, 256, 1024, 4096] {
            let bins = Bins::of(count(number), vec![Hex([7; 32])], 1);
            let delegations = bins.delegations();
            for path in ["a", "unit/0001", "unit/0002", "x/y/z", "unit/ffff"] {
                let digest = Hex::sha256(path.as_bytes()).to_string();
                let covers =
                    |prefixes: &Vec<String>| prefixes.iter().any(|p| digest.starts_with(p));
                let covering: Vec<usize> = (0..delegations.len())
                    .filter(|bin| covers(&delegations[*bin].path_hash_prefixes))
                    .collect();
                assert_eq!(
                    covering,
                    [bins.count().bin_of(path) as usize],
                    "{number} {path}"
                );
            }
            assert_eq!(Bins::read(&delegations), Some(bins));
        }
    }

    #[test]
    fn no_two_numbers_of_bins_share_a_name() {
        let numbers = (0..=12).map(|power| count(1 << power));
        let names: Vec<String> = numbers
            .flat_map(|count| count.bins().map(move |bin| count.name(bin)))
            .collect();
        let different: BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
        assert_eq!(count(1024).name(0), "bin-000-003");
        assert_eq!(count(16).name(15), "bin-f");
    }

    #[test]
    fn a_number_that_is_no_power_of_two_or_too_large_is_refused() {
        for bad in ["0", "3", "8192", "-1", "many"] {
            assert!(bad.parse::<Count>().is_err(), "{bad}");
        }
    }

    #[test]
    fn delegations_that_were_touched_are_not_read_as_bins() {
        let mut delegations = Bins::of(count(16), vec![Hex([7; 32])], 1).delegations();
        delegations.swap(0, 1);
        assert_eq!(Bins::read(&delegations), None);
        delegations.pop();
        assert_eq!(Bins::read(&delegations), None);
        assert_eq!(Bins::read(&[]), None);
    }
}
