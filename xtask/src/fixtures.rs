//! The committed fixtures that we can make: firmware of the demo band, the bootloader the tour
//! shows on a chip, a chip description, and test vectors.
//!
//! Takes the sources; gives the files in `fixtures/`, or the names of those that are not what the sources give.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::boards;
use crate::chip;
use crate::place;
use crate::vectors;

/// A committed firmware file: a program of `boards/`, and the features it is built with.
struct Firmware {
    path: &'static str,
    program: &'static str,
    features: &'static str,
    form: Form,
}

enum Form {
    /// As the linker wrote it.
    Elf,
    /// As it lies in flash.
    Flat,
}

const FIRMWARE: [Firmware; 4] = [
    Firmware {
        path: "fixtures/firmware/demo-app.elf",
        program: "demo-app",
        features: "",
        form: Form::Elf,
    },
    Firmware {
        path: "fixtures/firmware/demo-app-2.elf",
        program: "demo-app",
        features: "second",
        form: Form::Elf,
    },
    Firmware {
        path: "fixtures/firmware/demo-app-sick.elf",
        program: "demo-app",
        features: "second,sick",
        form: Form::Elf,
    },
    Firmware {
        path: "fixtures/firmware/qemu-an386.bin",
        program: "qemu-an386",
        features: "",
        form: Form::Flat,
    },
];

/// Makes and writes all of them.
pub fn write() -> Result<()> {
    vectors::run(place::root(), false)?;
    for firmware in &FIRMWARE {
        let path = firmware.path();
        fs::write(&path, firmware.build()?)
            .with_context(|| format!("could not write {}", path.display()))?;
        println!("wrote {}", firmware.path);
    }
    fs::write(place::root().join(chip::PATH), chip::build()?)
        .with_context(|| format!("could not write {}", chip::PATH))?;
    println!("wrote {}", chip::PATH);
    Ok(())
}

/// Makes all of them and compares, byte for byte.
pub fn check() -> Result<()> {
    vectors::run(place::root(), true)?;
    let mut stale = Vec::new();
    for firmware in &FIRMWARE {
        let built = firmware.build()?;
        let committed = fs::read(firmware.path()).unwrap_or_default();
        if built == committed {
            println!("{}: {} bytes, as built", firmware.path, built.len());
        } else {
            let first = built.iter().zip(&committed).take_while(|(a, b)| a == b);
            stale.push(format!(
                "{} ({} bytes, built {}, first difference at {})",
                firmware.path,
                committed.len(),
                built.len(),
                first.count()
            ));
        }
    }
    if fs::read(place::root().join(chip::PATH)).unwrap_or_default() == chip::build()? {
        println!("{}: as built", chip::PATH);
    } else {
        stale.push(chip::PATH.to_owned());
    }
    if stale.is_empty() {
        return Ok(());
    }
    bail!(
        "not what the sources give: {}; run `cargo xtask fixtures` and commit the result",
        stale.join(", ")
    )
}

impl Firmware {
    fn path(&self) -> PathBuf {
        place::root().join(self.path)
    }

    fn build(&self) -> Result<Vec<u8>> {
        let elf = boards::program(self.program)?.build(self.program, self.features)?;
        match self.form {
            Form::Elf => {
                fs::read(&elf).with_context(|| format!("could not read {}", elf.display()))
            }
            Form::Flat => boards::flat(&elf),
        }
    }
}
