//! A chip under a debugger: it stops where it is told, and takes any state that it once had.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use virtual_probe::qemu::Qemu;

use crate::code::Code;
use crate::row::Case;

/// A chip.
pub struct Chip {
    pub qemu: Qemu,
    flash: File,
    _vectors: tempfile::NamedTempFile,
}

/// All that a program of this chip depends on.
pub struct State {
    registers: String,
    /// From the stack pointer to the end of RAM: what lies below is not read before it is written.
    ram: (u32, Vec<u8>),
    flash: Vec<u8>,
}

impl Chip {
    /// Power comes; the core is stopped before its first instruction.
    pub fn new(case: &Case, code: &Code, more: &[String]) -> io::Result<Self> {
        // The core takes its first stack and entry from a place where this board has no flash.
        let vectors = tempfile::NamedTempFile::new()?;
        fs::write(&vectors, &code.bytes()[..8])?;
        let loaded = format!("loader,file={},addr=0", vectors.path().display());
        let mut words = vec!["-device".to_owned(), loaded];
        words.extend_from_slice(more);
        let qemu = Qemu::start_with("mps2-an386", &words)?;
        let flash = File::options().read(true).write(true).open(qemu.memory())?;
        let chip = Self {
            qemu,
            flash,
            _vectors: vectors,
        };
        chip.fill(&case.flash)?;
        Ok(chip)
    }

    /// Stops there, every time.
    pub fn stop_at(&mut self, address: u32) -> io::Result<()> {
        self.qemu.breakpoint(address, true)
    }

    /// Runs on; where it stopped, unless that takes more than these ticks or far too long, or it sleeps. [`FOREVER`] waits for it.
    pub fn run(&mut self, limit: u32) -> io::Result<Option<u32>> {
        // While the core stands, its last run is not counted yet.
        let mut begun = None;
        let mut before = 0;
        let mut idle = 0;
        let begun_at = Instant::now();
        self.qemu.go()?;
        while !self.qemu.wait(LOOK)? {
            let now = self.ticks()?;
            let gone = now.wrapping_sub(*begun.get_or_insert(now));
            // A chip that resets counts anew.
            let gone = if gone > u32::MAX / 2 { now } else { gone };
            idle = if gone == before { idle + 1 } else { 0 };
            before = gone;
            let astray = begun_at.elapsed() > LONGEST;
            if limit != FOREVER && (gone > limit || idle > ASLEEP || astray) {
                return Ok(self.qemu.halt()?.then_some(self.pc()?));
            }
        }
        self.pc().map(Some)
    }

    /// Where it is.
    pub fn pc(&mut self) -> io::Result<u32> {
        self.qemu.register("pc")
    }

    /// The same chip, for which time is instructions.
    pub fn timed(case: &Case, code: &Code) -> io::Result<Self> {
        Self::new(
            case,
            code,
            &["-icount", "shift=0,sleep=off"].map(str::to_owned),
        )
    }

    /// A counter that every instruction moves, and a reset.
    fn ticks(&mut self) -> io::Result<u32> {
        self.qemu.load(COUNTER, 4)
    }

    /// The state now, of so much flash.
    pub fn state(&mut self, length: usize) -> io::Result<State> {
        let stack = self.qemu.register("sp")?;
        let mut ram = vec![0; (RAM_END - stack) as usize];
        self.qemu.read(stack, &mut ram)?;
        Ok(State {
            registers: self.qemu.registers()?,
            ram: (stack, ram),
            flash: self.flash(length)?,
        })
    }

    /// Takes a state.
    pub fn take(&mut self, state: &State) -> io::Result<()> {
        self.qemu.set_registers(&state.registers)?;
        self.qemu.write(state.ram.0, &state.ram.1)?;
        self.fill(&state.flash)
    }

    /// The first bytes of flash.
    pub fn flash(&self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.flash.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Makes flash hold these bytes; pages that do are left alone.
    pub fn fill(&self, bytes: &[u8]) -> io::Result<()> {
        let now = self.flash(bytes.len())?;
        let pages = bytes.chunks(PAGE).zip(now.chunks(PAGE)).enumerate();
        for (index, (page, now)) in pages {
            if page != now {
                self.flash.write_all_at(page, (index * PAGE) as u64)?;
            }
        }
        Ok(())
    }
}

const RAM_END: u32 = 0x2004_0000;
const PAGE: usize = 4096;
/// `FPGAIO_COUNTER` of the board, 25 MHz.
const COUNTER: u32 = 0x4002_8018;
/// Where an instruction takes a nanosecond.
pub const INSTRUCTIONS_PER_TICK: usize = 40;
/// How often the counter is looked at, and how many looks in a row see it stand still when the core sleeps.
const LOOK: Duration = Duration::from_millis(50);
const ASLEEP: u32 = 60;
/// A core that runs through what is no program takes the emulator minutes for what a boot does in a blink.
const LONGEST: Duration = Duration::from_secs(20);
/// No limit, for boots that are known to end.
pub const FOREVER: u32 = u32::MAX;
