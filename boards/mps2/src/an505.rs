//! Where things are on mps2-an505 ("Application Note AN505", memory map; "Arm SIE-200", controllers).
//!
//! Bit 28 of an address tells secure from non-secure: one memory and one device have two addresses. Those here are what a
//! non-secure program uses.

/// UART 0.
pub const UART0: usize = 0x4020_0000;
/// The watchdog for the non-secure side.
pub const WATCHDOG: usize = 0x4008_1000;
/// The core clock, in hertz.
pub const CLOCK: u32 = 20_000_000;

/// The controller that says which devices are non-secure: word 1 of the external APB ports.
pub const APB_NON_SECURE_1: usize = 0x5008_0084;
/// UART 0 among the ports of that word.
pub const UART0_PORT: usize = 1 << 5;
/// The memory protection controller before the RAM at `0x2800_0000`.
pub const RAM_CONTROLLER: usize = 0x5800_8000;
