//! A debug port as `ADIv5` describes it, an AHB access port and a Nordic control port, in front of a chip.
//!
//! Takes single transfers, gives values, faults or silence. It breaks on demand.

mod core;
mod faults;

use std::io;
use std::mem;

use self::core::{Core, Debug};
pub use self::faults::Faults;
use crate::qemu::Qemu;

/// Why a transfer gave nothing.
#[derive(Debug)]
pub enum Failed {
    /// The port answered FAULT.
    Fault,
    /// Nothing answered.
    Silence,
    /// The emulator itself failed.
    Machine(io::Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Machine(error)
    }
}

type Done<T> = Result<T, Failed>;

/// A chip as its debug port shows it.
#[allow(clippy::struct_excessive_bools, reason = "lines and latches of a chip")]
pub struct Port {
    pub(crate) core: Core,
    uid: [u32; 2],
    chip: u32,
    // The debug port.
    select: u32,
    control: u32,
    sticky: bool,
    pub(crate) posted: u32,
    // The access port of the bus.
    csw: u32,
    tar: u32,
    locked: bool,
    pub(crate) powered: bool,
    plugged: bool,
    faults: Faults,
    pub(crate) transfers: u64,
}

/// A chip that lies beside the bench: its number, and what its flash holds.
#[derive(Clone)]
pub struct Chip {
    /// The number no other chip has.
    pub uid: [u32; 2],
    flash: Vec<u8>,
    uicr: Vec<u8>,
}

impl Chip {
    /// As it comes from its maker.
    pub fn virgin(uid: [u32; 2]) -> Self {
        Self {
            uid,
            flash: vec![0xff; FLASH_LENGTH as usize],
            uicr: vec![0xff; PAGE as usize],
        }
    }

    /// What its flash holds.
    pub fn flash(&self) -> &[u8] {
        &self.flash
    }
}

impl Port {
    /// An erased chip that was just powered.
    pub fn power_on(uid: [u32; 2]) -> Done<Self> {
        let mut port = Self {
            core: Core::new(Qemu::start("mps2-an386")?, FLASH),
            uid,
            chip: SCC_ID,
            select: 0,
            control: 0,
            sticky: false,
            posted: 0,
            csw: CSW,
            tar: 0,
            locked: false,
            powered: true,
            plugged: true,
            faults: Faults::default(),
            transfers: 0,
        };
        port.seat(&Chip::virgin(uid))?;
        Ok(port)
    }

    /// Another board is put where this one was, and powered.
    pub fn seat(&mut self, chip: &Chip) -> Done<()> {
        self.core.machine.halt()?;
        self.core.machine.write(FLASH, &chip.flash)?;
        self.core.machine.write(UICR_AT, &chip.uicr)?;
        self.uid = chip.uid;
        self.power_cycle()
    }

    /// The board as it could be taken away.
    pub fn chip(&mut self) -> Done<Chip> {
        let mut chip = Chip::virgin(self.uid);
        self.core.machine.read(FLASH, &mut chip.flash)?;
        self.core.machine.read(UICR_AT, &mut chip.uicr)?;
        Ok(chip)
    }

    /// Orders faults; those with a count begin to count now.
    pub fn break_with(&mut self, faults: Faults) -> Done<()> {
        self.core.stuck = match faults.stuck {
            Some(address) => {
                let page = address & !(PAGE - 1);
                let mut bytes = vec![0; PAGE as usize];
                self.core.machine.read(page, &mut bytes)?;
                Some((page, bytes))
            }
            None => None,
        };
        self.faults = faults;
        Ok(())
    }

    /// Power goes, now.
    pub fn lose_power(&mut self) -> Done<()> {
        self.core.machine.halt()?;
        self.powered = false;
        Ok(())
    }

    /// The cable comes off, now; the unit keeps its power.
    pub fn lose_cable(&mut self) {
        self.plugged = false;
    }

    /// Another chip from now on.
    pub fn become_another_chip(&mut self) {
        self.chip = 0x4104_3850;
    }

    /// Reads a register of the debug port or, posted as on the wire, of an access port.
    pub fn read(&mut self, access: bool, register: u8) -> Done<u32> {
        self.count(1)?;
        if access {
            if self.sticky {
                return Err(Failed::Fault);
            }
            let value = self.read_access(register & 0xc)?;
            return Ok(mem::replace(&mut self.posted, value));
        }
        Ok(match (register & 0xc, self.select & 0xf) {
            (0x0, _) => DPIDR,
            (0x4, 0) => {
                let asked = self.control & 0x5000_0000;
                (self.control & 0x5000_0f3d) | (asked << 1) | (u32::from(self.sticky) << 5) | 0x40
            }
            (0x4, _) => 0,
            _ => self.posted,
        })
    }

    /// Writes a register.
    pub fn write(&mut self, access: bool, register: u8, value: u32) -> Done<()> {
        self.count(1)?;
        if access {
            if self.sticky {
                return Err(Failed::Fault);
            }
            return self.write_access(register & 0xc, value);
        }
        match (register & 0xc, self.select & 0xf) {
            (0x0, _) if value & 4 != 0 => self.sticky = false,
            (0x4, 0) => self.control = value,
            (0x8, _) => self.select = value,
            _ => {}
        }
        Ok(())
    }

    /// Many words at once where nothing special can happen in between; `false` when they must go one by one.
    pub fn read_many(&mut self, words: &mut [u32]) -> Done<bool> {
        if !self.is_plain(words.len()) || self.faults.flipped.is_some() {
            return Ok(false);
        }
        self.count(words.len() as u64)?;
        let mut bytes = vec![0; words.len() * 4];
        self.core.machine.read(self.tar, &mut bytes)?;
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        self.advance(words.len() as u32 * 4);
        Ok(true)
    }

    /// The same for writing.
    pub fn write_many(&mut self, words: &[u32]) -> Done<bool> {
        if !self.is_plain(words.len()) {
            return Ok(false);
        }
        self.count(words.len() as u64)?;
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        self.core.machine.write(self.tar, &bytes)?;
        self.advance(words.len() as u32 * 4);
        Ok(true)
    }

    fn is_plain(&self, words: usize) -> bool {
        self.select & 0xff00_00f0 == 0
            && !self.sticky
            && !self.locked
            && self.powered
            && self.plugged
            && self.csw & 0x37 == 0x12
            && matches!(self.tar >> 24, 0x20 | 0x21)
            && (self.tar & 0x3ff) + words as u32 * 4 <= 0x400
            && self.faults.are_far(words as u64)
    }

    fn read_access(&mut self, register: u8) -> Done<u32> {
        let register = (self.select & 0xf0) as u8 | register;
        match (self.select >> 24, register) {
            (0, 0x00) => Ok(if self.locked {
                self.csw & !0x40
            } else {
                self.csw | 0x40
            }),
            (0, 0x04) => Ok(self.tar),
            (0, 0x0c) => {
                let value = self.memory(self.tar, None)?;
                self.step_address();
                Ok(value)
            }
            (0, 0x10..=0x1c) => self.memory(self.tar & !0xf | u32::from(register & 0xf), None),
            (0, 0xf8) => Ok(0xe00f_f003),
            (0, 0xfc) => Ok(0x2477_0011),
            (1, 0x0c) => Ok(u32::from(!self.locked)),
            (1, 0xfc) => Ok(0x0288_0000),
            _ => Ok(0),
        }
    }

    fn write_access(&mut self, register: u8, value: u32) -> Done<()> {
        let register = (self.select & 0xf0) as u8 | register;
        match (self.select >> 24, register) {
            (0, 0x00) => self.csw = value & !0xc0,
            (0, 0x04) => self.tar = value,
            (0, 0x0c) => {
                self.memory(self.tar, Some(value))?;
                self.step_address();
            }
            (0, 0x10..=0x1c) => {
                self.memory(self.tar & !0xf | u32::from(register & 0xf), Some(value))?;
            }
            (1, 0x00) if value == 0 => self.reset()?,
            (1, 0x04) if value == 1 => self.erase_all()?,
            _ => {}
        }
        Ok(())
    }

    fn step_address(&mut self) {
        if self.csw & 0x30 == 0x10 {
            self.advance(1 << (self.csw & 7).min(2));
        }
    }

    /// The address counts within 1 KiB.
    fn advance(&mut self, by: u32) {
        self.tar = self.tar & !0x3ff | self.tar.wrapping_add(by) & 0x3ff;
    }

    fn memory(&mut self, address: u32, write: Option<u32>) -> Done<u32> {
        if self.locked {
            self.sticky = true;
            return Err(Failed::Fault);
        }
        let size = 1 << (self.csw & 7).min(2);
        let lane = if size == 4 { 0 } else { (address & 3) * 8 };
        if size == 4 {
            match self.core.debug_register(address, write)? {
                Debug::Done(value) => return Ok(value),
                Debug::Reset => {
                    self.reset()?;
                    return Ok(0);
                }
                Debug::Elsewhere => {}
            }
        }
        if write.is_none() && size == 4 {
            match address {
                0x1000_0060 => return Ok(self.uid[0]),
                0x1000_0064 => return Ok(self.uid[1]),
                0x4002_fffc => return Ok(self.chip),
                _ => {}
            }
        }
        let place = match address {
            0x1000_1000..0x1000_2000 => address - 0x1000_1000 + UICR_AT,
            other => other,
        };
        if let Some(value) = write {
            self.core.machine.store(place, size, value >> lane)?;
            return Ok(0);
        }
        let mut value = self.core.machine.load(place, size)? << lane;
        if let Some((at, mask)) = self.faults.flipped
            && at & !3 == address & !3
        {
            value ^= u32::from(mask) << ((at & 3) * 8);
        }
        Ok(value)
    }

    fn reset(&mut self) -> Done<()> {
        self.hold_reset()?;
        self.release_reset()
    }

    /// The reset line goes down.
    pub fn hold_reset(&mut self) -> Done<()> {
        Ok(self.core.hold_reset()?)
    }

    /// And up: the lock word in flash is looked at now.
    pub fn release_reset(&mut self) -> Done<()> {
        if !self.core.is_in_reset() {
            return Ok(());
        }
        self.locked = self.core.machine.load(UICR_AT + 0x208, 4)? & 0xff != 0xff;
        self.core.machine.keep(UICR_AT, PAGE)?;
        Ok(self.core.release_reset(self.locked)?)
    }

    /// Writes the lock word and resets.
    pub fn lock(&mut self) -> Done<()> {
        self.core.machine.store(UICR_AT + 0x208, 4, 0xffff_ff00)?;
        self.reset()
    }

    fn erase_all(&mut self) -> Done<()> {
        self.core.machine.halt()?;
        self.core
            .machine
            .write(FLASH, &vec![0xff; FLASH_LENGTH as usize])?;
        Ok(self.core.machine.write(UICR_AT, &[0xff; PAGE as usize])?)
    }

    /// Counts transfers, and lets happen what was ordered.
    fn count(&mut self, by: u64) -> Done<()> {
        self.transfers += by;
        if self.faults.slow > 0 {
            std::thread::sleep(std::time::Duration::from_millis(self.faults.slow));
        }
        let due = self.faults.count(by);
        if due.power {
            self.lose_power()?;
        }
        if due.cable {
            self.lose_cable();
        }
        if !self.powered || !self.plugged || due.silence {
            return Err(Failed::Silence);
        }
        if due.fault {
            self.sticky = true;
            return Err(Failed::Fault);
        }
        Ok(())
    }

    /// Power comes back, and the cable: flash is what it was, RAM and the debug port know nothing.
    pub fn power_cycle(&mut self) -> Done<()> {
        self.core.machine.halt()?;
        self.select = 0;
        self.control = 0;
        self.sticky = false;
        self.posted = 0;
        self.csw = CSW;
        self.powered = true;
        self.plugged = true;
        self.core.forget();
        self.faults.forget();
        // RAM does not outlive power: what a host left for the bootloader there is gone.
        self.core.machine.write(RAM_END - PAGE, &NOISE)?;
        self.reset()
    }
}

/// Where the board's flash begins.
pub const FLASH: u32 = 0x2100_0000;
/// How long it is.
pub const FLASH_LENGTH: u32 = 0x10_0000;
const PAGE: u32 = 4096;
/// Where the flash algorithm keeps the page of the lock word.
const UICR_AT: u32 = 0x2010_0000;
const SCC_ID: u32 = 0x4104_3860;
const DPIDR: u32 = 0x2ba0_1477;
const CSW: u32 = 0x2300_0042;
const RAM_END: u32 = 0x2004_0000;
/// What RAM holds when power comes.
const NOISE: [u8; PAGE as usize] = [0x5c; PAGE as usize];
