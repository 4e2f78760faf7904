//! The bootloader of the nRF52840, a chip real wearables are made of. It is built and measured; it has not run on silicon.
//!
//! Before the jump the chip's access control lists lock everything from the bootloader to the tamper log, and the active slot, until
//! the next reset; during a trial the candidate slot too.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use nrf::nvmc::Nvmc;
use nrf::serial::{KIT, Serial};
use nrf::{acl, watchdog};
use start::Launch;

mod board {
    #![allow(clippy::unreadable_literal, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
use board::{FLASH, LAYOUT, board};

const PAGE: usize = 4096;
const _: () = assert!(LAYOUT.program == 4 && LAYOUT.erase as usize == PAGE && FLASH == 0);

/// What the application must never write: from the bootloader to the end of the log, one run of pages.
const LOCKED: u32 = LAYOUT.log.end();
const _: () = assert!(
    LAYOUT.boot.offset == 0
        && LAYOUT.trust.end() <= LOCKED
        && LAYOUT.counter.end() <= LOCKED
        && LAYOUT.journal.end() <= LOCKED
        && LOCKED <= LAYOUT.inbox.offset
        && LOCKED <= LAYOUT.active.offset
        && LOCKED <= LAYOUT.candidate.offset
        && LAYOUT.active.length <= HALF
        && LAYOUT.candidate.length <= HALF
);

/// What one access control list can hold.
const HALF: u32 = 512 * 1024;

#[entry]
fn main() -> ! {
    // SAFETY: the chip's flash, and this program, which is executed from its first region, writes to no other.
    let mut flash = unsafe { Nvmc::<{ LAYOUT.flash_length() as usize }, PAGE>::new() };
    // SAFETY: nothing else here touches the UART; the pins are those of Nordic's development kit.
    let mut line = unsafe { Serial::open(KIT) };
    // SAFETY: the numbers are those of the board's description; the linker kept stack and statics out of the retained RAM.
    unsafe { start::start(&mut flash, &mut line, &board(launch)) }
}

/// # Safety
///
/// As for [`start::Image::run`].
unsafe fn launch(launch: &Launch) -> ! {
    acl::lock(0, 0, LOCKED);
    // No application needs to write what it is executed from, and during a trial the candidate slot holds the only way back.
    acl::lock(1, LAYOUT.active.offset, LAYOUT.active.length);
    if launch.on_trial {
        acl::lock(2, LAYOUT.candidate.offset, LAYOUT.candidate.length);
    }
    watchdog::start();
    // SAFETY: as promised to this function.
    unsafe { launch.image.run() }
}
