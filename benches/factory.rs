//! What the factory bench costs: bytes a second against probe-rs alone, four slots against one, and the start of `cuff device list`.
//!
//! Takes virtual probes in front of QEMU; gives a table. Everything is measured in one run and in turns, so that what else the
//! machine does meets both sides. `docs/figures.md` has what it said.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss
)]

#[path = "../tests/support/factory.rs"]
mod factory;
#[path = "../tests/support/station.rs"]
mod station;
#[path = "../tests/support/cuff.rs"]
mod support;

use std::time::{Duration, Instant};

use cuff::device::link::Link as _;
use cuff::device::probe::Probe;
use cuff::device::shadow::Stretch;
use cuff::device::shipment::Shipment;
use cuff::device::target::{ProbeId, Target};
use cuff_bootloader::field::Text;
use cuff_bootloader::provision::First;
use cuff_bootloader::record::Identity;
use cuff_verifier::version::Counter;
use probe_rs::config::Registry;
use probe_rs::flashing::DownloadOptions;
use probe_rs::probe::list::Lister;
use probe_rs::{Permissions, probe::DebugProbeSelector};
use station::{Bench, RANGE, board, uid};
use virtual_probe::bench::{Chip, Unit};

fn main() {
    let bench = Bench::new(&["A", "B", "C", "D"], RANGE)
        .expect("CUFF_QUICK leaves out what is measured here");
    println!("| what | figure |\n|---|---|");
    start_of_list(&bench);
    against_probe_rs(&bench);
    slots(&bench);
}

fn start_of_list(bench: &Bench) {
    let mut times: Vec<Duration> = (0..20)
        .map(|_| {
            let begun = Instant::now();
            bench.desk.cuff("device list");
            begun.elapsed()
        })
        .collect();
    times.sort();
    println!(
        "| `cuff device list`, from start to end, median and slowest of 20 | {} ms, {} ms |",
        times[10].as_millis(),
        times[19].as_millis()
    );
}

/// What a transfer took.
#[derive(Clone, Copy)]
struct Took {
    time: Duration,
    transfers: u64,
    bytes: u64,
}

impl Took {
    fn of(unit: &Unit, bytes: usize, work: impl FnOnce()) -> Self {
        let before = unit.transfers();
        let begun = Instant::now();
        work();
        Self {
            time: begun.elapsed(),
            transfers: unit.transfers() - before,
            bytes: bytes as u64,
        }
    }

    fn speed(self) -> f64 {
        self.bytes as f64 / self.time.as_secs_f64()
    }
}

/// The same bytes, to the same chip, in turns: what cuff writes when it pushes and when it provisions, and probe-rs alone.
fn against_probe_rs(bench: &Bench) {
    let unit = &bench.units[0];
    let target = unit.target();
    let Ok(Target::Probe(Some(id))) = target.parse() else {
        unreachable!("a probe names itself")
    };
    assert_eq!(bench.make("--slot A").code, 0);
    let image: Vec<u8> = (0..300_000_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    let evidence = vec![0x5a; 5_000];
    let boot: Vec<u8> = image[..80_000].to_vec();
    let root: serde_json::Value = serde_json::from_slice(bench.band.root(1)).unwrap();
    let root = factory::canonical(&root["signed"]).into_bytes();
    let shipment = Shipment::open(bench.band.seal_of(&bench.band.releases)).unwrap();
    let trust = shipment.metadata().unwrap().evidence("band/", 1).unwrap();
    let first = First {
        identity: Identity {
            product: Text::new("band").unwrap(),
            hardware: Text::new("band-a").unwrap(),
            serial: Text::new("B0001").unwrap(),
        },
        root: &root,
        evidence: &trust,
        image: &[],
        floor: cuff_verifier::time::Instant(0),
        counter: Counter(0),
        bootloader: 1,
    };
    let candidate = at_offset(&evidence, &image);
    let (mut pushed, mut raw, mut made, mut raw_made) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        raw.push(download(unit, &id, &candidate));
        let mut probe = Probe::open(Some(&id), &board()).unwrap();
        pushed.push(Took::of(unit, evidence.len() + image.len(), || {
            probe
                .write_candidate(&evidence, &image, &mut |_| {})
                .unwrap();
        }));
        let stretches = probe.rehearse(&first, Some(&boot));
        let Ok(stretches) = stretches else {
            panic!("rehearsal: {:?}", stretches.err())
        };
        let bytes = stretches.iter().map(|one| one.bytes.len()).sum();
        let same = stretches.clone();
        made.push(Took::of(unit, bytes, || {
            probe.write(stretches, &mut |_| {}).unwrap();
        }));
        drop(probe);
        raw_made.push(download(unit, &id, &same));
    }
    compare("push", &pushed, &raw);
    compare(
        "provision: bootloader, trust and identity",
        &made,
        &raw_made,
    );
}

/// A candidate as it lies in flash, for probe-rs alone.
fn at_offset(evidence: &[u8], image: &[u8]) -> Vec<Stretch> {
    let candidate = board().layout().unwrap().candidate;
    vec![Stretch {
        offset: candidate.offset,
        bytes: [evidence, image].concat(),
    }]
}

/// The same with probe-rs and nothing else: erase, program, verify, reset.
fn download(unit: &Unit, id: &ProbeId, stretches: &[Stretch]) -> Took {
    let mut registry = Registry::from_builtin_families();
    registry
        .add_target_family_from_yaml(include_str!("../boards/qemu-an386/chip.yaml"))
        .unwrap();
    let selector = DebugProbeSelector {
        vendor_id: id.vendor,
        product_id: id.product,
        interface: None,
        serial_number: id.serial.clone(),
    };
    let probe = Lister::new().open(selector).unwrap();
    let mut session = probe
        .attach_with_registry("nRF52_an386", Permissions::new(), &registry)
        .unwrap();
    let bytes = stretches.iter().map(|one| one.bytes.len()).sum();
    Took::of(unit, bytes, || {
        let mut loader = session.target().flash_loader();
        for stretch in stretches {
            loader
                .add_data(
                    board().flash_start() + u64::from(stretch.offset),
                    &stretch.bytes,
                )
                .unwrap();
        }
        let mut options = DownloadOptions::default();
        options.verify = true;
        loader.commit(&mut session, options).unwrap();
        session
            .core(0)
            .unwrap()
            .reset_and_halt(Duration::from_millis(500))
            .unwrap();
    })
}

fn compare(what: &str, ours: &[Took], raw: &[Took]) {
    let median = |all: &[Took]| {
        let mut speeds: Vec<f64> = all.iter().map(|one| one.speed()).collect();
        speeds.sort_by(f64::total_cmp);
        speeds[speeds.len() / 2]
    };
    let transfers = |all: &[Took]| all.iter().map(|one| one.transfers).sum::<u64>() as f64;
    let bytes = |all: &[Took]| all.iter().map(|one| one.bytes).sum::<u64>() as f64;
    let (one, other) = (median(ours), median(raw));
    println!(
        "| {what}: {} bytes, bytes a second, cuff and probe-rs alone, medians of {ROUNDS} | {one:.0}, {other:.0}: {:.1} % |",
        ours[0].bytes,
        one / other * 100.0
    );
    println!(
        "| the same, transfers on the wire a byte | {:.3}, {:.3}: {:.1} % |",
        transfers(ours) / bytes(ours),
        transfers(raw) / bytes(raw),
        transfers(ours) / bytes(ours) / (transfers(raw) / bytes(raw)) * 100.0
    );
}

/// Virgin chips, one slot at a time and all four at once.
fn slots(bench: &Bench) {
    let mut next = 100;
    let mut seat = |units: &[Unit]| {
        for unit in units {
            next += 1;
            unit.seat(&Chip::virgin(uid(next))).unwrap();
        }
    };
    let (mut alone, mut together) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..2 {
        seat(&bench.units);
        let begun = Instant::now();
        for slot in ["A", "B", "C", "D"] {
            assert_eq!(bench.make(&format!("--slot {slot}")).code, 0);
        }
        alone += begun.elapsed();
        seat(&bench.units);
        let begun = Instant::now();
        assert_eq!(bench.make("").code, 0);
        together += begun.elapsed();
    }
    println!(
        "| four units, one after another and in four slots at once, mean of 2 | {:.1} s, {:.1} s: {:.2} times as many units an hour |",
        alone.as_secs_f64() / 2.0,
        together.as_secs_f64() / 2.0,
        alone.as_secs_f64() / together.as_secs_f64()
    );
}

const ROUNDS: usize = 5;
