//! What a unit knows, as the STATE file that `cuff verify --for` takes.
//!
//! Takes a unit that was read, gives a [`State`]. Every field of it comes from the unit.

use cuff_bootloader::record::Image;

use super::unit::{Knowledge, Unit};
use crate::state::{Installed, RoleVersions, SCHEMA_VERSION, State};

/// The state of a provisioned unit; `None` when its root is no JSON, which a bootloader would never have accepted.
pub fn state(unit: &Unit, knowledge: &Knowledge) -> Option<State> {
    let record = &knowledge.record;
    Some(State {
        schema_version: SCHEMA_VERSION,
        product: knowledge.product().to_owned(),
        hardware: record.identity.hardware.to_string(),
        serial: knowledge.serial().to_owned(),
        bootloader: unit.bootloader,
        root: serde_json::from_slice(&knowledge.root).ok()?,
        versions: RoleVersions {
            timestamp: record.versions.timestamp,
            snapshot: record.versions.snapshot,
            targets: record.versions.targets,
            product: record.versions.product,
        },
        timestamp_digest: record.timestamp_sha256.to_string(),
        floor: record.floor.to_string(),
        minimum_counter: record.minimum_counter.0,
        counter: knowledge.counter.0,
        board: Some(unit.board.name.clone()),
        lock: Some(unit.board.lock),
        installed: record.installed.as_ref().map(installed),
        previous: record
            .trial
            .and(record.installed)
            .or(record.former)
            .as_ref()
            .map(installed),
        trial: record.trial.as_ref().map(|trial| installed(&trial.image)),
    })
}

/// An image as a state file shows it.
pub fn installed(image: &Image) -> Installed {
    Installed {
        release: image.release.to_string(),
        length: u64::from(image.length),
        sha256: image.sha256.to_string(),
    }
}
