//! A unit that is carried between the bench, where it is a folder, and the chip.
//!
//! Takes releases and what is pushed; gives chips with its flash, and reads what they leave there.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc
)]

use std::fs;
use std::path::PathBuf;

use cuff::board::Board;
use cuff::device::link::Link as _;
use cuff::device::provision::{Order, Pin, identity};
use cuff::device::shipment::{Goods, Message, Shipment};
use cuff::device::sim::{Sim, folder};
use cuff_bootloader::flash::Chip;
use cuff_bootloader::layout::{Layout, Region};
use cuff_bootloader::log::{Kind, Line};
use cuff_bootloader::nor::Nor;
use cuff_bootloader::record::Record;
use cuff_bootloader::trust;

use crate::factory::{Factory, Release};
use crate::qemu::{Clock, Machine, Qemu};

/// The unit, and whoever publishes for it.
pub struct Bench {
    pub machine: &'static Machine,
    pub factory: Factory,
    folder: tempfile::TempDir,
}

/// What the bench reads in a unit's flash.
pub struct Found {
    pub installed: String,
    pub root: u64,
    pub log: Vec<Kind>,
}

impl Bench {
    /// A unit that runs band/1.0.
    pub fn new(machine: &'static Machine) -> Self {
        let bench = Self {
            machine,
            factory: Factory::new("band"),
            folder: tempfile::tempdir().unwrap(),
        };
        let text = fs::read_to_string(machine.description()).unwrap();
        let board = Board::read("board.toml", &text).unwrap();
        folder::create(&bench.path(), &board, &text).unwrap();
        let mut bench = bench;
        bench.release("1.0", 1, "band");
        let shipment = bench.shipment();
        let goods = shipment.goods("band", None).unwrap().unwrap();
        let pin = Pin::File(bench.factory.root(1).to_vec());
        let who = identity("band", "band-a", "chip-1").unwrap();
        let order = Order::prepare(&shipment, &goods, &pin, who).unwrap();
        order.carry_out(&mut bench.sim(), 1).unwrap();
        bench
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("unit")
    }

    pub fn sim(&self) -> Sim {
        Sim::open(&self.path()).unwrap()
    }

    pub fn flash(&self) -> Vec<u8> {
        contents(&mut self.sim())
    }

    /// A chip with this flash, that boots as a wearable does.
    pub fn powered(&self) -> Qemu {
        Qemu::new(self.machine, &self.flash(), false, Clock::Instructions)
    }

    /// A chip with this flash, whose every boot is asked by a host.
    pub fn asked(&self) -> Qemu {
        Qemu::new(self.machine, &self.flash(), true, Clock::Waiting)
    }

    pub fn length(&self) -> usize {
        self.flash().len()
    }

    pub fn release(&mut self, name: &'static str, counter: u64, firmware: &str) {
        self.factory.release(Release {
            name,
            counter,
            hardware: "band-a",
            kind: "application",
            image: self.machine.band(firmware).to_vec(),
        });
    }

    pub fn shipment(&self) -> Shipment {
        Shipment::open(self.factory.seal()).unwrap()
    }

    /// Writes a release into the candidate slot; nothing is judged before the chip boots.
    pub fn push(&mut self, name: &'static str, counter: u64, firmware: &str) {
        self.release(name, counter, firmware);
        let shipment = self.shipment();
        let goods = shipment.goods("band", None).unwrap();
        self.write(&shipment, goods.as_ref());
    }

    pub fn push_trust(&mut self) {
        let shipment = self.shipment();
        self.write(&shipment, None);
    }

    fn write(&self, shipment: &Shipment, goods: Option<&Goods>) {
        let mut sim = self.sim();
        let layout = *sim.layout();
        let messages = shipment.messages(&layout, 1, "band", goods).unwrap();
        let [message] = messages.as_slice() else {
            panic!("{} messages", messages.len())
        };
        match message {
            Message::Roots(evidence) | Message::Trust(evidence) => {
                sim.write_inbox(evidence, &mut |_| ()).unwrap();
            }
            Message::Candidate { evidence, image } => {
                sim.write_candidate(evidence, image, &mut |_| ()).unwrap();
            }
        }
    }

    /// Reads the flash of a chip whose band writes none now, and looks at it.
    pub fn take(&self, chip: &Qemu) -> Found {
        let flash = chip.flash(self.length());
        fs::write(self.path().join("flash.bin"), &flash).unwrap();
        let mut sim = self.sim();
        let record = *trust::look(&mut sim.chip()).record().unwrap();
        let log = sim.log().unwrap().lines;
        Found {
            installed: record.installed.unwrap().release.to_string(),
            root: record.root.version,
            log: log
                .iter()
                .filter_map(|line| match line {
                    Line::Entry(entry) => {
                        assert!(entry.chained, "record {} does not follow", entry.sequence);
                        Kind::from_code(entry.kind)
                    }
                    _ => None,
                })
                .collect(),
        }
    }
}

/// All of a simulated unit's flash.
pub fn contents(sim: &mut Sim) -> Vec<u8> {
    let all = Region::new(0, sim.layout().flash_length());
    sim.chip().mapped(all).unwrap().to_vec()
}

/// The trust record in this flash, as the bench reads it.
pub fn record_in(flash: Vec<u8>, layout: &Layout) -> Record {
    let mut nor = Nor::new(flash, layout.program, layout.erase);
    *trust::look(&mut Chip::new(&mut nor, layout))
        .record()
        .unwrap()
}
