//! The tamper log: 32-byte records, each holding a piece of the hash of the one before.
//!
//! Takes events, gives lines and the head of the chain. Equal events in a row are counted, not repeated; each kind has a
//! quota a page; the first page keeps the first of each kind for ever; the head survives page turns. It never stops
//! anything: a log that is full or broken only stays silent.

use core::ops::ControlFlow;

use cuff_verifier::{
    digest::{Digest, Hasher},
    time::Instant,
};

use crate::{
    field::{Reader, Writer},
    flash::{BLANK, Chip, Fault, Flash},
    layout::Region,
    record::shortened,
    sure::Sure,
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

#[derive(Clone, Copy, Debug)]
struct Page {
    index: u32,
    region: Region,
    number: u32,
    continues: Head,
}

/// Where a page ends, and what the next record must know.
#[derive(Clone, Copy, Debug)]
struct End {
    head: Head,
    next: u32,
    last: Option<(u8, u32)>,
    repeated: u16,
    tallies: u32,
    of_kind: u32,
}

enum Slot {
    Blank,
    Record(Entry, [u8; 16]),
    Tally,
    Torn,
}

impl Slot {
    fn parse(bytes: &[u8; SLOT as usize], before: &[u8]) -> Self {
        if bytes.iter().all(|byte| *byte == BLANK) {
            return Self::Blank;
        }
        if bytes.first_chunk() == Some(&TALLY) {
            return Self::Tally;
        }
        let Some((body, hash)) = bytes.split_at_checked(BODY) else {
            return Self::Torn;
        };
        let mut r = Reader::new(body);
        let tag = r.u8();
        let kind = r.u8();
        let before_repeated = r.u16();
        let entry = Entry {
            sequence: r.u32(),
            kind,
            argument: r.u32(),
            floor: Instant(u64::from(r.u32())),
            before_repeated,
            chained: true,
        };
        match hash.first_chunk() {
            Some(hash) if tag == RECORD && Sure::equal(&link(before, body), hash).holds() => {
                Self::Record(entry, *hash)
            }
            _ => Self::Torn,
        }
    }
}

fn scan<F: Flash>(
    chip: &mut Chip<'_, F>,
    page: &Page,
    kind: Kind,
    mut visit: impl FnMut(Line),
) -> Result<End, Fault> {
    let mut end = End {
        head: page.continues,
        next: HEADER_SLOTS,
        last: None,
        repeated: 0,
        tallies: 0,
        of_kind: 0,
    };
    let slots = slots(chip);
    let mut counts_for_kind = false;
    while end.next < slots {
        let at = end.next.saturating_mul(SLOT);
        let mut bytes = [0; SLOT as usize];
        chip.read(page.region, at, &mut bytes)?;
        match Slot::parse(&bytes, &end.head.hash) {
            Slot::Blank => break,
            Slot::Record(entry, hash) => {
                report_repeats(&mut end, &mut visit);
                visit(Line::Entry(entry));
                end.head = Head {
                    sequence: entry.sequence,
                    hash,
                };
                end.last = Some((entry.kind, entry.argument));
                end.tallies = 0;
                counts_for_kind = entry.kind == kind as u8;
            }
            Slot::Tally => {
                let used = chip.used(page.region, at, ticks(chip))?;
                end.repeated = end
                    .repeated
                    .saturating_add(u16::try_from(used).unwrap_or(u16::MAX));
                end.tallies = end.tallies.saturating_add(1);
            }
            Slot::Torn => visit(Line::Torn),
        }
        end.of_kind = end.of_kind.saturating_add(u32::from(counts_for_kind));
        end.next = end.next.saturating_add(1);
    }
    let repeated = end.repeated;
    report_repeats(&mut end, &mut visit);
    end.repeated = repeated;
    Ok(end)
}

fn report_repeats(end: &mut End, visit: &mut impl FnMut(Line)) {
    if end.repeated > 0 {
        visit(Line::Repeated(end.repeated));
    }
    end.repeated = 0;
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

/// Opens the next page of the ring under the head of the last; the old one stays until the ring comes round.
fn turn<F: Flash>(chip: &mut Chip<'_, F>, from: Option<(Page, End)>) -> Result<Page, Fault> {
    let (index, number, continues) = match from {
        Some((page, end)) => {
            let index = page.index.saturating_add(1);
            let index = if index < chip.layout().log_pages() {
                index
            } else {
                1
            };
            (index, page.number.saturating_add(1), end.head)
        }
        None => (1, 1, Head::default()),
    };
    let region = chip.layout().log_page(index);
    let mut bytes = [0; HEADER as usize];
    let (body, seal) = bytes
        .split_at_mut_checked(HEADER_BODY)
        .ok_or(Fault::Outside)?;
    Writer::new(body)
        .bytes(MAGIC)
        .u32(number)
        .u32(continues.sequence)
        .bytes(&continues.hash);
    seal.copy_from_slice(&shortened(&Digest::of(body)));
    chip.erase(region)?;
    chip.program(region, 0, &bytes)?;
    Ok(Page {
        index,
        region,
        number,
        continues,
    })
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

fn header<F: Flash>(chip: &mut Chip<'_, F>, index: u32) -> Option<Page> {
    let region = chip.layout().log_page(index);
    let mut bytes = [0; HEADER as usize];
    chip.read(region, 0, &mut bytes).ok()?;
    let (body, seal) = bytes.split_at_checked(HEADER_BODY)?;
    let mut r = Reader::new(body);
    if r.array::<8>() != *MAGIC || !Sure::equal(&shortened(&Digest::of(body)), seal).holds() {
        return None;
    }
    let number = r.u32();
    let continues = Head {
        sequence: r.u32(),
        hash: r.array(),
    };
    Some(Page {
        index,
        region,
        number,
        continues,
    })
}

fn newest<F: Flash>(chip: &mut Chip<'_, F>) -> Option<Page> {
    pages(chip, None, |best, page| page.number > best.number)
}

fn oldest_after<F: Flash>(chip: &mut Chip<'_, F>, number: u32) -> Option<Page> {
    pages(chip, Some(number), |best, page| page.number < best.number)
}

fn pages<F: Flash>(
    chip: &mut Chip<'_, F>,
    after: Option<u32>,
    better: impl Fn(&Page, &Page) -> bool,
) -> Option<Page> {
    let mut best: Option<Page> = None;
    let found = (1..chip.layout().log_pages()).try_for_each(|index| {
        if let Some(page) = header(chip, index)
            && after.is_none_or(|number| page.number > number)
            && best.as_ref().is_none_or(|best| better(best, &page))
        {
            best = Some(page);
        }
        ControlFlow::<()>::Continue(())
    });
    match found {
        ControlFlow::Continue(()) | ControlFlow::Break(()) => best,
    }
}

fn link(before: &[u8], body: &[u8]) -> [u8; 16] {
    let mut hasher = Hasher::new();
    hasher.update(before);
    hasher.update(body);
    shortened(&hasher.finish())
}

fn slots<F: Flash>(chip: &Chip<'_, F>) -> u32 {
    chip.layout().erase / SLOT
}

fn ticks<F: Flash>(chip: &Chip<'_, F>) -> u32 {
    SLOT.checked_div(chip.layout().program).unwrap_or(0)
}

/// No kind takes more than a third of a page, so no single flood turns it.
fn quota<F: Flash>(chip: &Chip<'_, F>) -> u32 {
    slots(chip).saturating_sub(HEADER_SLOTS) / 3
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
const SLOT: u32 = 32;
const BODY: usize = 16;
const FIRST: u32 = 64;
const HEADER: u32 = 64;
const HEADER_SLOTS: u32 = 2;
const HEADER_BODY: usize = 48;
const MOST_TALLIES: u32 = 2;
const RECORD: u8 = 0x52;
const TALLY: [u8; 4] = [0x54; 4];
const MAGIC: &[u8; 8] = b"cufflog1";
