//! The band's chip on the MPS2 boards.

use cortex_m::Peripherals;
#[cfg(not(feature = "an505"))]
use cortex_m::peripheral::NVIC;
use cortex_m::peripheral::SCB;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use demo_app::SAMPLES_PER_SECOND;
#[cfg(not(feature = "an505"))]
use mps2::an386::{CLOCK, UART0, UART0_INTERRUPT, WATCHDOG};
#[cfg(feature = "an505")]
use mps2::an505::{CLOCK, UART0, WATCHDOG};
use mps2::psram::Psram;
use mps2::serial::Serial;
use mps2::watchdog::Watchdog;

use crate::board::{FLASH, LAYOUT};

/// What the band keeps at hand of it.
pub struct Hardware {
    serial: Serial,
    watchdog: Watchdog,
}

/// Its flash.
pub type Flash = Psram<{ LAYOUT.flash_length() as usize }, { LAYOUT.program as usize }>;

impl Hardware {
    /// Opens the line and starts the ticks.
    ///
    /// # Safety
    ///
    /// Nothing else in this program touches the devices.
    pub unsafe fn open() -> Self {
        let Some(mut core) = Peripherals::take() else {
            SCB::sys_reset()
        };
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(CLOCK / SAMPLES_PER_SECOND - 1);
        core.SYST.clear_current();
        core.SYST.enable_interrupt();
        core.SYST.enable_counter();
        // SAFETY: the UART of this board, opened once, and the watchdog that the bootloader has started.
        unsafe {
            Self {
                serial: Serial::open(UART0, CLOCK),
                watchdog: Watchdog::at(WATCHDOG),
            }
        }
    }

    /// Feeds the watchdog.
    pub fn feed(&self) {
        self.watchdog.feed();
    }

    /// Lets a byte that arrives wake the core.
    #[cfg(not(feature = "an505"))]
    pub fn listen(&self) {
        self.serial.wake_core();
        // SAFETY: the handler of this interrupt takes it back and touches nothing else.
        unsafe { (*NVIC::PTR).iser[0].write(1 << UART0_INTERRUPT) };
    }

    /// Whether a byte has arrived that somebody here waits for.
    pub fn has_byte(&self) -> bool {
        cfg!(not(feature = "an505")) && self.serial.has_byte()
    }

    /// A byte that has arrived.
    #[cfg(not(feature = "an505"))]
    pub fn receive(&self) -> Option<u8> {
        self.serial.receive()
    }

    /// Sends a byte.
    pub fn send(&self, byte: u8) {
        self.serial.send(byte);
    }
}

/// The flash driver.
///
/// # Safety
///
/// It is opened once, and this program writes to no slot that it is executed from.
pub unsafe fn flash() -> Flash {
    // SAFETY: the board's PSRAM, and the rest as promised to this function.
    unsafe { Psram::at(FLASH, ()) }
}

/// Opens flash to any store, for those who go past the driver: here it always is.
#[cfg(feature = "evil")]
pub fn open_flash() {}

/// A byte has arrived. The main loop takes it; here it has only woken the core.
#[cfg(not(feature = "an505"))]
#[exception]
unsafe fn DefaultHandler(_: i16) {
    // SAFETY: the UART of this board.
    unsafe { Serial::taken_back(UART0) };
}

#[exception]
fn SysTick() {
    super::tick();
}

/// The watchdog's last warning.
#[exception]
unsafe fn NonMaskableInt() -> ! {
    SCB::sys_reset()
}
