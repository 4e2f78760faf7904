//! The chip under the band, by what the band asks of it.
//!
//! Takes a board's name as a feature; gives the same for each: a serial line, ticks, the watchdog's food, and flash.

#[cfg(not(feature = "nrf52840"))]
mod mps2;
#[cfg(feature = "nrf52840")]
mod nrf52840;

use core::sync::atomic::{AtomicBool, Ordering};

#[cfg(not(feature = "nrf52840"))]
pub use self::mps2::*;
#[cfg(feature = "nrf52840")]
pub use self::nrf52840::*;
use cortex_m::asm::wfi;
use cortex_m::interrupt;

static SAMPLE_DUE: AtomicBool = AtomicBool::new(false);

impl Hardware {
    /// Sends text.
    pub fn text(&self, text: &str) {
        for byte in text.bytes() {
            self.send(byte);
        }
    }

    /// Sends a number in decimal.
    pub fn number(&self, number: u32) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.send(b'0' + (number % 10) as u8);
    }

    /// Sleeps, unless a byte has arrived or a sample is due. What comes between the look and the sleep wakes all the same: it
    /// is held back, not lost.
    pub fn sleep(&self) {
        interrupt::disable();
        if !self.has_byte() && !SAMPLE_DUE.load(Ordering::Relaxed) {
            wfi();
        }
        // SAFETY: no critical section is open.
        unsafe { interrupt::enable() };
    }
}

/// Whether it is time for a sample; once for each.
pub fn sample_due() -> bool {
    SAMPLE_DUE.swap(false, Ordering::Relaxed)
}

/// A tick has come.
fn tick() {
    SAMPLE_DUE.store(true, Ordering::Relaxed);
}
