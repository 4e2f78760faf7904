//! What makes PSRAM hold still as flash does: while the driver does not write, the memory protection unit lets no store in.
//!
//! A flash controller has a switch for that (`CONFIG.WEN` of an nRF52840). Here it is region 0 of the MPU ("Armv7-M Architecture
//! Reference Manual", B3.5): a store that went astray ends in a fault, and so in a reset.

use cortex_m::asm;
use cortex_m::peripheral::MPU;
use mps2::psram::Guard;

/// The switch of all PSRAM.
#[derive(Debug)]
pub struct Region(());

impl Region {
    /// Shuts it.
    ///
    /// # Safety
    ///
    /// Nothing else in this program touches the MPU, and `base` is where 16 MiB of PSRAM begin.
    pub unsafe fn shut(base: u32) -> Self {
        // SAFETY: as promised to this function. The default map holds for all other memory.
        unsafe {
            (*MPU::PTR).rnr.write(0);
            (*MPU::PTR).rbar.write(base);
            (*MPU::PTR).rasr.write(READ_ONLY);
        }
        control(ENABLE | DEFAULT_MAP);
        Self(())
    }
}

impl Guard for Region {
    fn open(&mut self) {
        control(0);
    }

    fn close(&mut self) {
        control(ENABLE | DEFAULT_MAP);
    }
}

/// Takes it away, for a program that expects the processor as it is after a reset.
pub fn remove() {
    control(0);
}

fn control(value: u32) {
    // SAFETY: this file alone touches the MPU; the one region it has only takes writing away.
    unsafe { (*MPU::PTR).ctrl.write(value) };
    asm::dsb();
    asm::isb();
}

/// For everyone to read and to execute, cached, 2^24 bytes.
const READ_ONLY: u32 = 0b110 << 24 | 1 << 17 | 23 << 1 | 1;
const ENABLE: u32 = 1;
const DEFAULT_MAP: u32 = 1 << 2;
