//! A pretend light sensor on a wrist whose heart beats 72 times a minute.
//!
//! Takes nothing; gives brightness, 0 to 200. As on a real wrist, every beat has a smaller echo
//! when the aortic valve closes. There is no hardware behind it.

use crate::SAMPLES_PER_SECOND;

/// Beats a minute of the pretend heart.
pub const BEATS_PER_MINUTE: u32 = 72;

const CYCLE: u32 = 60 * SAMPLES_PER_SECOND;

/// The pretend sensor, at a moment of its heart's cycle.
#[derive(Debug, Default)]
pub struct Sensor {
    phase: u32,
}

impl Sensor {
    /// The next sample.
    pub fn sample(&mut self) -> u32 {
        self.phase = (self.phase + BEATS_PER_MINUTE) % CYCLE;
        peak(self.phase, CYCLE / 5, 200) + peak(self.phase, CYCLE * 3 / 5, 130)
    }
}

/// A triangle of `height` around `centre`, as wide as a third of the cycle.
fn peak(phase: u32, centre: u32, height: u32) -> u32 {
    let half = CYCLE / 6;
    height * half.saturating_sub(phase.abs_diff(centre)) / half
}
