//! A wearable without hardware: the bootloader itself, over a model of NOR flash that lives in a file.
//!
//! Takes a folder, gives a link. Every flash operation reaches the file before the next begins, so a killed process leaves
//! what a power cut would leave. It simulates the chip and the application; the bootloader is the real one.

pub mod flash;
pub mod folder;
pub mod line;
pub mod outside;

use std::path::{Path, PathBuf};

use cuff_bootloader::boot::{Ended, drive};
use cuff_bootloader::carry::carry;
use cuff_bootloader::flash::{Chip, Fault};
use cuff_bootloader::layout::{Layout, Region};
use cuff_bootloader::nor::Cut;
use cuff_bootloader::plan::{HandOver, Step, plan};
use cuff_bootloader::provision::{self, First, Unprovisioned};
use cuff_bootloader::record::{Record, TrialId};
use cuff_bootloader::report::{self, Report};
use cuff_bootloader::trust;
use cuff_bootloader::upload::{self, Candidate, Inbox};
use cuff_verifier::digest::{Digest, Hasher};

use super::event::{self, Event};
use super::link::{Boot, Link, LinkError, Log, Sent};
use super::nonce::nonce;
use super::read;
use super::unit::Unit;
use crate::board::Board;
use crate::durable::Lock;
use flash::FileFlash;
use outside::Outside;

/// A simulated wearable, held by this process alone.
#[derive(Debug)]
pub struct Sim {
    path: PathBuf,
    board: Board,
    layout: Layout,
    flash: FileFlash,
    outside: Outside,
    /// Whether anything may reach the disk.
    rehearsal: bool,
    _lock: Lock,
}

/// What a power cycle did; a cut leaves no answer.
#[derive(Clone, Debug)]
pub struct Cycle {
    /// Step by step.
    pub events: Vec<Event>,
    /// How it ended, unless power went first.
    pub ended: Option<Ended>,
}

impl Sim {
    /// Opens the wearable in a folder.
    pub fn open(path: &Path) -> Result<Self, LinkError> {
        Self::at(path, false)
    }

    /// Opens a copy in memory: everything happens, nothing is kept.
    pub fn rehearse(path: &Path) -> Result<Self, LinkError> {
        Self::at(path, true)
    }

    /// One or the other.
    pub fn at(path: &Path, dry_run: bool) -> Result<Self, LinkError> {
        folder::open(path, dry_run)
    }

    /// What it is made of.
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Where things lie in its flash.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Flash operations since it was opened.
    pub fn operations(&self) -> u64 {
        self.flash.operations()
    }

    /// The bootloader's own view of the flash: for tests that must write what no link may write.
    pub fn chip(&mut self) -> Chip<'_, FileFlash> {
        Chip::new(&mut self.flash, &self.layout)
    }

    /// Arms a power cut for the next command that powers the wearable.
    pub fn arm(&mut self, cut: Cut) -> Result<(), LinkError> {
        self.outside.cut = Some(cut.into());
        self.keep()
    }

    /// Whether an armed cut was reached; from then on nothing works until the wearable is opened again.
    pub fn is_dark(&self) -> bool {
        self.flash.is_dark()
    }

    /// Resets: the bootloader runs, and hands over or stays.
    pub fn boot(&mut self) -> Result<Cycle, LinkError> {
        self.power()?;
        // RAM does not keep the last trial's id across the bootloader: it is cleared before each trial.
        self.outside.retained.trial = None;
        self.outside.retained.running = None;
        self.keep()?;
        let mut events = Vec::new();
        let trials = self.layout.trials;
        let ended = drive(
            &mut Chip::new(&mut self.flash, &self.layout),
            |chip, seen, memory| plan(chip.layout(), seen, memory),
            |chip, seen, memory, step| {
                let done = carry(chip, seen, memory, self.board.bootloader, step);
                let told = match (step, done, seen.banks.record()) {
                    (Step::Advance(_), Ok(()), Some(before)) => trust::look(chip)
                        .record()
                        .map(|after| event::of_advance(before, after)),
                    _ => event::of_step(seen, memory, step, trials, done),
                };
                events.extend(told);
                done
            },
        );
        if self.flash.is_dark() {
            let cut = |event: &Event| matches!(event, Event::FlashFailed { .. });
            let whole = events.iter().position(cut).unwrap_or(events.len());
            events.truncate(whole);
            events.push(self.dark());
            return Ok(Cycle {
                events,
                ended: None,
            });
        }
        let record = trust::look(&mut self.chip()).record().copied();
        events.push(event::of_hand_over(ended.hand_over, record.as_ref()));
        if let HandOver::Jump { trial } = ended.hand_over {
            self.outside.retained.trial = trial.map(|id| hex::encode(id.0));
            self.outside.retained.running = record
                .as_ref()
                .and_then(Record::expected)
                .map(|image| image.release.to_string());
        }
        self.keep()?;
        Ok(Cycle {
            events,
            ended: Some(ended),
        })
    }

    /// The application runs: on trial it returns the id it was handed, unless it is sick.
    pub fn run_application(&mut self, sick: bool) -> Result<Option<Event>, LinkError> {
        let mut id = [0; 16];
        let handed = self.outside.retained.trial.as_deref();
        if handed.is_none_or(|text| hex::decode_to_slice(text, &mut id).is_err()) {
            return Ok(None);
        }
        let release = self.outside.retained.running.clone().unwrap_or_default();
        if sick {
            return Ok(Some(Event::Silent { release }));
        }
        self.power()?;
        let confirmed = upload::confirm(&mut self.chip(), TrialId(id));
        if self.flash.is_dark() {
            return Ok(Some(self.dark()));
        }
        confirmed.map_err(refused)?;
        self.outside.retained.trial = None;
        self.keep()?;
        Ok(Some(Event::Confirmed { release }))
    }

    /// Power comes: an armed cut begins to count, once.
    fn power(&mut self) -> Result<(), LinkError> {
        if let Some(cut) = self.outside.cut.take() {
            self.keep()?;
            self.flash.cut(cut.into());
        }
        Ok(())
    }

    fn dark(&self) -> Event {
        Event::PowerLost {
            after: self.flash.operations().saturating_sub(1),
        }
    }

    fn keep(&self) -> Result<(), LinkError> {
        if self.rehearsal {
            return Ok(());
        }
        self.outside.write(&self.path)
    }

    /// An error of the bootloader's upload, or that power went, or that this machine could not keep the file.
    fn upload(&mut self, done: Result<(), upload::Refused>) -> Result<(), LinkError> {
        self.alive()?;
        done.map_err(refused)
    }

    fn alive(&mut self) -> Result<(), LinkError> {
        if let Some(source) = self.flash.take_failure() {
            return Err(LinkError::Desk {
                path: self.path.join(folder::FLASH).display().to_string(),
                source,
            });
        }
        if self.flash.is_dark() {
            return Err(LinkError::Lost {
                why: format!(
                    "power was cut after {} flash operations",
                    self.flash.operations().saturating_sub(1)
                ),
            });
        }
        Ok(())
    }
}

impl Link for Sim {
    fn unit(&mut self) -> Result<Unit, LinkError> {
        Ok(Unit {
            board: self.board.clone(),
            bootloader: self.board.bootloader,
            standing: read::standing(&mut self.chip()),
        })
    }

    fn provision(&mut self, first: &First<'_>) -> Result<(), LinkError> {
        self.power()?;
        let done = provision::provision(&mut self.chip(), first);
        self.alive()?;
        match done {
            Ok(_) => Ok(()),
            Err(Unprovisioned::Refused(reason)) => Err(LinkError::Refused(reason)),
            Err(Unprovisioned::Fault(fault)) => Err(LinkError::Flash(fault)),
        }
    }

    fn write_inbox(&mut self, evidence: &[u8], sent: &mut Sent<'_>) -> Result<(), LinkError> {
        self.power()?;
        let mut write = || {
            let chip = &mut Chip::new(&mut self.flash, &self.layout);
            let mut inbox = Inbox::begin(chip)?;
            let mut done = 0;
            for piece in evidence.chunks(PIECE) {
                inbox.write(chip, piece)?;
                done += piece.len() as u64;
                sent(done);
            }
            inbox.finish(chip)
        };
        let done = write();
        self.upload(done)
    }

    fn write_candidate(
        &mut self,
        evidence: &[u8],
        image: &[u8],
        sent: &mut Sent<'_>,
    ) -> Result<(), LinkError> {
        self.power()?;
        let mut file = Hasher::new();
        file.update(evidence);
        file.update(image);
        let file = file.finish();
        let mut write = || {
            let chip = &mut Chip::new(&mut self.flash, &self.layout);
            let mut candidate = Candidate::begin(chip, &file)?;
            let mut done = 0;
            for piece in evidence.chunks(PIECE) {
                candidate.evidence(chip, piece)?;
                done += piece.len() as u64;
                sent(done);
            }
            for piece in image.chunks(PIECE) {
                candidate.image(chip, piece)?;
                done += piece.len() as u64;
                sent(done);
            }
            candidate.finish(chip)
        };
        let done = write();
        self.upload(done)
    }

    fn reset(&mut self) -> Result<Boot, LinkError> {
        let nonce = nonce()?;
        let Cycle { events, ended } = self.boot()?;
        self.alive()?;
        let bootloader = self.board.bootloader;
        let block =
            ended.and_then(|ended| Report::of(&mut self.chip(), bootloader, ended, nonce).encode());
        match block.as_ref().and_then(answer) {
            Some(report) if report.nonce == nonce => Ok(Boot {
                events,
                ended: report.ended,
            }),
            _ => Err(LinkError::Lost {
                why: "its answer does not carry the nonce it was asked with".to_owned(),
            }),
        }
    }

    fn log(&mut self) -> Result<Log, LinkError> {
        read::log(&mut self.chip()).map_err(LinkError::Flash)
    }

    fn active_digest(&mut self, length: u32) -> Result<Digest, LinkError> {
        read::active_digest(&mut self.chip(), length).map_err(LinkError::Flash)
    }

    fn flash(&mut self) -> Result<Option<Vec<u8>>, LinkError> {
        let length = self.layout.flash_length();
        read::bytes(&mut self.chip(), Region::new(0, length))
            .map(Some)
            .map_err(LinkError::Flash)
    }
}

fn answer(block: &[u8; report::LENGTH]) -> Option<Report> {
    Report::decode(block)
}

fn refused(refused: upload::Refused) -> LinkError {
    match refused {
        upload::Refused::Fault(Fault::Driver) => LinkError::Flash(Fault::Driver),
        upload::Refused::Fault(fault) => LinkError::Flash(fault),
        other => LinkError::Refused(other.reason()),
    }
}

/// How much is handed over at once.
const PIECE: usize = 1024;
