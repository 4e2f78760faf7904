//! The core of a Cortex-M as a debugger sees it: run control, breakpoints, and the debug registers the emulator lacks.
//!
//! Takes accesses to the private peripheral bus, and the reset line; gives values, and does to the emulator what they ask for.

use std::io;
use std::mem;

use crate::qemu::Qemu;

/// A core.
#[allow(clippy::struct_excessive_bools, reason = "latches of a core")]
pub struct Core {
    pub machine: Qemu,
    /// The flash the core begins in.
    flash: u32,
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
    /// A page of flash that cannot be changed, and what it holds.
    pub stuck: Option<(u32, Vec<u8>)>,
}

/// What became of an access.
pub enum Debug {
    /// It was for a debug register.
    Done(u32),
    /// It asks for a reset.
    Reset,
    /// It is for plain memory, or for a device.
    Elsewhere,
}

impl Core {
    /// A core that is held in reset.
    pub fn new(machine: Qemu, flash: u32) -> Self {
        Self {
            machine,
            flash,
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
            in_reset: true,
            stuck: None,
        }
    }

    /// Power comes back: the debug registers know nothing.
    pub fn forget(&mut self) {
        self.halting = 0;
        self.demcr = 0;
        self.dfsr = 0;
        self.units = [0; UNITS];
    }

    /// The reset line goes down.
    pub fn hold_reset(&mut self) -> io::Result<()> {
        self.machine.halt()?;
        if self.machine.has_died() {
            self.breakpoints.clear();
        }
        self.begin_anew()?;
        self.set_breakpoints(false)?;
        self.in_reset = true;
        self.was_reset = true;
        self.lockup = false;
        self.units_on = false;
        Ok(())
    }

    /// The core fetches its first words from address 0, where the bootloader's are seen. They must be there before.
    fn begin_anew(&mut self) -> io::Result<()> {
        let mut vectors = [0; 8];
        self.machine.read(self.flash, &mut vectors)?;
        self.machine.write(0, &vectors)?;
        self.machine.reset()
    }

    /// Whether the reset line is down.
    pub fn is_in_reset(&self) -> bool {
        self.in_reset
    }

    /// And up; a probe that is locked out catches nothing.
    pub fn release_reset(&mut self, locked: bool) -> io::Result<()> {
        self.in_reset = false;
        self.halting &= !6;
        // ARMv7-M: vector catch is ignored while C_DEBUGEN is 0.
        if !locked && self.demcr & 1 != 0 && self.halting & 1 != 0 {
            self.halting |= 2;
            self.dfsr |= 8;
            return Ok(());
        }
        self.go()
    }

    fn look(&mut self) -> io::Result<()> {
        let stopped = self.machine.running && self.machine.stopped()?;
        if self.machine.has_died() {
            self.locked_up()?;
        } else if stopped {
            self.stopped_by_itself()?;
        }
        Ok(())
    }

    /// The emulator has given up, and its breakpoints with it.
    fn locked_up(&mut self) -> io::Result<()> {
        self.lockup = true;
        self.breakpoints.clear();
        self.begin_anew()?;
        self.stay_stuck()
    }

    fn stopped_by_itself(&mut self) -> io::Result<()> {
        if self.machine.has_died() {
            return self.locked_up();
        }
        let at = self.machine.register("pc")?;
        if self.traps.contains(&at) {
            self.lockup = true;
        } else {
            self.dfsr |= 2;
            self.halting |= 2;
        }
        self.stay_stuck()
    }

    /// A page that is stuck is what it was, whatever a flash algorithm did to it.
    fn stay_stuck(&mut self) -> io::Result<()> {
        match &self.stuck {
            Some((page, bytes)) => self.machine.write(*page, bytes),
            None => Ok(()),
        }
    }

    fn is_halted(&self) -> bool {
        !self.machine.running && !self.lockup && !self.in_reset
    }

    /// An access to a register the emulator lacks.
    pub fn debug_register(&mut self, address: u32, write: Option<u32>) -> io::Result<Debug> {
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
                return Ok(Debug::Reset);
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
                _ => return Ok(Debug::Elsewhere),
            },
        };
        Ok(Debug::Done(value))
    }

    fn control_core(&mut self, bits: u32) -> io::Result<()> {
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
    fn set_breakpoints(&mut self, on: bool) -> io::Result<()> {
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

    fn go(&mut self) -> io::Result<()> {
        if self.is_nowhere()? {
            self.lockup = true;
            return Ok(());
        }
        self.set_breakpoints(true)?;
        self.machine.go()
    }

    /// Whether the core would lock up at its next instruction: erased flash, no memory, or no Thumb code.
    fn is_nowhere(&mut self) -> io::Result<bool> {
        let at = self.machine.register("pc")? & !1;
        let thumb = self.machine.register("xpsr")? & 1 << 24 != 0;
        Ok(!thumb || at >= 0xf000_0000 || self.machine.load(at, 2)? == 0xffff)
    }

    fn core_register(&mut self, number: u32, write: bool) -> io::Result<()> {
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
}

const UNITS: usize = 6;
const DHCSR: u32 = 0xe000_edf0;
const DCRSR: u32 = 0xe000_edf4;
const DCRDR: u32 = 0xe000_edf8;
const DEMCR: u32 = 0xe000_edfc;
const DFSR: u32 = 0xe000_ed30;
const AIRCR: u32 = 0xe000_ed0c;
const FPB: u32 = 0xe000_2000;
