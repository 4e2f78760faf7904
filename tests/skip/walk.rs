//! A boot that is stopped at one instruction after another, to skip it, to see what comes of it, and to go on as if nothing
//! had been.

use std::collections::HashMap;
use std::io;

use cuff_bootloader::record::Record;

use crate::chip::{Chip, FOREVER, INSTRUCTIONS_PER_TICK, State};
use crate::code::{Code, JUDGE, LAUNCH};
use crate::outcome::{Outcome, bypass, record};
use crate::row::Case;
use crate::trace::Trace;

/// A chip that boots a case, and is watched where a boot can end.
pub struct Watch<'c> {
    case: &'c Case,
    code: &'c Code,
    chip: Chip,
    /// Whether time is instructions.
    timed: bool,
    ends: Ends,
    /// What an undisturbed boot keeps.
    kept: Record,
    /// Ticks after which a boot hangs: about four times what it takes when nobody disturbs it.
    bound: u32,
}

/// Where a boot can end.
struct Ends {
    /// Where the decision to jump is carried out.
    launch: u32,
    /// Recovery.
    stay: u32,
    /// Faults come here: their handler resets.
    reset: u32,
    application: u32,
}

impl Ends {
    fn all(&self) -> [u32; 4] {
        [self.launch, self.stay, self.reset, self.application]
    }
}

impl<'c> Watch<'c> {
    /// A chip at the entry of the judge.
    pub fn begin(case: &'c Case, code: &'c Code) -> io::Result<Self> {
        let mut watch = Self {
            case,
            code,
            chip: Chip::timed(case, code)?,
            timed: true,
            ends: Ends {
                launch: code.entry(LAUNCH),
                stay: code.entry("start::recovery::stay"),
                reset: code.entry("Reset"),
                application: case.application,
            },
            kept: case.record,
            bound: FOREVER,
        };
        watch.arrive()?;
        Ok(watch)
    }

    /// Runs to an end, and looks at what is left.
    pub fn end(&mut self) -> io::Result<Outcome> {
        let stopped = self.chip.run(self.bound)?;
        let flash = self.chip.flash(self.case.flash.len())?;
        let jumps = stopped == Some(self.ends.launch) || stopped == Some(self.ends.application);
        if let Some(bypass) = bypass(self.case, &self.kept, flash, jumps) {
            return Ok(Outcome::Bypassed(bypass));
        }
        Ok(match stopped {
            None => Outcome::Hung,
            Some(_) if jumps => Outcome::Refused,
            Some(at) if at == self.ends.stay => Outcome::Recovery,
            Some(_) => Outcome::Crashed,
        })
    }

    /// Resets, and runs to the entry of the judge.
    fn again(&mut self) -> io::Result<()> {
        // The emulator may still know code that the program has written over.
        let same = self.code_is_whole();
        let reset = self.chip.fill(&self.case.flash);
        let reset = reset.and_then(|()| self.chip.qemu.reset());
        if reset.is_err() || !same {
            self.chip = if self.timed {
                Chip::timed(self.case, self.code)?
            } else {
                Chip::new(self.case, self.code, &[])?
            };
        }
        self.arrive()
    }

    fn code_is_whole(&self) -> bool {
        let code = self.code.bytes();
        self.chip.flash(code.len()).is_ok_and(|flash| flash == code)
    }

    fn arrive(&mut self) -> io::Result<()> {
        let judge = self.code.entry(JUDGE);
        for end in self.ends.all() {
            self.chip.qemu.breakpoint(end, false)?;
        }
        self.chip.stop_at(judge)?;
        let stopped = self.chip.run(FOREVER)?;
        if stopped != Some(judge) {
            let told = format!("nothing is judged, but stopped at {stopped:x?}");
            return Err(io::Error::other(told));
        }
        self.chip.qemu.breakpoint(judge, false)?;
        for end in self.ends.all() {
            self.chip.stop_at(end)?;
        }
        Ok(())
    }
}

/// A boot at one step of its trace.
pub struct Walk<'c> {
    watch: Watch<'c>,
    trace: &'c Trace,
    at: usize,
    /// The step at which the decision is carried out. From there on the chip is changed in ways that a state does not hold.
    launch: usize,
}

impl<'c> Walk<'c> {
    /// At the entry of the judge.
    pub fn begin(case: &'c Case, code: &'c Code, trace: &'c Trace) -> io::Result<Self> {
        let mut watch = Watch::begin(case, code)?;
        // Nobody disturbs this one: what does it keep?
        watch.chip.run(FOREVER)?;
        let flash = watch.chip.flash(case.flash.len())?;
        let (kept, _) = record(case, flash).expect("trust is whole");
        watch.kept = kept;
        let bound = 4 * trace.instructions(code) / INSTRUCTIONS_PER_TICK;
        watch.bound = u32::try_from(bound).expect("a boot is shorter");
        watch.again()?;
        Ok(Self {
            launch: trace.reaches(watch.ends.launch),
            watch,
            trace,
            at: 0,
        })
    }

    /// Goes on to a step, from the beginning if that leads elsewhere: then the skip before left something that no state holds.
    pub fn to(&mut self, step: usize) -> io::Result<()> {
        self.on(step).or_else(|error| {
            eprintln!("{error}; from the beginning");
            self.reset()?;
            self.on(step)
        })
    }

    fn on(&mut self, step: usize) -> io::Result<()> {
        if step >= self.launch && self.watch.timed {
            // Where time is instructions, a watchdog bites while its core stands.
            self.watch.timed = false;
            self.watch.chip.qemu.quit()?;
            self.reset()?;
            self.on(self.launch)?;
        }
        while self.at < step {
            if self.at < self.launch {
                self.stop_at(self.waypoint(step.min(self.launch)))?;
            } else {
                self.watch.chip.qemu.step()?;
                self.arrived(self.at + 1)?;
            }
        }
        Ok(())
    }

    /// The step before `step` that can be reached with the fewest stops, or `step` itself when few are needed.
    fn waypoint(&self, step: usize) -> usize {
        let gap = &self.trace.steps[self.at + 1..=step];
        let wanted = self.trace.steps[step];
        if times(gap, wanted) <= FEW {
            return step;
        }
        let mut stops: HashMap<u32, usize> = HashMap::new();
        for address in gap {
            *stops.entry(*address).or_default() += 1;
        }
        let mut best = (usize::MAX, step);
        let mut left = 0;
        for index in (self.at + 1..=step).rev().take(NEAR) {
            let address = self.trace.steps[index];
            let before = stops.entry(address).or_default();
            best = best.min((*before + left, index));
            *before -= 1;
            left += usize::from(address == wanted);
        }
        best.1
    }

    /// Runs to a step, by stopping at its address as often as it takes.
    fn stop_at(&mut self, step: usize) -> io::Result<()> {
        let chip = &mut self.watch.chip;
        let address = self.trace.steps[step];
        let times = times(&self.trace.steps[self.at + 1..=step], address);
        chip.stop_at(address)?;
        for time in 0..times {
            // A core does not stop where it stands.
            if time > 0 || self.trace.steps[self.at] == address {
                chip.qemu.step()?;
                if chip.pc()? == address {
                    continue;
                }
            }
            chip.run(FOREVER)?;
        }
        if !self.watch.ends.all().contains(&address) {
            chip.qemu.breakpoint(address, false)?;
        }
        self.arrived(step)
    }

    fn arrived(&mut self, step: usize) -> io::Result<()> {
        self.at = step;
        let (pc, wanted) = (self.watch.chip.pc()?, self.trace.steps[step]);
        if pc != wanted {
            let told = format!("step {step} is at {pc:08x}, and not at {wanted:08x}");
            return Err(io::Error::other(told));
        }
        Ok(())
    }

    /// Skips the instruction that comes next, sees what comes of it, and is back where it was.
    pub fn skip(&mut self) -> io::Result<Outcome> {
        let state = self.watch.chip.state(self.watch.case.flash.len())?;
        // The emulator ends itself when a core locks up.
        let (outcome, sound) = self.skipped().unwrap_or((Outcome::Crashed, false));
        if self.at >= self.launch {
            let step = self.at;
            self.reset()?;
            self.to(step)?;
        } else if sound {
            self.watch.chip.take(&state)?;
        } else {
            self.reset_to(&state)?;
        }
        Ok(outcome)
    }

    /// The outcome, and whether nothing was changed that a state does not hold.
    fn skipped(&mut self) -> io::Result<(Outcome, bool)> {
        let address = self.trace.steps[self.at];
        let next = address + self.watch.code.length(address);
        let qemu = &mut self.watch.chip.qemu;
        let status = qemu.register("xpsr")?;
        qemu.set_register("pc", next)?;
        qemu.set_register("xpsr", counted(status))?;
        let outcome = self.watch.end()?;
        let ended = !matches!(outcome, Outcome::Crashed | Outcome::Hung);
        let in_handler = self.watch.chip.qemu.register("xpsr")? & EXCEPTION != 0;
        Ok((outcome, ended && !in_handler && self.watch.code_is_whole()))
    }

    fn reset(&mut self) -> io::Result<()> {
        self.at = 0;
        self.watch.again()
    }

    fn reset_to(&mut self, state: &State) -> io::Result<()> {
        let step = self.at;
        self.reset()?;
        self.watch.chip.take(state)?;
        self.arrived(step)
    }
}

fn times(steps: &[u32], address: u32) -> usize {
    steps.iter().filter(|at| **at == address).count()
}

/// The status register behind an instruction that is skipped: inside of an IT block it counts ("Armv7-M Architecture Reference
/// Manual", B1.4.2).
fn counted(status: u32) -> u32 {
    let it = status >> 25 & 3 | status >> 8 & 0xfc;
    let next = match it & 7 {
        0 => 0,
        _ => it & 0xe0 | it << 1 & 0x1f,
    };
    status & !0x0600_fc00 | (next & 3) << 25 | (next & 0xfc) << 8
}

/// In the status register: what is handled.
const EXCEPTION: u32 = 0x1ff;
/// Stops that are not worth a look for fewer, and steps that are looked at.
const FEW: usize = 16;
const NEAR: usize = 16_384;
