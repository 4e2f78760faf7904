//! A serial line of the MPS2 boards (CMSDK APB UART, "Application Note AN386", memory map).
//!
//! Takes bytes; gives them on the line, and bytes from it. Waits while the transmitter is full.

use core::ptr;

const DATA: usize = 0;
const STATE: usize = 1;
const CONTROL: usize = 2;
const INTERRUPT: usize = 3;
const DIVIDER: usize = 4;

const TRANSMIT_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 2;
const BOTH_WAYS: u32 = 3;
const WAKE: u32 = 1 << 3;
const RECEIVED: u32 = 1 << 1;
const BAUD: u32 = 115_200;

/// The open line.
#[derive(Debug)]
pub struct Serial(*mut u32);

impl Serial {
    /// Switches the line at `base` on, at 115 200 baud by a clock of so many hertz.
    ///
    /// # Safety
    ///
    /// A CMSDK APB UART lies at `base`, and nothing else in this program touches it.
    pub unsafe fn open(base: usize, clock: u32) -> Self {
        let line = Self(ptr::with_exposed_provenance_mut(base));
        line.set(DIVIDER, clock / BAUD);
        line.set(CONTROL, BOTH_WAYS);
        line
    }

    /// Sends one byte.
    pub fn send(&self, byte: u8) {
        while self.get(STATE) & TRANSMIT_FULL != 0 {}
        self.set(DATA, u32::from(byte));
    }

    /// Has an arriving byte raise the interrupt, to wake a core that sleeps.
    pub fn wake_core(&self) {
        self.set(CONTROL, BOTH_WAYS | WAKE);
    }

    /// Takes the interrupt back; the byte stays.
    ///
    /// # Safety
    ///
    /// A CMSDK APB UART lies at `base`.
    pub unsafe fn taken_back(base: usize) {
        Self(ptr::with_exposed_provenance_mut(base)).set(INTERRUPT, RECEIVED);
    }

    /// Whether a byte has arrived.
    pub fn has_byte(&self) -> bool {
        self.get(STATE) & RECEIVE_FULL != 0
    }

    /// A byte that has arrived.
    pub fn receive(&self) -> Option<u8> {
        self.has_byte().then(|| self.get(DATA).to_le_bytes()[0])
    }

    fn get(&self, register: usize) -> u32 {
        // SAFETY: `open` was promised a UART, whose registers these are.
        unsafe { self.0.add(register).read_volatile() }
    }

    fn set(&self, register: usize, value: u32) {
        // SAFETY: as in `get`.
        unsafe { self.0.add(register).write_volatile(value) }
    }
}

#[cfg(feature = "recovery")]
impl start::Line for Serial {
    fn receive(&mut self) -> Option<u8> {
        Self::receive(self)
    }

    fn send(&mut self, bytes: &[u8]) {
        for byte in bytes {
            Self::send(self, *byte);
        }
    }
}
