//! A factory bench: a desk with a station on it, and a virtual probe with a chip in every slot.
//!
//! Needs QEMU: `CUFF_QUICK=1` leaves these tests out.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc
)]

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use cuff::board::Board;
use cuff::board::catalogue::Catalogue;
use cuff::device::read::standing;
use cuff::device::shadow::Shadow;
use cuff::device::unit::{Knowledge, Standing};
use cuff::firmware::Pieces;
use cuff_bootloader::flash;
use cuff_bootloader::layout::Region;
use cuff_bootloader::mailbox;
use serde_json::Value;
use virtual_probe::bench::{Chip, Unit};

use crate::factory::{Factory, Release};
use crate::support::{Desk, Transcript, project};

/// A station whose serials are a range.
pub const RANGE: &str = "{ prefix = \"B\", first = 1, last = 400, digits = 4 }";

/// A bench.
pub struct Bench {
    pub desk: Desk,
    pub units: Vec<Unit>,
    pub band: Factory,
    patience: u32,
}

impl Bench {
    /// A bench with these slots; `None` without QEMU.
    pub fn new(slots: &[&str], serials: &str) -> Option<Self> {
        Self::making(application(true), 2, slots, serials)
    }

    /// The same with another application, which is given so many seconds for its confirm.
    pub fn making(
        application: Release,
        patience: u32,
        slots: &[&str],
        serials: &str,
    ) -> Option<Self> {
        if std::env::var_os("CUFF_QUICK").is_some() {
            return None;
        }
        let mut band = Factory::new("band");
        band.release(Release::bootloader("boot-1", &bootloader()));
        band.release(application);
        let units: Vec<Unit> = (1..).zip(slots).map(|(number, _)| chip(number)).collect();
        let desk = Desk::new()
            .variable("CUFF_OPERATOR", "kim")
            .variable("CUFF_PASSPHRASE", "example");
        desk.write("band.sealed", band.seal_of(&band.releases));
        for name in ["alice.key", "alice.pub"] {
            let key = std::fs::read(project().join("keys.example").join(name)).unwrap();
            desk.write(name, key);
        }
        let bench = Self {
            desk,
            units,
            band,
            patience,
        };
        bench.describe(slots, &bench.units, serials);
        Some(bench)
    }

    /// Writes the station's description.
    pub fn describe(&self, slots: &[&str], units: &[Unit], serials: &str) {
        let slots: Vec<String> = slots
            .iter()
            .zip(units)
            .map(|(label, unit)| {
                format!(
                    "[[slot]]\nlabel = \"{label}\"\nprobe = \"{}\"\n",
                    unit.target()
                )
            })
            .collect();
        let slots = slots.concat();
        let text = format!(
            "station = \"line-1\"\nboard = \"qemu-an386\"\nproduct = \"band\"\nhardware = \"band-a\"\nsealed = \"band.sealed\"\n\
             root-sha256 = \"{}\"\nrelease = \"band/1.0\"\nbootloader = \"band/boot-1\"\nlog = \"line-1.jsonl\"\nkey = \"alice.key\"\n\
             confirm-seconds = {}\nserials = {serials}\n{slots}",
            self.band.fingerprint(1),
            self.patience
        );
        self.desk.write("station.toml", text);
    }

    /// Makes a unit in every slot.
    pub fn make(&self, more: &str) -> Transcript {
        self.desk
            .cuff(&format!("device provision --station station.toml {more}"))
    }

    /// The same with `--json`, line by line as they come; gives the exit code and all lines.
    pub fn make_watched(&self, more: &str, mut see: impl FnMut(&Value)) -> (i32, Vec<Value>) {
        let mut child = self
            .desk
            .command()
            .args("device provision --station station.toml --json".split(' '))
            .args(more.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            see(&line);
            lines.push(line);
        }
        (child.wait().unwrap().code().unwrap(), lines)
    }

    /// What `records verify` says of the station's log, which must hold.
    pub fn verified(&self) -> Value {
        let said = self
            .desk
            .cuff("device records verify line-1.jsonl --key alice.pub --json");
        assert_eq!(said.code, 0, "{said}");
        said.json()["logs"][0].clone()
    }

    /// The entries of the station's log, as they stand there.
    pub fn entries(&self) -> Vec<Value> {
        let log = self.desk.read("line-1.jsonl");
        log.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["record"]["entry"].clone())
            .collect()
    }

    /// Every promise: serial and chip.
    pub fn promises(&self) -> Vec<(String, String)> {
        self.entries()
            .iter()
            .filter(|entry| entry["kind"] == "reserved")
            .map(|entry| (text(&entry["serial"]), text(&entry["uid"])))
            .collect()
    }
}

/// A virgin chip behind a probe of its own, in a wearable.
pub fn chip(number: u32) -> Unit {
    Unit::power_on(uid(number))
        .expect("qemu-system-arm: run `cargo xtask setup`, or set CUFF_QUICK=1")
}

/// The board's own bootloader, as it is built for the chip.
pub fn bootloader() -> Vec<u8> {
    std::fs::read(project().join("fixtures/firmware/qemu-an386.bin")).unwrap()
}

/// Release 1.0 of the band: an application for that chip, and bytes behind it as if it were larger. It copies its ticket to the
/// confirmation page, or not if it is sick; then it sleeps, and feeds the watchdog when that warns it.
pub fn application(healthy: bool) -> Release {
    let board = board();
    let layout = board.layout().unwrap();
    let narrow = |address: u64| u32::try_from(address).unwrap();
    let active = narrow(board.regions.active.start);
    let retained = narrow(board.ram.end()) - mailbox::LENGTH;
    let words = [
        narrow(board.ram.start) + 0x2_0000,
        active + 28 + 1, // reset
        active + 58 + 1, // the watchdog's warning
        active + 28 + 1, // a fault
        retained + u32::try_from(mailbox::MAIL).unwrap(),
        narrow(board.flash_start()) + layout.confirmation().offset,
        u32::from(healthy),
    ];
    let mut release = Release::new("1.0", 3, 20_000);
    let code = words.iter().chain(&CODE);
    for (bytes, word) in release.image.chunks_mut(4).zip(code) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    release
}

/// Release 1.0 of the band as it is sold: it counts heart beats for ten seconds before it confirms, and speaks SMP.
pub fn demo_band() -> Release {
    let file = std::fs::read(project().join("fixtures/firmware/demo-app.elf")).unwrap();
    let firmware = Pieces::read(&file, None).unwrap().measure(&[]).unwrap();
    let mut release = Release::new("1.0", 3, 0);
    release.image = firmware.bytes().to_vec();
    release
}

/// Thumb code, behind seven words:
/// `adr r0, . - 28; ldr r1, [r0, #16]; ldr r2, [r0, #20]; ldr r3, [r0, #24]; cbz r3, rest; ldr r3, [r1]; cbz r3, rest; movs r4, #8`
/// `copy: ldmia r1!, {r3}; stmia r2!, {r3}; subs r4, #1; bne copy; rest: wfi; b rest`
/// `warned: ldr r0, =0x40008000; ldr r1, =0x1acce551; str r1, [r0, #0xc00]; movs r1, #1; str r1, [r0, #12]; bx lr`
const CODE: [u32; 13] = [
    0x0020_f2af,
    0x6942_6901,
    0xb133_6983,
    0xb123_680b,
    0xc908_2408,
    0x3c01_c208,
    0xbf30_d1fb,
    0x4803_e7fd,
    0xf8c0_4903,
    0x2101_1c00,
    0x4770_60c1,
    0x4000_8000,
    0x1acc_e551,
];

/// The chip's two words.
pub fn uid(number: u32) -> [u32; 2] {
    [number, 0x5eed]
}

/// As cuff writes it.
pub fn hex_of(uid: [u32; 2]) -> String {
    format!("{:08x}{:08x}", uid[0].swap_bytes(), uid[1].swap_bytes())
}

/// What the bench builds.
pub fn board() -> Board {
    let catalogue = Catalogue::embedded().unwrap();
    catalogue.get("qemu-an386").unwrap().clone()
}

/// What a chip's own flash says, read by nobody but the test.
pub fn known_by(chip: &Chip) -> Option<Knowledge> {
    let layout = board().layout().unwrap();
    let mut flash = Shadow::erased(&layout);
    let length = usize::try_from(layout.flash_length()).unwrap();
    flash.fill(
        Region::new(0, layout.flash_length()),
        &chip.flash()[..length],
    );
    match standing(&mut flash::Chip::new(&mut flash, &layout)) {
        Standing::Provisioned(knowledge) => Some(*knowledge),
        Standing::Blank | Standing::Damaged => None,
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
