//! What every board's bootloader does, from its first instruction to the jump.
//!
//! Takes a flash driver and the board's numbers. Takes the host's request out of retained RAM, runs the boot to its decision,
//! answers and holds if a host asked, and then jumps or stays. Everything it decides was decided in `cuff-bootloader`.
#![no_std]

mod again;
mod jump;
mod recovery;
mod retained;
mod vectors;

use cuff_bootloader::boot::{Ended, boot};
use cuff_bootloader::flash::{Chip, Flash};
use cuff_bootloader::layout::{Layout, Slot};
use cuff_bootloader::mailbox::{HOLDING, Mailbox};
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::report::Report;
use cuff_bootloader::slot::returned;

use confirm::Ticket;
use confirm::last::LastBoot;
use cortex_m::peripheral::SCB;
pub use jump::Image;
pub use recovery::Line;
use retained::Retained;

/// What a board says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// Its name.
    pub name: &'static str,
    /// Where everything lies in flash.
    pub layout: &'static Layout,
    /// Where flash begins for the processor.
    pub flash: usize,
    /// Where the application's RAM begins.
    pub ram: usize,
    /// Where what outlives a reset begins, [`cuff_bootloader::mailbox::LENGTH`] bytes of it; other RAM ends there.
    pub retained: usize,
    /// The version of the bootloader.
    pub bootloader: u64,
    /// The jump, when an image is fit to run: locks what the chip can lock, starts the watchdog, and runs it.
    pub launch: unsafe fn(&Launch) -> !,
}

/// What is launched.
#[derive(Clone, Copy, Debug)]
pub struct Launch {
    /// The image.
    pub image: Image,
    /// Whether it is on trial: then the candidate slot holds the only way back.
    pub on_trial: bool,
}

/// Boots.
///
/// # Safety
///
/// The board's numbers are true, and this is the only program running.
pub unsafe fn start<F: Flash, L: Line>(flash: &mut F, line: &mut L, board: &Board) -> ! {
    // SAFETY: as promised to this function.
    let mut retained = unsafe { Retained::at(board.retained) };
    // A request serves one boot, and no application finds the ticket of a trial before its own.
    let asked = retained.take();
    let nonce = retained.last_boot().nonce;
    let chip = &mut Chip::new(flash, board.layout);
    let ended = boot(chip, board.bootloader);
    if let Some(nonce) = asked {
        answer(chip, &mut retained, board.bootloader, ended, nonce);
    }
    if let HandOver::Jump { trial } = ended.hand_over {
        let image = board.layout.slot(Slot::Active);
        // SAFETY: as promised to this function; the image at this place was found whole in this boot.
        let image = unsafe {
            Image::at(
                board.flash.wrapping_add(image.offset as usize),
                image.length as usize,
                board.ram..board.retained,
            )
        };
        if let Some(image) = image {
            retained.hand_over(trial.map(|id| Ticket::new(returned(id))));
            retained.leave(&LastBoot {
                nonce,
                inbox: ended.inbox,
                candidate: ended.candidate,
            });
            let launch = Launch {
                image,
                on_trial: trial.is_some(),
            };
            // SAFETY: nothing of this program is needed any more, and no interrupt was ever enabled.
            unsafe { (board.launch)(&launch) }
        }
    }
    let nonce = recovery::stay(chip, line, board, ended, nonce);
    retained.leave(&LastBoot::asked(nonce));
    SCB::sys_reset()
}

/// Tells the host, and holds until it has read it, or has been gone for so long that it will not come back. Out of line, so that
/// the boot does not carry the report on its stack.
#[inline(never)]
fn answer<F: Flash>(
    chip: &mut Chip<'_, F>,
    retained: &mut Retained,
    bootloader: u64,
    ended: Ended,
    nonce: [u8; 16],
) {
    let report = Report::of(chip, bootloader, ended, nonce);
    if let Some(answer) = Mailbox::answer(&report) {
        retained.put(&answer);
        let mut left = PATIENCE;
        while retained.state() == HOLDING && left > 0 {
            left = left.wrapping_sub(1);
        }
    }
    retained.clear();
}

/// Looks at the mailbox before the host is taken for gone: some tens of seconds on any core this runs on.
const PATIENCE: u32 = 500_000_000;
