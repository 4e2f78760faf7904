//! How the last boot ended, for the serial server of an application, and the nonce a host gave with a reset.
//!
//! Both lie behind the ticket, in RAM that outlives resets. The bootloader leaves them at the jump; an application that
//! resets for a host leaves the host's nonce, and finds it again in the next boot. It proves nothing: an application may write
//! what it likes there, and a host that wants the bootloader's own word asks in recovery, or by probe.

use core::ptr;

use cuff_bootloader::boot::Ended;
use cuff_bootloader::plan::HandOver;
use cuff_verifier::verdict::Reason;

use crate::{LENGTH, Ticket, mailbox};

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastBoot {
    /// What the host gave with the reset; zeros if nothing.
    pub nonce: [u8; 16],
    /// The answer to evidence that came alone.
    pub inbox: Option<Result<(), Reason>>,
    /// The answer to a candidate.
    pub candidate: Option<Result<(), Reason>>,
}

impl LastBoot {
    /// Nothing to say: no host asked.
    pub const NOTHING: Self = Self {
        nonce: [0; 16],
        inbox: None,
        candidate: None,
    };

    /// What a host gave with the reset that is to come.
    pub const fn asked(nonce: [u8; 16]) -> Self {
        Self {
            nonce,
            ..Self::NOTHING
        }
    }

    /// How the boot ended, as the serial server wants it; `ticket` is what the application found.
    pub fn ended(&self, ticket: Option<&Ticket>) -> Ended {
        Ended {
            hand_over: HandOver::Jump {
                trial: ticket.map(Ticket::trial),
            },
            inbox: self.inbox,
            candidate: self.candidate,
        }
    }

    /// Leaves it at `retained`.
    ///
    /// # Safety
    ///
    /// As for [`Ticket::take`].
    pub unsafe fn leave(&self, retained: usize) {
        let to: *mut u32 = ptr::with_exposed_provenance_mut(retained + AT);
        for (index, word) in self.words().into_iter().enumerate() {
            // SAFETY: these words lie inside what the caller promised, behind the ticket.
            unsafe { to.add(index).write_volatile(word) }
        }
    }

    /// Reads what was left at `retained`; after power came, nothing was.
    ///
    /// # Safety
    ///
    /// As for [`Ticket::take`].
    pub unsafe fn read(retained: usize) -> Self {
        let from: *const u32 = ptr::with_exposed_provenance(retained + AT);
        let mut words = [0; WORDS];
        for (index, word) in words.iter_mut().enumerate() {
            // SAFETY: as in `leave`.
            *word = unsafe { from.add(index).read_volatile() };
        }
        Self::of(words).unwrap_or(Self::NOTHING)
    }

    fn words(&self) -> [u32; WORDS] {
        let mut nonce = [0; 4];
        for (word, bytes) in nonce.iter_mut().zip(self.nonce.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        let [a, b, c, d] = nonce;
        let (inbox, candidate) = (code(self.inbox), code(self.candidate));
        let seal = MARK ^ a ^ b ^ c ^ d ^ inbox ^ candidate;
        [a, b, c, d, inbox, candidate, seal]
    }

    fn of(words: [u32; WORDS]) -> Option<Self> {
        let mut nonce = [0; 16];
        for (bytes, word) in nonce.as_chunks_mut::<4>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        let [.., inbox, candidate, _] = words;
        let last = Self {
            nonce,
            inbox: answer(inbox)?,
            candidate: answer(candidate)?,
        };
        (last.words() == words).then_some(last)
    }
}

fn code(answer: Option<Result<(), Reason>>) -> u32 {
    match answer {
        None => 0,
        Some(Ok(())) => YES,
        Some(Err(reason)) => u32::from(reason.code()),
    }
}

#[allow(
    clippy::option_option,
    reason = "unreadable and not asked are different answers"
)]
fn answer(code: u32) -> Option<Option<Result<(), Reason>>> {
    match code {
        0 => Some(None),
        YES => Some(Some(Ok(()))),
        code => {
            let reason = Reason::from_code(u16::try_from(code).ok()?)?;
            Some(Some(Err(reason)))
        }
    }
}

const YES: u32 = 1;
const MARK: u32 = 0x6375_6666;
const WORDS: usize = 7;
const AT: usize = mailbox::MAIL + LENGTH;
const _: () = assert!(AT + 4 * WORDS <= mailbox::LENGTH as usize && AT.is_multiple_of(4));
