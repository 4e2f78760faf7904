//! An emulated core with two side channels: its bus (`-qtest`), and run control with registers (`-gdb`).
//!
//! The bus sees devices as the core does, while the core runs; gdb's own memory access would not (writes to peripherals are
//! dropped, writes to flash pass its controller by).

use std::collections::HashMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::mem;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A machine.
pub struct Qemu {
    child: Child,
    model: String,
    more: Vec<String>,
    /// Holds the sockets, and the memory that outlives the emulator.
    folder: TempDir,
    bus: BufReader<UnixStream>,
    gdb: UnixStream,
    heard: Vec<u8>,
    registers: HashMap<String, u32>,
    kept: Vec<(u32, Vec<u8>)>,
    died: bool,
    /// Where its serial line is: a port of this machine.
    pub serial: u16,
    /// Whether the core runs, as far as is known.
    pub running: bool,
}

impl Qemu {
    /// Starts a machine; its core is stopped.
    pub fn start(model: &str) -> io::Result<Self> {
        Self::start_with(model, &[])
    }

    /// The same, with more words on QEMU's command line.
    pub fn start_with(model: &str, more: &[String]) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (child, bus, gdb, serial) = spawn(model, more, folder.path())?;
        let mut machine = Self {
            child,
            model: model.to_owned(),
            more: more.to_vec(),
            folder,
            bus,
            gdb,
            heard: Vec::new(),
            registers: HashMap::new(),
            kept: Vec::new(),
            died: false,
            serial,
            running: false,
        };
        machine.gdb("?")?;
        machine.learn_registers()?;
        Ok(machine)
    }

    /// From now on this memory, too, is what it is now after the emulator has given up.
    pub fn keep(&mut self, address: u32, length: u32) -> io::Result<()> {
        let mut bytes = vec![0; length as usize];
        self.read(address, &mut bytes)?;
        self.kept = vec![(address, bytes)];
        Ok(())
    }

    /// The file that holds the memory in which flash lies, from its first byte on.
    pub fn memory(&self) -> PathBuf {
        self.folder.path().join("memory")
    }

    /// Whether the emulator has given up since this was asked last. It does so when a core locks up; another one is in its
    /// place then, stopped, with the flash of the first.
    pub fn has_died(&mut self) -> bool {
        mem::take(&mut self.died)
    }

    /// Puts another emulator in the place of one that gave up while the core ran; any other `error` is handed back.
    fn revive(&mut self, error: io::Error) -> io::Result<()> {
        let gone = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
        );
        if !gone || !self.running {
            return Err(error);
        }
        drop(self.child.stdin.take());
        self.child.wait()?;
        let again = spawn(&self.model, &self.more, self.folder.path())?;
        (self.child, self.bus, self.gdb, self.serial) = again;
        self.heard.clear();
        (self.running, self.died) = (false, true);
        self.gdb("?")?;
        // It takes no register before it has described them.
        self.learn_registers()?;
        for (address, bytes) in self.kept.clone() {
            self.write(address, &bytes)?;
        }
        Ok(())
    }

    /// One bus read of 1, 2 or 4 bytes.
    pub fn load(&mut self, address: u32, size: u32) -> io::Result<u32> {
        let said = self.say(&format!("read{} {address:#x}", letter(size)))?;
        let digits = said.trim_start_matches("0x");
        let value = u64::from_str_radix(digits, 16).map_err(io::Error::other)?;
        Ok(value as u32)
    }

    /// One bus write of 1, 2 or 4 bytes.
    pub fn store(&mut self, address: u32, size: u32, value: u32) -> io::Result<()> {
        self.say(&format!("write{} {address:#x} {value:#x}", letter(size)))
            .map(|_| ())
    }

    /// Reads plain memory.
    pub fn read(&mut self, address: u32, out: &mut [u8]) -> io::Result<()> {
        if out.is_empty() {
            return Ok(());
        }
        let said = self.say(&format!("read {address:#x} {:#x}", out.len()))?;
        let digits = said.trim_start_matches("0x").as_bytes();
        for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
            *byte = pair.iter().fold(0, |value, digit| {
                value << 4 | char::from(*digit).to_digit(16).unwrap_or(0) as u8
            });
        }
        Ok(())
    }

    /// Writes plain memory.
    pub fn write(&mut self, address: u32, bytes: &[u8]) -> io::Result<()> {
        for (piece, at) in bytes.chunks(4096).zip((address..).step_by(4096)) {
            let digits = hex::encode(piece);
            self.say(&format!("write {at:#x} {:#x} 0x{digits}", piece.len()))?;
        }
        Ok(())
    }

    fn say(&mut self, command: &str) -> io::Result<String> {
        match self.say_once(command) {
            Ok(said) => Ok(said),
            Err(error) => {
                self.revive(error)?;
                self.say_once(command)
            }
        }
    }

    fn say_once(&mut self, command: &str) -> io::Result<String> {
        self.bus.get_mut().write_all(command.as_bytes())?;
        self.bus.get_mut().write_all(b"\n")?;
        loop {
            let mut line = String::new();
            if self.bus.read_line(&mut line)? == 0 {
                return Err(went_away());
            }
            if line.starts_with("IRQ") {
                continue;
            }
            let line = line.trim();
            return line
                .strip_prefix("OK")
                .map(|said| said.trim().to_owned())
                .ok_or_else(|| io::Error::other(format!("{command}: {line}")));
        }
    }

    /// A core register; one this machine does not show reads as 0.
    pub fn register(&mut self, name: &str) -> io::Result<u32> {
        let Some(number) = self.registers.get(name).copied() else {
            return Ok(0);
        };
        let said = self.gdb(&format!("p{number:x}"))?;
        let mut bytes = [0; 4];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let pair = said.get(index * 2..index * 2 + 2).unwrap_or("0");
            *byte = u8::from_str_radix(pair, 16).unwrap_or(0);
        }
        Ok(u32::from_le_bytes(bytes))
    }

    /// Sets a core register.
    pub fn set_register(&mut self, name: &str, value: u32) -> io::Result<()> {
        let Some(number) = self.registers.get(name).copied() else {
            return Ok(());
        };
        let digits = hex::encode(value.to_le_bytes());
        self.gdb(&format!("P{number:x}={digits}")).map(|_| ())
    }

    /// Whether this machine shows a register.
    pub fn shows(&self, name: &str) -> bool {
        self.registers.contains_key(name)
    }

    /// All core registers, as [`Qemu::set_registers`] takes them.
    pub fn registers(&mut self) -> io::Result<String> {
        self.gdb("g")
    }

    /// Sets all core registers.
    pub fn set_registers(&mut self, registers: &str) -> io::Result<()> {
        self.gdb(&format!("G{registers}")).map(|_| ())
    }

    /// Sets or clears a breakpoint.
    pub fn breakpoint(&mut self, address: u32, set: bool) -> io::Result<()> {
        let letter = if set { 'Z' } else { 'z' };
        self.gdb(&format!("{letter}1,{address:x},2")).map(|_| ())
    }

    /// Lets the core run.
    pub fn go(&mut self) -> io::Result<()> {
        self.send("c")?;
        self.running = true;
        Ok(())
    }

    /// One instruction. A core that sleeps takes none until it is woken, as a debugger does.
    pub fn step(&mut self) -> io::Result<()> {
        self.send("s")?;
        if self.receive(NAP)?.is_none() {
            self.gdb.write_all(&[3])?;
            self.receive(PATIENCE)?
                .ok_or_else(|| io::Error::other("the core does not wake"))?;
        }
        Ok(())
    }

    /// Whether the core has stopped by itself since it was last looked at.
    pub fn stopped(&mut self) -> io::Result<bool> {
        if !self.running {
            return Ok(false);
        }
        match self.receive(Duration::ZERO) {
            Ok(None) => Ok(false),
            Ok(Some(_)) => {
                self.running = false;
                Ok(true)
            }
            Err(error) => self.revive(error).map(|()| true),
        }
    }

    /// Waits until the core stops by itself; whether it did within this time.
    pub fn wait(&mut self, limit: Duration) -> io::Result<bool> {
        if self.running && self.receive(limit)?.is_none() {
            return Ok(false);
        }
        self.running = false;
        Ok(true)
    }

    /// Stops the core; whether it had stopped by itself before.
    pub fn halt(&mut self) -> io::Result<bool> {
        if !self.running {
            return Ok(false);
        }
        if self.stopped()? {
            return Ok(true);
        }
        let asked = self.gdb.write_all(&[3]);
        let packet = match asked.and_then(|()| self.receive(PATIENCE)) {
            Ok(packet) => packet,
            Err(error) => return self.revive(error).map(|()| true),
        };
        let packet = packet.ok_or_else(|| io::Error::other("the core does not stop"))?;
        self.running = false;
        Ok(!packet.starts_with("T02"))
    }

    /// Resets the machine; the core stays stopped. Plain memory is left alone.
    pub fn reset(&mut self) -> io::Result<()> {
        self.halt()?;
        // A reset comes some time later: a register that it clears tells when.
        self.set_register("r12", POISON)?;
        self.gdb("qRcmd,73797374656d5f7265736574")?;
        let asked = Instant::now();
        while self.register("r12")? == POISON {
            if asked.elapsed() > PATIENCE {
                return Err(io::Error::other("the machine does not reset"));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    /// Ends the machine as its owner would, with all it logs written.
    pub fn quit(&mut self) -> io::Result<()> {
        self.send("qRcmd,71756974")?;
        while self.receive(PATIENCE).is_ok_and(|said| said.is_some()) {}
        Ok(())
    }

    fn gdb(&mut self, packet: &str) -> io::Result<String> {
        self.send(packet)?;
        self.receive(PATIENCE)?
            .ok_or_else(|| io::Error::other(format!("no answer to {packet}")))
    }

    fn send(&mut self, packet: &str) -> io::Result<()> {
        let sum = packet.bytes().fold(0u8, u8::wrapping_add);
        self.gdb
            .write_all(format!("${packet}#{sum:02x}").as_bytes())
    }

    /// The next packet, or nothing when none is whole within `limit`.
    fn receive(&mut self, limit: Duration) -> io::Result<Option<String>> {
        let end = Instant::now() + limit;
        loop {
            if let Some(packet) = self.whole_packet() {
                self.gdb.write_all(b"+")?;
                return Ok(Some(packet));
            }
            let left = end.saturating_duration_since(Instant::now());
            self.gdb.set_nonblocking(left.is_zero())?;
            if !left.is_zero() {
                self.gdb
                    .set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
            }
            let mut bytes = [0; 4096];
            let read = self.gdb.read(&mut bytes);
            self.gdb.set_nonblocking(false)?;
            match read {
                Ok(0) => return Err(went_away()),
                Ok(count) => self.heard.extend_from_slice(&bytes[..count]),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) =>
                {
                    if Instant::now() >= end {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn whole_packet(&mut self) -> Option<String> {
        let start = self.heard.iter().position(|byte| *byte == b'$')?;
        let rest = self.heard.get(start..)?;
        let end = rest.iter().position(|byte| *byte == b'#')?;
        let packet = String::from_utf8_lossy(rest.get(1..end)?).into_owned();
        rest.get(end + 2)?;
        self.heard.drain(..start + end + 3);
        Some(packet)
    }

    /// Register numbers differ between versions; the machine describes its own.
    fn learn_registers(&mut self) -> io::Result<()> {
        let mut number = 0u32;
        let mut files = vec!["target.xml".to_owned()];
        while let Some(file) = files.pop() {
            let mut xml = String::new();
            loop {
                let ask = format!("qXfer:features:read:{file}:{:x},ff0", xml.len());
                let part = self.gdb(&ask)?;
                xml.push_str(part.get(1..).unwrap_or_default());
                if !part.starts_with('m') {
                    break;
                }
            }
            let mut included = Vec::new();
            for tag in xml.split('<') {
                if tag.starts_with("xi:include") {
                    included.extend(attribute(tag, "href"));
                } else if tag.starts_with("reg ") {
                    if let Some(given) = attribute(tag, "regnum") {
                        number = given.parse().map_err(io::Error::other)?;
                    }
                    if let Some(name) = attribute(tag, "name") {
                        self.registers.insert(name, number);
                    }
                    number += 1;
                }
            }
            files.extend(included.into_iter().rev());
        }
        Ok(())
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _gone = self.child.wait();
    }
}

type Lines = (Child, BufReader<UnixStream>, UnixStream, u16);

/// Starts the emulator. What is plain memory beside the core's own, where the flash is, lies in a file.
fn spawn(model: &str, more: &[String], folder: &Path) -> io::Result<Lines> {
    let at = |name: &str| folder.join(name).display().to_string();
    for old in ["bus", "gdb"] {
        let _there_was_none = fs::remove_file(at(old));
    }
    // Free a moment ago; the machine does not start where somebody else was faster.
    let serial = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    // However this process ends, the machine ends with it: the shell kills it when our end of its input closes.
    let child = Command::new("sh")
        .args(["-c", "\"$@\" & p=$!; cat >/dev/null; kill -9 $p", "machine"])
        .arg("qemu-system-arm")
        .args(machine(model, &folder.join("memory")))
        .arg("-serial")
        .arg(format!("tcp:127.0.0.1:{serial},server=on,wait=off"))
        .args(["-nodefaults", "-accel", "tcg", "-qtest-log", "none"])
        .arg("-qtest")
        .arg(format!("unix:{},server=on,wait=off", at("bus")))
        .arg("-chardev")
        .arg(format!("socket,id=g,path={},server=on,wait=off", at("gdb")))
        .args(["-gdb", "chardev:g"])
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let bus = BufReader::new(connect(&folder.join("bus"))?);
    Ok((child, bus, connect(&folder.join("gdb"))?, serial))
}

/// QEMU's words for a machine that is stopped before its first instruction, with 16 MiB of plain memory in a file and nothing to look at.
pub fn machine(model: &str, memory: &Path) -> [String; 9] {
    let file = memory.display();
    [
        "-machine",
        &format!("{model},memory-backend=memory"),
        "-object",
        &format!("memory-backend-file,id=memory,size=16M,share=on,mem-path={file}"),
        "-display",
        "none",
        "-monitor",
        "none",
        "-S",
    ]
    .map(str::to_owned)
}

fn went_away() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the machine went away")
}

/// Waits for a socket that a machine opens while it starts.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    let begun = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return Ok(stream),
            Err(error) if begun.elapsed() > Duration::from_secs(20) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split('"').next().map(str::to_owned)
}

fn letter(size: u32) -> char {
    match size {
        1 => 'b',
        2 => 'w',
        _ => 'l',
    }
}

const PATIENCE: Duration = Duration::from_secs(20);
const NAP: Duration = Duration::from_millis(200);
const POISON: u32 = 0xa5a5_5a5a;
