//! Where things are on mps2-an386 ("Application Note AN386", memory map).

/// UART 0.
pub const UART0: usize = 0x4000_4000;
/// The watchdog; its warning is the NMI.
pub const WATCHDOG: usize = 0x4000_8000;
/// Where 16 MiB of PSRAM begin.
pub const PSRAM: u32 = 0x2100_0000;
/// The core clock, in hertz.
pub const CLOCK: u32 = 25_000_000;
/// The interrupt of a byte that has arrived there.
pub const UART0_INTERRUPT: u32 = 0;
