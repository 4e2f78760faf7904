//! Recovery: nothing here is fit to run, and somebody must bring what is.
//!
//! Takes requests from the board's serial line and gives answers there (SMP, `cuff_bootloader::smp`); a probe asks by reset. Without
//! the feature `smp` only the probe is left.

use cuff_bootloader::boot::Ended;
use cuff_bootloader::flash::{Chip, Flash};
#[cfg(feature = "smp")]
use cuff_bootloader::smp::{After, Mode, Server, Stand};

use crate::Board;

/// A serial line.
pub trait Line {
    /// A byte that has arrived.
    fn receive(&mut self) -> Option<u8>;

    /// Sends, and waits until all of it has gone.
    fn send(&mut self, bytes: &[u8]);
}

/// Serves until a host wants a reset; gives what it wants to find again in the next boot.
#[cfg(feature = "smp")]
#[inline(never)]
pub fn stay<F: Flash, L: Line>(
    chip: &mut Chip<'_, F>,
    line: &mut L,
    board: &Board,
    ended: Ended,
    nonce: [u8; 16],
) -> [u8; 16] {
    let mut server = Server::<REQUEST>::new(Stand {
        mode: Mode::Recovery,
        board: board.name,
        bootloader: board.bootloader,
        ended,
        nonce,
    });
    loop {
        let Some(byte) = line.receive() else {
            continue;
        };
        let after = server.hear(chip, byte, &mut |bytes| line.send(bytes));
        if let After::Reset(nonce) = after {
            return nonce;
        }
    }
}

/// Waits for a reset from outside.
#[cfg(not(feature = "smp"))]
pub fn stay<F: Flash, L: Line>(
    _: &mut Chip<'_, F>,
    _: &mut L,
    _: &Board,
    _: Ended,
    _: [u8; 16],
) -> [u8; 16] {
    loop {
        cortex_m::asm::wfi();
    }
}

/// Bytes of the longest request, and four.
#[cfg(feature = "smp")]
const REQUEST: usize = 1028;
