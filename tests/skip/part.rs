//! Which of a row's points are skipped: a part of them in order, or so many at random.
//!
//! The same choice is the same points, as long as the program is the same.

use std::env;

/// A choice.
#[derive(Clone, Copy, Debug)]
pub enum Part {
    /// One of several parts of equal length.
    Shard {
        /// Which, from 1 on.
        part: usize,
        /// Of how many.
        parts: usize,
    },
    /// Points at random.
    Sample {
        /// How many; the same one does not count twice.
        count: usize,
        /// Where the chance begins.
        seed: u64,
    },
}

impl Part {
    /// What every test run takes.
    pub const IN_TESTS: Self = Self::Sample {
        count: 30,
        seed: SEED,
    };

    /// What the caller's environment asks for: `CUFF_SKIP_SAMPLE` and `CUFF_SKIP_SEED`, or `CUFF_SKIP_SHARD`, or all of them.
    pub fn asked() -> Self {
        let number = |name| env::var(name).ok().map(|text| text.parse().unwrap());
        if let Some(count) = number("CUFF_SKIP_SAMPLE") {
            let seed = number("CUFF_SKIP_SEED").map_or(SEED, |seed| seed as u64);
            return Self::Sample { count, seed };
        }
        let shard = env::var("CUFF_SKIP_SHARD").unwrap_or_else(|_| "1/1".to_owned());
        let (part, parts) = shard.split_once('/').unwrap();
        let (part, parts) = (part.parse().unwrap(), parts.parse().unwrap());
        assert!((1..=parts).contains(&part), "no part {shard}");
        Self::Shard { part, parts }
    }

    /// The points, in order.
    pub fn of(self, points: &[usize]) -> Vec<usize> {
        match self {
            Self::Shard { part, parts } => {
                let end = |part| points.len() * part / parts;
                points[end(part - 1)..end(part)].to_vec()
            }
            Self::Sample { count, seed } => {
                // Knuth's MMIX generator; its upper bits are the good ones.
                let next = |state: &mut u64, _| {
                    *state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let at = ((*state >> 32) * points.len() as u64) >> 32;
                    Some(points[usize::try_from(at).unwrap()])
                };
                let mut chosen: Vec<usize> = (0..count).scan(seed, next).collect();
                chosen.sort_unstable();
                chosen.dedup();
                chosen
            }
        }
    }
}

const SEED: u64 = 40;
