//! Links the application at the `active` region of the qemu-an386 board.
//!
//! Takes `../qemu-an386/board.toml`; gives `memory.x`, so that no address is written twice.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use toml::{Table, Value};

const BOARD: &str = "../qemu-an386/board.toml";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={BOARD}");
    println!("cargo:rerun-if-changed=build.rs");
    let board: Table = fs::read_to_string(BOARD)?.parse()?;
    let number = |table: Option<&Value>, name: &str| {
        table
            .and_then(|table| table.get(name))
            .and_then(Value::as_integer)
            .ok_or_else(|| format!("{BOARD}: no number {name}"))
    };
    let active = board
        .get("regions")
        .and_then(|regions| regions.get("active"));
    let start = number(active, "start")?;
    let length =
        number(active, "length")? - number(Some(&Value::Table(board.clone())), "evidence")?;
    let ram = board.get("ram");
    let (ram_start, ram_length) = (number(ram, "start")?, number(ram, "length")?);

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(
        out.join("memory.x"),
        format!(
            "MEMORY {{\n  FLASH : ORIGIN = {start:#x}, LENGTH = {length:#x}\n  RAM : ORIGIN = {ram_start:#x}, LENGTH = {ram_length:#x}\n}}\n"
        ),
    )?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    Ok(())
}
