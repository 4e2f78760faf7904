//! The chip: QEMU's mps2-an386 with a program in its flash, and two streams to it.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::order::{Order, Task};
use crate::wire;

/// A chip under power. It ends with the value.
#[derive(Debug)]
pub struct Chip {
    emulator: Child,
    to: ChildStdin,
    from: ChildStdout,
}

/// What the chip asks for.
#[derive(Debug)]
pub struct Question {
    /// Which word it is.
    pub word: u8,
    /// How many bytes may come back.
    pub most: u32,
    /// Of what.
    pub name: String,
    /// What comes with it.
    pub body: Vec<u8>,
}

/// What is said to it.
#[derive(Debug)]
pub enum Answer {
    /// Here it is, or it is done.
    Here(Vec<u8>),
    /// There is none.
    Absent,
    /// It is longer than asked for.
    Longer,
    /// It cannot be brought or done.
    Failed,
}

impl Chip {
    /// Switches it on.
    pub fn power(program: &Path) -> Result<Self> {
        let mut emulator = Command::new("qemu-system-arm")
            .args(["-machine", "mps2-an386", "-kernel"])
            .arg(program)
            .args("-display none -monitor none -serial none".split(' '))
            .args("-semihosting-config enable=on,target=native".split(' '))
            // A clock that is moved for us must not be moved for the machine as well.
            .env_remove("LD_PRELOAD")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("qemu-system-arm does not start; `cargo xtask setup` installs it")?;
        let streams = emulator.stdin.take().zip(emulator.stdout.take());
        let (to, from) = streams.context("no streams to the chip")?;
        Ok(Self { emulator, to, from })
    }

    /// Says what is wanted, and what time it is.
    pub fn begin(&mut self, order: &Order) -> Result<()> {
        let task = match order.task {
            Task::Init(_) => wire::BEGIN,
            Task::Refresh | Task::Download => wire::UPDATE,
        };
        let mut bytes = vec![task];
        bytes.extend(Order::now()?.to_le_bytes());
        bytes.extend(u32::try_from(order.paths.len())?.to_le_bytes());
        for path in &order.paths {
            bytes.extend(u32::try_from(path.len())?.to_le_bytes());
            bytes.extend(path.as_bytes());
        }
        self.send(&bytes)
    }

    /// Its next question.
    pub fn question(&mut self) -> Result<Question> {
        let mut head = [0; 13];
        self.receive(&mut head)?;
        let [word, m0, m1, m2, m3, n0, n1, n2, n3, b0, b1, b2, b3] = head;
        let mut name = vec![0; length([n0, n1, n2, n3])?];
        self.receive(&mut name)?;
        let mut body = vec![0; length([b0, b1, b2, b3])?];
        self.receive(&mut body)?;
        Ok(Question {
            word,
            most: u32::from_le_bytes([m0, m1, m2, m3]),
            name: String::from_utf8(name).context("the chip names something that is no text")?,
            body,
        })
    }

    /// Answers it.
    pub fn answer(&mut self, answer: &Answer) -> Result<()> {
        let (state, bytes) = match answer {
            Answer::Here(bytes) => (wire::HERE, bytes.as_slice()),
            Answer::Absent => (wire::ABSENT, &[][..]),
            Answer::Longer => (wire::LONGER, &[][..]),
            Answer::Failed => (wire::FAILED, &[][..]),
        };
        let mut head = vec![state];
        head.extend(u32::try_from(bytes.len())?.to_le_bytes());
        self.send(&head)?;
        self.send(bytes)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = self.to.write_all(bytes).and_then(|()| self.to.flush());
        sent.context("the chip no longer listens")
    }

    fn receive(&mut self, into: &mut [u8]) -> Result<()> {
        let received = self.from.read_exact(into);
        received.context("the chip fell silent: it panicked or faulted")
    }
}

impl Drop for Chip {
    fn drop(&mut self) {
        let _ = self.emulator.kill();
        let _ = self.emulator.wait();
    }
}

/// No chip of ours has more than its memory to say.
fn length(bytes: [u8; 4]) -> Result<usize> {
    let length = u32::from_le_bytes(bytes) as usize;
    if length > 16 << 20 {
        bail!("the chip announces {length} bytes");
    }
    Ok(length)
}
