//! What a device knows, as a file: written by `cuff device info --save`, read by `cuff verify --for`.
//!
//! Takes and gives JSON, and gives what the judge must be told. The root stands in it as a JSON object that people can
//! read; the judge gets its canonical bytes back.

use cuff_verifier::digest::Digest;
use cuff_verifier::judge::{Known, Versions};
use cuff_verifier::time::Instant;
use cuff_verifier::version::{Counter, MAX_INTEGER};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::board::Lock;
use crate::name::{Hardware, NameError, Product};
use crate::role::canonical::{self, CanonicalError};

/// Version of this format.
pub const SCHEMA_VERSION: u32 = 1;

/// Largest state file, in bytes.
pub const MAX_STATE: u64 = 1 << 20;

/// A device's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Always 1.
    pub schema_version: u32,
    /// Its product.
    pub product: String,
    /// Its hardware id.
    pub hardware: String,
    /// Serial number of the unit.
    pub serial: String,
    /// Version of its bootloader.
    pub bootloader: u64,
    /// The root it trusts: the `signed` member of a root file.
    pub root: Value,
    /// Versions of the roles below root that it has seen.
    pub versions: RoleVersions,
    /// SHA-256 of the last timestamp it accepted, in hex.
    pub timestamp_digest: String,
    /// Its time floor: the latest signed `issued` it has seen.
    pub floor: String,
    /// The least security counter its product role allows.
    pub minimum_counter: u64,
    /// Security counter of the last confirmed release.
    pub counter: u64,
    /// The board it is built on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub board: Option<String>,
    /// Whether the chip keeps its trust store from the application: `hardware` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub lock: Option<Lock>,
    /// The image that is installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<Installed>,
    /// The image to go back to while a trial is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Installed>,
    /// The image on trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Installed>,
}

/// Versions of the roles below root; 0 where none was seen yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleVersions {
    /// Of timestamp.
    pub timestamp: u64,
    /// Of snapshot.
    pub snapshot: u64,
    /// Of the top-level targets role.
    pub targets: u64,
    /// Of the product role.
    pub product: u64,
}

/// An image in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Installed {
    /// The release: `PRODUCT/NAME`.
    pub release: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 in hex.
    pub sha256: String,
}

/// A state whose members are what they must be, ready for the judge.
#[derive(Clone, Debug)]
pub struct Device {
    state: State,
    root: Vec<u8>,
    root_version: u64,
    timestamp_digest: Digest,
    floor: Instant,
}

impl State {
    /// Reads a state file.
    pub fn read(text: &[u8]) -> Result<Self, StateError> {
        serde_json::from_slice(text).map_err(StateError::Json)
    }

    /// The state as a file, ending in a line feed.
    pub fn to_json(&self) -> String {
        // Strings, numbers and values that were JSON before: nothing here can fail to be JSON.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Checks every member, and gives what the judge must be told.
    pub fn check(self) -> Result<Device, StateError> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(StateError::SchemaVersion(self.schema_version));
        }
        Product::parse(&self.product)?;
        Hardware::parse(&self.hardware)?;
        let member = |member, found: &str, expected| StateError::Member {
            member,
            found: found.chars().take(80).collect(),
            expected,
        };
        let timestamp_digest =
            Digest::from_hex(self.timestamp_digest.as_bytes()).ok_or_else(|| {
                member(
                    "timestamp_digest",
                    &self.timestamp_digest,
                    "64 lower-case hex digits",
                )
            })?;
        let floor = Instant::parse(self.floor.as_bytes()).ok_or_else(|| {
            member(
                "floor",
                &self.floor,
                "a moment in UTC, as 2026-11-23T01:02:03Z",
            )
        })?;
        let numbers = [
            ("bootloader", self.bootloader),
            ("minimum_counter", self.minimum_counter),
            ("counter", self.counter),
            ("versions.timestamp", self.versions.timestamp),
            ("versions.snapshot", self.versions.snapshot),
            ("versions.targets", self.versions.targets),
            ("versions.product", self.versions.product),
        ];
        if let Some((name, found)) = numbers.iter().find(|(_, number)| *number > MAX_INTEGER) {
            return Err(member(name, &found.to_string(), "at most 9007199254740991"));
        }
        let root_version = self.root.get("version").and_then(Value::as_u64);
        Ok(Device {
            root: canonical::encode(&self.root)?,
            root_version: root_version.ok_or(StateError::Root)?,
            timestamp_digest,
            floor,
            state: self,
        })
    }
}

impl Device {
    /// The state it was made from.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Version of the root it trusts.
    pub fn root_version(&self) -> u64 {
        self.root_version
    }

    /// What the judge must be told.
    pub fn known(&self) -> Known<'_> {
        let RoleVersions {
            timestamp,
            snapshot,
            targets,
            product,
        } = self.state.versions;
        Known {
            product: &self.state.product,
            hardware: &self.state.hardware,
            bootloader: self.state.bootloader,
            root: &self.root,
            versions: Versions {
                timestamp,
                snapshot,
                targets,
                product,
            },
            timestamp_digest: self.timestamp_digest,
            floor: self.floor,
            minimum_counter: Counter(self.state.minimum_counter),
            counter: Counter(self.state.counter),
        }
    }
}

/// Why a file describes no device.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Not JSON, or other members than a state has.
    #[error("not a device state as `cuff device info --save` writes it")]
    Json(#[source] serde_json::Error),
    /// Another format.
    #[error("`schema_version` is {0}, and this cuff reads {SCHEMA_VERSION}")]
    SchemaVersion(u32),
    /// A name that no product or hardware has.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A member with another value than it can have.
    #[error("`{member}` must be {expected}, found \"{}\"", found.escape_debug())]
    Member {
        /// The member.
        member: &'static str,
        /// What is there.
        found: String,
        /// What must be.
        expected: &'static str,
    },
    /// The root was never canonical JSON.
    #[error("`root` has no canonical form, so that nobody can have signed it")]
    Canonical(#[from] CanonicalError),
    /// The root has no version.
    #[error("`root` must be the `signed` member of a root file, with its version")]
    Root,
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = include_str!("../fixtures/vectors/base.state.json");

    #[test]
    fn a_saved_state_reads_back_and_keeps_the_root_as_it_was_signed() {
        let state = State::read(BASE.as_bytes()).unwrap();
        assert_eq!(State::read(state.to_json().as_bytes()).unwrap(), state);
        let device = state.check().unwrap();
        assert_eq!(device.root_version(), 1);
        let root = String::from_utf8(device.known().root.to_vec()).unwrap();
        assert!(root.starts_with(r#"{"_type":"root","consistent_snapshot":true,"expires":"#));
        assert!(!root.contains(' '));
    }

    #[test]
    fn each_wrong_member_is_named() {
        for (from, to, words) in [
            (
                r#""schema_version": 1"#,
                r#""schema_version": 2"#,
                "schema_version",
            ),
            (r#""product": "band""#, r#""product": "Band""#, "product"),
            (
                r#""hardware": "band-a""#,
                r#""hardware": """#,
                "hardware id",
            ),
            ("2026-06-15T00:00:00Z", "2026-06-15", "floor"),
            (
                r#""counter": 3"#,
                r#""counter": 9007199254740992"#,
                "counter",
            ),
            (
                r#""counter": 3"#,
                r#""counter": 3, "extra": 1"#,
                "not a device state",
            ),
            (r#""version": 1"#, r#""version": "1""#, "root"),
            (
                r#""timestamp_digest": "00"#,
                r#""timestamp_digest": "AA"#,
                "timestamp_digest",
            ),
        ] {
            let text = BASE.replace(from, to);
            assert_ne!(text, BASE, "{from}");
            let error = State::read(text.as_bytes())
                .and_then(State::check)
                .unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
