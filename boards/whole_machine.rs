// For build scripts of programs that have the machine to themselves: links them where QEMU's mps2-an386 begins to run, its flash
// at 0, its RAM at `0x2000_0000`.

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

/// Links the programs of this package, with so much RAM.
pub fn place(ram: &str) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../whole_machine.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let memory = format!(
        "MEMORY {{\n  FLASH : ORIGIN = 0x00000000, LENGTH = 4M\n  RAM : ORIGIN = 0x20000000, LENGTH = {ram}\n}}\n"
    );
    fs::write(out.join("memory.x"), memory)?;
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
    Ok(())
}
