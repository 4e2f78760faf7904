//! The two sides of the chip, and the step from the secure one to the other.
//!
//! Takes an image; says what of memory and devices is not secure, and runs the image there. Until the next reset there is no way
//! back but a fault: no address is callable from the non-secure side.

use core::arch::asm;
use core::ptr;

use cortex_m::peripheral::SAU;
use cortex_m::peripheral::sau::{Ctrl, Rbar, Rlar, Rnr};
use cortex_m::register::msp;
use mps2::an505::{APB_NON_SECURE_1, RAM_CONTROLLER, UART0_PORT, WATCHDOG};
use mps2::watchdog::Watchdog;
use start::Launch;

use crate::board::{FLASH, LAYOUT, RAM, RETAINED};

/// # Safety
///
/// Nothing of the calling program is needed any more, and none of its interrupts is enabled.
pub unsafe fn launch(launch: &Launch) -> ! {
    // SAFETY: the board's watchdog, started once and left alone.
    unsafe { Watchdog::at(WATCHDOG) }.start();
    // During a trial the candidate slot holds the only way back, and stays ours.
    let last = if launch.on_trial {
        LAYOUT.active
    } else {
        LAYOUT.candidate
    };
    let slots = (at(LAYOUT.inbox.offset), at(last.end()));
    // SAFETY: as promised to this function.
    unsafe {
        share_ram();
        set(APB_NON_SECURE_1, UART0_PORT);
        attribute(&[slots, (RAM, RETAINED + MAILBOX), DEVICES]);
        set(NON_SECURE_VECTORS, launch.image.table as usize);
        // The other side may use the floating point unit.
        set(FLOATING_POINT_ACCESS, FLOATING_POINT);
        cross(launch.image.stack, launch.image.entry)
    }
}

const fn at(offset: u32) -> usize {
    FLASH + offset as usize
}

/// Everything is secure but these: from the first byte to the one behind the last.
unsafe fn attribute(shared: &[(usize, usize)]) {
    // SAFETY: the caller gives everything up.
    let unit = unsafe { &*SAU::PTR };
    for (number, (start, end)) in (0..).zip(shared) {
        // SAFETY: likewise.
        unsafe {
            unit.rnr.write(Rnr(number));
            unit.rbar.write(Rbar(word(*start)));
            // The address of the last 32 bytes, and the bit that makes the region count.
            unit.rlar.write(Rlar((word(*end) - 32) | 1));
        }
    }
    // SAFETY: likewise.
    unsafe { unit.ctrl.write(Ctrl(1)) };
    cortex_m::asm::dsb();
    cortex_m::asm::isb();
}

/// Gives the application its part of RAM: a bit for each block behind the memory protection controller.
unsafe fn share_ram() {
    // SAFETY: the registers of that controller, and the caller gives everything up.
    unsafe {
        let block = 1usize << (get(RAM_CONTROLLER + BLOCK_SIZE) + 5);
        let first = (RAM & OFFSET) / block;
        let behind = ((RETAINED + MAILBOX) & OFFSET) / block;
        // Words of bits follow each other by themselves, and this one does not.
        set(
            RAM_CONTROLLER + CONTROL,
            get(RAM_CONTROLLER + CONTROL) as usize & !AUTO_INCREMENT,
        );
        for bit in first..behind {
            set(RAM_CONTROLLER + INDEX, bit / 32);
            let word = get(RAM_CONTROLLER + TABLE) as usize;
            set(RAM_CONTROLLER + TABLE, word | 1 << (bit % 32));
        }
    }
    cortex_m::asm::dsb();
}

/// Goes over to the other side.
unsafe fn cross(stack: u32, entry: u32) -> ! {
    // SAFETY: the image's own stack and first instruction, which were looked at. No register carries anything over but those
    // that are overwritten first; what this program knows is no secret.
    unsafe {
        msp::write_ns(stack);
        asm!(
            ".inst.n 0x4704", // bxns r0: the assembler knows it only with the security extension switched on
            in("r0") entry & !1,
            options(noreturn, nomem, nostack)
        )
    }
}

unsafe fn get(address: usize) -> u32 {
    let register: *const u32 = ptr::with_exposed_provenance(address);
    // SAFETY: every caller in this file names a register of the chip.
    unsafe { register.read_volatile() }
}

unsafe fn set(address: usize, value: usize) {
    let register: *mut u32 = ptr::with_exposed_provenance_mut(address);
    // SAFETY: every caller in this file names a register of the chip.
    unsafe { register.write_volatile(word(value)) }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "addresses of this chip have 32 bits"
)]
const fn word(value: usize) -> u32 {
    value as u32
}

/// The non-secure devices; what of them answers the application is the business of their controllers.
const DEVICES: (usize, usize) = (0x4000_0000, 0x5000_0000);
/// Bytes of the mailbox, which lies at the end of the application's RAM.
const MAILBOX: usize = cuff_bootloader::mailbox::LENGTH as usize;

/// `VTOR` of the other side ("Armv8-M Architecture Reference Manual").
const NON_SECURE_VECTORS: usize = 0xE002_ED08;
/// `NSACR`: which coprocessors the other side may use.
const FLOATING_POINT_ACCESS: usize = 0xE000_ED8C;
const FLOATING_POINT: usize = 0b11 << 10;

/// Registers of the memory protection controller ("Arm SIE-200 Technical Reference Manual").
const CONTROL: usize = 0x00;
const BLOCK_SIZE: usize = 0x14;
const INDEX: usize = 0x18;
const TABLE: usize = 0x1C;
const AUTO_INCREMENT: usize = 1 << 8;
/// The address within that RAM.
const OFFSET: usize = 0x001F_FFFF;
