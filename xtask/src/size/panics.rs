//! The panics that are linked into a program for a chip, and the source lines that may come to them.
//!
//! Takes an ELF file with names and line tables, gives every call of a panic from outside of `core`. Branches are decoded from
//! the code; a panic that is linked while nobody was seen to call it is an error, not an empty list.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use object::{File, Object, ObjectSection};

use crate::code::{Function, Lines, function_at, functions, lines};

/// A place in the sources that may panic.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The crate's file, and the function as it was written there, before it was inlined.
    pub function: String,
    /// Which panic.
    pub panic: String,
}

/// Every call of a panic.
pub fn calls(program: &Path) -> Result<Vec<Call>> {
    let bytes =
        fs::read(program).with_context(|| format!("could not read {}", program.display()))?;
    let file = File::parse(bytes.as_slice())?;
    let functions = functions(&file);
    let lines = lines(&file)?;
    let branches = branches(&file, &functions)?;

    let mut panics: BTreeSet<u64> = functions
        .iter()
        .filter(|(_, function)| function.name.starts_with("core::panicking::"))
        .map(|(address, _)| *address)
        .collect();
    let mut calls = BTreeSet::new();
    let mut reached = BTreeSet::new();
    loop {
        let before = panics.len();
        for (from, to) in &branches {
            if !panics.contains(to) {
                continue;
            }
            reached.insert(*to);
            let Some((start, caller)) = function_at(&functions, *from) else {
                continue;
            };
            // `core` has small functions that only panic: whoever calls them panics.
            let only_panics = caller.name.starts_with("core::")
                && (caller.name.contains("fail") || caller.name.contains("panic"));
            if only_panics {
                panics.insert(start);
            } else {
                calls.insert(Call {
                    function: innermost(&lines, *from)?.unwrap_or_else(|| caller.name.clone()),
                    panic: functions
                        .get(to)
                        .map_or_else(String::new, |panic| panic.name.clone()),
                });
            }
        }
        if panics.len() == before {
            break;
        }
    }
    let unseen: Vec<&str> = panics
        .difference(&reached)
        .filter_map(|address| functions.get(address))
        .map(|function| function.name.as_str())
        .collect();
    ensure!(
        unseen.is_empty(),
        "{}: {} is linked, and no call of it was found",
        program.display(),
        unseen.join(", ")
    );
    Ok(calls.into_iter().collect())
}

/// Every branch to the first instruction of a function: from where, to where.
fn branches(file: &File<'_>, functions: &BTreeMap<u64, Function>) -> Result<Vec<(u64, u64)>> {
    let text = file.section_by_name(".text").context("no code")?;
    let code = text.data()?;
    let mut branches = Vec::new();
    for (index, pair) in code.windows(4).enumerate().step_by(2) {
        let [a, b, c, d] = pair else { continue };
        let halves = (u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]));
        let from = text.address() + index as u64;
        let to = reach(halves).and_then(|reach| from.checked_add_signed(4 + reach));
        branches.extend(
            to.filter(|to| functions.contains_key(to))
                .map(|to| (from, to)),
        );
    }
    Ok(branches)
}

/// How far `BL` or `B.W` (encodings T1 and T4, "Armv7-M Architecture Reference Manual") goes.
fn reach((first, second): (u16, u16)) -> Option<i64> {
    let link = second & 0xd000 == 0xd000;
    let jump = second & 0xd000 == 0x9000;
    if first & 0xf800 != 0xf000 || !(link || jump) {
        return None;
    }
    let bit = |half: u16, at: u16| i64::from(half >> at & 1);
    let sign = bit(first, 10);
    let far = |at| 1 ^ bit(second, at) ^ sign;
    let parts = sign << 24
        | far(13) << 23
        | far(11) << 22
        | i64::from(first & 0x3ff) << 12
        | i64::from(second & 0x7ff) << 1;
    Some(if sign == 1 { parts - (1 << 25) } else { parts })
}

/// The file, from its crate's folder on, and the function that was written there, before it was inlined.
fn innermost(lines: &Lines<'_>, address: u64) -> Result<Option<String>> {
    let mut frames = lines.find_frames(address).skip_all_loads()?;
    let Some(frame) = frames.next()? else {
        return Ok(None);
    };
    let file = frame.location.and_then(|location| location.file);
    let (Some(file), Some(function)) = (file, frame.function) else {
        return Ok(None);
    };
    let mut tail: Vec<&str> = file.rsplit('/').take(3).collect();
    tail.reverse();
    Ok(Some(format!(
        "{}: {}",
        tail.join("/"),
        function.raw_name()?
    )))
}
