//! Power cuts at every stage of a unit's life: it always comes back, and the update can be repeated.
//!
//! Every `STRIDE`th flash operation by default; `CUFF_SWEEP=all` takes each one.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/factory.rs"]
mod factory;
use std::fs;
use std::path::Path;

use cuff::board::Board;
use cuff::device::link::{Link, LinkError};
use cuff::device::provision::{Order, Pin, identity};
use cuff::device::push::push;
use cuff::device::shipment::{Message, Shipment};
use cuff::device::sim::Sim;
use cuff::device::sim::folder;
use cuff::device::unit::Standing;
use cuff::device::verify::Held;
use cuff_bootloader::nor::{Cut, Tear};
use cuff_bootloader::plan::HandOver;
use factory::{Factory, Release};

const STRIDE: usize = 29;

struct Line {
    folder: tempfile::TempDir,
    order: Order,
    messages: Vec<Message>,
}

impl Line {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut band = Factory::new("band");
        band.release(Release::new("1.0", 1, 2000));
        let first = Shipment::open(band.seal()).unwrap();
        let pin = Pin::File(band.root(1).to_vec());
        let goods = first.goods("band", None).unwrap().unwrap();
        let who = identity("band", "band-a", "unit-1").unwrap();
        let order = Order::prepare(&first, &goods, &pin, who).unwrap();
        band.renew_root();
        band.release(Release::new("1.1", 2, 2900));
        let second = Shipment::open(band.seal()).unwrap();
        let goods = second.goods("band", None).unwrap().unwrap();
        let text = fs::read_to_string("fixtures/boards/wearable.toml").unwrap();
        let board = Board::read("wearable.toml", &text).unwrap();
        let line = Self {
            messages: Vec::new(),
            order,
            folder,
        };
        folder::create(&line.template(), &board, &text).unwrap();
        let layout = *Sim::open(&line.template()).unwrap().layout();
        let messages = second.messages(&layout, 1, "band", Some(&goods)).unwrap();
        Self { messages, ..line }
    }

    fn template(&self) -> std::path::PathBuf {
        self.folder.path().join("template")
    }

    fn provision(&self, sim: &mut Sim) -> Result<(), LinkError> {
        self.order.carry_out(sim, 1)
    }

    fn update(&self, sim: &mut Sim) -> Result<(), LinkError> {
        push(sim, &self.messages, |_| ()).map(|_| ())
    }

    /// Does `act` on a copy of the template for each chosen cut, then `check`s what is left with the power back.
    fn sweep(
        &self,
        act: impl Fn(&mut Sim) -> Result<(), LinkError>,
        check: impl Fn(&mut Sim, &str),
    ) {
        let stride = match std::env::var_os("CUFF_SWEEP") {
            Some(all) if all == "all" => 1,
            _ => STRIDE,
        };
        let tears = [Tear::Half, Tear::Random(5), Tear::Nothing, Tear::Complete];
        let path = self.folder.path().join("unit");
        for (after, tear) in (0..).step_by(stride).zip(tears.into_iter().cycle()) {
            copy(&self.template(), &path);
            let mut sim = Sim::open(&path).unwrap();
            sim.arm(Cut { after, tear }).unwrap();
            let done = act(&mut sim);
            let (dark, operations) = (sim.is_dark(), sim.operations());
            drop(sim);
            if !dark {
                done.unwrap();
                assert!(operations > 200, "only {operations} operations");
                return;
            }
            assert!(
                matches!(done, Err(LinkError::Lost { .. })),
                "cut after {after}: {done:?}"
            );
            let mut sim = Sim::open(&path).unwrap();
            check(&mut sim, &format!("cut after {after} ({tear:?})"));
            drop(sim);
            fs::remove_dir_all(&path).unwrap();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Boots, lets the application confirm, and checks that the unit runs something whole. Gives what it runs.
fn comes_back(sim: &mut Sim, when: &str) -> String {
    let cycle = sim.boot().unwrap();
    let jumps = matches!(
        cycle.ended.map(|ended| ended.hand_over),
        Some(HandOver::Jump { .. })
    );
    assert!(jumps, "{when}: {:?}", cycle.events);
    sim.run_application(false).unwrap();
    let Standing::Provisioned(knowledge) = sim.unit().unwrap().standing else {
        panic!("{when}: nobody any more");
    };
    let held = Held::read(sim, &knowledge).unwrap().expect("installed");
    assert!(held.is_whole(), "{when}: {held:?}");
    held.image.release.to_string()
}

/// From wherever it is, the update can be repeated and is installed in the end.
fn ends_installed(line: &Line, sim: &mut Sim, when: &str) {
    for _ in 0..4 {
        let runs = comes_back(sim, when);
        let Standing::Provisioned(knowledge) = sim.unit().unwrap().standing else {
            panic!("{when}: nobody any more");
        };
        if knowledge.record.trial.is_none() {
            if runs == "band/1.1" {
                assert_eq!(knowledge.counter.0, 2, "{when}");
                return;
            }
            line.update(sim)
                .unwrap_or_else(|error| panic!("{when}: {error}"));
            sim.run_application(false).unwrap();
        }
    }
    panic!("{when}: band/1.1 was never installed");
}

#[test]
fn a_cut_during_provisioning() {
    let line = Line::new();
    line.sweep(
        |sim| line.provision(sim),
        |sim, when| {
            match sim.unit().unwrap().standing {
                Standing::Provisioned(_) => {}
                Standing::Blank | Standing::Damaged => {
                    line.provision(sim)
                        .unwrap_or_else(|error| panic!("{when}: {error}"));
                }
            }
            assert_eq!(comes_back(sim, when), "band/1.0");
        },
    );
}

#[test]
fn a_cut_during_push_and_trial() {
    let line = Line::new();
    line.provision(&mut Sim::open(&line.template()).unwrap())
        .unwrap();
    line.sweep(
        |sim| line.update(sim),
        |sim, when| ends_installed(&line, sim, when),
    );
}

#[test]
fn a_cut_during_confirm() {
    let line = Line::new();
    let mut sim = Sim::open(&line.template()).unwrap();
    line.provision(&mut sim).unwrap();
    line.update(&mut sim).unwrap();
    sim.run_application(false).unwrap();
    drop(sim);
    line.sweep(
        |sim| sim.reset().map(|_| ()),
        |sim, when| ends_installed(&line, sim, when),
    );
}

#[test]
fn a_cut_during_revert() {
    let line = Line::new();
    let mut sim = Sim::open(&line.template()).unwrap();
    line.provision(&mut sim).unwrap();
    line.update(&mut sim).unwrap();
    for _ in 0..2 {
        sim.boot().unwrap();
    }
    drop(sim);
    line.sweep(
        |sim| sim.reset().map(|_| ()),
        |sim, when| assert_eq!(comes_back(sim, when), "band/1.0", "{when}"),
    );
}
