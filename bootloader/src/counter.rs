//! The security counter in flash: it only goes up.
//!
//! Takes a value to reach, gives the value held: one program unit an increment, in two mirrored pages, and two more pages
//! to turn to, so that a whole copy of the old value stands until the new one does. Both mirrors are read and the larger
//! one counts; a torn unit counts as used. It never decides when to count.

use cuff_verifier::{
    digest::Digest,
    sure::Sure,
    version::{Counter, MAX_INTEGER},
};

use crate::{
    field::{Reader, Writer},
    flash::{Chip, Fault, Flash},
    layout::Region,
    record::shortened,
};

/// What the pages show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The largest value of any page, `None` when no page can be read.
    pub value: Option<Counter>,
    /// Whether both mirrors hold it.
    pub mirrored: bool,
    pair: Pair,
    turn: u64,
}

/// Whether `target` can be reached: by free units, or by turning to the other pair under a new base.
pub fn can_reach(target: Counter) -> bool {
    target.0 <= MAX_INTEGER
}

/// Reads all four pages.
#[inline(never)]
pub fn look<F: Flash>(chip: &mut Chip<'_, F>) -> Held {
    let mut held = Held {
        value: None,
        mirrored: false,
        pair: Pair::First,
        turn: 0,
    };
    for pair in [Pair::First, Pair::Second] {
        let pages = pair.pages().map(|index| read(chip, index));
        let value = pages.iter().flatten().map(Page::value).max();
        let turn = pages
            .iter()
            .flatten()
            .map(|page| page.turn)
            .max()
            .unwrap_or(0);
        if value > held.value || value == held.value && turn > held.turn {
            held.pair = pair;
            held.turn = turn;
            held.value = value;
            held.mirrored = pages
                .iter()
                .all(|page| page.map(|page| page.value()) == value);
        }
    }
    held
}

/// Makes both mirrors hold at least `target`, and never less than what is held.
///
/// Free units are used when they suffice; else the other pair is written under the new base before this one is erased.
pub fn raise<F: Flash>(chip: &mut Chip<'_, F>, target: Counter) -> Result<(), Fault> {
    if !can_reach(target) {
        return Err(Fault::Outside);
    }
    let held = look(chip);
    let target = held.value.map_or(target, |value| value.max(target));
    let free = held.pair.pages().into_iter().all(|index| {
        read(chip, index)
            .is_some_and(|page| target.0.saturating_sub(page.value().0) <= u64::from(page.free))
    });
    if held.value.is_some() && free {
        for index in held.pair.pages() {
            let page = read(chip, index).ok_or(Fault::Lost)?;
            let steps = target.0.saturating_sub(page.value().0);
            for step in 0..u32::try_from(steps).map_err(|_| Fault::Outside)? {
                let unit = page
                    .used
                    .saturating_add(step)
                    .saturating_mul(chip.layout().program);
                chip.mark(
                    chip.layout().counter_page(index),
                    HEADER.saturating_add(unit),
                )?;
            }
        }
        return Ok(());
    }
    let turn = held.turn.checked_add(1).ok_or(Fault::Outside)?;
    // Without a readable page there is nothing to keep, and either pair will do.
    for index in held.pair.other().pages() {
        write(chip, index, target, turn)?;
    }
    for index in held.pair.pages() {
        chip.erase(chip.layout().counter_page(index))?;
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    First,
    Second,
}

impl Pair {
    fn pages(self) -> [u32; 2] {
        match self {
            Self::First => [0, 1],
            Self::Second => [2, 3],
        }
    }

    fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Page {
    base: u64,
    turn: u64,
    used: u32,
    free: u32,
}

impl Page {
    fn value(&self) -> Counter {
        Counter(self.base.saturating_add(u64::from(self.used)))
    }
}

fn read<F: Flash>(chip: &mut Chip<'_, F>, index: u32) -> Option<Page> {
    let region = chip.layout().counter_page(index);
    let mut bytes = [0; HEADER as usize];
    chip.read(region, 0, &mut bytes).ok()?;
    let (body, seal) = bytes.split_at_checked(BODY)?;
    let mut r = Reader::new(body);
    let magic: [u8; 8] = r.array();
    let page = Page {
        base: r.u64(),
        turn: r.u64(),
        used: 0,
        free: 0,
    };
    if magic != *MAGIC || !Sure::equal(&shortened(&Digest::of(body)), seal).holds() {
        return None;
    }
    let units = units(chip, region);
    let used = last_used(chip, region, units).ok()?;
    Some(Page {
        used,
        free: units.saturating_sub(used),
        ..page
    })
}

/// Units up to the last one that is not blank: a hole inside counts as used too.
fn last_used<F: Flash>(chip: &mut Chip<'_, F>, region: Region, units: u32) -> Result<u32, Fault> {
    let unit = chip.layout().program;
    let mut used = chip.used(region, HEADER, units)?;
    let mut index = used;
    while index < units {
        if !chip.blank(
            region,
            HEADER.saturating_add(index.saturating_mul(unit)),
            unit,
        )? {
            used = index.saturating_add(1);
        }
        index = index.saturating_add(1);
    }
    Ok(used)
}

fn write<F: Flash>(
    chip: &mut Chip<'_, F>,
    index: u32,
    base: Counter,
    turn: u64,
) -> Result<(), Fault> {
    let region = chip.layout().counter_page(index);
    let mut bytes = [0; HEADER as usize];
    let (body, seal) = bytes.split_at_mut_checked(BODY).ok_or(Fault::Outside)?;
    Writer::new(body).bytes(MAGIC).u64(base.0).u64(turn).u64(0);
    seal.copy_from_slice(&shortened(&Digest::of(body)));
    chip.erase(region)?;
    chip.program(region, 0, &bytes)
}

fn units<F: Flash>(chip: &Chip<'_, F>, region: Region) -> u32 {
    region
        .length
        .saturating_sub(HEADER)
        .checked_div(chip.layout().program)
        .unwrap_or(0)
}

/// Pages the counter takes.
pub const PAGES: u32 = 4;
const HEADER: u32 = 48;
const BODY: usize = 32;
const MAGIC: &[u8; 8] = b"cuffcnt1";
