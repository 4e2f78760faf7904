//! The rules a board description must keep: units, alignment, overlap, and how many pages each region needs.
//! Takes the file as written; gives nothing, or the first fault and where it stands.

use toml::Spanned;

use super::region::Region;
use super::{Written, WrittenRegions};
use crate::name::Hardware;

/// A rule that a description breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The name is printed and used in paths.
    #[error("board name must be 1 to 31 characters out of a-z, 0-9 and -")]
    Name,
    /// Flash units are powers of two.
    #[error("{unit} must be a power of two between {least} and {most}, found {found}")]
    Unit {
        /// Which unit.
        unit: &'static str,
        /// Smallest accepted.
        least: u64,
        /// Largest accepted.
        most: u64,
        /// What stands there.
        found: u64,
    },
    /// An erase unit is made of whole program units.
    #[error("erase-unit {erase} must be at least the program-unit {program}")]
    EraseBelowProgram {
        /// Bytes erased at once.
        erase: u64,
        /// Bytes written at once.
        program: u64,
    },
    /// Counting starts at one.
    #[error("{field} must be at least 1, found 0")]
    Zero {
        /// Which field.
        field: &'static str,
    },
    /// Regions begin and end on erase units.
    #[error("region {region}: {part} {found:#x} is not a multiple of the erase unit {unit:#x}")]
    Unaligned {
        /// Which region.
        region: &'static str,
        /// Its start or its length.
        part: &'static str,
        /// What stands there.
        found: u64,
        /// The erase unit.
        unit: u64,
    },
    /// A region with nothing in it, or past the end of a 32-bit address space.
    #[error("region {region} ({found}) must hold bytes and end at or below 0x100000000")]
    Bounds {
        /// Which region.
        region: &'static str,
        /// Its extent.
        found: Region,
    },
    /// Two purposes for the same bytes.
    #[error("region {first} ({first_at}) overlaps region {second} ({second_at})")]
    Overlap {
        /// One region.
        first: &'static str,
        /// Its extent.
        first_at: Region,
        /// The other.
        second: &'static str,
        /// Its extent.
        second_at: Region,
    },
    /// Slots are swapped page by page, so they are twins.
    #[error(
        "regions active and candidate must have equal lengths, found {active:#x} and {candidate:#x}"
    )]
    SlotsDiffer {
        /// Length of active.
        active: u64,
        /// Length of candidate.
        candidate: u64,
    },
    /// A region too small to be crash-safe.
    #[error("region {region} needs {rule}, found {found} erase units of {unit} bytes")]
    Pages {
        /// Which region.
        region: &'static str,
        /// How many it needs, and why.
        rule: &'static str,
        /// How many it has.
        found: u64,
        /// The erase unit.
        unit: u64,
    },
    /// Evidence takes whole erase units and leaves room for an image.
    #[error(
        "evidence {found:#x} must be a multiple of the erase unit {unit:#x}, more than 0 and less than the slot's {slot:#x}"
    )]
    Evidence {
        /// What stands there.
        found: u64,
        /// The erase unit.
        unit: u64,
        /// Length of a slot.
        slot: u64,
    },
    /// A probe would not know what it is writing to.
    #[error("debug: {rule}")]
    Debug {
        /// The rule.
        rule: &'static str,
    },
}

/// Checks everything; the number is the byte of the file the fault stands at.
pub(super) fn check(board: &Written) -> Result<(), (usize, Fault)> {
    if Hardware::parse(board.name.get_ref()).is_err() {
        return Err((board.name.span().start, Fault::Name));
    }
    units(board)?;
    let unit = *board.erase_unit.get_ref();
    bounds("ram", &board.ram)?;
    if let Some(ram) = &board.bootloader_ram {
        bounds("bootloader-ram", ram)?;
    }
    for (name, region) in named(&board.regions) {
        bounds(name, region)?;
        aligned(name, region, unit)?;
    }
    overlaps(board)?;
    pages(&board.regions, unit)?;
    slots(board, unit)?;
    let debug = board.debug.as_ref();
    debug.map_or(Ok(()), |written| match written.get_ref().fault() {
        Some(rule) => Err((written.span().start, Fault::Debug { rule })),
        None => Ok(()),
    })
}

fn units(board: &Written) -> Result<(), (usize, Fault)> {
    for (unit, least, most, written) in [
        ("program-unit", 1, 512, &board.program_unit),
        ("erase-unit", 128, 1 << 20, &board.erase_unit),
    ] {
        let found = *written.get_ref();
        if !found.is_power_of_two() || found < least || found > most {
            let fault = Fault::Unit {
                unit,
                least,
                most,
                found,
            };
            return Err((written.span().start, fault));
        }
    }
    let (erase, program) = (*board.erase_unit.get_ref(), *board.program_unit.get_ref());
    if erase < program {
        return Err((
            board.erase_unit.span().start,
            Fault::EraseBelowProgram { erase, program },
        ));
    }
    if *board.bootloader.get_ref() == 0 {
        let field = "bootloader";
        return Err((board.bootloader.span().start, Fault::Zero { field }));
    }
    if *board.trials.get_ref() == 0 {
        let field = "trials";
        return Err((board.trials.span().start, Fault::Zero { field }));
    }
    Ok(())
}

fn bounds(region: &'static str, written: &Spanned<Region>) -> Result<(), (usize, Fault)> {
    let found = *written.get_ref();
    if found.length == 0 || found.end() > 1 << 32 {
        return Err((written.span().start, Fault::Bounds { region, found }));
    }
    Ok(())
}

fn aligned(
    region: &'static str,
    written: &Spanned<Region>,
    unit: u64,
) -> Result<(), (usize, Fault)> {
    let Region { start, length } = *written.get_ref();
    for (part, found) in [("start", start), ("length", length)] {
        if found % unit != 0 {
            let fault = Fault::Unaligned {
                region,
                part,
                found,
                unit,
            };
            return Err((written.span().start, fault));
        }
    }
    Ok(())
}

fn overlaps(board: &Written) -> Result<(), (usize, Fault)> {
    let mut seen: Vec<(&'static str, Region)> = vec![("ram", *board.ram.get_ref())];
    let own = board.bootloader_ram.as_ref();
    let parts = own.map(|ram| ("bootloader-ram", ram));
    for (second, written) in parts.into_iter().chain(named(&board.regions)) {
        let second_at = *written.get_ref();
        if let Some(&(first, first_at)) = seen.iter().find(|(_, other)| other.overlaps(second_at)) {
            let fault = Fault::Overlap {
                first,
                first_at,
                second,
                second_at,
            };
            return Err((written.span().start, fault));
        }
        seen.push((second, second_at));
    }
    Ok(())
}

fn pages(regions: &WrittenRegions, unit: u64) -> Result<(), (usize, Fault)> {
    for (region, written, least, step, rule) in [
        (
            "trust",
            &regions.trust,
            2,
            2,
            "an even number of erase units, as two equal banks",
        ),
        (
            "counter",
            &regions.counter,
            4,
            4,
            "a multiple of 4 erase units, two mirrored pages and two to turn to",
        ),
        (
            "journal",
            &regions.journal,
            2,
            1,
            "at least 2 erase units, one to write while the other is erased",
        ),
        (
            "log",
            &regions.log,
            3,
            1,
            "at least 3 erase units, one of which is never recycled",
        ),
    ] {
        let found = written.get_ref().length / unit;
        if found < least || !found.is_multiple_of(step) {
            let fault = Fault::Pages {
                region,
                rule,
                found,
                unit,
            };
            return Err((written.span().start, fault));
        }
    }
    Ok(())
}

fn slots(board: &Written, unit: u64) -> Result<(), (usize, Fault)> {
    let active = board.regions.active.get_ref().length;
    let candidate = board.regions.candidate.get_ref().length;
    if active != candidate {
        let fault = Fault::SlotsDiffer { active, candidate };
        return Err((board.regions.candidate.span().start, fault));
    }
    let found = *board.evidence.get_ref();
    if found == 0 || !found.is_multiple_of(unit) || found >= active {
        let fault = Fault::Evidence {
            found,
            unit,
            slot: active,
        };
        return Err((board.evidence.span().start, fault));
    }
    Ok(())
}

fn named(regions: &WrittenRegions) -> [(&'static str, &Spanned<Region>); 8] {
    [
        ("boot", &regions.boot),
        ("trust", &regions.trust),
        ("counter", &regions.counter),
        ("journal", &regions.journal),
        ("log", &regions.log),
        ("inbox", &regions.inbox),
        ("active", &regions.active),
        ("candidate", &regions.candidate),
    ]
}

#[cfg(test)]
mod tests;
