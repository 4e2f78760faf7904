//! Every region of a unit's flash, read back and judged at the desk.
//!
//! Takes the bytes of flash, gives a line for each region: what it holds, and whether that is what it must be, where something says
//! what it must be. The eyes are the bootloader's own; nothing is changed.

use std::fmt;

use cuff_bootloader::flash::{Chip, Flash};
use cuff_bootloader::layout::{Layout, Region, Slot};
use cuff_bootloader::record::{Image, Record};
use cuff_bootloader::slot::{self, Offer};
use cuff_bootloader::trust::{self, Banks};
use cuff_bootloader::{counter, journal};
use cuff_verifier::digest::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use super::{chronicle, read};

/// One region.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Held {
    /// Its name in the board's description.
    pub region: String,
    /// SHA-256 of all of it.
    pub sha256: String,
    /// What it holds.
    pub holds: String,
    /// Whether that is what it must be; null where nothing that was signed or sealed says so.
    pub whole: Option<bool>,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.whole {
            Some(true) => "whole",
            Some(false) => "NOT WHOLE",
            None => "not judged",
        };
        write!(f, "{:<10}{verdict:<12}{}", self.region, self.holds)
    }
}

/// A bootloader that signers vouch for.
#[derive(Clone, Debug)]
pub struct Signed<'a> {
    /// The release.
    pub release: &'a str,
    /// Its image.
    pub image: &'a [u8],
}

/// Looks at all of them. `boot` is what the boot region must hold, where a sealed bundle says it.
pub fn look<F: Flash>(chip: &mut Chip<'_, F>, boot: Option<&Signed<'_>>) -> Vec<Held> {
    let layout = *chip.layout();
    let banks = trust::look(chip);
    let record = banks.record().copied();
    let judged = [
        ("boot", layout.boot, in_boot(chip, &layout, boot)),
        ("trust", layout.trust, in_trust(&banks)),
        ("counter", layout.counter, in_counter(chip, record.as_ref())),
        ("journal", layout.journal, in_journal(chip, &layout)),
        ("log", layout.log, in_log(chip)),
        ("inbox", layout.inbox, in_inbox(chip)),
        ("active", layout.active, in_active(chip, record.as_ref())),
        (
            "candidate",
            layout.candidate,
            in_candidate(chip, record.as_ref()),
        ),
    ];
    judged
        .into_iter()
        .map(|(name, region, (holds, whole))| Held {
            region: name.to_owned(),
            sha256: chip
                .digest(region, region.length)
                .map(|digest| digest.to_string())
                .unwrap_or_default(),
            holds,
            whole,
        })
        .collect()
}

type Judged = (String, Option<bool>);

fn in_boot<F: Flash>(
    chip: &mut Chip<'_, F>,
    layout: &Layout,
    signed: Option<&Signed<'_>>,
) -> Judged {
    if is_blank(chip, layout.boot) {
        return ("erased".to_owned(), signed.map(|_| false));
    }
    let Some(signed) = signed else {
        return (
            "a bootloader; no release of one was given to hold it against".to_owned(),
            None,
        );
    };
    let found = chip.mapped(layout.boot).unwrap_or_default();
    let (head, rest) = found.split_at(signed.image.len().min(found.len()));
    let differs = head
        .iter()
        .zip(signed.image)
        .position(|(one, other)| one != other);
    let tail = rest.iter().position(|byte| *byte != 0xff);
    match (differs, tail) {
        _ if head.len() < signed.image.len() => (
            format!(
                "less than the {} bytes of {}",
                signed.image.len(),
                signed.release
            ),
            Some(false),
        ),
        (Some(at), _) => (
            format!(
                "another bootloader than {}: byte {at} differs",
                signed.release
            ),
            Some(false),
        ),
        (None, Some(at)) => (
            format!(
                "{}, and something behind it, at byte {}",
                signed.release,
                signed.image.len() + at
            ),
            Some(false),
        ),
        (None, None) => (format!("{}, byte for byte", signed.release), Some(true)),
    }
}

fn in_trust(banks: &Banks) -> Judged {
    match banks {
        Banks::Equal(record) => (
            format!("record {} in both banks", record.sequence),
            Some(true),
        ),
        Banks::Window { record, .. } => (
            format!(
                "record {}; the other bank follows at the next boot",
                record.sequence
            ),
            Some(true),
        ),
        Banks::Single { record, .. } => (
            format!(
                "record {} in one bank; the other is damaged",
                record.sequence
            ),
            Some(false),
        ),
        Banks::Lost => ("no record that could be read".to_owned(), Some(false)),
    }
}

fn in_counter<F: Flash>(chip: &mut Chip<'_, F>, record: Option<&Record>) -> Judged {
    let held = counter::look(chip);
    let least = record.map(|record| record.counter).unwrap_or_default();
    match held.value {
        None if least.0 == 0 => ("no count yet".to_owned(), Some(true)),
        None => (
            format!("no count; the record says {}", least.0),
            Some(false),
        ),
        Some(value) if value < least => (
            format!("{}, less than the record's {}", value.0, least.0),
            Some(false),
        ),
        Some(value) if held.mirrored => (format!("{} in both mirrors", value.0), Some(true)),
        Some(value) => (
            format!(
                "{} in one mirror; the other follows at the next boot",
                value.0
            ),
            Some(true),
        ),
    }
}

fn in_journal<F: Flash>(chip: &mut Chip<'_, F>, layout: &Layout) -> Judged {
    match journal::look(chip) {
        Some(progress) => (
            format!("a swap, {} of {} steps done", progress.done, progress.total),
            Some(true),
        ),
        None if is_blank(chip, layout.journal) => ("erased".to_owned(), Some(true)),
        None => ("nothing that reads as a swap".to_owned(), None),
    }
}

fn in_log<F: Flash>(chip: &mut Chip<'_, F>) -> Judged {
    let Ok(log) = read::log(chip) else {
        return ("it cannot be read".to_owned(), Some(false));
    };
    let (_, findings) = chronicle::judge(&log, None);
    match findings.iter().find(|finding| finding.is_broken()) {
        Some(broken) => (broken.to_string(), Some(false)),
        None => (
            format!("{} records, chained", log.head.sequence),
            Some(true),
        ),
    }
}

fn in_inbox<F: Flash>(chip: &mut Chip<'_, F>) -> Judged {
    if slot::inbox_is_full(chip) {
        return ("evidence that the next boot judges".to_owned(), None);
    }
    ("nothing to judge".to_owned(), None)
}

fn in_active<F: Flash>(chip: &mut Chip<'_, F>, record: Option<&Record>) -> Judged {
    let region = chip.layout().slot(Slot::Active);
    match record.and_then(Record::expected) {
        Some(image) => {
            let whole = holds(chip, region, image);
            let not = if whole { "" } else { "something else than " };
            (format!("{not}{}", image.release.as_str()), Some(whole))
        }
        None if is_blank(chip, region) => ("erased".to_owned(), Some(true)),
        None => ("bytes that no record vouches for".to_owned(), Some(false)),
    }
}

fn in_candidate<F: Flash>(chip: &mut Chip<'_, F>, record: Option<&Record>) -> Judged {
    let region = chip.layout().slot(Slot::Candidate);
    if let Some(record) = record
        && record.trial.is_some()
        && let Some(installed) = &record.installed
    {
        let swapped = journal::look(chip).is_some_and(|progress| progress.is_complete());
        let whole = holds(
            chip,
            slot::way_back(chip.layout(), installed.length),
            installed,
        );
        let not = if whole { "" } else { "no longer " };
        return (
            format!("{not}the way back, {}", installed.release.as_str()),
            swapped.then_some(whole),
        );
    }
    match slot::offer(chip) {
        Offer::Open => {
            return ("an update that the next boot judges".to_owned(), None);
        }
        Offer::Refused(reason) => {
            let why = reason.map_or("a reason whose mark is torn".to_owned(), |reason| {
                format!("{reason} (reason {}, {})", reason.code(), reason.name())
            });
            return (format!("an update that was refused: {why}"), None);
        }
        Offer::None => {}
    }
    if let Some(former) = record.and_then(|record| record.former)
        && holds(chip, slot::way_back(chip.layout(), former.length), &former)
    {
        return (
            format!(
                "what ran before, {}, byte for byte",
                former.release.as_str()
            ),
            Some(true),
        );
    }
    if is_blank(chip, region) {
        return ("erased".to_owned(), Some(true));
    }
    (
        "bytes that are offered to nobody and that nothing vouches for".to_owned(),
        None,
    )
}

fn holds<F: Flash>(chip: &mut Chip<'_, F>, region: Region, image: &Image) -> bool {
    let found: Option<Digest> = chip.digest(region, image.length).ok();
    found == Some(image.sha256)
}

fn is_blank<F: Flash>(chip: &mut Chip<'_, F>, region: Region) -> bool {
    chip.blank(region, 0, region.length) == Ok(true)
}
