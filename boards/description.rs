// For build scripts: turns `BOARD/board.toml` into a linker script and a layout, so that no address is written twice.
//
// Takes the name of a board and which region the program is for; gives `memory.x` and `board.rs` in `OUT_DIR`. The layout is
// checked where it is compiled: regions that overlap do not.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use toml::{Table, Value};

/// Links the program into `region` of `board`.
pub fn place(board: &str, region: &str) -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let file = here.join(format!("../{board}/board.toml"));
    println!("cargo:rerun-if-changed={}", file.display());
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../description.rs");
    let text: Table = fs::read_to_string(&file)?.parse()?;
    let description = Description(Value::Table(text));

    let evidence = description.number(&["evidence"])?;
    let flash = description.flash()?;
    let ram = description.number(&["ram", "start"])?;
    // The end of RAM outlives a reset: what the bootloader tells a host and an application.
    let retained = ram + description.number(&["ram", "length"])? - RETAINED;
    let (own_ram, own_length) = match description.number(&["bootloader-ram", "start"]) {
        Ok(own) if region == "boot" => (own, description.number(&["bootloader-ram", "length"])?),
        _ => (ram, retained - ram),
    };
    let start = description.number(&["regions", region, "start"])?;
    let whole = description.number(&["regions", region, "length"])?;
    let length = if region == "boot" {
        whole
    } else {
        whole - evidence
    };
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(
        out.join("memory.x"),
        format!(
            "MEMORY {{\n  FLASH : ORIGIN = {start:#x}, LENGTH = {length:#x}\n  RAM : ORIGIN = {own_ram:#x}, LENGTH = {own_length:#x}\n}}\n"
        ),
    )?;

    // Where a device crate would name its interrupts. A bootloader has none.
    fs::write(out.join("device.x"), "")?;

    let trust = description.number(&["regions", "trust", "length"])?;
    let regions = REGIONS
        .iter()
        .map(|name| {
            let start = description.number(&["regions", name, "start"])? - flash;
            let length = description.number(&["regions", name, "length"])?;
            Ok(format!(
                "    {name}: Region::new({start:#x}, {length:#x}),\n"
            ))
        })
        .collect::<Result<String, Box<dyn Error>>>()?;
    fs::write(
        out.join("board.rs"),
        format!(
            "use cuff_bootloader::layout::{{Layout, Region}};\n\
             /// What this board is called.\npub const NAME: &str = {board:?};\n\
             /// Where flash begins.\npub const FLASH: usize = {flash:#x};\n\
             /// Where the application's RAM begins.\npub const RAM: usize = {ram:#x};\n\
             /// Where what outlives a reset begins; RAM for everything else ends there.\npub const RETAINED: usize = {retained:#x};\n\
             /// The version of the bootloader this board ships with.\npub const BOOTLOADER: u64 = {};\n\
             /// Where everything lies.\npub const LAYOUT: Layout = Layout {{\n    \
             program: {}, erase: {}, evidence: {evidence}, trials: {}, largest_root: {trust} / 2 - cuff_bootloader::record::RECORD,\n\
             {regions}}};\n\
             const _: () = assert!(LAYOUT.check().is_ok(), \"this board's regions overlap or do not fit\");\n\
             const _: () = assert!(cuff_bootloader::mailbox::LENGTH == {RETAINED});\n\
             {}",
            description.number(&["bootloader"])?,
            description.number(&["program-unit"])?,
            description.number(&["erase-unit"])?,
            description.number(&["trials"])?,
            if region == "boot" { BOARD } else { "" },
        ),
    )?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    Ok(())
}

struct Description(Value);

impl Description {
    fn number(&self, path: &[&str]) -> Result<i64, Box<dyn Error>> {
        path.iter()
            .try_fold(&self.0, |table, name| table.get(name))
            .and_then(Value::as_integer)
            .ok_or_else(|| {
                format!("the board's description has no number {}", path.join(".")).into()
            })
    }

    fn flash(&self) -> Result<i64, Box<dyn Error>> {
        let mut lowest = i64::MAX;
        for name in REGIONS {
            lowest = lowest.min(self.number(&["regions", name, "start"])?);
        }
        Ok(lowest)
    }
}

const REGIONS: [&str; 8] = [
    "boot",
    "trust",
    "counter",
    "journal",
    "log",
    "inbox",
    "active",
    "candidate",
];

/// What a bootloader says of its board.
const BOARD: &str = "/// This board, and how it jumps.
pub const fn board(launch: unsafe fn(&start::Launch) -> !) -> start::Board {
    start::Board {
        name: NAME,
        layout: &LAYOUT,
        flash: FLASH,
        ram: RAM,
        retained: RETAINED,
        bootloader: BOOTLOADER,
        launch,
    }
}
";

/// Bytes at the end of RAM that no program's stack or statics reach.
const RETAINED: i64 = 1024;
