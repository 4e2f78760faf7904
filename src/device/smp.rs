//! A device on a serial line, asked in SMP: behind cuff's own link, and nowhere else.
//!
//! Takes a target, gives a [`Link`] to the unit that answers there. It sends evidence and image as one file and judges
//! nothing; what it is told over the line is the word of whoever runs there, application or bootloader.

mod commands;
pub mod foreign;
mod trouble;
mod wire;

use std::thread::sleep;
use std::time::{Duration, Instant};

use cuff_bootloader::boot::Ended;
use cuff_bootloader::field::Text;
use cuff_bootloader::flash::{Chip, Fault};
use cuff_bootloader::layout::Layout;
use cuff_bootloader::log::Head;
use cuff_bootloader::nor::Nor;
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::provision::First;
use cuff_bootloader::record::{RECORD, Record, TrialId};
use cuff_verifier::digest::Digest;
use cuff_verifier::verdict::Reason;
use cuff_verifier::version::Counter;
use mcumgr_toolkit::MCUmgrClient;
use mcumgr_toolkit::bootloader::BootloaderInfo;
use mcumgr_toolkit::client::MCUmgrClientError;
use mcumgr_toolkit::commands::McuMgrCommand;

use self::commands::{AskImage, AskLog, AskRecord, AskUnit, ImageAnswer, Piece, Reset, UnitAnswer};
use self::trouble::{is_silence, lost, refusal, root_cause, told};
use super::event::{self, Event};
use super::link::{Boot, Link, LinkError, Log, Sent, Speaks};
use super::nonce::nonce;
use super::read;
use super::target::Target;
use super::unit::{Knowledge, Standing, Unit};
use crate::board::Board;
use crate::board::catalogue::Catalogue;

/// One of ours on a line, held by this process alone.
pub struct Smp {
    target: Target,
    client: MCUmgrClient,
    board: Board,
    layout: Layout,
}

impl Smp {
    /// Opens the line and asks who is there. `board` describes what cuff does not know by name.
    pub fn open(target: &Target, board: Option<&Board>) -> Result<Self, LinkError> {
        let client = answering(target)?;
        let answer = match client.raw_command(&AskUnit {}) {
            Ok(answer) => answer,
            Err(error) if refusal(&error).is_some() => {
                return Err(LinkError::Foreign {
                    target: target.to_string(),
                    bootloader: bootloader(&client),
                });
            }
            Err(error) => return Err(lost(&error)),
        };
        let board = match board {
            Some(board) => board.clone(),
            None => known(&answer.board).ok_or_else(|| LinkError::UnknownBoard {
                target: target.to_string(),
                board: answer.board.clone(),
            })?,
        };
        let layout = board.layout().map_err(|misfit| LinkError::Absent {
            target: target.to_string(),
            why: format!(
                "the bootloader cannot work on board {}: {misfit}",
                board.name
            ),
        })?;
        Ok(Self {
            target: target.clone(),
            client,
            board,
            layout,
        })
    }

    fn ask<C: McuMgrCommand>(&self, command: &C) -> Result<C::Response, LinkError> {
        self.client
            .raw_command(command)
            .map_err(|error| told(&error))
    }

    /// All pieces of something.
    fn pieces(
        &self,
        most: u32,
        ask: impl Fn(&Self, u64) -> Result<Piece, LinkError>,
    ) -> Result<Vec<u8>, LinkError> {
        let mut whole = Vec::new();
        loop {
            let piece = ask(self, whole.len() as u64)?;
            let elsewhere = piece.off != whole.len() as u64;
            whole.extend(&piece.data);
            let wrong = elsewhere || piece.len > u64::from(most) || whole.len() as u64 > piece.len;
            if wrong || (piece.data.is_empty() && (whole.len() as u64) < piece.len) {
                return Err(LinkError::Lost {
                    why: "it gave pieces that make no whole".to_owned(),
                });
            }
            if whole.len() as u64 == piece.len {
                return Ok(whole);
            }
        }
    }

    fn knowledge(&self, answer: &UnitAnswer) -> Result<Standing, LinkError> {
        let bytes = self.pieces(self.layout.trust.length, |link, off| {
            link.ask(&AskRecord { off })
        })?;
        let split = bytes.split_first_chunk::<{ RECORD as usize }>();
        let Some((record, root)) =
            split.and_then(|(block, root)| Some((Record::decode(block)?, root)))
        else {
            return Ok(Standing::Damaged);
        };
        if Digest::of(root) != record.root.sha256 {
            return Ok(Standing::Damaged);
        }
        Ok(Standing::Provisioned(Box::new(Knowledge {
            record,
            root: root.to_vec(),
            counter: Counter(answer.counter),
            starts: answer.starts,
            log_head: Head {
                sequence: answer.log,
                hash: answer.head,
            },
        })))
    }

    fn send(&self, file: &[u8], sent: &mut Sent<'_>) -> Result<(), LinkError> {
        upload(&self.client, file, sent).map_err(|error| told(&error))
    }

    fn patient(&self, patience: Duration, retries: u8) -> Result<(), LinkError> {
        patient(&self.client, patience, retries)
    }
}

impl Link for Smp {
    fn unit(&mut self) -> Result<Unit, LinkError> {
        let answer = self.ask(&AskUnit {})?;
        let standing = match answer.trust {
            0 => self.knowledge(&answer)?,
            2 => Standing::Blank,
            _ => Standing::Damaged,
        };
        Ok(Unit {
            board: self.board.clone(),
            bootloader: answer.bootloader,
            standing,
        })
    }

    fn provision(&mut self, _: &First<'_>) -> Result<(), LinkError> {
        Err(LinkError::Unable {
            what: "provision a unit",
        })
    }

    fn write_inbox(&mut self, evidence: &[u8], sent: &mut Sent<'_>) -> Result<(), LinkError> {
        self.send(evidence, sent)
    }

    fn write_candidate(
        &mut self,
        evidence: &[u8],
        image: &[u8],
        sent: &mut Sent<'_>,
    ) -> Result<(), LinkError> {
        self.send(&[evidence, image].concat(), sent)
    }

    fn reset(&mut self) -> Result<Boot, LinkError> {
        let nonce = nonce()?;
        self.ask(&Reset { nonce })?;
        // Only the answer that carries the nonce is of the boot that was asked for.
        let answer = come_back(&self.target, &mut self.client, |client| {
            let answer = client.raw_command(&AskUnit {})?;
            Ok((answer.nonce == nonce).then_some(answer))
        })?;
        let ended = ended(&answer).ok_or_else(|| LinkError::Lost {
            why: "it tells of a boot that cannot be".to_owned(),
        })?;
        let events = match self.unit()?.standing {
            Standing::Provisioned(knowledge) => self.events(&ended, &knowledge),
            Standing::Blank | Standing::Damaged => event::of_ended(&ended, None),
        };
        Ok(Boot { events, ended })
    }

    fn log(&mut self) -> Result<Log, LinkError> {
        let region = self.layout.log;
        let bytes = self.pieces(region.length, |link, off| link.ask(&AskLog { off }))?;
        let size = |length: u32| usize::try_from(length).unwrap_or(usize::MAX);
        let mut flash = vec![0xff; size(self.layout.flash_length())];
        let start = size(region.offset);
        match flash.get_mut(start..start + bytes.len()) {
            Some(place) => place.copy_from_slice(&bytes),
            None => return Err(LinkError::Flash(Fault::Outside)),
        }
        let mut flash = Nor::new(flash, self.layout.program, self.layout.erase);
        read::log(&mut Chip::new(&mut flash, &self.layout)).map_err(LinkError::Flash)
    }

    fn speaks(&mut self) -> Result<Option<Speaks>, LinkError> {
        let answer = self.ask(&AskUnit {})?;
        Ok(Some(Speaks {
            bootloader: answer.mode == 1,
            dropped: answer.broken,
        }))
    }

    fn active_digest(&mut self, length: u32) -> Result<Digest, LinkError> {
        self.patient(SLOW, 0)?;
        let answer = self.ask(&AskImage {});
        self.patient(QUICK, RETRIES)?;
        let ImageAnswer { len, sha } = answer?;
        if len != u64::from(length) {
            return Err(LinkError::Lost {
                why: "it hashed another length than its record names".to_owned(),
            });
        }
        Ok(Digest(sha))
    }
}

impl Smp {
    fn events(&self, ended: &Ended, knowledge: &Knowledge) -> Vec<Event> {
        let record = &knowledge.record;
        let installed = record.installed.map(|image| image.release);
        let trial = record.trial.map(|trial| trial.image.release);
        let name = |release: Option<Text<95>>| {
            release.map_or_else(|| "nothing".to_owned(), |release| release.to_string())
        };
        let (installed, trial) = (name(installed), name(trial));
        let mut events = event::of_ended(ended, Some((&installed, &trial)));
        if let Some(last @ Event::Running { trial: true, .. }) = events.last_mut() {
            *last = Event::TrialStarted {
                release: trial,
                start: knowledge.starts,
                of: u32::from(self.board.trials),
            };
        }
        events
    }
}

/// Opens a line on which somebody answers in SMP.
fn answering(target: &Target) -> Result<MCUmgrClient, LinkError> {
    let client = wire::open(target, QUICK)?;
    patient(&client, QUICK, RETRIES)?;
    match client.use_auto_frame_size() {
        Ok(()) => Ok(client),
        // A device without that command takes the smallest frames there are.
        Err(error) if refusal(&error).is_some() => Ok(client),
        Err(error) => Err(LinkError::Absent {
            target: target.to_string(),
            why: format!("nothing answers in SMP: {}", root_cause(&error)),
        }),
    }
}

/// Asks until there is an answer that was waited for, while a device resets.
fn come_back<T>(
    target: &Target,
    client: &mut MCUmgrClient,
    ask: impl Fn(&MCUmgrClient) -> Result<Option<T>, MCUmgrClientError>,
) -> Result<T, LinkError> {
    patient(client, GLANCE, 0)?;
    let end = Instant::now() + BOOT;
    let mut seen = Instant::now();
    let mut why = "it does not come back after its reset";
    while Instant::now() < end && seen.elapsed() < AWAY {
        match ask(client) {
            Ok(Some(answer)) => {
                patient(client, QUICK, RETRIES)?;
                return Ok(answer);
            }
            Ok(None) => {
                seen = Instant::now();
                why = "it answers, and has not been reset as it was asked to";
                sleep(GLANCE);
            }
            // Silent: it judges, or swaps.
            Err(error) if is_silence(&error) => {
                seen = Instant::now();
                why = "it has said nothing since its reset, as if its application served no host; a probe or recovery tells more";
            }
            // The line broke off, as that of a USB port does.
            Err(_) => {
                sleep(GLANCE);
                if let Ok(opened) = wire::open(target, GLANCE) {
                    *client = opened;
                    patient(client, GLANCE, 0)?;
                    seen = Instant::now();
                }
            }
        }
    }
    Err(LinkError::Lost {
        why: why.to_owned(),
    })
}

/// Uploads a file to the second slot, and gives up when it does not get on.
fn upload(
    client: &MCUmgrClient,
    file: &[u8],
    sent: &mut Sent<'_>,
) -> Result<(), MCUmgrClientError> {
    client.set_timeout(SLOW)?;
    client.set_retries(1);
    let (mut at, mut stuck) = (0, 0);
    let mut progress = |done: u64, _: u64| {
        stuck = if done > at { 0 } else { stuck + 1 };
        at = done;
        sent(done);
        stuck < PATIENCE
    };
    let done = client.image_upload(file, None, None, false, Some(&mut progress));
    client.set_retries(RETRIES);
    client.set_timeout(QUICK)?;
    done
}

/// What a device without cuff's group says of its bootloader.
fn bootloader(client: &MCUmgrClient) -> String {
    match client.os_bootloader_info() {
        Ok(BootloaderInfo::MCUboot { .. }) => "MCUboot".to_owned(),
        Ok(BootloaderInfo::Unknown { name }) => name,
        Err(_) => "unknown".to_owned(),
    }
}

fn patient(client: &MCUmgrClient, patience: Duration, retries: u8) -> Result<(), LinkError> {
    client.set_retries(retries);
    client.set_timeout(patience).map_err(|error| lost(&error))
}

fn known(board: &str) -> Option<Board> {
    Catalogue::embedded().ok()?.get(board).ok().cloned()
}

fn ended(answer: &UnitAnswer) -> Option<Ended> {
    let place = |code: u16| match code {
        0 => Some(None),
        1 => Some(Some(Ok(()))),
        code => Reason::from_code(code).map(|reason| Some(Err(reason))),
    };
    Some(Ended {
        hand_over: match answer.end {
            0 => HandOver::Jump { trial: None },
            // Which trial is between the bootloader and the application.
            1 => HandOver::Jump {
                trial: Some(TrialId([0; 16])),
            },
            2 => HandOver::Recovery(Reason::from_code(answer.reason)?),
            _ => return None,
        },
        inbox: place(answer.inbox)?,
        candidate: place(answer.candidate)?,
    })
}

/// How long an ordinary answer may take.
const QUICK: Duration = Duration::from_secs(2);
/// How long erasing a slot, or hashing one, may take.
const SLOW: Duration = Duration::from_secs(20);
/// How long judging, swapping and starting may take.
const BOOT: Duration = Duration::from_mins(2);
/// How long the line itself may be gone meanwhile.
const AWAY: Duration = Duration::from_secs(10);
/// Between two looks for a device that resets.
const GLANCE: Duration = Duration::from_millis(300);
/// How often a request that was not answered is repeated.
const RETRIES: u8 = 2;
/// How many pieces in a row may bring nothing.
const PATIENCE: u32 = 8;
