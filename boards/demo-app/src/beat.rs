//! Counts heart beats in a stream of brightness samples.
//!
//! Takes one sample at a time; gives the rate of the last ten seconds. Release 1.0.0 takes the echo of
//! a beat for a beat; 1.1.0 does not, which is what its update is for.

use crate::SAMPLES_PER_SECOND;

/// The window a rate is counted over, in seconds.
pub const WINDOW: u32 = 10;

const RISE: u32 = 90;
const FALL: u32 = 40;

/// For so many samples after a beat, release 1.1.0 sees no other: 480 ms, enough for 125 beats a minute.
const DEAF: u32 = if cfg!(feature = "second") { 12 } else { 0 };

/// What is known of the beats so far.
#[derive(Debug, Default)]
pub struct Beats {
    high: bool,
    deaf_for: u32,
    samples: u32,
    count: u32,
}

impl Beats {
    /// Takes the next sample; at the end of each window gives beats a minute.
    pub fn take(&mut self, sample: u32) -> Option<u32> {
        self.deaf_for = self.deaf_for.saturating_sub(1);
        if !self.high && sample > RISE {
            self.high = true;
            if self.deaf_for == 0 {
                self.deaf_for = DEAF;
                self.count += 1;
            }
        } else if self.high && sample < FALL {
            self.high = false;
        }
        self.samples += 1;
        if self.samples < WINDOW * SAMPLES_PER_SECOND {
            return None;
        }
        let rate = self.count * (60 / WINDOW);
        self.samples = 0;
        self.count = 0;
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sensor::{BEATS_PER_MINUTE, Sensor};

    #[test]
    fn the_second_release_no_longer_counts_echoes() {
        let (mut sensor, mut beats) = (Sensor::default(), Beats::default());
        let rates: Vec<u32> = (0..4 * WINDOW * SAMPLES_PER_SECOND)
            .filter_map(|_| beats.take(sensor.sample()))
            .collect();
        let expected = if cfg!(feature = "second") {
            BEATS_PER_MINUTE
        } else {
            2 * BEATS_PER_MINUTE
        };
        assert_eq!(rates, [expected; 4]);
    }
}
