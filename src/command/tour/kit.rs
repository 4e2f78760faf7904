//! What the tour brings along: demo firmware and manifests, kept inside this program.
//!
//! It lays them out as they lie in the project, so that the manifests' own paths hold, and derives the manifests of later
//! releases from the first.

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;

use anyhow::Context;

use crate::console::safe;
use crate::durable;

/// The working directory, in the tour's folder.
pub const DESK: &str = "desk";
/// The passphrase of every key that the tour makes.
pub const PASSPHRASE: &str = "tour";

const FILES: [(&str, &[u8]); 4] = [
    (
        "fixtures/firmware/demo-app.elf",
        include_bytes!("../../../fixtures/firmware/demo-app.elf"),
    ),
    (
        "fixtures/firmware/demo-app-2.elf",
        include_bytes!("../../../fixtures/firmware/demo-app-2.elf"),
    ),
    ("manifests/band.toml", BAND.as_bytes()),
    (
        "manifests/scale.toml",
        include_bytes!("../../../manifests/scale.toml"),
    ),
];
const BAND: &str = include_str!("../../../manifests/band.toml");
const SICK: &[u8] = include_bytes!("../../../fixtures/firmware/demo-app-sick.elf");
/// The bootloader of qemu-an386 as it lies in flash.
pub const BOOTLOADER: &[u8] = include_bytes!("../../../fixtures/firmware/qemu-an386.bin");

/// A release of the band after the first.
pub struct Later {
    /// Its version, which names its files too.
    pub version: &'static str,
    /// Its security counter.
    pub counter: u64,
    /// The hardware it is for.
    pub hardware: &'static str,
    /// The file of its firmware.
    pub firmware: &'static str,
}

/// Puts everything in its place.
pub fn lay_out(folder: &Path) -> anyhow::Result<()> {
    for (name, bytes) in FILES {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .with_context(|| format!("cannot make the folder `{}`", parent.display()))?;
        durable::write(&path, bytes)?;
    }
    Ok(())
}

/// Puts the firmware beside the others that never confirms.
pub fn lay_out_sick(folder: &Path) -> anyhow::Result<()> {
    Ok(durable::write(
        &folder.join("fixtures/firmware/demo-app-sick.elf"),
        SICK,
    )?)
}

/// Writes the manifest of a later release: the first one's, with another version, counter, hardware and firmware.
pub fn write_manifest(folder: &Path, later: &Later) -> anyhow::Result<()> {
    let path = folder.join(format!("manifests/band-{}.toml", later.version));
    Ok(durable::write(&path, manifest(later)?.as_bytes())?)
}

fn manifest(later: &Later) -> anyhow::Result<String> {
    let mut fields = [
        ("version", format!("\"{}\"", later.version)),
        ("counter", later.counter.to_string()),
        ("hardware", format!("[\"{}\"]", later.hardware)),
        (
            "firmware",
            format!("\"../fixtures/firmware/{}\"", later.firmware),
        ),
    ]
    .map(|(name, value)| (name, value, false));
    let mut text = String::new();
    for line in BAND.lines() {
        let name = line.split_once(" = ").map_or("", |(name, _)| name);
        match fields.iter_mut().find(|(field, ..)| *field == name) {
            Some((_, value, written)) => {
                *written = true;
                writeln!(text, "{name} = {value}")?;
            }
            None => writeln!(text, "{line}")?,
        }
    }
    match fields.iter().find(|(.., written)| !written) {
        Some((name, ..)) => anyhow::bail!("the embedded manifest has no line `{name} = `"),
        None => Ok(text),
    }
}

/// How to go on by hand.
pub fn farewell(out: &mut dyn Write, folder: &str) -> fmt::Result {
    let folder = safe(folder);
    writeln!(
        out,
        "kept in {folder}; every key's passphrase is `{PASSPHRASE}`"
    )?;
    writeln!(out, "go on by hand:")?;
    writeln!(out, "  cd {folder}/{DESK}")?;
    writeln!(out, "  cuff status")?;
    writeln!(out, "  cuff device info sim:../wearable")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::Manifest;

    #[test]
    fn later_manifests_differ_in_what_was_asked_for() {
        let later = Later {
            version: "9.9.9",
            counter: 99,
            hardware: "band-b",
            firmware: "demo-app.elf",
        };
        let text = manifest(&later).unwrap();
        let manifest = Manifest::read("band.toml", &text).unwrap();
        assert_eq!(manifest.version.to_string(), "9.9.9");
        assert_eq!(manifest.counter.0, 99);
        assert_eq!(manifest.hardware.len(), 1);
        assert!(text.contains("boards = [\"qemu-an386\"]"), "{text}");
    }
}
