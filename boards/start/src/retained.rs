//! The end of RAM, which a reset leaves alone: the mailbox a host asks through, the ticket of an open trial, and how the last
//! boot ended.
//!
//! Read and written word by word, as another party (a probe, the application) does the same.

use core::ptr;

use confirm::Ticket;
use confirm::last::LastBoot;
use cuff_bootloader::mailbox::{MAIL, Mailbox, STATE_AT};

/// The words there.
pub struct Retained {
    base: usize,
}

impl Retained {
    /// The words at `base`.
    ///
    /// # Safety
    ///
    /// [`cuff_bootloader::mailbox::LENGTH`] bytes of RAM lie there, aligned to a word, and hold nothing of this program.
    pub unsafe fn at(base: usize) -> Self {
        Self { base }
    }

    /// The nonce of a host that asks. Neither request nor ticket is there afterwards.
    pub fn take(&mut self) -> Option<[u8; 16]> {
        let mut mail = Mailbox([0; MAIL]);
        let (words, _) = mail.0.as_chunks_mut::<4>();
        for (index, word) in words.iter_mut().enumerate() {
            *word = self.word(index).to_le_bytes();
        }
        self.clear();
        self.hand_over(None);
        mail.asked()
    }

    /// Writes the mail, the state word last: a host that sees it finds everything else.
    pub fn put(&mut self, mail: &Mailbox) {
        let (words, _) = mail.0.as_chunks::<4>();
        for (index, word) in words.iter().enumerate() {
            if index != STATE {
                self.set(index, u32::from_le_bytes(*word));
            }
        }
        self.set(STATE, mail.state());
    }

    /// The word that says who may go on.
    pub fn state(&self) -> u32 {
        self.word(STATE)
    }

    /// Empties the mailbox.
    pub fn clear(&mut self) {
        for index in 0..MAIL / 4 {
            self.set(index, 0);
        }
    }

    /// Leaves the application its ticket, or none.
    pub fn hand_over(&mut self, ticket: Option<Ticket>) {
        // SAFETY: `at` was promised this memory.
        unsafe { confirm::leave(self.base, ticket) }
    }

    /// What was left before the reset, and is gone now.
    pub fn last_boot(&mut self) -> LastBoot {
        // SAFETY: `at` was promised this memory.
        let last = unsafe { LastBoot::read(self.base) };
        self.leave(&LastBoot::NOTHING);
        last
    }

    /// Leaves what the next program or the next boot shall find.
    pub fn leave(&mut self, last: &LastBoot) {
        // SAFETY: `at` was promised this memory.
        unsafe { last.leave(self.base) }
    }

    fn word(&self, index: usize) -> u32 {
        let words: *const u32 = ptr::with_exposed_provenance(self.base);
        // SAFETY: `at` was promised this memory, and every index in this file is below its length.
        unsafe { words.add(index).read_volatile() }
    }

    fn set(&mut self, index: usize, value: u32) {
        let words: *mut u32 = ptr::with_exposed_provenance_mut(self.base);
        // SAFETY: as in `word`.
        unsafe { words.add(index).write_volatile(value) }
    }
}

const STATE: usize = STATE_AT / 4;
const _: () = assert!(STATE_AT.is_multiple_of(4) && MAIL.is_multiple_of(4));
