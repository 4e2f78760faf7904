//! What a unit says of itself to a host.
//!
//! Takes the trust store, the counter and the last verdict, gives one sealed block of fixed length that echoes the host's
//! nonce. It is an answer of the bootloader: a block found in memory the application can write proves nothing.

use cuff_verifier::{
    digest::Digest, judge::Versions, sure::Sure, time::Instant, verdict::Reason, version::Counter,
};

use crate::{
    boot::Ended,
    carry,
    field::{Reader, Text, Writer},
    flash::{Chip, Flash},
    log::{self, Head},
    plan::HandOver,
    record::{Identity, TrialId, shortened},
    slot::{self, Offer},
    trust,
};

/// What `device info` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The host's nonce, given back.
    pub nonce: [u8; 16],
    /// How the boot that wrote this ended, and what it answered. A candidate refused by an earlier boot is named too.
    pub ended: Ended,
    /// The version of the bootloader.
    pub bootloader: u64,
    /// All that follows; `None` when the trust store is damaged.
    pub state: Option<State>,
}

/// What a unit with a sound trust store knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Who it is.
    pub identity: Identity,
    /// Version of the trusted root.
    pub root_version: u64,
    /// SHA-256 of the trusted root.
    pub root_sha256: Digest,
    /// Versions of the other roles.
    pub versions: Versions,
    /// SHA-256 of the last accepted timestamp.
    pub timestamp_sha256: Digest,
    /// The time floor: freshness is judged against it.
    pub floor: Instant,
    /// The signed minimum counter.
    pub minimum_counter: Counter,
    /// The security counter.
    pub counter: Counter,
    /// The installed release, empty when there is none.
    pub installed: Text<95>,
    /// Its image digest.
    pub installed_sha256: Digest,
    /// The release on trial, empty when no trial is open.
    pub trial: Text<95>,
    /// The end of the tamper log.
    pub log_head: Head,
}

impl Report {
    /// Reads the state of the unit now.
    pub fn of<F: Flash>(
        chip: &mut Chip<'_, F>,
        bootloader: u64,
        ended: Ended,
        nonce: [u8; 16],
    ) -> Self {
        let banks = trust::look(chip);
        let state = banks.record().map(|record| State {
            identity: record.identity,
            root_version: record.root.version,
            root_sha256: record.root.sha256,
            versions: record.versions,
            timestamp_sha256: record.timestamp_sha256,
            floor: record.floor,
            minimum_counter: record.minimum_counter,
            counter: carry::counter(chip, record),
            installed: record.installed.map_or(Text::EMPTY, |image| image.release),
            installed_sha256: record
                .installed
                .map_or(Digest([0; 32]), |image| image.sha256),
            trial: record
                .trial
                .map_or(Text::EMPTY, |trial| trial.image.release),
            log_head: log::head(chip).unwrap_or_default(),
        });
        let before = match slot::offer(chip) {
            Offer::Refused(reason) => reason.map(Err),
            Offer::None | Offer::Open => None,
        };
        let ended = Ended {
            candidate: ended.candidate.or(before),
            ..ended
        };
        Self {
            nonce,
            ended,
            bootloader,
            state,
        }
    }

    /// The sealed block.
    pub fn encode(&self) -> Option<[u8; LENGTH]> {
        let mut out = [0; LENGTH];
        let (body, seal) = out.split_at_mut_checked(BODY)?;
        let mut w = Writer::new(body);
        w.bytes(MAGIC).bytes(&self.nonce).u64(self.bootloader);
        let (code, reason, trial) = match self.ended.hand_over {
            HandOver::Jump { trial: None } => (JUMP, 0, [0; 16]),
            HandOver::Jump { trial: Some(id) } => (TRIAL, 0, id.0),
            HandOver::Recovery(reason) => (RECOVERY, reason.code(), [0; 16]),
        };
        w.u16(code)
            .u16(reason)
            .bytes(&trial)
            .u16(answer_code(self.ended.inbox))
            .u16(answer_code(self.ended.candidate))
            .u32(u32::from(self.state.is_some()));
        if let Some(state) = &self.state {
            let identity = &state.identity;
            w.text(&identity.product)
                .text(&identity.hardware)
                .text(&identity.serial);
            w.u64(state.root_version).bytes(&state.root_sha256.0);
            w.u64(state.versions.timestamp).u64(state.versions.snapshot);
            w.u64(state.versions.targets).u64(state.versions.product);
            w.bytes(&state.timestamp_sha256.0).u64(state.floor.0);
            w.u64(state.minimum_counter.0).u64(state.counter.0);
            w.text(&state.installed)
                .bytes(&state.installed_sha256.0)
                .text(&state.trial);
            w.u32(state.log_head.sequence).bytes(&state.log_head.hash);
        }
        let fitted = w.fitted();
        seal.copy_from_slice(&shortened(&Digest::of(body)));
        fitted.then_some(out)
    }

    /// Reads a block, if it is one that would be written like this; the seal catches accidents, not forgers.
    pub fn decode(bytes: &[u8; LENGTH]) -> Option<Self> {
        let (body, seal) = bytes.split_at_checked(BODY)?;
        let mut r = Reader::new(body);
        if r.array::<8>() != *MAGIC || !Sure::equal(&shortened(&Digest::of(body)), seal).holds() {
            return None;
        }
        let nonce = r.array();
        let bootloader = r.u64();
        let (code, reason, trial) = (r.u16(), r.u16(), TrialId(r.array()));
        let hand_over = match code {
            JUMP => HandOver::Jump { trial: None },
            TRIAL => HandOver::Jump { trial: Some(trial) },
            RECOVERY => HandOver::Recovery(Reason::from_code(reason)?),
            _ => return None,
        };
        let inbox = answer(r.u16())?;
        let candidate = answer(r.u16())?;
        let ended = Ended {
            hand_over,
            inbox,
            candidate,
        };
        let state = match r.u32() {
            0 => None,
            1 => Some(State {
                identity: Identity {
                    product: r.text()?,
                    hardware: r.text()?,
                    serial: r.text()?,
                },
                root_version: r.u64(),
                root_sha256: Digest(r.array()),
                versions: Versions {
                    timestamp: r.u64(),
                    snapshot: r.u64(),
                    targets: r.u64(),
                    product: r.u64(),
                },
                timestamp_sha256: Digest(r.array()),
                floor: Instant(r.u64()),
                minimum_counter: Counter(r.u64()),
                counter: Counter(r.u64()),
                installed: r.text()?,
                installed_sha256: Digest(r.array()),
                trial: r.text()?,
                log_head: Head {
                    sequence: r.u32(),
                    hash: r.array(),
                },
            }),
            _ => return None,
        };
        let report = Self {
            nonce,
            ended,
            bootloader,
            state,
        };
        (r.complete() && report.encode().as_ref() == Some(bytes)).then_some(report)
    }
}

fn answer_code(answer: Option<Result<(), Reason>>) -> u16 {
    match answer {
        None => 0,
        Some(Ok(())) => ACCEPTED,
        Some(Err(reason)) => reason.code(),
    }
}

/// `None` when the code means nothing, `Some(None)` when nothing was asked.
#[allow(
    clippy::option_option,
    reason = "not asked and unreadable are different answers"
)]
fn answer(code: u16) -> Option<Option<Result<(), Reason>>> {
    match code {
        0 => Some(None),
        ACCEPTED => Some(Some(Ok(()))),
        code => Reason::from_code(code).map(|reason| Some(Err(reason))),
    }
}

/// Bytes of a report.
pub const LENGTH: usize = 640;
const BODY: usize = 624;
const MAGIC: &[u8; 8] = b"cuffrep1";
const ACCEPTED: u16 = 0x4f4b;
const JUMP: u16 = 0x4a4a;
const TRIAL: u16 = 0x5454;
const RECOVERY: u16 = 0x5252;
