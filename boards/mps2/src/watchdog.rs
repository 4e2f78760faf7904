//! The watchdog of the MPS2 boards (CMSDK APB watchdog). Once started it runs until the next reset.
//!
//! Takes food; resets the chip when it gets none for twice its period.

use core::ptr;

/// A watchdog.
#[derive(Clone, Copy, Debug)]
pub struct Watchdog(usize);

impl Watchdog {
    /// The watchdog at `base`.
    ///
    /// # Safety
    ///
    /// A CMSDK APB watchdog lies at `base`, and nothing else in this program touches it.
    pub const unsafe fn at(base: usize) -> Self {
        Self(base)
    }

    /// Starts it; feeding is all that can be done afterwards.
    pub fn start(self) {
        self.set(LOCK, UNLOCKED);
        self.set(LOAD, PERIOD);
        self.set(CONTROL, COUNT_AND_RESET);
        self.set(LOCK, 0);
    }

    /// Feeds it.
    pub fn feed(self) {
        self.set(LOCK, UNLOCKED);
        self.set(CLEAR, 1);
        self.set(LOCK, 0);
    }

    fn set(self, register: usize, value: u32) {
        let registers: *mut u32 = ptr::with_exposed_provenance_mut(self.0);
        // SAFETY: `at` was promised a watchdog, whose registers these are, and no memory of any program.
        unsafe { registers.add(register).write_volatile(value) }
    }
}

const LOAD: usize = 0;
const CONTROL: usize = 2;
const CLEAR: usize = 3;
const LOCK: usize = 0xC00 / 4;

const UNLOCKED: u32 = 0x1ACC_E551;
const COUNT_AND_RESET: u32 = 3;

/// Core clocks after which it warns, and after which more it resets: four or five seconds each.
const PERIOD: u32 = 100_000_000;
