//! Every vector of `fixtures/vectors`, pushed onto a simulated unit in the vector's state: the bootloader gives the same
//! reason under the same number as the verifier alone, and moves its trust exactly as far.

#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "support/factory.rs"]
mod factory;
#[path = "support/vectors.rs"]
mod vectors;

use std::fs;
use std::path::{Path, PathBuf};

use cuff::board::Board;
use cuff::device::link::{Link, LinkError};
use cuff::device::provision::{Order, Pin, identity};
use cuff::device::shipment::Shipment;
use cuff::device::sim::{Sim, folder};
use cuff::state::{Device, State};
use cuff_bootloader::counter;
use cuff_bootloader::field::Text;
use cuff_bootloader::record::{Identity, Record, Root};
use cuff_bootloader::trust::{self, RootAt};
use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Evidence;
use cuff_verifier::verdict::Reason;
use factory::{Factory, Release};
use vectors::{Expected, folder as vectors, names};

#[test]
fn every_vector_gets_the_same_verdict_from_a_device() {
    let line = tempfile::tempdir().unwrap();
    let path = line.path().join("unit");
    blank_unit(&path);
    let names = names();
    let mut wrong = Vec::new();
    for name in &names {
        let expected = Expected::of(name);
        let state = State::read(&fs::read(vectors().join(&expected.state)).unwrap()).unwrap();
        let update = fs::read(vectors().join(format!("{name}.update"))).unwrap();
        // A copy in memory: every vector meets the same fresh unit.
        let mut sim = Sim::rehearse(&path).unwrap();
        let before = become_device(&mut sim, &state.check().unwrap());
        let verdict = offer(&mut sim, &update);
        let after = *trust::look(&mut sim.chip()).record().unwrap();
        let found = match verdict {
            Ok(()) => ("boot", None, None),
            Err(reason) => ("refuse", Some(reason.name()), Some(reason.code())),
        };
        let mut wanted = (
            expected.verdict.as_str(),
            expected.reason.as_deref(),
            expected.code,
        );
        // A slot does not end where an upload broke off: what is missing reads as erased flash, and no digest suits it.
        if name == "evidence-truncated" {
            let reason = Reason::Unpinned;
            wanted = ("refuse", Some(reason.name()), Some(reason.code()));
        }
        let trust = moved(&before, &after);
        if found != wanted || trust != expected.trust {
            wrong.push(format!(
                "{name}: expected {wanted:?}, trust {}; found {found:?}, trust {trust}",
                expected.trust
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} vectors:\n{}",
        wrong.len(),
        names.len(),
        wrong.join("\n")
    );
}

/// A unit of no importance, provisioned as any other.
fn blank_unit(path: &Path) {
    let text = fs::read_to_string(project().join("fixtures/boards/wearable.toml")).unwrap();
    let board = Board::read("wearable.toml", &text).unwrap();
    folder::create(path, &board, &text).unwrap();
    let mut band = Factory::new("band");
    band.release(Release::new("0.1", 1, 500));
    let shipment = Shipment::open(band.seal()).unwrap();
    let goods = shipment.goods("band", None).unwrap().unwrap();
    let pin = Pin::File(band.root(1).to_vec());
    let who = identity("band", "band-a", "vector").unwrap();
    let order = Order::prepare(&shipment, &goods, &pin, who).unwrap();
    order.carry_out(&mut Sim::open(path).unwrap(), 1).unwrap();
}

/// Makes the unit know what the state says, through the bootloader's own encoder.
fn become_device(sim: &mut Sim, device: &Device) -> Record {
    let known = device.known();
    let chip = &mut sim.chip();
    let old = *trust::look(chip).record().unwrap();
    let next = Record {
        identity: Identity {
            product: Text::new(known.product).unwrap(),
            hardware: Text::new(known.hardware).unwrap(),
            serial: Text::new(&device.state().serial).unwrap(),
        },
        root: Root {
            length: u32::try_from(known.root.len()).unwrap(),
            version: device.root_version(),
            sha256: Digest::of(known.root),
        },
        versions: known.versions,
        timestamp_sha256: known.timestamp_digest,
        floor: known.floor,
        minimum_counter: known.minimum_counter,
        counter: known.counter,
        ..old
    };
    counter::raise(chip, known.counter).unwrap();
    trust::commit(chip, &next, RootAt::Memory(known.root)).unwrap()
}

/// Uploads the update, resets, and gives the device's answer.
fn offer(sim: &mut Sim, update: &[u8]) -> Result<(), Reason> {
    let length = Evidence::parse(update).map_or(update.len(), |evidence| evidence.bytes().len());
    let (evidence, image) = update.split_at(length);
    match sim.write_candidate(evidence, image, &mut |_| ()) {
        Ok(()) => {}
        Err(LinkError::Refused(reason)) => return Err(reason),
        Err(other) => panic!("{other}"),
    }
    sim.reset().unwrap().ended.candidate.expect("an answer")
}

fn moved(before: &Record, after: &Record) -> &'static str {
    let below = |record: &Record| {
        (
            record.timestamp_sha256,
            record.floor,
            record.minimum_counter,
        )
    };
    if below(before) != below(after) {
        "chain"
    } else if before.root != after.root {
        "root"
    } else {
        assert_eq!(before.versions, after.versions);
        "stays"
    }
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
