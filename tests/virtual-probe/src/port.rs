//! A debug port as `ADIv5` describes it, an AHB access port, a Nordic control port, and the debug registers of a Cortex-M that
//! the emulator does not have.
//!
//! Takes single transfers, gives values, faults or silence. It breaks on demand.

use std::io;
use std::mem;

use crate::qemu::Qemu;
use crate::wrist::Wrist;

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

/// What goes wrong, and when.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Power goes after this many transfers.
    pub power_after: Option<u64>,
    /// The cable comes off after this many transfers; the unit keeps its power.
    pub cable_after: Option<u64>,
    /// One FAULT after this many transfers.
    pub fault_after: Option<u64>,
    /// A byte of flash that always reads with this mask flipped.
    pub flipped: Option<(u32, u8)>,
    /// Each answer comes so much later, in milliseconds.
    pub slow: u64,
}

/// A chip as its debug port shows it.
#[allow(clippy::struct_excessive_bools, reason = "lines and latches of a chip")]
pub struct Port {
    pub(crate) machine: Qemu,
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
    // The core's debug registers.
    halting: u32,
    data: u32,
    demcr: u32,
    dfsr: u32,
    was_reset: bool,
    lockup: bool,
    units_on: bool,
    units: [u32; UNITS],
    breakpoints: Vec<u32>,
    traps: Vec<u32>,
    in_reset: bool,
    at_reset: bool,
    locked: bool,
    pub(crate) powered: bool,
    pub(crate) plugged: bool,
    pub(crate) faults: Faults,
    pub(crate) transfers: u64,
    pub(crate) wrist: Option<Wrist>,
}

impl Port {
    /// An erased chip that was just powered.
    pub fn power_on(uid: [u32; 2]) -> io::Result<Self> {
        let mut machine = Qemu::start("mps2-an386")?;
        machine.write(FLASH, &vec![0xff; FLASH_LENGTH as usize])?;
        machine.write(UICR_AT, &[0xff; PAGE as usize])?;
        let mut port = Self {
            machine,
            uid,
            chip: SCC_ID,
            select: 0,
            control: 0,
            sticky: false,
            posted: 0,
            csw: CSW,
            tar: 0,
            halting: 0,
            data: 0,
            demcr: 0,
            dfsr: 0,
            was_reset: true,
            lockup: false,
            units_on: false,
            units: [0; UNITS],
            breakpoints: Vec::new(),
            traps: Vec::new(),
            in_reset: false,
            at_reset: false,
            locked: false,
            powered: true,
            plugged: true,
            faults: Faults::default(),
            transfers: 0,
            wrist: None,
        };
        port.reset()
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
        Ok(port)
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
        self.machine.read(self.tar, &mut bytes)?;
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
        self.machine.write(self.tar, &bytes)?;
        self.advance(words.len() as u32 * 4);
        Ok(true)
    }

    fn is_plain(&self, words: usize) -> bool {
        let room = words as u64;
        let far = |after: Option<u64>| after.is_none_or(|after| after > room);
        self.select & 0xff00_00f0 == 0
            && !self.sticky
            && !self.locked
            && self.powered
            && self.plugged
            && self.csw & 0x37 == 0x12
            && matches!(self.tar >> 24, 0x20 | 0x21)
            && (self.tar & 0x3ff) + words as u32 * 4 <= 0x400
            && far(self.faults.power_after)
            && far(self.faults.cable_after)
            && far(self.faults.fault_after)
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
        if size == 4
            && let Some(value) = self.debug_register(address, write)?
        {
            return Ok(value);
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
            self.machine.store(place, size, value >> lane)?;
            if place == Wrist::state_word()
                && value == RELEASED
                && let Some(wrist) = &mut self.wrist
            {
                wrist.released(&mut self.machine)?;
            }
            return Ok(0);
        }
        let mut value = self.machine.load(place, size)? << lane;
        if let Some((at, mask)) = self.faults.flipped
            && at & !3 == address & !3
        {
            value ^= u32::from(mask) << ((at & 3) * 8);
        }
        Ok(value)
    }

    fn look(&mut self) -> Done<()> {
        if self.machine.running && self.machine.stopped()? {
            self.stopped_by_itself()?;
        }
        Ok(())
    }

    fn stopped_by_itself(&mut self) -> Done<()> {
        let at = self.machine.register("pc")?;
        if self.traps.contains(&at) {
            self.lockup = true;
        } else {
            self.dfsr |= 2;
            self.halting |= 2;
        }
        Ok(())
    }

    fn is_halted(&self) -> bool {
        !self.machine.running && !self.lockup && !self.in_reset
    }

    /// Registers the emulator lacks; `None` when the access is not for one.
    fn debug_register(&mut self, address: u32, write: Option<u32>) -> Done<Option<u32>> {
        let unit = (FPB + 8..FPB + 8 + 4 * UNITS as u32)
            .contains(&address)
            .then(|| ((address - FPB - 8) / 4) as usize);
        let value = match (address, write) {
            (DHCSR, None) => {
                self.look()?;
                let mut value = self.halting & 0xf | 1 << 16 | 1 << 24;
                if self.halting & 1 != 0 && self.is_halted() {
                    value |= 1 << 17;
                }
                if self.lockup {
                    value |= 1 << 19;
                }
                if mem::replace(&mut self.was_reset, self.in_reset) {
                    value |= 1 << 25;
                }
                value
            }
            (DHCSR, Some(value)) => {
                if value >> 16 == 0xa05f {
                    self.control_core(value & 0xf)?;
                }
                0
            }
            (DCRSR, Some(value)) => {
                if self.is_halted() {
                    self.core_register(value & 0x7f, value & 1 << 16 != 0)?;
                }
                0
            }
            (DCRDR, None) => self.data,
            (DCRDR, Some(value)) => {
                self.data = value;
                0
            }
            (DEMCR, None) => self.demcr,
            (DEMCR, Some(value)) => {
                self.demcr = value;
                0
            }
            (DFSR, None) => self.dfsr,
            (DFSR, Some(value)) => {
                self.dfsr &= !value;
                0
            }
            (AIRCR, Some(value)) if value >> 16 == 0x05fa && value & 5 != 0 => {
                self.reset()?;
                0
            }
            (FPB, None) => (UNITS as u32) << 4 | u32::from(self.units_on),
            (FPB, Some(value)) => {
                if value & 2 != 0 {
                    self.units_on = value & 1 != 0;
                }
                0
            }
            _ => match (unit, write) {
                (Some(index), None) => self.units[index],
                (Some(index), Some(value)) => {
                    self.units[index] = value;
                    0
                }
                _ => return Ok(None),
            },
        };
        Ok(Some(value))
    }

    fn control_core(&mut self, bits: u32) -> Done<()> {
        self.look()?;
        let was_halted = self.is_halted() && self.halting & 1 != 0;
        self.halting = bits;
        if bits & 1 == 0 {
            if self.is_halted() {
                self.go()?;
            }
        } else if bits & 2 != 0 {
            if !was_halted && !self.in_reset {
                if self.machine.halt()? {
                    self.stopped_by_itself()?;
                }
                self.lockup = false;
                self.dfsr |= 1;
            }
        } else if was_halted {
            if bits & 4 != 0 {
                self.set_breakpoints(false)?;
                if self.is_nowhere()? {
                    self.lockup = true;
                    return Ok(());
                }
                self.machine.step()?;
                self.halting |= 2;
                self.dfsr |= 1;
            } else {
                self.go()?;
            }
        }
        Ok(())
    }

    /// The emulator turns BKPT into a fault: where a caller returns to one, as flash algorithms do, it becomes a breakpoint.
    /// And it aborts on a lockup: a fault handler that is not there becomes one too.
    fn set_breakpoints(&mut self, on: bool) -> Done<()> {
        let mut wanted = Vec::new();
        self.traps.clear();
        if on {
            let table = self.machine.load(0xe000_ed08, 4)?;
            let handler = self.machine.load(table.wrapping_add(12), 4)?;
            if handler & 1 == 0 || handler == u32::MAX {
                self.traps.push(handler & !1);
            }
            wanted.extend(&self.traps);
        }
        if on && self.halting & 1 != 0 {
            for unit in self
                .units
                .iter()
                .filter(|unit| self.units_on && **unit & 1 != 0)
            {
                let at = unit & 0x1fff_fffc;
                if unit & 0x4000_0000 != 0 {
                    wanted.push(at);
                }
                if unit & 0x8000_0000 != 0 {
                    wanted.push(at | 2);
                }
            }
            let back = self.machine.register("lr")? & !1;
            if back < 0x4000_0000 && self.machine.load(back, 2)? >> 8 == 0xbe {
                wanted.push(back);
            }
        }
        for old in mem::take(&mut self.breakpoints) {
            if wanted.contains(&old) {
                self.breakpoints.push(old);
            } else {
                self.machine.breakpoint(old, false)?;
            }
        }
        for new in wanted {
            if !self.breakpoints.contains(&new) {
                self.machine.breakpoint(new, true)?;
                self.breakpoints.push(new);
            }
        }
        Ok(())
    }

    fn go(&mut self) -> Done<()> {
        if self.is_nowhere()? {
            self.lockup = true;
            return Ok(());
        }
        // Only a core that comes out of reset runs what lies in flash; one that a probe sent elsewhere does not.
        if mem::take(&mut self.at_reset)
            && self.machine.register("pc")? & !1 == FLASH + 0x10
            && let Some(wrist) = &mut self.wrist
        {
            wrist.reset(&mut self.machine)?;
        }
        self.set_breakpoints(true)?;
        Ok(self.machine.go()?)
    }

    /// Whether the core would lock up at its next instruction: erased flash, no memory, or no Thumb code.
    fn is_nowhere(&mut self) -> Done<bool> {
        let at = self.machine.register("pc")? & !1;
        let thumb = self.machine.register("xpsr")? & 1 << 24 != 0;
        Ok(!thumb || at >= 0xf000_0000 || self.machine.load(at, 2)? == 0xffff)
    }

    fn core_register(&mut self, number: u32, write: bool) -> Done<()> {
        let name = match number {
            0..=12 => format!("r{number}"),
            14 => "lr".to_owned(),
            15 => "pc".to_owned(),
            16 => "xpsr".to_owned(),
            17 if self.machine.shows("msp") => "msp".to_owned(),
            13 | 17 => "sp".to_owned(),
            18 => "psp".to_owned(),
            33 => "fpscr".to_owned(),
            20 => {
                for (index, name) in ["primask", "basepri", "faultmask", "control"]
                    .iter()
                    .enumerate()
                {
                    let at = 8 * index;
                    if write {
                        self.machine.set_register(name, self.data >> at & 0xff)?;
                    } else {
                        let value = self.machine.register(name)? & 0xff;
                        self.data = self.data & !(0xff << at) | value << at;
                    }
                }
                return Ok(());
            }
            _ => return Ok(()),
        };
        if write {
            self.machine.set_register(&name, self.data)?;
        } else {
            self.data = self.machine.register(&name)?;
        }
        Ok(())
    }

    fn reset(&mut self) -> Done<()> {
        self.hold_reset()?;
        self.release_reset()
    }

    /// The reset line goes down.
    pub fn hold_reset(&mut self) -> Done<()> {
        // The core fetches its first words from address 0, where the bootloader's are seen. They must be there before.
        self.machine.halt()?;
        let mut vectors = [0; 8];
        self.machine.read(FLASH, &mut vectors)?;
        self.machine.write(0, &vectors)?;
        self.machine.reset()?;
        self.set_breakpoints(false)?;
        self.in_reset = true;
        self.was_reset = true;
        self.lockup = false;
        self.units_on = false;
        Ok(())
    }

    /// And up.
    pub fn release_reset(&mut self) -> Done<()> {
        if !mem::replace(&mut self.in_reset, false) {
            return Ok(());
        }
        self.locked = self.machine.load(UICR_AT + 0x208, 4)? & 0xff != 0xff;
        self.halting &= !6;
        // ARMv7-M: vector catch is ignored while C_DEBUGEN is 0.
        if !self.locked && self.demcr & 1 != 0 && self.halting & 1 != 0 {
            self.halting |= 2;
            self.dfsr |= 8;
            self.at_reset = true;
            return Ok(());
        }
        self.at_reset = true;
        self.go()
    }

    /// Writes the lock word and resets.
    pub fn lock(&mut self) -> Done<()> {
        self.machine.store(UICR_AT + 0x208, 4, 0xffff_ff00)?;
        self.reset()
    }

    fn erase_all(&mut self) -> Done<()> {
        self.machine.halt()?;
        self.machine
            .write(FLASH, &vec![0xff; FLASH_LENGTH as usize])?;
        Ok(self.machine.write(UICR_AT, &[0xff; PAGE as usize])?)
    }

    /// Counts transfers, and lets happen what was ordered.
    fn count(&mut self, by: u64) -> Done<()> {
        self.transfers += by;
        if self.faults.slow > 0 {
            std::thread::sleep(std::time::Duration::from_millis(self.faults.slow));
        }
        if run_out(&mut self.faults.power_after, by) {
            self.machine.halt()?;
            self.powered = false;
        }
        if run_out(&mut self.faults.cable_after, by) {
            self.plugged = false;
        }
        if !self.powered || !self.plugged {
            return Err(Failed::Silence);
        }
        if run_out(&mut self.faults.fault_after, by) {
            self.sticky = true;
            return Err(Failed::Fault);
        }
        Ok(())
    }

    /// Power comes back, and the cable: flash is what it was, the debug port knows nothing.
    pub fn power_cycle(&mut self) -> Done<()> {
        self.select = 0;
        self.control = 0;
        self.sticky = false;
        self.posted = 0;
        self.csw = CSW;
        self.halting = 0;
        self.demcr = 0;
        self.dfsr = 0;
        self.units = [0; UNITS];
        self.powered = true;
        self.plugged = true;
        self.faults.power_after = None;
        self.faults.cable_after = None;
        self.faults.fault_after = None;
        self.reset()
    }
}

fn run_out(left: &mut Option<u64>, by: u64) -> bool {
    match left {
        Some(count) if *count <= by => {
            *left = None;
            true
        }
        Some(count) => {
            *count -= by;
            false
        }
        None => false,
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
const UNITS: usize = 6;
const DHCSR: u32 = 0xe000_edf0;
const DCRSR: u32 = 0xe000_edf4;
const DCRDR: u32 = 0xe000_edf8;
const DEMCR: u32 = 0xe000_edfc;
const DFSR: u32 = 0xe000_ed30;
const AIRCR: u32 = 0xe000_ed0c;
const RELEASED: u32 = 0x474f_474f;
const FPB: u32 = 0xe000_2000;
