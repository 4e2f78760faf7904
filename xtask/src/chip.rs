//! `boards/qemu-an386/chip.yaml`: what probe-rs must know of that chip, with the flash algorithm built from `boards/flash-algorithm`.
//!
//! Takes the built program; gives the description's text, whose bytes depend on the sources and the compiler alone.

use std::fs;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use object::{Object, ObjectSection, ObjectSymbol};

use crate::boards;

/// Where the description is committed.
pub const PATH: &str = "boards/qemu-an386/chip.yaml";

/// Builds the algorithm and writes the description around it.
pub fn build() -> Result<Vec<u8>> {
    let elf = boards::program("flash-algorithm")?.build_with_names("flash-algorithm")?;
    let bytes = fs::read(&elf).with_context(|| format!("could not read {}", elf.display()))?;
    let file = object::File::parse(bytes.as_slice())?;
    let code = file
        .section_by_name("PrgCode")
        .context("the flash algorithm has no section PrgCode")?;
    // probe-rs counts entry points from the start of the code, with the Thumb bit.
    let entry = |name: &str| {
        file.symbols()
            .find(|symbol| symbol.name() == Ok(name))
            .map(|symbol| (symbol.address() | 1) - code.address())
            .with_context(|| format!("the flash algorithm has no {name}"))
    };
    let algorithm = |name: &str, start: u64, end: u64| -> Result<String> {
        Ok(format!(
            "- name: {name}
  description: {name} by the rules of NOR flash
  default: true
  instructions: {}
  load_address: {:#x}
  pc_init: {:#x}
  pc_uninit: {:#x}
  pc_program_page: {:#x}
  pc_erase_sector: {:#x}
  data_section_offset: 0x0
  flash_properties:
    address_range: {{ start: {start:#x}, end: {end:#x} }}
    page_size: 0x1000
    erased_byte_value: 0xff
    program_page_timeout: 2000
    erase_sector_timeout: 2000
    sectors: [{{ size: 0x1000, address: 0x0 }}]
",
            STANDARD.encode(code.data()?),
            code.address(),
            entry("Init")?,
            entry("UnInit")?,
            entry("ProgramPage")?,
            entry("EraseSector")?,
        ))
    };
    Ok(format!(
        "# Written by `cargo xtask fixtures`; the code in it is boards/flash-algorithm.
# The name begins as Nordic's parts do, so that probe-rs knows how this port locks and unlocks.
name: mps2-an386
variants:
- name: nRF52_an386
  cores:
  - name: main
    type: armv7em
    core_access_options: !Arm {{ ap: !v1 0 }}
  memory_map:
  - !Nvm {{ range: {{ start: 0x21000000, end: 0x21100000 }}, cores: [main], access: {{ boot: true }} }}
  - !Nvm {{ range: {{ start: 0x10001000, end: 0x10002000 }}, cores: [main] }}
  - !Ram {{ range: {{ start: 0x20000000, end: 0x20040000 }}, cores: [main] }}
  flash_algorithms: [psram, lock-word]
flash_algorithms:
{}{}",
        algorithm("psram", 0x2100_0000, 0x2110_0000)?,
        algorithm("lock-word", 0x1000_1000, 0x1000_2000)?,
    )
    .into_bytes())
}
