//! What `cuff verify` answers: the device's verdict in its own words.

use std::fmt::{self, Write};

use cuff_verifier::verdict::{Reason, Verdict};
use schemars::JsonSchema;
use serde::Serialize;

use crate::console::style::{BAD, GOOD, paint};
use crate::console::{Answer, Exit, safe};
use crate::judgement::{Judgement, Moved, Trust};
use crate::state::{Device, RoleVersions};

/// A device's verdict.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Verified {
    /// The file that was judged.
    file: String,
    /// Serial number of the device.
    serial: String,
    /// `boot` or `refuse`.
    verdict: &'static str,
    /// Why it is refused.
    reason: Option<Why>,
    /// The release that was judged, when the device could install it if its image is right.
    release: Option<Installable>,
    /// How far trust moves, whatever becomes of the image: `stays`, `root` or `chain`.
    trust: &'static str,
    /// What the device trusts after that; nothing when it stays.
    moves_to: Option<MovesTo>,
    /// What expiry was held against: always `floor`, the device's own.
    freshness: &'static str,
    /// The device's time floor.
    floor: String,
}

/// A reason, as it stands in the device's log too.
#[derive(Debug, Serialize, JsonSchema)]
struct Why {
    /// Its number.
    code: u16,
    /// Its name.
    name: &'static str,
    /// In a sentence.
    says: String,
}

/// A release the device could install.
#[derive(Debug, Serialize, JsonSchema)]
struct Installable {
    /// PRODUCT/NAME.
    release: String,
    /// Security counter.
    counter: u64,
    /// Length of the image in bytes.
    length: u64,
    /// SHA-256 of the image.
    sha256: String,
}

/// Trust state after the commit.
#[derive(Debug, Serialize, JsonSchema)]
struct MovesTo {
    /// Version of the root.
    root: u64,
    /// Versions of the roles below; 0 where a root has reset them.
    versions: RoleVersions,
    /// The time floor.
    floor: String,
    /// The least counter that may still be installed.
    minimum_counter: u64,
}

impl Verified {
    pub(super) fn of(file: String, device: &Device, judgement: &Judgement) -> Self {
        let (trust, moved) = match judgement.trust {
            Trust::Stays => ("stays", None),
            Trust::Root(moved) => ("root", Some(moved)),
            Trust::Chain(moved) => ("chain", Some(moved)),
        };
        let (verdict, reason) = match judgement.verdict {
            Verdict::Boot => ("boot", None),
            Verdict::Refuse(reason) => ("refuse", Some(reason)),
        };
        Self {
            file,
            serial: device.state().serial.clone(),
            verdict,
            reason: reason.map(Why::of),
            release: judgement.release.as_ref().map(|release| Installable {
                release: release.path.clone(),
                counter: release.counter.0,
                length: release.length.0,
                sha256: release.sha256.to_string(),
            }),
            trust,
            moves_to: moved.map(MovesTo::of),
            freshness: "floor",
            floor: device.known().floor.to_string(),
        }
    }
}

impl Why {
    fn of(reason: Reason) -> Self {
        Self {
            code: reason.code(),
            name: reason.name(),
            says: reason.to_string(),
        }
    }
}

impl MovesTo {
    fn of(moved: Moved) -> Self {
        Self {
            root: moved.root,
            versions: RoleVersions {
                timestamp: moved.versions.timestamp,
                snapshot: moved.versions.snapshot,
                targets: moved.versions.targets,
                product: moved.versions.product,
            },
            floor: moved.floor.to_string(),
            minimum_counter: moved.minimum_counter.0,
        }
    }
}

impl Answer for Verified {
    const COMMAND: &'static str = "verify";

    fn exit(&self) -> Exit {
        if self.reason.is_some() {
            Exit::No
        } else {
            Exit::Yes
        }
    }

    fn human(&self, out: &mut dyn Write) -> fmt::Result {
        let serial = safe(&self.serial);
        match &self.reason {
            None => writeln!(
                out,
                "{}: {serial} installs and boots it",
                paint(GOOD, "boot")
            )?,
            Some(why) => writeln!(
                out,
                "{}: {serial} refuses it with reason {} ({}): {}",
                paint(BAD, "refuse"),
                why.code,
                why.name,
                why.says
            )?,
        }
        if let Some(release) = &self.release {
            writeln!(
                out,
                "release: {}, counter {}, image of {} bytes with sha256 {}",
                safe(&release.release),
                release.counter,
                release.length,
                release.sha256
            )?;
        }
        match &self.moves_to {
            None => writeln!(out, "trust: stays as it is")?,
            Some(to) => {
                let what = if self.trust == "root" {
                    "moves to new roots, and nothing below them"
                } else {
                    "moves with the whole chain"
                };
                writeln!(out, "trust: {what}, whatever becomes of the image")?;
                writeln!(
                    out,
                    "  root v{}, timestamp v{}, snapshot v{}, targets v{}, product v{}, floor {}, minimum counter {}",
                    to.root,
                    to.versions.timestamp,
                    to.versions.snapshot,
                    to.versions.targets,
                    to.versions.product,
                    to.floor,
                    to.minimum_counter
                )?;
            }
        }
        writeln!(
            out,
            "freshness: expiry was held against the device's time floor, {}",
            self.floor
        )
    }
}
