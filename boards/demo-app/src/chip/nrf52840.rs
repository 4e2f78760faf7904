//! The band's chip on the nRF52840, by its product specification. It is built and measured; it has not run on silicon.

use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use demo_app::SAMPLES_PER_SECOND;
use nrf::nvmc::Nvmc;
#[cfg(feature = "evil")]
use nrf::nvmc::open;
use nrf::serial::{self, Serial};
use nrf::{ticks, watchdog};

use crate::board::LAYOUT;

/// What the band keeps at hand of it.
pub struct Hardware {
    serial: Serial,
}

/// Its flash.
pub type Flash = Nvmc<{ LAYOUT.flash_length() as usize }, { LAYOUT.erase as usize }>;

impl Hardware {
    /// Opens the line and starts the ticks.
    ///
    /// # Safety
    ///
    /// Nothing else in this program touches the devices.
    pub unsafe fn open() -> Self {
        ticks::start(SAMPLES_PER_SECOND);
        // SAFETY: the handler of this interrupt takes it back and touches nothing else.
        unsafe { (*NVIC::PTR).iser[0].write(1 << ticks::INTERRUPT) };
        // SAFETY: as promised to this function; the pins are those of Nordic's development kit.
        let serial = unsafe { Serial::open(serial::KIT) };
        Self { serial }
    }

    /// Feeds the watchdog.
    #[expect(clippy::unused_self, reason = "on other chips it is a part of this")]
    pub fn feed(&self) {
        watchdog::feed();
    }

    /// Lets a byte that arrives wake the core.
    pub fn listen(&self) {
        self.serial.wake_core();
        // SAFETY: the handler of this interrupt takes it back and touches nothing else.
        unsafe { (*NVIC::PTR).iser[0].write(1 << serial::INTERRUPT) };
    }

    /// Whether a byte has arrived.
    pub fn has_byte(&self) -> bool {
        self.serial.has_byte()
    }

    /// A byte that has arrived; when there is none, the next one wakes the core again.
    pub fn receive(&self) -> Option<u8> {
        let byte = self.serial.receive();
        if byte.is_none() {
            self.serial.wake_core();
        }
        byte
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
    // SAFETY: the chip's flash, and the rest as promised to this function.
    unsafe { Nvmc::new() }
}

/// Opens flash to any store, for those who go past the driver.
#[cfg(feature = "evil")]
pub fn open_flash() {
    open();
}

/// A byte has arrived, which the main loop takes, or it is time for a sample.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    if number == ticks::INTERRUPT {
        ticks::taken_back();
        super::tick();
    } else {
        serial::taken_back();
    }
}
