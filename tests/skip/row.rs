//! The bad updates that are swept, and units that find them in their candidate slot.

use cuff::device::link::Link;
use cuff::device::sim::Sim;
use cuff_bootloader::layout::Layout;
use cuff_bootloader::record::Record;
use cuff_bootloader::trust;

use crate::code::{Code, FLASH};
use crate::factory::Release;
use crate::qemu::AN386;
use crate::vector_unit::{Vector, unit_with};

/// A bad update.
pub struct Row {
    /// What is wrong with it.
    pub name: &'static str,
    /// The vector that the unit was offered before, and kept the trust of.
    before: Option<&'static str>,
    /// The vector it is offered now.
    vector: &'static str,
}

const fn row(name: &'static str, vector: &'static str) -> Row {
    Row {
        name,
        before: None,
        vector,
    }
}

/// All of them.
pub const ROWS: [Row; 9] = [
    row("one-of-two-signatures", "one-signature-short"),
    row("same-key-twice", "same-person-twice"),
    row("same-key-under-two-ids", "same-key-under-two-ids"),
    row("older-counter", "counter-older"),
    row("wrong-digest", "image-tampered"),
    row("wrong-hardware", "hardware-other"),
    Row {
        name: "older-root",
        before: Some("revoked-key-after-rotation"),
        vector: "release",
    },
    row("older-role", "product-rollback"),
    row("other-product", "product-other"),
];

/// The good update, which shows that what is looked for can be seen.
pub const GOOD: Row = row("good", "release");

/// A unit with an update in its candidate slot.
pub struct Case {
    /// Its flash with the bootloader in it, before the boot.
    pub flash: Vec<u8>,
    /// Where things lie in it.
    pub layout: Layout,
    /// What it trusts.
    pub record: Record,
    /// The first instruction of the application that is installed.
    pub application: u32,
}

impl Row {
    /// The row of this name.
    pub fn named(name: &str) -> &'static Self {
        let mut rows = ROWS.iter();
        rows.find(|row| row.name == name).expect("a row")
    }

    /// A unit that runs an application of its own, and was offered this.
    pub fn case(&self, code: &Code) -> Case {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("unit");
        unit_with(&path, &AN386.description(), application());
        let mut sim = Sim::open(&path).unwrap();
        Vector::read(self.before.unwrap_or(self.vector)).prepare(&mut sim);
        if let Some(before) = self.before {
            Vector::read(before).offer(&mut sim).unwrap();
            sim.reset().unwrap();
        }
        Vector::read(self.vector).offer(&mut sim).unwrap();
        let record = *trust::look(&mut sim.chip()).record().unwrap();
        let mut flash = sim.flash().unwrap().unwrap();
        flash[..code.bytes().len()].copy_from_slice(code.bytes());
        Case {
            flash,
            layout: *sim.layout(),
            record,
            application: ENTRY,
        }
    }
}

/// The smallest application that a bootloader jumps to.
fn application() -> Release {
    let mut release = Release::new("0.1", 1, 256);
    release.image[..4].copy_from_slice(&STACK.to_le_bytes());
    release.image[4..8].copy_from_slice(&(ENTRY | 1).to_le_bytes());
    release
}

const STACK: u32 = 0x2000_8000;
const ENTRY: u32 = FLASH + 0x2_c040;
