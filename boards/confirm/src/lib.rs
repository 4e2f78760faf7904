//! How an application tells the bootloader that it is well.
//!
//! While a trial is open the bootloader leaves a ticket in RAM that outlives resets. The application takes it, and once it
//! has seen itself work it hands it in: copied to the confirmation page, which the next boot reads. A ticket is good for
//! its own trial alone. Nothing here judges, and no host can do it in the application's place.
#![no_std]

pub mod last;

use core::ptr;

use cuff_bootloader::layout::Layout;
use cuff_bootloader::mailbox;
use cuff_bootloader::record::TrialId;
use embedded_storage::nor_flash::NorFlash;

/// What the bootloader hands over at the jump, word by word; all zero when no trial is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket([u8; LENGTH]);

impl Ticket {
    /// A ticket with these contents: the bootloader's side.
    pub const fn new(contents: [u8; LENGTH]) -> Self {
        Self(contents)
    }

    /// Takes the ticket that was left at `retained`, so that none is there afterwards.
    ///
    /// # Safety
    ///
    /// [`mailbox::LENGTH`] bytes of RAM lie at `retained`, aligned to a word, and are used as the board's description says.
    pub unsafe fn take(retained: usize) -> Option<Self> {
        // SAFETY: as promised to this function.
        let ticket = unsafe { read(retained) };
        // SAFETY: likewise.
        unsafe { leave(retained, None) };
        ticket.0.iter().any(|byte| *byte != 0).then_some(ticket)
    }

    /// The trial it is for.
    pub fn trial(&self) -> TrialId {
        TrialId(self.0.first_chunk().copied().unwrap_or_default())
    }

    /// Hands it in: the next boot installs the image.
    ///
    /// # Errors
    ///
    /// What the flash driver says.
    pub fn hand_in<F: NorFlash>(self, flash: &mut F, layout: &Layout) -> Result<(), F::Error> {
        let page = layout.confirmation();
        flash.erase(page.offset, page.end())?;
        flash.write(page.offset, &self.0)
    }
}

/// Leaves a ticket at `retained`, or none.
///
/// # Safety
///
/// As for [`Ticket::take`].
pub unsafe fn leave(retained: usize, ticket: Option<Ticket>) {
    let to: *mut u32 = ptr::with_exposed_provenance_mut(retained + mailbox::MAIL);
    let contents = ticket.map_or([0; LENGTH], |ticket| ticket.0);
    let (words, _) = contents.as_chunks::<4>();
    for (index, word) in words.iter().enumerate() {
        // SAFETY: the ticket's words lie inside what the caller promised, behind the mail.
        unsafe { to.add(index).write_volatile(u32::from_le_bytes(*word)) }
    }
}

unsafe fn read(retained: usize) -> Ticket {
    let from: *const u32 = ptr::with_exposed_provenance(retained + mailbox::MAIL);
    let mut contents = [0; LENGTH];
    let (words, _) = contents.as_chunks_mut::<4>();
    for (index, word) in words.iter_mut().enumerate() {
        // SAFETY: as in `leave`.
        *word = unsafe { from.add(index).read_volatile() }.to_le_bytes();
    }
    Ticket(contents)
}

/// Bytes of a ticket.
pub const LENGTH: usize = cuff_bootloader::slot::RETURNED;
const _: () =
    assert!(mailbox::MAIL + LENGTH <= mailbox::LENGTH as usize && mailbox::MAIL.is_multiple_of(4));
