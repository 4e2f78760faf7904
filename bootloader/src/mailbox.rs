//! How a debug probe asks the bootloader, and how the bootloader answers before anything else runs.
//!
//! A few words of RAM that a reset leaves alone. The host writes a request with a nonce and resets; the bootloader takes the
//! request, boots to its decision, writes its report and holds, so that what the host reads was written by the bootloader
//! and not by an application. A request serves one boot; a hold ends when the host says so or the board stops waiting.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `cuffask1` |
//! | 8 | 16 | the host's nonce |
//! | 24 | 8 | the first 8 bytes of SHA-256 of the 24 before: the request, written by the host |
//! | 32 | 4 | state: 0, [`HOLDING`], or [`RELEASED`] |
//! | 36 | 28 | zero |
//! | 64 | 640 | the [`Report`], written before the state says holding |
//!
//! It lies in the last [`LENGTH`] bytes of the board's RAM; what follows offset 704 is the board's own.

use cuff_verifier::digest::Digest;

use crate::field::Writer;
use crate::report::{self, Report};
use cuff_verifier::sure::Sure;

/// The mailbox, copied out of RAM. A board reads and writes it word by word with volatile accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox(pub [u8; MAIL]);

impl Mailbox {
    /// What a host writes before it resets.
    pub fn request(nonce: &[u8; 16]) -> Self {
        let mut bytes = [0; MAIL];
        if let Some(request) = bytes.first_chunk_mut() {
            *request = seal(nonce);
        }
        Self(bytes)
    }

    /// The nonce of a whole request; anything else is none, as after power came.
    pub fn asked(&self) -> Option<[u8; 16]> {
        let nonce: [u8; 16] = self.0.get(8..24)?.try_into().ok()?;
        let asked = self.0.get(..REQUEST)?;
        Sure::equal(asked, &seal(&nonce)).holds().then_some(nonce)
    }

    /// The bootloader's answer; the request is gone from it, so that no later boot takes it again.
    pub fn answer(report: &Report) -> Option<Self> {
        let mut bytes = [0; MAIL];
        bytes
            .get_mut(REPORT_AT..)?
            .copy_from_slice(&report.encode()?);
        bytes
            .get_mut(STATE_AT..)?
            .first_chunk_mut::<4>()?
            .copy_from_slice(&HOLDING.to_le_bytes());
        Some(Self(bytes))
    }

    /// The word that says who may go on.
    pub fn state(&self) -> u32 {
        self.0
            .get(STATE_AT..)
            .and_then(<[u8]>::first_chunk)
            .map_or(0, |word| u32::from_le_bytes(*word))
    }

    /// The report, once the bootloader holds, and only the one that was asked for with `nonce`.
    pub fn report(&self, nonce: &[u8; 16]) -> Option<Report> {
        if self.state() != HOLDING {
            return None;
        }
        let block = self.0.get(REPORT_AT..)?.first_chunk()?;
        Report::decode(block).filter(|report| Sure::equal(&report.nonce, nonce).holds())
    }
}

fn seal(nonce: &[u8; 16]) -> [u8; REQUEST] {
    let mut request = [0; REQUEST];
    Writer::new(&mut request).bytes(MAGIC).bytes(nonce);
    let (said, seal) = request.split_at_mut(24);
    if let Some(short) = Digest::of(said).0.first_chunk::<8>() {
        seal.copy_from_slice(short);
    }
    request
}

/// Bytes of RAM that a board keeps for it, at the very end.
pub const LENGTH: u32 = 1024;
/// Bytes of it that host and bootloader write.
pub const MAIL: usize = REPORT_AT + report::LENGTH;
/// Where the state word stands.
pub const STATE_AT: usize = 32;
/// The bootloader has answered and waits.
pub const HOLDING: u32 = 0x484f_4c44;
/// The host has read the answer; the bootloader goes on.
pub const RELEASED: u32 = 0x474f_474f;
const REPORT_AT: usize = 64;
const REQUEST: usize = 32;
const MAGIC: &[u8; 8] = b"cuffask1";
const _: () = assert!(MAIL <= LENGTH as usize);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::Ended;
    use crate::plan::HandOver;

    const NONCE: [u8; 16] = *b"0123456789abcdef";

    fn report(nonce: [u8; 16]) -> Report {
        Report {
            nonce,
            ended: Ended {
                hand_over: HandOver::Jump { trial: None },
                inbox: None,
                candidate: Some(Ok(())),
            },
            bootloader: 1,
            state: None,
        }
    }

    #[test]
    fn a_request_reads_back_and_no_flipped_bit_passes() {
        let mail = Mailbox::request(&NONCE);
        assert_eq!(mail.asked(), Some(NONCE));
        for bit in (0..8 * REQUEST).step_by(crate::STEP) {
            let mut bad = mail;
            bad.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(bad.asked(), None, "byte {} bit {}", bit / 8, bit % 8);
        }
        assert_eq!(Mailbox([0; MAIL]).asked(), None);
        assert_eq!(Mailbox([0xff; MAIL]).asked(), None);
    }

    #[test]
    fn only_the_answer_to_the_nonce_counts_and_only_while_the_bootloader_holds() {
        let mut mail = Mailbox::answer(&report(NONCE)).expect("fits");
        assert_eq!(mail.asked(), None, "a request serves one boot");
        assert_eq!(mail.report(&NONCE), Some(report(NONCE)));
        assert_eq!(mail.report(b"fedcba9876543210"), None);
        mail.0[STATE_AT..STATE_AT + 4].copy_from_slice(&RELEASED.to_le_bytes());
        assert_eq!(mail.report(&NONCE), None);
    }
}
