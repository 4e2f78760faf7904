//! What a bootloader does when it cannot go on: it starts again, as a watchdog would have it do.

use core::panic::PanicInfo;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

/// A fault of the bootloader, or of an application that reached for what is not its own.
#[exception]
unsafe fn HardFault(_: &ExceptionFrame) -> ! {
    SCB::sys_reset()
}

/// Our own code never comes here: it indexes nothing and unwraps nothing. What is linked of it is one bounds check in a table
/// lookup of curve25519-dalek (`cargo xtask size` looks for others).
#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    SCB::sys_reset()
}
