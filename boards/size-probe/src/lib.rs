//! Runs a judge once over the bench, and measures its stack and its instructions.
//!
//! Takes a function; gives readings in the bench and ends QEMU. Formats nothing and allocates nothing, so that the
//! program without a verifier is as small as it can be.
#![no_std]

pub mod bench;

use core::panic::PanicInfo;
use core::ptr;
use core::slice;

use cortex_m::Peripherals;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::register::msp;
use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};

use bench::{ADDRESS, DONE, Input, LENGTH, READINGS, Reading};

/// The largest stack that can be told from a larger one.
const PAINTED: u32 = 96 * 1024;
const PAINT: u32 = 0xC0FF_EE11;

/// Measures one call of `judge`.
pub fn measure(judge: fn() -> u32) -> ! {
    if let Some(mut core) = Peripherals::take() {
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(0x00FF_FFFF);
        core.SYST.clear_current();
        core.SYST.enable_counter();
    }
    let (answer, stack, ticks) = observe(judge);
    put(Reading::Answer, answer);
    put(Reading::Stack, stack);
    put(Reading::Ticks, ticks);
    put(Reading::Done, DONE);
    loop {
        exit(EXIT_SUCCESS);
    }
}

#[inline(never)]
fn observe(judge: fn() -> u32) -> (u32, u32, u32) {
    let top = msp::read();
    let bottom = top - PAINTED;
    for address in (bottom..top - 64).step_by(4) {
        // SAFETY: the RAM below the stack pointer belongs to the stack, has room for it, and holds nothing now: no
        // interrupt is enabled, and the words just below the pointer are left out.
        unsafe { ptr::write_volatile(address as *mut u32, PAINT) }
    }
    let start = SYST::get_current();
    let answer = judge();
    let ticks = start.wrapping_sub(SYST::get_current()) & 0x00FF_FFFF;
    let stack = (bottom..top)
        .step_by(4)
        // SAFETY: RAM of the stack, as above.
        .find(|address| unsafe { ptr::read_volatile(*address as *const u32) } != PAINT)
        .map_or(0, |deepest| top - deepest);
    (answer, stack, ticks)
}

/// An input, where the host put it.
pub fn input(which: Input) -> &'static [u8] {
    // SAFETY: the bench is plain memory of this length; below the readings nothing writes to it while we run.
    let bench = unsafe { slice::from_raw_parts(ADDRESS as *const u8, READINGS) };
    let word = |at: usize| {
        bench
            .get(at..at + 4)
            .and_then(|word| word.try_into().ok())
            .map_or(0, u32::from_le_bytes) as usize
    };
    let (offset, length) = (word(8 * which as usize), word(8 * which as usize + 4));
    bench
        .get(offset..offset.saturating_add(length))
        .unwrap_or_default()
}

fn put(which: Reading, value: u32) {
    const { assert!(READINGS + 16 <= LENGTH) }
    // SAFETY: inside the bench, behind the inputs, so that no slice of `input` covers it.
    unsafe { ptr::write_volatile((ADDRESS + READINGS + 4 * which as usize) as *mut u32, value) }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {
        exit(EXIT_FAILURE);
    }
}
