//! The bootloader of the nRF52840, a chip real wearables are made of. It is built and measured; it has not run on silicon.
//!
//! Before the jump the chip's access control lists lock everything from the bootloader to the tamper log until the next reset.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use nrf::nvmc::Nvmc;
use nrf::serial::Serial;
use nrf::{acl, watchdog};
use start::{Board, Launch};

mod board {
    #![allow(clippy::unreadable_literal, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}
use board::{BOOTLOADER, FLASH, LAYOUT, RAM, RETAINED};

const PAGE: usize = 4096;
const SEND_PIN: u32 = 6;
const RECEIVE_PIN: u32 = 8;
const _: () = assert!(LAYOUT.program == 4 && LAYOUT.erase as usize == PAGE && FLASH == 0);

/// What the application must not write: from the bootloader to the end of the log, one run of pages.
const LOCKED: u32 = LAYOUT.log.end();
const _: () = assert!(
    LAYOUT.boot.offset == 0
        && LAYOUT.trust.end() <= LOCKED
        && LAYOUT.counter.end() <= LOCKED
        && LAYOUT.journal.end() <= LOCKED
        && LOCKED <= LAYOUT.inbox.offset
        && LOCKED <= LAYOUT.active.offset
        && LOCKED <= LAYOUT.candidate.offset
);

#[entry]
fn main() -> ! {
    let board = Board {
        name: "nrf52840",
        layout: &LAYOUT,
        flash: FLASH,
        ram: RAM,
        retained: RETAINED,
        bootloader: BOOTLOADER,
        launch,
    };
    // SAFETY: the chip's flash, and this program, which is executed from its first region, writes to no other.
    let mut flash = unsafe { Nvmc::<{ LAYOUT.flash_length() as usize }, PAGE>::new() };
    // SAFETY: nothing else here touches the UART; the pins are those of Nordic's development kit.
    let mut line = unsafe { Serial::open(SEND_PIN, RECEIVE_PIN) };
    // SAFETY: the numbers are those of the board's description; the linker kept stack and statics out of the retained RAM.
    unsafe { start::start(&mut flash, &mut line, &board) }
}

/// # Safety
///
/// As for [`start::Image::run`].
unsafe fn launch(launch: &Launch) -> ! {
    acl::lock(0, LOCKED);
    watchdog::start();
    // SAFETY: as promised to this function.
    unsafe { launch.image.run() }
}
