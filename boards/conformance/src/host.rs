//! The host, as the chip sees it: somebody who brings bytes and keeps bytes.
//!
//! Takes questions, gives what came back. Nothing that comes is believed here or looked into; an answer longer than what was
//! asked for is a broken line. Carried by semihosting's two streams (Arm, "Semihosting for `AArch32` and `AArch64`", 6): the
//! emulator stands still while the chip waits.

use core::fmt::{self, Write};
use core::str;

use cortex_m_semihosting::nr::open;
use cortex_m_semihosting::syscall;

use crate::shelf::Shelf;
use crate::wire;

/// A line to the host, and the shelf for what comes over it.
pub struct Host {
    input: usize,
    output: usize,
    shelf: Shelf,
}

impl Host {
    /// Opens it.
    pub fn open(shelf: Shelf) -> Option<Self> {
        Some(Self {
            input: stream(open::R_BINARY)?,
            output: stream(open::W_TRUNC_BINARY)?,
            shelf,
        })
    }

    /// What the host wants.
    pub fn order(&self) -> Option<Order> {
        let [task] = self.number()?;
        let now = u64::from_le_bytes(self.number()?);
        let count = u32::from_le_bytes(self.number()?);
        Some(Order { task, now, count })
    }

    /// The next path of the order.
    pub fn path(&self) -> Option<&'static str> {
        let length = u32::from_le_bytes(self.number()?) as usize;
        let path = self.shelf.piece(length, |piece| self.read(piece))?;
        str::from_utf8(path).ok()
    }

    /// Asks for a file of at most so many bytes.
    pub fn bring(&self, word: u8, name: &str, most: usize) -> Result<&'static [u8], Lack> {
        self.ask(word, name, most, &[])?;
        let length = self.answer(most)?;
        let file = self.shelf.piece(length, |piece| self.read(piece));
        file.ok_or(Lack::Room)
    }

    /// The same, into a place that is used again.
    pub fn bring_into<'p>(
        &self,
        word: u8,
        name: &str,
        place: &'p mut [u8],
    ) -> Result<&'p [u8], Lack> {
        self.ask(word, name, place.len(), &[])?;
        let length = self.answer(place.len())?;
        let file = place.get_mut(..length).ok_or(Lack::Line)?;
        self.read(file).ok_or(Lack::Line)?;
        Ok(file)
    }

    /// Has something done with a file.
    pub fn have_done(&self, word: u8, name: &str, body: &[u8]) -> Result<(), Lack> {
        self.ask(word, name, 0, body)?;
        self.answer(0).map(|_| ())
    }

    /// Keeps a name for a refusal.
    pub fn note(&self, name: &str) -> &'static str {
        let piece = self.shelf.piece(name.len(), |piece| {
            piece.copy_from_slice(name.as_bytes());
            Some(())
        });
        piece
            .and_then(|name| str::from_utf8(name).ok())
            .unwrap_or("a file")
    }

    /// Tells people.
    pub fn say(&self, what: fmt::Arguments<'_>) {
        let mut line = Name::default();
        // What does not fit is left out.
        let _ = line.write_fmt(what);
        let _ = self.ask(wire::SAY, "", 0, line.as_str().as_bytes());
    }

    /// The last word.
    pub fn end(&self, word: u8) {
        let _ = self.ask(word, "", 0, &[]);
    }

    fn ask(&self, word: u8, name: &str, most: usize, body: &[u8]) -> Result<(), Lack> {
        let mut head = [0; 13];
        let lengths = [most, name.len(), body.len()];
        for (field, length) in head[1..].chunks_exact_mut(4).zip(lengths) {
            let length = u32::try_from(length).map_err(|_| Lack::Line)?;
            field.copy_from_slice(&length.to_le_bytes());
        }
        head[0] = word;
        for part in [&head, name.as_bytes(), body] {
            self.write(part).ok_or(Lack::Line)?;
        }
        Ok(())
    }

    /// The head of an answer that brings at most so much.
    fn answer(&self, most: usize) -> Result<usize, Lack> {
        let [state] = self.number().ok_or(Lack::Line)?;
        let length = u32::from_le_bytes(self.number().ok_or(Lack::Line)?) as usize;
        match state {
            wire::HERE if length <= most => Ok(length),
            wire::ABSENT => Err(Lack::Absent),
            wire::LONGER => Err(Lack::Longer),
            wire::FAILED => Err(Lack::Failed),
            _ => Err(Lack::Line),
        }
    }

    fn number<const N: usize>(&self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Some(bytes)
    }

    fn read(&self, mut into: &mut [u8]) -> Option<()> {
        while !into.is_empty() {
            // SAFETY: the call writes at most `into.len()` bytes to `into`.
            let missing = unsafe { syscall!(READ, self.input, into.as_mut_ptr(), into.len()) };
            let read = into.len().checked_sub(missing).filter(|read| *read > 0)?;
            into = into.get_mut(read..)?;
        }
        Some(())
    }

    fn write(&self, mut bytes: &[u8]) -> Option<()> {
        while !bytes.is_empty() {
            // SAFETY: the call reads at most `bytes.len()` bytes from `bytes`.
            let missing = unsafe { syscall!(WRITE, self.output, bytes.as_ptr(), bytes.len()) };
            let written = bytes.len().checked_sub(missing).filter(|sent| *sent > 0)?;
            bytes = bytes.get(written..)?;
        }
        Some(())
    }
}

/// What the host wants.
#[derive(Clone, Copy, Debug)]
pub struct Order {
    /// The task.
    pub task: u8,
    /// The time it says it is, in seconds since 1970.
    pub now: u64,
    /// How many paths follow.
    pub count: u32,
}

/// Why a file did not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is none.
    Absent,
    /// It is longer than it may be.
    Longer,
    /// The host could not bring it or keep it.
    Failed,
    /// The shelf is full.
    Room,
    /// The host does not speak the protocol.
    Line,
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Absent => "is missing",
            Self::Longer => "is longer than it may be",
            Self::Failed => "could not be brought or kept",
            Self::Room => "does not fit into the memory that is left",
            Self::Line => "was asked for, and the host answered out of turn",
        })
    }
}

/// A short text that is put together.
#[derive(Debug)]
pub struct Name {
    bytes: [u8; 1024],
    length: usize,
}

impl Default for Name {
    fn default() -> Self {
        Self {
            bytes: [0; 1024],
            length: 0,
        }
    }
}

impl Name {
    /// Puts it together; nothing when it is too long.
    pub fn of(what: fmt::Arguments<'_>) -> Option<Self> {
        let mut name = Self::default();
        name.write_fmt(what).ok()?;
        Some(name)
    }

    /// It, as text.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.length).unwrap_or_default();
        str::from_utf8(bytes).unwrap_or_default()
    }
}

impl Write for Name {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// One of the two streams that the debugger at the other end has open.
fn stream(mode: usize) -> Option<usize> {
    const NAME: &[u8] = b":tt\0";
    // SAFETY: the call reads a name that ends with a zero byte, and its length without it.
    let handle = unsafe { syscall!(OPEN, NAME.as_ptr(), mode, NAME.len() - 1) };
    (handle != usize::MAX).then_some(handle)
}
