//! A simulated wearable's serial line: the bootloader's SMP server over a socket or a pseudo-terminal.
//!
//! Takes bytes that hosts send, gives answers, and resets when it is asked to; power comes at the beginning. Several hosts
//! share the line as they would share a wire. Whoever runs after a boot answers: the application, or the bootloader in
//! recovery.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use cuff_bootloader::flash::Chip;
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::smp::{After, Mode, Server, Stand};

use super::{Cycle, Sim};
use crate::device::event::Event;
use crate::device::link::LinkError;

/// One end of the line, where hosts come.
#[derive(Debug)]
pub struct Line {
    heard: Receiver<Heard>,
    /// So that a line nobody talks on is not a line that ended.
    _open: Sender<Heard>,
}

/// What somebody sent, and where answers go.
struct Heard {
    bytes: Vec<u8>,
    host: Host,
}

type Host = Arc<Mutex<dyn Write + Send>>;

impl Line {
    /// A line behind a socket; `0` as the port lets the system choose. Gives the address.
    pub fn tcp(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let (open, heard) = mpsc::channel();
        let line = Self {
            heard,
            _open: open.clone(),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (open, _) = (open.clone(), stream.set_nodelay(true));
                if let Ok(back) = stream.try_clone() {
                    thread::spawn(move || {
                        let host: Host = Arc::new(Mutex::new(back));
                        listen(stream, &host, &open);
                    });
                }
            }
        });
        Ok((line, address))
    }

    /// A line that is a pseudo-terminal. Gives its path.
    #[cfg(target_os = "linux")]
    pub fn pty() -> io::Result<(Self, std::path::PathBuf)> {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        use std::ffi::OsString;
        use std::fs::File;
        use std::os::unix::ffi::OsStringExt;

        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let path = OsString::from_vec(ptsname(&ours, Vec::new())?.into_bytes());
        let path = std::path::PathBuf::from(path);
        // Held open: a line does not end when its host leaves.
        let theirs = File::options().read(true).write(true).open(&path)?;
        let mut manner = tcgetattr(&theirs)?;
        manner.make_raw();
        tcsetattr(&theirs, OptionalActions::Now, &manner)?;
        let ours = File::from(ours);
        let (back, (open, heard)) = (ours.try_clone()?, mpsc::channel());
        let line = Self {
            heard,
            _open: open.clone(),
        };
        thread::spawn(move || {
            let host: Host = Arc::new(Mutex::new(back));
            listen(ours, &host, &open);
            drop(theirs);
        });
        Ok((line, path))
    }
}

fn listen(mut from: impl Read, host: &Host, open: &Sender<Heard>) {
    let mut bytes = [0; 4096];
    while let Ok(length) = from.read(&mut bytes) {
        let heard = Heard {
            bytes: bytes.get(..length).unwrap_or_default().to_vec(),
            host: Arc::clone(host),
        };
        if length == 0 || open.send(heard).is_err() {
            return;
        }
    }
}

impl Sim {
    /// Powers the wearable and answers on its line until power goes; `tell` hears of every boot.
    pub fn serve(
        &mut self,
        line: &Line,
        sick: bool,
        tell: &mut dyn FnMut(&[Event]),
    ) -> Result<(), LinkError> {
        let mut nonce = [0; 16];
        loop {
            let Cycle { mut events, ended } = self.boot()?;
            let Some(ended) = ended else {
                tell(&events);
                return self.alive();
            };
            let mode = match ended.hand_over {
                HandOver::Recovery(_) => Mode::Recovery,
                HandOver::Jump { .. } => {
                    events.extend(self.run_application(sick)?);
                    Mode::Application
                }
            };
            tell(&events);
            self.alive()?;
            let board = self.board.name.clone();
            let mut server = Box::new(Server::<ROOM>::new(Stand {
                mode,
                board: &board,
                bootloader: self.board.bootloader,
                ended,
                nonce,
            }));
            nonce = self.answer(line, &mut server)?;
        }
    }

    /// Answers until it is to reset, and gives the host's nonce.
    fn answer(
        &mut self,
        line: &Line,
        server: &mut Server<'_, ROOM>,
    ) -> Result<[u8; 16], LinkError> {
        loop {
            // The sender lives as long as the line.
            let Ok(heard) = line.heard.recv() else {
                return self.alive().map(|()| [0; 16]);
            };
            for byte in heard.bytes {
                let mut said = Vec::new();
                let mut chip = Chip::new(&mut self.flash, &self.layout);
                let after = server.hear(&mut chip, byte, &mut |bytes| said.extend(bytes));
                self.alive()?;
                if !said.is_empty()
                    && let Ok(mut host) = heard.host.lock()
                {
                    // A host that left does not hear it.
                    let _gone = host.write_all(&said).and_then(|()| host.flush());
                }
                if let After::Reset(nonce) = after {
                    return Ok(nonce);
                }
            }
        }
    }
}

/// The receive buffer of a simulated wearable.
const ROOM: usize = 2048 + 4;
