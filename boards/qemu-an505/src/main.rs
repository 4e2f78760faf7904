//! The bootloader of qemu-an505: a Cortex-M33 whose core has two sides. It runs on the secure side, the application on the other.
//!
//! Before the jump the security attribution unit gives the application its slot, the inbox, its half of RAM and its devices,
//! and nothing else: a word of the trust store that it reads or writes is a fault, and a fault is a reset.
#![no_std]
#![no_main]

mod side;

use cortex_m_rt::entry;
use mps2::an505::{CLOCK, UART0};
use mps2::psram::Psram;
use mps2::serial::Serial;

mod board {
    #![allow(clippy::unreadable_literal, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
use board::{FLASH, LAYOUT, board};

const UNIT: usize = LAYOUT.program as usize;

#[entry]
fn main() -> ! {
    // SAFETY: the board's PSRAM lies here, and this program, which is executed from its first region, writes to no other.
    let mut flash = unsafe { Psram::<{ LAYOUT.flash_length() as usize }, UNIT>::at(FLASH, ()) };
    // SAFETY: the board's UART, which nothing else here touches; before the jump everything is secure, the UART too.
    let mut line = unsafe { Serial::open(UART0, CLOCK) };
    // SAFETY: the numbers are those of the board's description; the linker kept stack and statics out of the retained RAM.
    unsafe { start::start(&mut flash, &mut line, &board(side::launch)) }
}
