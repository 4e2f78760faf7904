//! The band's serial line: what it says, and the SMP server behind it.
//!
//! Takes what has arrived; gives answers, stores uploads to inbox or candidate, and resets when a host wants that. It judges nothing:
//! the bootloader does, at the reset.

use confirm::Ticket;
use confirm::last::LastBoot;
use cortex_m::peripheral::SCB;
use cuff_bootloader::flash::{Chip, Flash};
use cuff_bootloader::layout::Layout;
use cuff_bootloader::smp::{After, OnlyApplication, Server, Stand};

use crate::board::{BOOTLOADER, NAME};
use crate::chip::Hardware;

/// The server, and where it leaves what a host gave with a reset.
pub struct Host {
    server: Server<'static, REQUEST, OnlyApplication>,
    retained: usize,
}

impl Host {
    /// A server that has heard nothing yet.
    ///
    /// # Safety
    ///
    /// As for [`Ticket::take`].
    pub unsafe fn new(retained: usize, ticket: Option<&Ticket>) -> Self {
        // SAFETY: as promised to this function.
        let last = unsafe { LastBoot::read(retained) };
        Self {
            server: Server::new(Stand {
                mode: OnlyApplication,
                board: NAME,
                bootloader: BOOTLOADER,
                ended: last.ended(ticket),
                nonce: last.nonce,
            }),
            retained,
        }
    }

    /// Serves what has arrived.
    pub fn serve<F: Flash>(&mut self, flash: &mut F, layout: &Layout, hardware: &Hardware) {
        while let Some(byte) = hardware.receive() {
            let chip = &mut Chip::new(flash, layout);
            let after = self.server.hear(chip, byte, &mut |bytes| {
                for byte in bytes {
                    hardware.send(*byte);
                }
            });
            if let After::Reset(nonce) = after {
                // SAFETY: `new` was promised this memory.
                unsafe { LastBoot::asked(nonce).leave(self.retained) };
                SCB::sys_reset();
            }
        }
    }
}

/// Bytes of the longest request, and four.
const REQUEST: usize = 1028;
