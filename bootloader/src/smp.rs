//! What a unit answers on its serial line: SMP, the protocol of `MCUmgr`, for stock tools and for cuff.
//!
//! Takes bytes, gives answers and whether to reset; one [`Server`] serves one line, in the bootloader's recovery and in the
//! application alike. It has no heap and no clock. In recovery the evidence of an upload is judged before a byte of the
//! candidate slot is erased or taken; an application judges nothing, stores to inbox or candidate, and the bootloader judges
//! at the next reset. No host confirms. A refusal is `{"rc": SMP's number, "rsn": "reason N"}`, with N as everywhere else.
//!
//! | group | command | |
//! |---|---|---|
//! | 0, OS | 0 echo, 5 reset, 6 parameters, 8 bootloader info | |
//! | 1, image | 0 state, 1 upload, 5 erase, 6 slots | a file is evidence and image, or evidence alone |
//! | [`GROUP`], cuff | 0 unit, 1 record, 2 log, 3 image, 4 evidence, 5 reset | `docs/smp.md` lists what they hold |

pub mod cbor;
pub mod frame;
mod image;
mod session;
mod unit;

use cuff_verifier::verdict::Reason;

use self::{
    cbor::{Arguments, Writer},
    frame::Inbound,
    session::Session,
};
use crate::{
    boot::Ended,
    flash::{Chip, Flash},
    upload,
};

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The application; its word, not the bootloader's.
    Application,
    /// The bootloader, which stays.
    Recovery,
}

/// What knows who answers.
pub trait Role: Copy {
    /// Whether it may be the bootloader. Where not, no judge is linked.
    const JUDGES: bool;

    /// Who answers.
    fn mode(self) -> Mode;
}

impl Role for Mode {
    const JUDGES: bool = true;

    fn mode(self) -> Mode {
        self
    }
}

/// An application, which never judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlyApplication;

impl Role for OnlyApplication {
    const JUDGES: bool = false;

    fn mode(self) -> Mode {
        Mode::Application
    }
}

/// Where a server stands, from the last boot to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stand<'b, R = Mode> {
    /// Who answers.
    pub mode: R,
    /// The board, as its description names it.
    pub board: &'b str,
    /// The version of the bootloader.
    pub bootloader: u64,
    /// How the last boot ended.
    pub ended: Ended,
    /// What the host gave with the reset before that boot; zeros if nothing.
    pub nonce: [u8; 16],
}

/// What to do once the answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum After {
    /// Go on.
    Listen,
    /// Reset; the nonce belongs into the next [`Stand`].
    Reset([u8; 16]),
}

/// One serial line's server. `N` is its receive buffer: what clients are told is four bytes less.
#[derive(Debug)]
pub struct Server<'b, const N: usize, R = Mode> {
    inbound: Inbound<N>,
    desk: Desk<'b, R>,
}

impl<'b, const N: usize, R: Role> Server<'b, N, R> {
    /// A server that has heard nothing yet.
    pub const fn new(stand: Stand<'b, R>) -> Self {
        Self {
            inbound: Inbound::new(),
            desk: Desk {
                stand,
                session: Session::None,
            },
        }
    }

    /// Takes one byte. When it completes a request, the answer has gone to `out` before this returns.
    pub fn hear<F: Flash>(
        &mut self,
        chip: &mut Chip<'_, F>,
        byte: u8,
        out: &mut dyn FnMut(&[u8]),
    ) -> After {
        let broken = self.inbound.broken();
        let Some(packet) = self.inbound.push(byte) else {
            return After::Listen;
        };
        let line = Line {
            broken,
            room: u64::try_from(N).unwrap_or(0).saturating_sub(4),
        };
        let mut reply = [0; REPLY];
        match self.desk.answer(chip, packet, line, &mut reply) {
            Some((length, after)) => {
                frame::send(reply.get(..length).unwrap_or_default(), out);
                after
            }
            None => After::Listen,
        }
    }
}

/// What a line has to say of itself.
#[derive(Clone, Copy)]
struct Line {
    /// Packets that were dropped.
    broken: u32,
    /// Bytes of the longest request.
    room: u64,
}

/// All but the framing.
#[derive(Debug)]
struct Desk<'b, R> {
    stand: Stand<'b, R>,
    session: Session,
}

impl<R: Role> Desk<'_, R> {
    /// Answers one packet; nothing for what is no request.
    #[inline(never)]
    fn answer<F: Flash>(
        &mut self,
        chip: &mut Chip<'_, F>,
        packet: &[u8],
        line: Line,
        reply: &mut [u8; REPLY],
    ) -> Option<(usize, After)> {
        let (header, payload) = packet.split_first_chunk::<HEADER>()?;
        let [
            first,
            _,
            high,
            low,
            group_high,
            group_low,
            sequence,
            command,
        ] = *header;
        let write = match first & 7 {
            READ => false,
            WRITE => true,
            _ => return None,
        };
        let (head, body) = reply.split_first_chunk_mut::<HEADER>()?;
        let mut writer = Writer::new(body);
        let mut after = After::Listen;
        let request = Request {
            group: u16::from_be_bytes([group_high, group_low]),
            command,
            write,
        };
        let whole = payload.len() == usize::from(u16::from_be_bytes([high, low]));
        let done = match Arguments::read(payload).filter(|_| whole) {
            _ if first & VERSION > VERSION_2 => Err(Rc::TooNew.into()),
            Some(arguments) => self.serve(chip, request, &arguments, line, &mut writer, &mut after),
            None => Err(Rc::Invalid.into()),
        };
        let written = match done {
            Ok(()) => writer.written().ok_or(Rc::TooLong.into()),
            Err(refusal) => Err(refusal),
        };
        let length = match written {
            Ok(length) => length,
            Err(refusal) => {
                let mut writer = Writer::new(body);
                refusal.write(&mut writer);
                writer.written()?
            }
        };
        let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
        // The answer to an operation is the operation after it.
        *head = [
            first.wrapping_add(1) & (VERSION | 7),
            0,
            high,
            low,
            group_high,
            group_low,
            sequence,
            command,
        ];
        Some((length.saturating_add(HEADER), after))
    }

    #[inline(never)]
    fn serve<F: Flash>(
        &mut self,
        chip: &mut Chip<'_, F>,
        request: Request,
        arguments: &Arguments<'_>,
        line: Line,
        out: &mut Writer<'_>,
        after: &mut After,
    ) -> Result<(), Refusal> {
        match (request.group, request.command, request.write) {
            (OS, 0, _) => {
                let text = arguments.echo.ok_or(Rc::Invalid)?;
                out.map(1).text("r").text(text);
            }
            (OS, 5, true) => {
                *after = After::Reset([0; 16]);
                out.map(0);
            }
            (OS, 6, false) => {
                out.map(2).text("buf_size").uint(line.room);
                out.text("buf_count").uint(1);
            }
            (OS, 8, false) => {
                if arguments.query.is_some() {
                    return Err(Rc::NoEntry.into());
                }
                out.map(1).text("bootloader").text("cuff");
            }
            (IMAGE, 0, false) => image::state(chip, self.stand.mode.mode(), out),
            (IMAGE, 0, true) => {
                image::set_state(chip, arguments)?;
                image::state(chip, self.stand.mode.mode(), out);
            }
            (IMAGE, 1, true) => self
                .session
                .upload(chip, &self.stand, arguments, false, out)?,
            (IMAGE, 5, true) => {
                if arguments.slot.is_some_and(|slot| slot != CANDIDATE_SLOT) {
                    return Err(Rc::Denied.into());
                }
                self.session = Session::None;
                upload::erase(chip)?;
                out.map(0);
            }
            (IMAGE, 6, false) => image::slots(chip, out),
            (GROUP, 0, false) => unit::describe(chip, &self.stand, line.broken, out),
            (GROUP, 1, false) => unit::record(chip, arguments, out)?,
            (GROUP, 2, false) => unit::tamper_log(chip, arguments, out)?,
            (GROUP, 3, false) => unit::image(chip, out)?,
            (GROUP, 4, true) => self
                .session
                .upload(chip, &self.stand, arguments, true, out)?,
            (GROUP, 5, true) => {
                let nonce = arguments.nonce.and_then(|nonce| nonce.try_into().ok());
                *after = After::Reset(nonce.ok_or(Rc::Invalid)?);
                out.map(0);
            }
            _ => return Err(Rc::NotSupported.into()),
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Request {
    group: u16,
    command: u8,
    write: bool,
}

/// Why a request was not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refusal {
    rc: Rc,
    reason: Option<Reason>,
}

impl Refusal {
    fn write(self, out: &mut Writer<'_>) {
        let rc = u64::from(self.rc as u8);
        let Some(reason) = self.reason else {
            out.map(1).text("rc").uint(rc);
            return;
        };
        out.map(2).text("rc").uint(rc).text("rsn");
        let mut text = *b"reason 000";
        let mut rest = reason.code();
        for digit in text.iter_mut().rev().take(3) {
            *digit = b'0'.saturating_add(u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
        }
        out.text(core::str::from_utf8(&text).unwrap_or_default());
    }
}

impl From<Rc> for Refusal {
    fn from(rc: Rc) -> Self {
        Self { rc, reason: None }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        let rc = match reason {
            Reason::FlashFault => Rc::Unknown,
            Reason::TrialOpen => Rc::BadState,
            Reason::UploadUnderWay => Rc::Busy,
            Reason::EvidenceMagic
            | Reason::EvidenceTruncated
            | Reason::EvidenceTooLarge
            | Reason::ImageTooLarge => Rc::Invalid,
            _ => Rc::Denied,
        };
        Self {
            rc,
            reason: Some(reason),
        }
    }
}

impl From<upload::Refused> for Refusal {
    fn from(refused: upload::Refused) -> Self {
        refused.reason().into()
    }
}

impl From<crate::flash::Fault> for Refusal {
    fn from(_: crate::flash::Fault) -> Self {
        Reason::FlashFault.into()
    }
}

/// SMP's own numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Rc {
    /// Something failed.
    Unknown = 1,
    /// An argument is wrong or missing.
    Invalid = 3,
    /// There is no such thing.
    NoEntry = 5,
    /// Not now.
    BadState = 6,
    /// The answer would be too long.
    TooLong = 7,
    /// There is no such command.
    NotSupported = 8,
    /// Something else is under way.
    Busy = 10,
    /// Not by you.
    Denied = 11,
    /// A version of SMP from the future.
    TooNew = 13,
}

/// The number of cuff's own group: `cu`.
pub const GROUP: u16 = 0x6375;
const OS: u16 = 0;
const IMAGE: u16 = 1;
const CANDIDATE_SLOT: u64 = 1;
const HEADER: usize = 8;
const READ: u8 = 0;
const WRITE: u8 = 2;
const VERSION: u8 = 0x18;
const VERSION_2: u8 = 0x08;
/// Bytes of the longest answer.
const REPLY: usize = 512;
/// Bytes of memory in one answer.
const PIECE: u32 = 384;
