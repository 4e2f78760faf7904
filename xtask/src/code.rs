//! What the instructions of a program are: the functions by address, and the sources they were made from.
//!
//! Takes an ELF file with names and line tables; gives a map for those who watch the program run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use anyhow::{Context, Result};
use object::{File, Object, ObjectSection, ObjectSymbol, SymbolKind};
use rustc_demangle::demangle;

/// A function of a program.
pub struct Function {
    /// Its name, without what tells instances apart.
    pub name: String,
    /// Bytes of code.
    pub size: u64,
}

/// All of them by address, without the Thumb bit.
pub fn functions(file: &File<'_>) -> BTreeMap<u64, Function> {
    file.symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .filter_map(|symbol| {
            let function = Function {
                name: format!("{:#}", demangle(symbol.name().ok()?)),
                size: symbol.size(),
            };
            Some((symbol.address() & !1, function))
        })
        .collect()
}

/// The function that this address lies in, and where it begins.
pub fn function_at(functions: &BTreeMap<u64, Function>, address: u64) -> Option<(u64, &Function)> {
    functions
        .range(..=address)
        .next_back()
        .filter(|(start, function)| address < *start + function.size)
        .map(|(start, function)| (*start, function))
}

/// What the instructions were made from.
pub type Lines<'data> = addr2line::Context<EndianSlice<'data, LittleEndian>>;

/// The line tables of a program.
pub fn lines<'data>(file: &File<'data>) -> Result<Lines<'data>> {
    let load = |id: SectionId| -> Result<_, object::Error> {
        let data = match file.section_by_name(id.name()) {
            Some(section) => section.data()?,
            None => &[],
        };
        Ok(EndianSlice::new(data, LittleEndian))
    };
    Ok(addr2line::Context::from_dwarf(Dwarf::load(load)?)?)
}

/// A line for each stretch of code: where it begins and ends, `crypto` or `own`, and the function.
///
/// Crypto is what was written in one of [`CRYPTO`], wherever it was inlined to, and whatever was inlined into it. `memcmp` and
/// its like are not.
pub fn map(program: &Path) -> Result<String> {
    let bytes =
        fs::read(program).with_context(|| format!("could not read {}", program.display()))?;
    let file = File::parse(bytes.as_slice())?;
    let lines = lines(&file)?;
    let mut told = String::new();
    for (start, function) in functions(&file) {
        let end = start + function.size;
        let mut from = start;
        let theirs = CRYPTO_NAMES.iter().any(|name| function.name.contains(name));
        let mut kind = if theirs { THEIRS } else { OWN };
        for at in (start..end).step_by(2) {
            // What the compiler added belongs to what it was added to.
            let next = match self::kind(&lines, at)? {
                Some(next) if !theirs => next,
                _ => kind,
            };
            if next != kind && at > from {
                writeln!(told, "{from:08x}\t{at:08x}\t{kind}\t{}", function.name)?;
                from = at;
            }
            kind = next;
        }
        writeln!(told, "{from:08x}\t{end:08x}\t{kind}\t{}", function.name)?;
    }
    Ok(told)
}

/// Nothing where no source line is named.
fn kind(lines: &Lines<'_>, address: u64) -> Result<Option<&'static str>> {
    let mut frames = lines.find_frames(address).skip_all_loads()?;
    let mut kind = None;
    while let Some(frame) = frames.next()? {
        let Some(file) = frame.location.and_then(|location| location.file) else {
            continue;
        };
        if CRYPTO.iter().any(|folder| file.contains(folder)) {
            return Ok(Some(THEIRS));
        }
        kind = Some(OWN);
    }
    Ok(kind)
}

const OWN: &str = "own";
const THEIRS: &str = "crypto";
/// The folders of the crates that compute digests and signatures.
const CRYPTO: [&str; 8] = [
    "/ed25519-dalek-",
    "/ed25519-",
    "/signature-",
    "/curve25519-dalek-",
    "/subtle-",
    "/sha2-",
    "/digest-",
    "/block-buffer-",
];
/// What the names of their functions hold.
const CRYPTO_NAMES: [&str; 4] = [
    "curve25519_dalek::",
    "ed25519_dalek::",
    "sha2::",
    "subtle::",
];
