//! The two ways a line is reached: a serial port, or a socket that carries one.
//!
//! Takes a target, gives what the SMP client reads and writes. It knows nothing of SMP.

use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use mcumgr_toolkit::MCUmgrClient;
use mcumgr_toolkit::transport::serial::ConfigurableTimeout;
use serialport::{ClearBuffer, ErrorKind};

use crate::device::link::LinkError;
use crate::device::target::Target;

/// Opens the line. What was left in it is read away.
pub fn open(target: &Target, patience: Duration) -> Result<MCUmgrClient, LinkError> {
    match target {
        Target::Serial { path, baud } => {
            let port = serialport::new(path.to_string_lossy(), *baud)
                .timeout(patience)
                .open()
                .map_err(|error| closed(target, &error))?;
            port.clear(ClearBuffer::Input)
                .map_err(|error| closed(target, &error))?;
            Ok(client(port, patience))
        }
        Target::Tcp { host, port } => {
            let socket =
                Socket::open(host, *port, patience).map_err(|error| LinkError::Absent {
                    target: target.to_string(),
                    why: error.to_string(),
                })?;
            Ok(client(socket, patience))
        }
        Target::Sim(_) | Target::Probe(_) => Err(LinkError::Absent {
            target: target.to_string(),
            why: "it is no serial line".to_owned(),
        }),
    }
}

fn client<T: Read + Write + ConfigurableTimeout + Send + 'static>(
    line: T,
    patience: Duration,
) -> MCUmgrClient {
    MCUmgrClient::new_from_serial(Answered {
        line,
        patience,
        asked: Instant::now(),
    })
}

/// A line on which somebody who talks, and answers nothing, passes for silent.
struct Answered<T> {
    line: T,
    patience: Duration,
    /// When something was said to it last.
    asked: Instant,
}

/// How many times the silence that is borne an answer may take to arrive: the longest there is does, at 9600 baud.
const WHOLE: u32 = 2;

impl<T: Read> Read for Answered<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.asked.elapsed() > self.patience * WHOLE {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.line.read(buffer)
    }
}

impl<T: Write> Write for Answered<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asked = Instant::now();
        self.line.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.flush()
    }
}

impl<T: ConfigurableTimeout> ConfigurableTimeout for Answered<T> {
    fn set_timeout(
        &mut self,
        patience: Duration,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.patience = patience;
        self.line.set_timeout(patience)
    }
}

fn closed(target: &Target, error: &serialport::Error) -> LinkError {
    let target = target.to_string();
    match error.kind() {
        ErrorKind::NoDevice if error.description.contains("busy") => LinkError::Busy { target },
        ErrorKind::NoDevice | ErrorKind::Io(io::ErrorKind::NotFound) => LinkError::Absent {
            target,
            why: error.to_string(),
        },
        _ => LinkError::Line {
            target,
            why: error.to_string(),
        },
    }
}

/// A socket with the manners of a serial port: silence is a timeout.
struct Socket(TcpStream);

impl Socket {
    fn open(host: &str, port: u16, patience: Duration) -> io::Result<Self> {
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let mut last = io::Error::new(io::ErrorKind::NotFound, "no address has that name");
        for address in (name, port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, patience) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    stream.set_read_timeout(Some(patience))?;
                    stream.set_write_timeout(Some(patience))?;
                    return Ok(Self(stream));
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(timeout)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(timeout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl ConfigurableTimeout for Socket {
    fn set_timeout(
        &mut self,
        patience: Duration,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.set_read_timeout(Some(patience))?;
        Ok(())
    }
}

/// Unix says "would block" when a read took too long.
fn timeout(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::WouldBlock => io::ErrorKind::TimedOut.into(),
        _ => error,
    }
}
