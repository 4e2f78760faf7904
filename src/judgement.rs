//! The device's judgement, passed at the desk: the verdict, and what trust would move to.
//!
//! Takes what a device knows and what it would be shown, and runs the bootloader's own judge over it. It adds the limits of
//! a board where one is named, and nothing else: same bytes, same reason, same words.

use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Evidence;
use cuff_verifier::judge::{Advance, Known, Outcome, Versions, walk};
use cuff_verifier::release::Kind;
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::{Reason, Verdict};
use cuff_verifier::version::{Counter, Length};

use crate::board::Board;

/// What a device would be shown.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// Evidence; what follows it in memory is the image unless one is given.
    pub evidence: &'a [u8],
    /// The image, where it comes separately.
    pub image: Option<&'a [u8]>,
}

/// How much of it fits into a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of evidence.
    pub evidence: u64,
    /// Bytes of an application image.
    pub image: u64,
}

impl Room {
    /// What this board has.
    pub fn on(board: &Board) -> Self {
        Self {
            evidence: board.evidence,
            image: board.room(Kind::Application).length,
        }
    }
}

/// What the device says.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// May it run?
    pub verdict: Verdict,
    /// What is committed, whatever becomes of the image.
    pub trust: Trust,
    /// The release, when the device could install it if its image is right.
    pub release: Option<Release>,
}

/// How far trust moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Nothing is committed.
    Stays,
    /// New root links, and nothing below them.
    Root(Moved),
    /// The whole chain.
    Chain(Moved),
}

/// Trust state after the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Version of the root.
    pub root: u64,
    /// Versions of the roles below.
    pub versions: Versions,
    /// The time floor.
    pub floor: Instant,
    /// The least counter that may still be installed.
    pub minimum_counter: Counter,
}

/// A release the device could install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// Its target path.
    pub path: String,
    /// The version people see.
    pub version: String,
    /// Its security counter.
    pub counter: Counter,
    /// Length of the image.
    pub length: Length,
    /// SHA-256 of the image.
    pub sha256: Digest,
}

/// Judges as the device does.
pub fn judge(known: &Known<'_>, update: &Update<'_>, room: Option<Room>) -> Judgement {
    let refused = |reason| Judgement {
        verdict: Verdict::Refuse(reason),
        trust: Trust::Stays,
        release: None,
    };
    let evidence = match Evidence::parse(update.evidence) {
        Ok(evidence) => evidence,
        Err(error) => return refused(error.into()),
    };
    let length = evidence.bytes().len();
    if room.is_some_and(|room| length as u64 > room.evidence) {
        return refused(Reason::EvidenceTooLarge);
    }
    let walked = walk(known, &evidence);
    let moved = walked.advance.map(Moved::of);
    let root_alone = moved.map_or(Trust::Stays, Trust::Root);
    let chain = match walked.outcome {
        Outcome::Complete(chain) => chain,
        Outcome::RootsOnly => {
            return Judgement {
                trust: root_alone,
                ..refused(Reason::NoImage)
            };
        }
        Outcome::Refused(reason) => {
            return Judgement {
                trust: root_alone,
                ..refused(reason)
            };
        }
    };
    let trust = moved.map_or(Trust::Stays, Trust::Chain);
    let release = match chain.release(known) {
        Ok(release) => release,
        Err(reason) => {
            return Judgement {
                trust,
                ..refused(reason)
            };
        }
    };
    let signed = release.record.image;
    let largest = room.map_or(u64::from(u32::MAX), |room| room.image);
    let verdict = if signed.length.0 > largest {
        Verdict::Refuse(Reason::ImageTooLarge)
    } else {
        let slot = update
            .image
            .unwrap_or_else(|| update.evidence.get(length..).unwrap_or_default());
        release.admits(as_in_a_slot(slot, signed.length, update.image.is_none()))
    };
    Judgement {
        verdict,
        trust,
        release: Some(Release {
            path: release.path.to_owned(),
            version: release.record.version.to_owned(),
            counter: release.record.counter,
            length: signed.length,
            sha256: signed.sha256,
        }),
    }
}

/// A bootloader is a release too: the same signers, and an image for the boot region. No device installs one by itself.
pub fn bootloader(known: &Known<'_>, evidence: &[u8], image: &[u8]) -> Result<(), Reason> {
    let evidence = Evidence::parse(evidence)?;
    match walk(known, &evidence).outcome {
        Outcome::Complete(chain) => match chain.first_bootloader(known)?.admits(image) {
            Verdict::Boot => Ok(()),
            Verdict::Refuse(reason) => Err(reason),
        },
        Outcome::RootsOnly => Err(Reason::EvidenceIncomplete),
        Outcome::Refused(reason) => Err(reason),
    }
}

impl Moved {
    fn of(advance: Advance<'_>) -> Self {
        Self {
            root: advance.root_version.get(),
            versions: advance.versions,
            floor: advance.floor,
            minimum_counter: advance.minimum_counter,
        }
    }
}

/// Memory goes on behind an image; a file of its own must end where the image does.
fn as_in_a_slot(bytes: &[u8], signed: Length, memory: bool) -> &[u8] {
    let length = usize::try_from(signed.0).unwrap_or(usize::MAX);
    if memory {
        bytes.get(..length).unwrap_or(bytes)
    } else {
        bytes
    }
}
