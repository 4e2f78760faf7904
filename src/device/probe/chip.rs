//! A chip behind a probe: read, written, asked, locked.
//!
//! Takes addresses and bytes, gives what the chip says. It verifies every write, says at which address one failed, and never
//! lets go of a chip whose core stands in a flash algorithm: that core would lock up.

use std::thread::sleep;
use std::time::{Duration, Instant};

use cuff_bootloader::layout::{Layout, Region};
use cuff_bootloader::mailbox::{self, MAIL, Mailbox, RELEASED, STATE_AT};
use cuff_bootloader::report::Report;
use probe_rs::flashing::{
    DownloadOptions, FlashError, FlashProgress, ProgressEvent, ProgressOperation,
};
use probe_rs::probe::Probe;
use probe_rs::{MemoryInterface, RegisterValue, Session};

use super::attach::{attach, chain, unattached};
use super::worker::Beat;
use crate::board::Board;
use crate::board::debug::Debug;
use crate::device::shadow::{Shadow, Stretch};
use crate::device::trouble::Trouble;

/// A chip that was identified.
pub struct Chip {
    session: Session,
    debug: Debug,
    layout: Layout,
    /// Address of the first byte of flash.
    base: u64,
    /// Address of the mailbox.
    mailbox: u64,
    regions: Vec<(&'static str, crate::board::region::Region)>,
    /// The supply, where the probe tells.
    millivolts: Option<u32>,
}

impl Chip {
    /// Attaches to the chip of the board; `erase` opens a locked port by erasing everything.
    pub fn reach(
        mut probe: Probe,
        board: &Board,
        layout: Layout,
        erase: bool,
    ) -> Result<Self, Trouble> {
        let debug = super::attach::debug(board)?.clone();
        let millivolts = super::attach::supply(&mut probe);
        let session = attach(probe, board, millivolts, erase)?;
        Ok(Self {
            session,
            debug,
            layout,
            base: board.flash_start(),
            mailbox: board.ram.end() - u64::from(mailbox::LENGTH),
            regions: board.regions.named().to_vec(),
            millivolts,
        })
    }

    /// Supply voltage, where the probe tells.
    pub fn millivolts(&self) -> Option<u32> {
        self.millivolts
    }

    /// The number no other chip has, in hex.
    pub fn uid(&mut self) -> Result<String, Trouble> {
        let mut bytes = vec![0; size(self.debug.uid.length)];
        self.read(self.debug.uid.start, &mut bytes)?;
        Ok(hex::encode(bytes))
    }

    /// Reads memory.
    pub fn read(&mut self, address: u64, out: &mut [u8]) -> Result<(), Trouble> {
        let mut core = self.session.core(0).map_err(|error| lost(&error))?;
        core.read(address, out).map_err(|error| lost(&error))
    }

    /// Reads regions of flash into a shadow; what is not read passes for erased.
    pub fn shadow(&mut self, regions: &[Region], beat: &mut Beat<'_>) -> Result<Shadow, Trouble> {
        let mut shadow = Shadow::erased(&self.layout);
        let mut done = 0;
        for region in regions {
            let bytes = self.flash(*region, &mut done, beat)?;
            shadow.fill(*region, &bytes);
        }
        Ok(shadow)
    }

    /// Reads a region of flash.
    pub fn flash(
        &mut self,
        region: Region,
        done: &mut u64,
        beat: &mut Beat<'_>,
    ) -> Result<Vec<u8>, Trouble> {
        let mut bytes = vec![0; size(u64::from(region.length))];
        let mut address = self.base + u64::from(region.offset);
        for piece in bytes.chunks_mut(PIECE) {
            self.read(address, piece)?;
            address += piece.len() as u64;
            *done += piece.len() as u64;
            beat.reach(*done);
        }
        Ok(bytes)
    }

    /// Writes stretches in one go, verifies them, and leaves the core halted at its first instruction: nothing has run.
    pub fn write(&mut self, stretches: &[Stretch], beat: &mut Beat<'_>) -> Result<(), Trouble> {
        let written = self.commit(stretches, beat);
        let stopped = self.stop_at_reset();
        match written {
            Ok(()) => stopped,
            Err(error) => Err(self.blame(&error, stretches)),
        }
    }

    fn commit(&mut self, stretches: &[Stretch], beat: &mut Beat<'_>) -> Result<(), FlashError> {
        let mut loader = self.session.target().flash_loader();
        for stretch in stretches {
            loader.add_data(self.base + u64::from(stretch.offset), &stretch.bytes)?;
        }
        self.load(&loader, beat)
    }

    fn load(
        &mut self,
        loader: &probe_rs::flashing::FlashLoader,
        beat: &mut Beat<'_>,
    ) -> Result<(), FlashError> {
        let mut done = 0;
        let mut options = DownloadOptions::default();
        options.verify = true;
        options.progress = FlashProgress::new(|event| {
            if let ProgressEvent::Progress {
                operation, size, ..
            } = event
            {
                if matches!(operation, ProgressOperation::Program) {
                    done += size;
                }
                beat.reach(done);
            }
        });
        loader.commit(&mut self.session, options)
    }

    fn stop_at_reset(&mut self) -> Result<(), Trouble> {
        let mut core = self.session.core(0).map_err(|error| lost(&error))?;
        core.reset_and_halt(PATIENCE)
            .map(|_| ())
            .map_err(|error| lost(&error))
    }

    /// Where a failed write failed: probe-rs does not say, so every byte is compared.
    fn blame(&mut self, error: &FlashError, stretches: &[Stretch]) -> Trouble {
        for stretch in stretches {
            let address = self.base + u64::from(stretch.offset);
            let mut found = vec![0; stretch.bytes.len()];
            if let Err(trouble) = self.read(address, &mut found) {
                return trouble;
            }
            let pairs = found.iter().zip(&stretch.bytes).zip(address..);
            if let Some(((found, expected), address)) = pairs
                .into_iter()
                .find(|((found, wanted), _)| found != wanted)
            {
                return Trouble::ReadBack {
                    region: self.region(address).to_owned(),
                    address,
                    found: *found,
                    expected: *expected,
                };
            }
        }
        Trouble::Write { why: chain(error) }
    }

    fn region(&self, address: u64) -> &'static str {
        self.regions
            .iter()
            .find(|(_, region)| region.holds(address))
            .map_or("flash", |(name, _)| name)
    }

    /// Asks the bootloader with a nonce, and lets it go on once its answer was read. The answer counts only while the
    /// bootloader holds and the core stands in it: an application cannot have written it.
    pub fn ask(&mut self, nonce: &[u8; 16], beat: &mut Beat<'_>) -> Result<Report, Trouble> {
        let address = self.mailbox;
        let boot = self.regions.iter().find(|(name, _)| *name == "boot");
        let boot = boot.map(|(_, region)| *region);
        let mut core = self.session.core(0).map_err(|error| lost(&error))?;
        core.halt(PATIENCE).map_err(|error| lost(&error))?;
        let request = Mailbox::request(nonce);
        core.write(address, &request.0)
            .map_err(|error| lost(&error))?;
        core.reset().map_err(|error| lost(&error))?;
        let asked = Instant::now();
        loop {
            sleep(GLANCE);
            beat.reach(0);
            let mut mail = Mailbox([0; MAIL]);
            let mut state = [0; 4];
            core.read(address + STATE_AT as u64, &mut state)
                .map_err(|error| lost(&error))?;
            if u32::from_le_bytes(state) == mailbox::HOLDING {
                core.halt(PATIENCE).map_err(|error| lost(&error))?;
                core.read(address, &mut mail.0)
                    .map_err(|error| lost(&error))?;
                let counter = core.program_counter();
                let at: RegisterValue =
                    core.read_core_reg(counter).map_err(|error| lost(&error))?;
                let at: u64 = at.try_into().unwrap_or(0);
                let Some(report) = mail.report(nonce) else {
                    return Err(Trouble::Silent {
                        why: "its answer does not carry the nonce it was asked with".to_owned(),
                    });
                };
                if !boot.is_some_and(|boot| boot.holds(at)) {
                    return Err(Trouble::Silent {
                        why: format!("something at {at:#010x} answers in its place"),
                    });
                }
                core.write(address + STATE_AT as u64, &RELEASED.to_le_bytes())
                    .map_err(|error| lost(&error))?;
                core.run().map_err(|error| lost(&error))?;
                return Ok(report);
            }
            if asked.elapsed() > ANSWER {
                return Err(Trouble::Silent {
                    why: format!("no word within {} seconds of a reset", ANSWER.as_secs()),
                });
            }
        }
    }

    /// Writes the lock word and verifies it; the port closes at the next reset.
    pub fn write_lock(&mut self, board: &str, beat: &mut Beat<'_>) -> Result<(), Trouble> {
        let word = self.debug.lock.ok_or_else(|| Trouble::NoLock {
            board: board.to_owned(),
        })?;
        let mut loader = self.session.target().flash_loader();
        loader
            .add_data(word.address, &word.value.to_le_bytes())
            .and_then(|()| self.load(&loader, beat))
            .map_err(|error| Trouble::Write { why: chain(&error) })
    }

    /// Resets a chip whose lock word was written. The port closes while it would answer: what it answers says nothing.
    pub fn reset_into_lock(&mut self) {
        let _closed = self.session.core(0).and_then(|mut core| core.reset());
    }
}

fn lost(error: &probe_rs::Error) -> Trouble {
    unattached(error, None)
}

fn size(length: u64) -> usize {
    usize::try_from(length).unwrap_or(0)
}

/// How much is read between two signs of life.
const PIECE: usize = 16 << 10;
/// How long a core may take to stop.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two looks at the mailbox.
const GLANCE: Duration = Duration::from_millis(10);
/// How long a bootloader may judge.
const ANSWER: Duration = Duration::from_secs(30);
