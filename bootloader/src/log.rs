//! The tamper log: 32-byte records, each holding a piece of the hash of the one before.
//!
//! Takes events, gives lines and the head of the chain. Equal events in a row are counted, not repeated; each kind has a
//! quota a page; the first page keeps the first of each kind for ever; the head survives page turns. It never stops
//! anything: a log that is full or broken only stays silent.

mod page;

use cuff_verifier::time::Instant;

use self::page::{
    BODY, End, Page, RECORD, SLOT, Slot, TALLY, link, newest, oldest_after, quota, scan, slots,
    ticks, turn,
};
use crate::{
    field::Writer,
    flash::{BLANK, Chip, Fault, Flash},
    layout::Region,
};

/// What happened. The numbers are written in flash and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Evidence without an image was refused; the argument is the reason.
    RefusedEvidence = 1,
    /// A candidate was refused; the argument is the reason.
    RefusedCandidate = 2,
    /// A trial ended without a confirm; the argument is how often it started.
    TrialFailed = 3,
    /// The active slot does not hold what it must.
    ActiveMismatch = 4,
    /// A trust bank was repaired from its equal.
    TrustRepaired = 5,
    /// The security counter changed; the argument is its low 32 bits.
    CounterChanged = 6,
    /// The trusted root changed; the argument is the low 32 bits of its version.
    RootChanged = 7,
    /// The chip saw a debugger.
    DebugSession = 8,
    /// The bootloader stayed in recovery; the argument is why.
    RecoveryEntered = 9,
    /// An image confirmed and is installed now.
    Installed = 10,
    /// The image before came back because the active one was damaged.
    Restored = 11,
    /// The counter pages were repaired.
    CounterRepaired = 12,
    /// The unit was provisioned.
    Provisioned = 13,
}

impl Kind {
    /// The kind with this number.
    pub fn from_code(code: u8) -> Option<Self> {
        ALL.into_iter().find(|kind| *kind as u8 == code)
    }
}

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Counts records from 1.
    pub sequence: u32,
    /// What happened, by number.
    pub kind: u8,
    /// What it was about.
    pub argument: u32,
    /// The time floor then.
    pub floor: Instant,
    /// How often the record before this one was repeated, at least.
    pub before_repeated: u16,
    /// Whether it continues the chain.
    pub chained: bool,
    /// Its own hash, which the record after it continues.
    pub hash: [u8; 16],
}

/// The end of the chain: what a host remembers to notice truncation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The sequence of the last record; 0 before the first.
    pub sequence: u32,
    /// Its hash.
    pub hash: [u8; 16],
}

/// What reading the log meets, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// The first of its kind, from the page that is never recycled; `chained` says its own hash is right.
    First(Entry),
    /// A page begins; `chained` is false when records before it are missing.
    Page {
        /// The head it continues.
        continues: Head,
        /// Whether that is where the page before ended.
        chained: bool,
    },
    /// A record.
    Entry(Entry),
    /// The last record happened at least this many times more.
    Repeated(u16),
    /// A place that was written to and cannot be read: a cut, or a clumsy hand.
    Torn,
}

/// Appends an event.
pub fn append<F: Flash>(
    chip: &mut Chip<'_, F>,
    kind: Kind,
    argument: u32,
    floor: Instant,
) -> Result<(), Fault> {
    let mut page = match newest(chip) {
        Some(page) => page,
        None => turn(chip, None)?,
    };
    let mut end = scan(chip, &page, kind, |_| {})?;
    if end.last == Some((kind as u8, argument)) {
        return tick(chip, &page, &end);
    }
    if end.of_kind >= quota(chip) {
        return Ok(());
    }
    if end.next >= slots(chip) {
        let repeated = end.repeated;
        page = turn(chip, Some((page, end)))?;
        end = scan(chip, &page, kind, |_| {})?;
        end.repeated = repeated;
    }
    let sequence = end.head.sequence.checked_add(1).ok_or(Fault::Outside)?;
    let mut bytes = [0; SLOT as usize];
    let (body, hash) = bytes.split_at_mut_checked(BODY).ok_or(Fault::Outside)?;
    let floor = u32::try_from(floor.0).unwrap_or(u32::MAX);
    Writer::new(body)
        .u8(RECORD)
        .u8(kind as u8)
        .u16(end.repeated)
        .u32(sequence)
        .u32(argument)
        .u32(floor);
    hash.copy_from_slice(&link(&end.head.hash, body));
    chip.program(page.region, end.next.saturating_mul(SLOT), &bytes)?;
    keep_first(chip, kind, &bytes, &end.head.hash)
}

/// Visits every line, oldest first, and gives the head.
pub fn read<F: Flash>(chip: &mut Chip<'_, F>, mut visit: impl FnMut(Line)) -> Result<Head, Fault> {
    let firsts = chip.layout().log_page(0);
    for kind in ALL {
        let mut bytes = [0; FIRST as usize];
        chip.read(
            firsts,
            u32::from(kind as u8).saturating_mul(FIRST),
            &mut bytes,
        )?;
        let (Some(record), Some(before)) = (bytes.first_chunk(), bytes.get(32..48)) else {
            continue;
        };
        if bytes.iter().any(|byte| *byte != BLANK) {
            visit(match Slot::parse(record, before) {
                Slot::Record(entry, _) => Line::First(entry),
                _ => Line::Torn,
            });
        }
    }
    let mut head = Head::default();
    let mut number = 0;
    let mut first = true;
    while let Some(page) = oldest_after(chip, number) {
        number = page.number;
        visit(Line::Page {
            continues: page.continues,
            chained: first || page.continues == head,
        });
        first = false;
        head = scan(chip, &page, Kind::Provisioned, &mut visit)?.head;
    }
    Ok(head)
}

/// The head of the chain.
pub fn head<F: Flash>(chip: &mut Chip<'_, F>) -> Result<Head, Fault> {
    match newest(chip) {
        Some(page) => Ok(scan(chip, &page, Kind::Provisioned, |_| {})?.head),
        None => Ok(Head::default()),
    }
}

/// Counts one more of the same, in the units of a tally slot, until two such slots are full.
fn tick<F: Flash>(chip: &mut Chip<'_, F>, page: &Page, end: &End) -> Result<(), Fault> {
    let per_slot = ticks(chip);
    if end.tallies > 0 {
        let at = end.next.saturating_sub(1).saturating_mul(SLOT);
        let used = chip.used(page.region, at, per_slot)?;
        if used < per_slot {
            return chip_tally(chip, page.region, at, used);
        }
    }
    if end.tallies >= MOST_TALLIES || end.next >= slots(chip) {
        return Ok(());
    }
    chip_tally(chip, page.region, end.next.saturating_mul(SLOT), 0)
}

fn chip_tally<F: Flash>(
    chip: &mut Chip<'_, F>,
    region: Region,
    slot: u32,
    used: u32,
) -> Result<(), Fault> {
    let at = slot.saturating_add(used.saturating_mul(chip.layout().program));
    chip.program(region, at, &TALLY)
}

fn keep_first<F: Flash>(
    chip: &mut Chip<'_, F>,
    kind: Kind,
    record: &[u8; SLOT as usize],
    before: &[u8; 16],
) -> Result<(), Fault> {
    let firsts = chip.layout().log_page(0);
    let at = u32::from(kind as u8).saturating_mul(FIRST);
    if !chip.blank(firsts, at, FIRST)? {
        return Ok(());
    }
    chip.program(firsts, at, record)?;
    chip.program(firsts, at.saturating_add(SLOT), before)
}

const ALL: [Kind; 13] = [
    Kind::RefusedEvidence,
    Kind::RefusedCandidate,
    Kind::TrialFailed,
    Kind::ActiveMismatch,
    Kind::TrustRepaired,
    Kind::CounterChanged,
    Kind::RootChanged,
    Kind::DebugSession,
    Kind::RecoveryEntered,
    Kind::Installed,
    Kind::Restored,
    Kind::CounterRepaired,
    Kind::Provisioned,
];
const FIRST: u32 = 64;
const MOST_TALLIES: u32 = 2;
