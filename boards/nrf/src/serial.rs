//! The serial line of Nordic's chips (UART, the peripheral without DMA).
//!
//! Takes bytes and gives them on the line, 115 200 baud, no parity, no flow control. The pins are the board's.

use crate::register::Peripheral;
#[cfg(feature = "recovery")]
use crate::watchdog;

/// The interrupt of a byte that has arrived.
pub const INTERRUPT: i16 = 2;

/// Pins of port 0.
#[derive(Clone, Copy, Debug)]
pub struct Pins {
    /// What the chip says comes out here.
    pub send: u32,
    /// What it hears comes in here.
    pub receive: u32,
}

/// Those of Nordic's development kit for the nRF52840, behind which its own USB port is.
pub const KIT: Pins = Pins {
    send: 6,
    receive: 8,
};

const UART: Peripheral = Peripheral(0x4000_2000);
const START_RECEIVE: usize = 0x000;
const START_SEND: usize = 0x008;
const RECEIVED: usize = 0x108;
const SENT: usize = 0x11C;
const INTERRUPT_ON: usize = 0x304;
const INTERRUPT_OFF: usize = 0x308;
const ENABLE: usize = 0x500;
const SEND_PIN: usize = 0x50C;
const RECEIVE_PIN: usize = 0x514;
const INPUT: usize = 0x518;
const OUTPUT: usize = 0x51C;
const BAUD: usize = 0x524;

const ON: u32 = 4;
const BAUD_115_200: u32 = 0x01D7_E000;
const WAKE: u32 = 1 << 2;

const PORT: Peripheral = Peripheral(0x5000_0000);
const SET_HIGH: usize = 0x508;
const PIN: usize = 0x700;
/// Out, and in with its input connected: what a pin must be before the UART takes it over.
const OUT: u32 = 3;
const IN: u32 = 0;

/// The open line.
#[derive(Debug)]
pub struct Serial(());

impl Serial {
    /// Switches it on.
    ///
    /// # Safety
    ///
    /// Nothing else in this program touches the UART, and the pins are wired as the board says.
    pub unsafe fn open(pins: Pins) -> Self {
        PORT.set(SET_HIGH, 1 << pins.send);
        PORT.set(PIN + 4 * pins.send as usize, OUT);
        PORT.set(PIN + 4 * pins.receive as usize, IN);
        UART.set(SEND_PIN, pins.send);
        UART.set(RECEIVE_PIN, pins.receive);
        UART.set(BAUD, BAUD_115_200);
        UART.set(ENABLE, ON);
        UART.set(START_RECEIVE, 1);
        UART.set(START_SEND, 1);
        Self(())
    }

    /// Sends one byte, and waits until it has gone.
    pub fn send(&self, byte: u8) {
        UART.set(SENT, 0);
        UART.set(OUTPUT, u32::from(byte));
        while UART.get(SENT) == 0 {}
    }

    /// Has the next byte that arrives raise the interrupt, to wake a core that sleeps.
    pub fn wake_core(&self) {
        UART.set(INTERRUPT_ON, WAKE);
    }

    /// Whether a byte has arrived.
    pub fn has_byte(&self) -> bool {
        UART.get(RECEIVED) != 0
    }

    /// A byte that has arrived.
    pub fn receive(&self) -> Option<u8> {
        self.has_byte().then(|| {
            UART.set(RECEIVED, 0);
            UART.get(INPUT).to_le_bytes()[0]
        })
    }
}

/// Takes the interrupt back until [`Serial::wake_core`]; the byte stays.
pub fn taken_back() {
    UART.set(INTERRUPT_OFF, WAKE);
}

/// The bootloader's side: an application that ran before may have left the watchdog running.
#[cfg(feature = "recovery")]
impl start::Line for Serial {
    fn receive(&mut self) -> Option<u8> {
        watchdog::feed();
        Self::receive(self)
    }

    fn send(&mut self, bytes: &[u8]) {
        for byte in bytes {
            watchdog::feed();
            Self::send(self, *byte);
        }
    }
}
