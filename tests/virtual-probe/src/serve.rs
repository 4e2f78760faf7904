//! The wire: COBS frames of the Glasgow `probe-rs` applet, over TCP.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::port::{Failed, Port};

/// Serves a port until the process ends; gives where.
pub fn serve(port: Arc<Mutex<Port>>) -> io::Result<u16> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let at = listener.local_addr()?.port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _same = stream.set_nodelay(true);
            // A host that goes away in the middle of a word is no news; a machine that breaks down is.
            if let Err(error) = Conversation::new(stream).talk(&port)
                && !matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
                )
            {
                eprintln!("the virtual probe hangs up: {error}");
            }
        }
    });
    Ok(at)
}

struct Conversation {
    stream: TcpStream,
    raw: Vec<u8>,
    root: Vec<u8>,
    wire: Vec<u8>,
    divisor: [u8; 2],
}

impl Conversation {
    fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            raw: Vec::new(),
            root: Vec::new(),
            wire: Vec::new(),
            divisor: [0; 2],
        }
    }

    fn talk(&mut self, port: &Mutex<Port>) -> io::Result<()> {
        let mut bytes = vec![0; 1 << 16];
        loop {
            let count = self.stream.read(&mut bytes)?;
            if count == 0 {
                return Ok(());
            }
            self.raw.extend_from_slice(&bytes[..count]);
            self.unpack()?;
            let mut port = port.lock().unwrap_or_else(PoisonError::into_inner);
            let root = self.answer_root(&mut port)?;
            let wire = self.answer_wire(&mut port)?;
            drop(port);
            let mut out = Vec::new();
            pack(&mut out, 0, &root);
            pack(&mut out, 1, &wire);
            self.stream.write_all(&out)?;
        }
    }

    fn unpack(&mut self) -> io::Result<()> {
        while let Some(end) = self.raw.iter().position(|byte| *byte == 0) {
            let frame: Vec<u8> = self.raw.drain(..=end).take(end).collect();
            let frame = cobs::decode_vec(&frame).map_err(|_| io::Error::other("no frame"))?;
            match frame.split_first() {
                Some((0, rest)) => self.root.extend_from_slice(rest),
                Some((_, rest)) => self.wire.extend_from_slice(rest),
                None => {}
            }
        }
        Ok(())
    }

    fn answer_root(&mut self, port: &mut Port) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        while let Some(command) = self.root.first() {
            let used = match command {
                0x00 => {
                    out.extend_from_slice(b"probe-rs,v01");
                    1
                }
                0x10 => {
                    out.extend_from_slice(&24_000_000u32.to_le_bytes());
                    1
                }
                0x11 => {
                    out.extend_from_slice(&self.divisor);
                    1
                }
                0x12 => match self.root.get(1..3) {
                    Some(divisor) => {
                        self.divisor.copy_from_slice(divisor);
                        3
                    }
                    None => break,
                },
                0x20 => {
                    port.hold_reset().map_err(machine)?;
                    1
                }
                0x21 => {
                    port.release_reset().map_err(machine)?;
                    1
                }
                other => return Err(io::Error::other(format!("root command {other:#x}"))),
            };
            self.root.drain(..used);
        }
        Ok(out)
    }

    fn answer_wire(&mut self, port: &mut Port) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut at = 0;
        while let Some(command) = self.wire.get(at).copied() {
            let rest = &self.wire[at..];
            // Line resets and protocol switches: there is nothing to switch.
            if command & 0x20 != 0 {
                if rest.len() < 5 {
                    break;
                }
                at += 5;
                continue;
            }
            let (access, read, register) = (command & 1 != 0, command & 2 != 0, command & 0xc);
            if access && register == 0xc {
                let used = if read {
                    burst_of_reads(rest, command, port, &mut out)?
                } else {
                    burst_of_writes(rest, command, port, &mut out)?
                };
                if used > 0 {
                    at += used;
                    continue;
                }
            }
            let answer = if read {
                at += 1;
                port.read(access, register).map(Some)
            } else {
                let Some(value) = rest.get(1..).and_then(<[u8]>::first_chunk) else {
                    break;
                };
                at += 5;
                port.write(access, register, u32::from_le_bytes(*value))
                    .map(|()| None)
            };
            match answer {
                Ok(Some(value)) => {
                    out.push(0x01);
                    out.extend_from_slice(&value.to_le_bytes());
                }
                Ok(None) => out.push(0x11),
                Err(Failed::Fault) => out.push(0x14),
                Err(Failed::Silence) => out.push(0x20),
                Err(Failed::Machine(error)) => return Err(error),
            }
        }
        self.wire.drain(..at);
        Ok(out)
    }
}

/// Runs of data words go to the machine together.
fn burst_of_reads(
    rest: &[u8],
    command: u8,
    port: &mut Port,
    out: &mut Vec<u8>,
) -> io::Result<usize> {
    let count = rest
        .iter()
        .take_while(|byte| **byte == command)
        .count()
        .min(BURST);
    let mut words = vec![0; count];
    if count < 2 || !port.read_many(&mut words).map_err(machine)? {
        return Ok(0);
    }
    words.insert(0, port.posted);
    port.posted = words.pop().unwrap_or(0);
    for word in words {
        out.push(0x01);
        out.extend_from_slice(&word.to_le_bytes());
    }
    Ok(count)
}

fn burst_of_writes(
    rest: &[u8],
    command: u8,
    port: &mut Port,
    out: &mut Vec<u8>,
) -> io::Result<usize> {
    let words: Vec<u32> = rest
        .as_chunks::<5>()
        .0
        .iter()
        .take_while(|chunk| chunk[0] == command)
        .take(BURST)
        .map(|[_, a, b, c, d]| u32::from_le_bytes([*a, *b, *c, *d]))
        .collect();
    if words.len() < 2 || !port.write_many(&words).map_err(machine)? {
        return Ok(0);
    }
    out.extend(std::iter::repeat_n(0x11, words.len()));
    Ok(words.len() * 5)
}

fn pack(out: &mut Vec<u8>, target: u8, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let mut frame = vec![target];
    frame.extend_from_slice(bytes);
    out.extend_from_slice(&cobs::encode_vec(&frame));
    out.push(0);
}

fn machine(failed: Failed) -> io::Error {
    match failed {
        Failed::Machine(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

const BURST: usize = 256;
