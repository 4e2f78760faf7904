//! The debug probe: probe-rs behind cuff's own link, and nowhere else.
//!
//! Takes the name of a probe and a board, gives a [`Link`] to the chip behind it. What is written is made by the bootloader's own
//! code over a copy of flash; what is judged is judged by the bootloader on the chip. Every job has a clock beside it.

pub mod attach;
mod chip;
mod worker;

use std::time::Duration;

use cuff_bootloader::flash;
use cuff_bootloader::layout::{Layout, Region, Slot};
use cuff_bootloader::provision::{self, First, Unprovisioned};
use cuff_bootloader::report::Report;
use cuff_bootloader::upload;
use cuff_verifier::digest::Digest;
use embedded_storage::nor_flash::NorFlash;

use super::event;
use super::link::{Boot, Link, LinkError, Log, Seen, Sent};
use super::nonce::nonce;
use super::read;
use super::shadow::{Shadow, Stretch};
use super::target::{ProbeId, Target};
use super::trouble::Trouble;
use super::unit::Unit;
use crate::board::Board;
use chip::Chip;
use worker::{Beat, Gone, Worker};

/// A chip behind a debug probe, held by this process alone.
pub struct Probe {
    worker: Worker<Chip>,
    board: Board,
    layout: Layout,
    id: ProbeId,
    /// The version the bootloader gave with its last answer.
    bootloader: Option<u64>,
    /// What the last answer said.
    report: Option<Report>,
}

impl Probe {
    /// Opens the probe and attaches to the board's chip. A locked port stays locked.
    pub fn open(named: Option<&ProbeId>, board: &Board) -> Result<Self, LinkError> {
        Self::reach(named, board, false)
    }

    /// The same, and a locked port is opened by erasing all that the chip holds.
    pub fn open_by_erasing_everything(
        named: Option<&ProbeId>,
        board: &Board,
    ) -> Result<Self, LinkError> {
        Self::reach(named, board, true)
    }

    fn reach(named: Option<&ProbeId>, board: &Board, erase: bool) -> Result<Self, LinkError> {
        let layout = board.layout().map_err(|misfit| LinkError::Absent {
            target: Target::Probe(named.cloned()).to_string(),
            why: format!(
                "the bootloader cannot work on board {}: {misfit}",
                board.name
            ),
        })?;
        // No probe is opened for a chip that nobody described.
        attach::debug(board)?;
        let (wanted, described) = (named.cloned(), board.clone());
        let (known, tell) = std::sync::mpsc::channel();
        let started = Worker::start(OPEN, SILENCE, move |beat| {
            let mut attach = || {
                let (probe, id) = attach::open(wanted.as_ref())?;
                let _nobody = known.send(id);
                beat.reach(0);
                Chip::reach(probe, &described, layout, erase)
            };
            match attach() {
                // One fault can be a bad contact. Nobody is told to erase a chip before it said so twice.
                Err(Trouble::Locked) => attach(),
                reached => reached,
            }
        });
        let worker = match (started, named) {
            (Err(Gone::Silent(OPEN)), Some(named)) => {
                return Err(Trouble::InUse {
                    probe: attach::name(named),
                }
                .into());
            }
            (started, _) => started.map_err(gone)?.map_err(LinkError::Trouble)?,
        };
        let id = tell.recv().map_err(|_| gone(Gone::Broken))?;
        Ok(Self {
            worker,
            board: board.clone(),
            layout,
            id,
            bootloader: None,
            report: None,
        })
    }

    /// Which probe it is.
    pub fn id(&self) -> &ProbeId {
        &self.id
    }

    /// What is behind it.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The number no other chip has.
    pub fn uid(&mut self) -> Result<String, LinkError> {
        self.ask(&mut |_| {}, |chip, _| chip.uid())
    }

    /// Supply voltage in thousandths of a volt, where the probe tells.
    pub fn millivolts(&mut self) -> Result<Option<u32>, LinkError> {
        self.ask(&mut |_| {}, |chip, _| Ok(chip.millivolts()))
    }

    /// What the bootloader said last.
    pub fn report(&self) -> Option<&Report> {
        self.report.as_ref()
    }

    /// Reads a region of flash.
    pub fn region(&mut self, region: Region) -> Result<Vec<u8>, LinkError> {
        self.ask(&mut |_| {}, move |chip, beat| {
            chip.flash(region, &mut 0, beat)
        })
    }

    /// What provisioning would write: the bootloader, and what its own encoder makes of `first`. Nothing is written.
    pub fn rehearse(
        &mut self,
        first: &First<'_>,
        boot: Option<&[u8]>,
    ) -> Result<Vec<Stretch>, LinkError> {
        let layout = self.layout;
        let mut read = read::told_by(&layout).to_vec();
        read.extend([layout.inbox, layout.spare()]);
        let mut shadow = self.shadow(read)?;
        let mut chip = flash::Chip::new(&mut shadow, &layout);
        match provision::provision(&mut chip, first) {
            Ok(_) => {}
            Err(Unprovisioned::Refused(reason)) => return Err(LinkError::Refused(reason)),
            Err(Unprovisioned::Fault(fault)) => return Err(LinkError::Flash(fault)),
        }
        if let Some(image) = boot {
            let outside = |_| LinkError::Flash(flash::Fault::Outside);
            if image.len() > usize::try_from(layout.boot.length).unwrap_or(0) {
                return Err(LinkError::Flash(flash::Fault::Outside));
            }
            shadow
                .erase(layout.boot.offset, layout.boot.end())
                .map_err(outside)?;
            shadow.write(layout.boot.offset, image).map_err(outside)?;
        }
        Ok(shadow.stretches())
    }

    /// Writes stretches in one go and verifies them; the core is left halted at its first instruction.
    pub fn write(&mut self, stretches: Vec<Stretch>, sent: &mut Sent<'_>) -> Result<(), LinkError> {
        self.ask(sent, move |chip, beat| chip.write(&stretches, beat))
    }

    /// The unit's own word for what an application does at a confirm: whether it has done it in the running trial.
    pub fn has_confirmed(&mut self) -> Result<bool, LinkError> {
        let page = self.layout.confirmation().part(0, 32);
        let bytes = self.region(page)?;
        Ok(bytes.iter().any(|byte| *byte != 0xff))
    }

    /// Writes the lock word and resets. Whether the port is closed is for the next attach to prove.
    pub fn lock(mut self) -> Result<(), LinkError> {
        let board = self.board.name.clone();
        self.ask(&mut |_| {}, move |chip, beat| chip.write_lock(&board, beat))?;
        let _closed = self.ask(&mut |_| {}, |chip, _| {
            chip.reset_into_lock();
            Ok(())
        });
        Ok(())
    }

    fn shadow(&mut self, regions: Vec<Region>) -> Result<Shadow, LinkError> {
        self.ask(&mut |_| {}, move |chip, beat| chip.shadow(&regions, beat))
    }

    fn ask<T: Send + 'static>(
        &mut self,
        sent: &mut Sent<'_>,
        job: impl FnOnce(&mut Chip, &mut Beat<'_>) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, LinkError> {
        self.worker
            .ask(SILENCE, sent, job)
            .map_err(gone)?
            .map_err(lost)
    }
}

impl Link for Probe {
    fn unit(&mut self) -> Result<Unit, LinkError> {
        let layout = self.layout;
        let mut shadow = self.shadow(read::told_by(&layout).to_vec())?;
        Ok(Unit {
            board: self.board.clone(),
            bootloader: self.bootloader.unwrap_or(self.board.bootloader),
            standing: read::standing(&mut flash::Chip::new(&mut shadow, &layout)),
        })
    }

    fn provision(&mut self, first: &First<'_>) -> Result<(), LinkError> {
        let stretches = self.rehearse(first, None)?;
        self.write(stretches, &mut |_| {})
    }

    fn write_inbox(&mut self, evidence: &[u8], sent: &mut Sent<'_>) -> Result<(), LinkError> {
        let layout = self.layout;
        let mut shadow = self.shadow(vec![layout.inbox])?;
        upload::inbox(&mut flash::Chip::new(&mut shadow, &layout), evidence).map_err(refused)?;
        self.write(shadow.stretches(), sent)
    }

    fn write_candidate(
        &mut self,
        evidence: &[u8],
        image: &[u8],
        sent: &mut Sent<'_>,
    ) -> Result<(), LinkError> {
        let layout = self.layout;
        // The rest of the slot passes for erased: what is written is erased first, and nothing else of it is looked at.
        let mut shadow = self.shadow(vec![layout.trust, layout.spare()])?;
        let mut chip = flash::Chip::new(&mut shadow, &layout);
        upload::candidate(&mut chip, evidence, image).map_err(refused)?;
        self.write(shadow.stretches(), sent)
    }

    fn reset(&mut self) -> Result<Boot, LinkError> {
        let nonce = nonce()?;
        let report = self.ask(&mut |_| {}, move |chip, beat| chip.ask(&nonce, beat))?;
        self.bootloader = Some(report.bootloader);
        self.report = Some(report);
        Ok(Boot {
            events: event::of_report(&report),
            ended: report.ended,
        })
    }

    fn log(&mut self) -> Result<Log, LinkError> {
        let layout = self.layout;
        let mut shadow = self.shadow(read::told_by(&layout).to_vec())?;
        read::log(&mut flash::Chip::new(&mut shadow, &layout)).map_err(LinkError::Flash)
    }

    fn active_digest(&mut self, length: u32) -> Result<Digest, LinkError> {
        let region = self.layout.slot(Slot::Active).part(0, length);
        Ok(Digest::of(&self.region(region)?))
    }

    fn flash(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        let whole = Region::new(0, self.layout.flash_length());
        self.region(whole).map(Some)
    }

    fn seen(&mut self) -> Result<Option<Seen>, LinkError> {
        let chip = self.board.debug.as_ref().map(|debug| debug.chip.clone());
        Ok(Some(Seen {
            chip: chip.unwrap_or_default(),
            uid: self.uid()?,
            millivolts: self.millivolts()?,
        }))
    }
}

/// A chip that answered before and does not now was lost on the way.
fn lost(trouble: Trouble) -> LinkError {
    match trouble {
        Trouble::NoTarget { .. } => LinkError::Lost {
            why: "it no longer answers the probe".to_owned(),
        },
        Trouble::Locked => LinkError::Lost {
            why: "its debug port, which was open, answered with a fault".to_owned(),
        },
        other => LinkError::Trouble(other),
    }
}

fn gone(gone: Gone) -> LinkError {
    LinkError::Lost {
        why: match gone {
            Gone::Silent(limit) => {
                format!("the probe said nothing for {} seconds", limit.as_secs())
            }
            Gone::Broken => "the probe's driver gave up on what it heard".to_owned(),
        },
    }
}

fn refused(refused: upload::Refused) -> LinkError {
    match refused {
        upload::Refused::Fault(fault) => LinkError::Flash(fault),
        other => LinkError::Refused(other.reason()),
    }
}

/// How long a probe may take to say that it is one. One that talks to somebody else says nothing.
const OPEN: Duration = Duration::from_secs(10);
/// How long a probe may be silent in the middle of a job; probe-rs looks five times for a second for a chip.
const SILENCE: Duration = Duration::from_secs(30);
