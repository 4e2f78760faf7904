//! The watchdog of the MPS2 boards (CMSDK APB watchdog). Once started it runs until the next reset.
//!
//! Takes food; resets the chip when it gets none for twice its period.

use core::ptr;

const BASE: usize = 0x4000_8000;
const LOAD: usize = 0;
const CONTROL: usize = 2;
const CLEAR: usize = 3;
const LOCK: usize = 0xC00 / 4;

const UNLOCKED: u32 = 0x1ACC_E551;
const COUNT_AND_RESET: u32 = 3;

/// Core clocks after which it warns, and after which more it resets: four seconds each.
const PERIOD: u32 = 100_000_000;

/// Starts it; feeding is all that can be done afterwards.
pub fn start() {
    set(LOCK, UNLOCKED);
    set(LOAD, PERIOD);
    set(CONTROL, COUNT_AND_RESET);
    set(LOCK, 0);
}

/// Feeds it.
pub fn feed() {
    set(LOCK, UNLOCKED);
    set(CLEAR, 1);
    set(LOCK, 0);
}

fn set(register: usize, value: u32) {
    let registers: *mut u32 = ptr::with_exposed_provenance_mut(BASE);
    // SAFETY: these are registers of the watchdog, written whole, and no memory of any program.
    unsafe { registers.add(register).write_volatile(value) }
}
