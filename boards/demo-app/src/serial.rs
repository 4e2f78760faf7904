//! UART 0 of the MPS2 boards (CMSDK APB UART, "Application Note AN386", memory map), transmit only.
//!
//! Takes text and numbers; gives bytes on the line. Waits while the transmitter is full.

const UART0: usize = 0x4000_4000;
const DATA: *mut u32 = UART0 as *mut u32;
const STATE: *const u32 = (UART0 + 0x04) as *const u32;
const CONTROL: *mut u32 = (UART0 + 0x08) as *mut u32;
const DIVIDER: *mut u32 = (UART0 + 0x10) as *mut u32;

const TRANSMIT_FULL: u32 = 1;
const TRANSMIT_ENABLE: u32 = 1;
/// 25 MHz / 217 is 115 200 baud.
const BAUD_DIVIDER: u32 = 217;

/// The open line.
pub struct Serial(());

impl Serial {
    /// Switches the transmitter on.
    pub fn open() -> Self {
        // SAFETY: both are registers of the UART, which no other code in this program touches.
        unsafe {
            DIVIDER.write_volatile(BAUD_DIVIDER);
            CONTROL.write_volatile(TRANSMIT_ENABLE);
        }
        Self(())
    }

    /// Sends text.
    pub fn text(&self, text: &str) {
        for byte in text.bytes() {
            self.byte(byte);
        }
    }

    /// Sends a number in decimal.
    pub fn number(&self, number: u32) {
        if number >= 10 {
            self.number(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8);
    }

    #[allow(clippy::unused_self, reason = "only an open line can be written to")]
    fn byte(&self, byte: u8) {
        // SAFETY: as in `open`; the data register is written only while the transmitter has room.
        unsafe {
            while STATE.read_volatile() & TRANSMIT_FULL != 0 {}
            DATA.write_volatile(u32::from(byte));
        }
    }
}
