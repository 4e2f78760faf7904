//! The watchdog of Nordic's chips (WDT). Once started it runs until a reset that is not by software.
//!
//! Takes food; resets the chip when it gets none for its period. The bootloader feeds it too: it may have been started by the
//! application that ran before.

use crate::register::Peripheral;

const WDT: Peripheral = Peripheral(0x4001_0000);
const START: usize = 0x000;
const RELOAD_VALUE: usize = 0x504;
const CONFIGURATION: usize = 0x50C;
const RELOAD_REQUEST: usize = 0x600;

const FOOD: u32 = 0x6E52_4635;
/// Run while the core sleeps, pause while a debugger has halted it.
const RUN_IN_SLEEP: u32 = 1;
/// Eight seconds at 32,768 Hz.
const PERIOD: u32 = 8 * 32_768 - 1;

/// Starts it. Has no effect on one that runs.
pub fn start() {
    WDT.set(CONFIGURATION, RUN_IN_SLEEP);
    WDT.set(RELOAD_VALUE, PERIOD);
    WDT.set(START, 1);
}

/// Feeds it.
pub fn feed() {
    WDT.set(RELOAD_REQUEST, FOOD);
}
