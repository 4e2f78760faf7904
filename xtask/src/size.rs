//! What verifier, bootloaders and the demo band cost on a wearable: flash, stack, static RAM, instructions and flash operations, against
//! budgets.
//!
//! Takes the two programs of `boards/size-probe` and metadata made for the purpose, and the boards' own; gives a
//! table, and an error when something is over its budget or the judge gave another answer than it must. Measures no time.

mod band;
#[path = "../../boards/size-probe/src/bench.rs"]
mod bench;
mod bootloader;
mod chain;
mod panics;

use std::cmp::Reverse;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use object::read::elf::{ElfFile32, ProgramHeader};
use object::{Endianness, Object, ObjectSymbol, SymbolKind, elf};
use rustc_demangle::demangle;

use crate::boards;
use crate::qemu;
use crate::tool::Tool;
use bench::{BOOT, DONE, INSTRUCTIONS_PER_TICK, Input, LENGTH, READINGS, Reading};
use chain::{Bench, Case};

const FLASH_BUDGET: u32 = 45 * 1024; // docs/decisions/0003-flash-budget.md
const STACK_BUDGET: u32 = 12 * 1024;
const INSTRUCTION_BUDGET: u32 = 28_000_000;
const LARGEST: usize = 16;

/// Measures, prints and compares.
pub fn run() -> Result<()> {
    let probe = boards::program("size-probe")?;
    let empty = probe.build_with_names("empty")?;
    let judge = probe.build_with_names("judge")?;
    let (empty_size, judge_size) = (Size::of(&empty)?, Size::of(&judge)?);

    let nothing = measure(&empty, &chain::bench(Case::Update)?)?;
    ensure!(nothing.answer == BOOT, "the empty program saw no input");
    let mut update = None;
    let mut stack = 0;
    println!(
        "\n{:<42} {:>12} {:>8}  answer",
        "judged", "instructions", "stack"
    );
    for case in Case::ALL {
        let cost = measure(&judge, &chain::bench(case)?)?;
        println!(
            "{:<42} {:>12} {:>8}  {}",
            case.title(),
            cost.instructions,
            cost.stack,
            if cost.answer == BOOT {
                "boot".to_owned()
            } else {
                cost.answer.to_string()
            }
        );
        ensure!(
            cost.answer == case.answer(),
            "{}: the judge said {}, not {}",
            case.title(),
            cost.answer,
            case.answer()
        );
        stack = stack.max(cost.stack);
        if case == Case::Update {
            update = Some(cost.instructions);
        }
    }
    let mut figures = vec![
        Figure::new(
            "verifier: flash over the empty program",
            judge_size.flash - empty_size.flash,
            FLASH_BUDGET,
        ),
        Figure::new("verifier: stack at its deepest", stack, STACK_BUDGET),
        Figure::new(
            "verifier: static RAM over the empty program",
            judge_size.ram - empty_size.ram,
            0,
        ),
        Figure::new(
            "verifier: instructions for one update",
            update.context("no update was measured")?,
            INSTRUCTION_BUDGET,
        ),
    ];
    println!();
    figures.extend(bootloader::run()?);
    figures.extend(band::run()?);
    // On a whole boot, in QEMU: the test prints what it measured.
    Tool::cargo("test --quiet --locked --package cuff --test on_chip stack -- --nocapture")
        .without("CUFF_QUICK")
        .run()?;
    // In the model of NOR flash: so does this one.
    Tool::cargo(
        "test --quiet --locked --package cuff-bootloader --test device hardly_more -- --nocapture",
    )
    .run()?;
    let verdict = report(&figures);
    if verdict.is_err() {
        largest(&judge)?;
    }
    verdict
}

/// A figure beside what it may be.
pub struct Figure {
    name: String,
    measured: u32,
    budget: u32,
}

impl Figure {
    /// Of this name.
    pub fn new(name: impl Into<String>, measured: u32, budget: u32) -> Self {
        Self {
            name: name.into(),
            measured,
            budget,
        }
    }
}

/// Prints each figure beside its budget; there is no heap to measure, as nothing links an allocator.
fn report(figures: &[Figure]) -> Result<()> {
    println!("\n{:<44} {:>12} {:>12}", "on a chip", "measured", "budget");
    let mut over = Vec::new();
    for Figure {
        name,
        measured,
        budget,
    } in figures
    {
        let verdict = if measured > budget { "OVER" } else { "ok" };
        println!("{name:<44} {measured:>12} {budget:>12}  {verdict}");
        if measured > budget {
            over.push(format!("{name} is {measured}, budget {budget}"));
        }
    }
    if !over.is_empty() {
        bail!("over budget: {}", over.join("; "));
    }
    Ok(())
}

/// What a program occupies.
struct Size {
    flash: u32,
    ram: u32,
}

impl Size {
    /// Flash is what is loaded from the file, RAM what is writable.
    fn of(program: &Path) -> Result<Self> {
        let bytes = fs::read(program)?;
        let file = ElfFile32::<Endianness>::parse(&*bytes)
            .with_context(|| format!("{} is no ELF file", program.display()))?;
        let endian = file.endian();
        let mut size = Self { flash: 0, ram: 0 };
        for segment in file.elf_program_headers() {
            if segment.p_type(endian) == elf::PT_LOAD {
                size.flash += segment.p_filesz(endian);
                if segment.p_flags(endian).contains(elf::PF_W) {
                    size.ram += segment.p_memsz(endian);
                }
            }
        }
        Ok(size)
    }
}

/// Prints the functions to look at first.
fn largest(program: &Path) -> Result<()> {
    let bytes = fs::read(program)?;
    let file = ElfFile32::<Endianness>::parse(&*bytes)?;
    let mut functions: Vec<_> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
        .filter_map(|symbol| Some((symbol.size(), symbol.name().ok()?)))
        .collect();
    functions.sort_by_key(|(size, _)| Reverse(*size));
    println!("\nlargest functions, with what was inlined into them");
    for (size, name) in functions.iter().take(LARGEST) {
        println!("{size:>8}  {:#}", demangle(name));
    }
    Ok(())
}

/// What one run cost.
struct Cost {
    answer: u32,
    stack: u32,
    instructions: u32,
}

fn measure(program: &Path, bench: &Bench) -> Result<Cost> {
    let after = qemu::run(program, &lay_out(bench)?)?;
    let reading = |which: Reading| {
        let at = READINGS + 4 * which as usize;
        after
            .get(at..at + 4)
            .and_then(|word| word.try_into().ok())
            .map(u32::from_le_bytes)
            .context("the shared memory shrank")
    };
    ensure!(
        reading(Reading::Done)? == DONE,
        "the program left no readings"
    );
    Ok(Cost {
        answer: reading(Reading::Answer)?,
        stack: reading(Reading::Stack)?,
        instructions: reading(Reading::Ticks)? * INSTRUCTIONS_PER_TICK,
    })
}

fn lay_out(bench: &Bench) -> Result<Vec<u8>> {
    let mut memory = vec![0; LENGTH];
    let mut offset = 4096;
    for (which, bytes) in [
        (Input::Root, &bench.root),
        (Input::Evidence, &bench.evidence),
        (Input::Image, &bench.image),
    ] {
        let entry = 8 * which as usize;
        memory[entry..entry + 4].copy_from_slice(&u32::try_from(offset)?.to_le_bytes());
        memory[entry + 4..entry + 8].copy_from_slice(&u32::try_from(bytes.len())?.to_le_bytes());
        memory[offset..offset + bytes.len()].copy_from_slice(bytes);
        offset = (offset + bytes.len()).next_multiple_of(4096);
    }
    ensure!(offset <= READINGS, "the inputs do not fit on the bench");
    Ok(memory)
}
