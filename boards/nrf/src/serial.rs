//! The serial line of Nordic's chips (UART, the peripheral without DMA).
//!
//! Takes bytes and gives them on the line, 115 200 baud, no parity, no flow control. The pins are the board's.

use crate::register::Peripheral;
use crate::watchdog;

const UART: Peripheral = Peripheral(0x4000_2000);
const START_RECEIVE: usize = 0x000;
const START_SEND: usize = 0x008;
const RECEIVED: usize = 0x108;
const SENT: usize = 0x11C;
const ENABLE: usize = 0x500;
const SEND_PIN: usize = 0x50C;
const RECEIVE_PIN: usize = 0x514;
const INPUT: usize = 0x518;
const OUTPUT: usize = 0x51C;
const BAUD: usize = 0x524;

const ON: u32 = 4;
const BAUD_115_200: u32 = 0x01D7_E000;

/// The open line.
#[derive(Debug)]
pub struct Serial(());

impl Serial {
    /// Switches it on, on these pins of port 0.
    ///
    /// # Safety
    ///
    /// Nothing else in this program touches the UART, and the pins are wired as the board says.
    pub unsafe fn open(send_pin: u32, receive_pin: u32) -> Self {
        UART.set(SEND_PIN, send_pin);
        UART.set(RECEIVE_PIN, receive_pin);
        UART.set(BAUD, BAUD_115_200);
        UART.set(ENABLE, ON);
        UART.set(START_RECEIVE, 1);
        UART.set(START_SEND, 1);
        Self(())
    }
}

impl start::Line for Serial {
    fn receive(&mut self) -> Option<u8> {
        // An application that ran before may have left the watchdog running.
        watchdog::feed();
        if UART.get(RECEIVED) == 0 {
            return None;
        }
        UART.set(RECEIVED, 0);
        Some(UART.get(INPUT).to_le_bytes()[0])
    }

    fn send(&mut self, bytes: &[u8]) {
        for byte in bytes {
            UART.set(SENT, 0);
            UART.set(OUTPUT, u32::from(*byte));
            while UART.get(SENT) == 0 {
                watchdog::feed();
            }
        }
    }
}
