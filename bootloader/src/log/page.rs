//! One page of the tamper log: a header that continues the chain, then 32-byte slots.
//!
//! Takes a page, gives its lines and where it ends; turns to the next page of the ring. It never decides what is logged.

use core::ops::ControlFlow;

use cuff_verifier::{
    digest::{Digest, Hasher},
    sure::Sure,
    time::Instant,
};

use super::{Entry, Head, Kind, Line};
use crate::{
    field::{Reader, Writer},
    flash::{BLANK, Chip, Fault, Flash},
    layout::Region,
    record::shortened,
};

#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) index: u32,
    pub(super) region: Region,
    pub(super) number: u32,
    pub(super) continues: Head,
}

/// Where a page ends, and what the next record must know.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) head: Head,
    pub(super) next: u32,
    pub(super) last: Option<(u8, u32)>,
    pub(super) repeated: u16,
    pub(super) tallies: u32,
    pub(super) of_kind: u32,
}

pub(super) enum Slot {
    Blank,
    Record(Entry, [u8; 16]),
    Tally,
    Torn,
}

impl Slot {
    pub(super) fn parse(bytes: &[u8; SLOT as usize], before: &[u8]) -> Self {
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
            hash: hash.first_chunk().copied().unwrap_or_default(),
        };
        match hash.first_chunk() {
            Some(hash) if tag == RECORD && Sure::equal(&link(before, body), hash).holds() => {
                Self::Record(entry, *hash)
            }
            _ => Self::Torn,
        }
    }
}

pub(super) fn scan<F: Flash>(
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

/// Opens the next page of the ring under the head of the last; the old one stays until the ring comes round.
pub(super) fn turn<F: Flash>(
    chip: &mut Chip<'_, F>,
    from: Option<(Page, End)>,
) -> Result<Page, Fault> {
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

pub(super) fn newest<F: Flash>(chip: &mut Chip<'_, F>) -> Option<Page> {
    pages(chip, None, |best, page| page.number > best.number)
}

pub(super) fn oldest_after<F: Flash>(chip: &mut Chip<'_, F>, number: u32) -> Option<Page> {
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

pub(super) fn link(before: &[u8], body: &[u8]) -> [u8; 16] {
    let mut hasher = Hasher::new();
    hasher.update(before);
    hasher.update(body);
    shortened(&hasher.finish())
}

pub(super) fn slots<F: Flash>(chip: &Chip<'_, F>) -> u32 {
    chip.layout().erase / SLOT
}

pub(super) fn ticks<F: Flash>(chip: &Chip<'_, F>) -> u32 {
    SLOT.checked_div(chip.layout().program).unwrap_or(0)
}

/// No kind takes more than a third of a page, so no single flood turns it.
pub(super) fn quota<F: Flash>(chip: &Chip<'_, F>) -> u32 {
    slots(chip).saturating_sub(HEADER_SLOTS) / 3
}

pub(super) const SLOT: u32 = 32;
pub(super) const BODY: usize = 16;
const HEADER: u32 = 64;
const HEADER_SLOTS: u32 = 2;
const HEADER_BODY: usize = 48;
pub(super) const RECORD: u8 = 0x52;
pub(super) const TALLY: [u8; 4] = [0x54; 4];
const MAGIC: &[u8; 8] = b"cufflog1";
