//! Ticks of Nordic's real time counter (RTC 0), which goes on while the core sleeps.
//!
//! Takes how many a second; raises its interrupt at each, by the chip's own 32,768 Hz.

use crate::register::Peripheral;

/// The interrupt of a tick.
pub const INTERRUPT: i16 = 11;

const CLOCK: Peripheral = Peripheral(0x4000_0000);
const START_SLOW_CLOCK: usize = 0x008;

const RTC: Peripheral = Peripheral(0x4000_B000);
const START: usize = 0x000;
const TICKED: usize = 0x100;
const INTERRUPT_ON: usize = 0x304;
const PRESCALER: usize = 0x508;

const TICK: u32 = 1 << 0;
const HERTZ: u32 = 32_768;

/// Starts them, 9 to 32,768 a second.
pub fn start(a_second: u32) {
    CLOCK.set(START_SLOW_CLOCK, 1);
    RTC.set(PRESCALER, HERTZ / a_second - 1);
    RTC.set(INTERRUPT_ON, TICK);
    RTC.set(START, 1);
}

/// Takes the interrupt back.
pub fn taken_back() {
    RTC.set(TICKED, 0);
}
