//! A unit in the state a vector was made for, and what it must say of the vector.
#![allow(dead_code, clippy::unwrap_used, clippy::missing_panics_doc)]

use std::fs;
use std::path::Path;

use cuff::board::Board;
use cuff::device::link::{Link, LinkError};
use cuff::device::provision::{Order, Pin, identity};
use cuff::device::shipment::Shipment;
use cuff::device::sim::{Sim, folder};
use cuff::state::{Device, State};
use cuff_bootloader::counter;
use cuff_bootloader::field::Text;
use cuff_bootloader::record::{Identity, Record, Root};
use cuff_bootloader::trust;
use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Evidence;
use cuff_verifier::verdict::Reason;

use crate::factory::{Factory, Release};
use crate::vectors::{Expected, folder as vectors};

/// A vector before a device.
pub struct Vector {
    pub name: String,
    pub expected: Expected,
    state: State,
    update: Vec<u8>,
}

impl Vector {
    pub fn read(name: &str) -> Self {
        let expected = Expected::of(name);
        Self {
            name: name.to_owned(),
            state: State::read(&fs::read(vectors().join(&expected.state)).unwrap()).unwrap(),
            update: fs::read(vectors().join(format!("{name}.update"))).unwrap(),
            expected,
        }
    }

    /// Makes the unit know what the vector's state says, through the bootloader's own encoder.
    pub fn prepare(&self, sim: &mut Sim) -> Record {
        become_device(sim, &self.state.clone().check().unwrap())
    }

    /// Uploads the update; the next boot judges it, unless the upload was refused already.
    pub fn offer(&self, sim: &mut Sim) -> Result<(), Reason> {
        let (evidence, image) = self.update.split_at(self.evidence());
        match sim.write_candidate(evidence, image, &mut |_| ()) {
            Ok(()) => Ok(()),
            Err(LinkError::Refused(reason)) => Err(reason),
            Err(other) => panic!("{other}"),
        }
    }

    /// Bytes of evidence; what is none at all counts whole.
    pub fn evidence(&self) -> usize {
        let update = &self.update;
        Evidence::parse(update).map_or(update.len(), |evidence| evidence.bytes().len())
    }

    /// What is wrong with this answer, if anything is.
    pub fn complaint(&self, verdict: Result<(), Reason>, trust: &str) -> Option<String> {
        let expected = &self.expected;
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
        if self.name == "evidence-truncated" {
            let reason = Reason::Unpinned;
            wanted = ("refuse", Some(reason.name()), Some(reason.code()));
        }
        (found != wanted || trust != expected.trust).then(|| {
            format!(
                "{}: expected {wanted:?}, trust {}; found {found:?}, trust {trust}",
                self.name, expected.trust
            )
        })
    }
}

/// A unit of no importance, provisioned as any other, on the board of this description.
pub fn blank_unit(path: &Path, description: &Path) {
    unit_with(path, description, Release::new("0.1", 1, 500));
}

/// A unit that runs this release.
pub fn unit_with(path: &Path, description: &Path, release: Release) {
    let text = fs::read_to_string(description).unwrap();
    let board = Board::read("board.toml", &text).unwrap();
    folder::create(path, &board, &text).unwrap();
    let mut band = Factory::new("band");
    band.release(release);
    let shipment = Shipment::open(band.seal()).unwrap();
    let goods = shipment.goods("band", None).unwrap().unwrap();
    let pin = Pin::File(band.root(1).to_vec());
    let who = identity("band", "band-a", "vector").unwrap();
    let order = Order::prepare(&shipment, &goods, &pin, who).unwrap();
    order.carry_out(&mut Sim::open(path).unwrap(), 1).unwrap();
}

/// How far trust moved between two records.
pub fn moved(before: &Record, after: &Record) -> &'static str {
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
    trust::found(chip, &next, known.root).unwrap();
    next
}
