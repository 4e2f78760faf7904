//! What a probe loads into RAM to write the flash of `qemu-an386`: PSRAM, by the rules of NOR flash.
//!
//! Takes calls in the shape of a CMSIS flash algorithm; gives 0, or 1 where a bit would have to go from 0 to 1. The page that
//! other chips keep their lock word in lies in RAM behind the board's own, where a virtual probe looks for it.
//! `cargo xtask flash-algorithm` puts the built code into `boards/qemu-an386/chip.yaml`.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod algorithm {
    use core::arch::asm;
    use core::panic::PanicInfo;

    /// Bytes that are erased at once.
    const SECTOR: u32 = 4096;
    /// Where chips keep their lock word, and where this one does.
    const UICR: (u32, u32) = (0x1000_1000, 0x2010_0000);

    /// Nothing to prepare.
    #[unsafe(no_mangle)]
    #[unsafe(link_section = ".text.algorithm.init")]
    pub extern "C" fn Init(_address: u32, _clock: u32, _function: u32) -> u32 {
        0
    }

    /// Nothing to undo.
    #[unsafe(no_mangle)]
    #[unsafe(link_section = ".text.algorithm.uninit")]
    pub extern "C" fn UnInit(_function: u32) -> u32 {
        0
    }

    /// Every bit of a sector becomes 1.
    #[unsafe(no_mangle)]
    #[unsafe(link_section = ".text.algorithm.erase")]
    pub extern "C" fn EraseSector(address: u32) -> u32 {
        let from = place(address);
        let mut at = 0;
        while at < SECTOR {
            store(from + at, u32::MAX);
            at += 4;
        }
        0
    }

    /// Bits become 0, never 1. `size` and `data` are multiples of 4, as the page size in the description is.
    #[unsafe(no_mangle)]
    #[unsafe(link_section = ".text.algorithm.program")]
    pub extern "C" fn ProgramPage(address: u32, size: u32, data: u32) -> u32 {
        let to = place(address);
        let mut at = 0;
        while at < size {
            let wanted = load(data + at);
            if !load(to + at) & wanted != 0 {
                return 1;
            }
            store(to + at, wanted);
            at += 4;
        }
        0
    }

    fn place(address: u32) -> u32 {
        if address >= UICR.0 && address < UICR.0 + SECTOR {
            address - UICR.0 + UICR.1
        } else {
            address
        }
    }

    fn load(address: u32) -> u32 {
        let value;
        // SAFETY: the probe calls with addresses of this chip's flash and of its own buffer; both are plain memory, and
        // nothing else runs while an algorithm does.
        unsafe {
            asm!("ldr {0}, [{1}]", out(reg) value, in(reg) address, options(nostack, readonly));
        }
        value
    }

    fn store(address: u32, value: u32) {
        // SAFETY: as in `load`; the bytes belong to no Rust object.
        unsafe { asm!("str {0}, [{1}]", in(reg) value, in(reg) address, options(nostack)) }
    }

    /// There is nothing here that panics.
    #[panic_handler]
    fn panic(_: &PanicInfo) -> ! {
        loop {}
    }
}

#[cfg(not(target_os = "none"))]
fn main() {}
