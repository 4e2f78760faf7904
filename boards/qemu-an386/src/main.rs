//! The bootloader of qemu-an386: an MPS2 board whose PSRAM, kept in a file by QEMU, is its flash.
//!
//! Nothing on this chip keeps an application out of anything (`lock: none`), so nothing is locked before the jump.
#![no_std]
#![no_main]

mod guard;

use cortex_m_rt::entry;
use guard::Region;
use mps2::an386::{CLOCK, PSRAM, UART0, WATCHDOG};
use mps2::psram::Psram;
use mps2::serial::Serial;
use mps2::watchdog::Watchdog;
use start::Launch;

mod board {
    #![allow(clippy::unreadable_literal, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
use board::{FLASH, LAYOUT, board};

const UNIT: usize = 4;
const _: () = assert!(LAYOUT.program as usize == UNIT);

#[entry]
fn main() -> ! {
    // SAFETY: the board's PSRAM lies here, and this program, which is executed from its first region, writes to no other. No
    // other code touches the MPU.
    let mut flash = unsafe {
        Psram::<{ LAYOUT.flash_length() as usize }, UNIT, _>::at(FLASH, Region::shut(PSRAM))
    };
    // SAFETY: the board's UART, which nothing else here touches.
    let mut line = unsafe { Serial::open(UART0, CLOCK) };
    // SAFETY: the numbers are those of the board's description; the linker kept stack and statics out of the retained RAM.
    unsafe { start::start(&mut flash, &mut line, &board(launch)) }
}

/// # Safety
///
/// As for [`start::Image::run`].
unsafe fn launch(launch: &Launch) -> ! {
    guard::remove();
    // SAFETY: the board's watchdog, started once and left alone.
    unsafe { Watchdog::at(WATCHDOG) }.start();
    // SAFETY: as promised to this function.
    unsafe { launch.image.run() }
}
