//! The station: what a factory bench is told once, so that nobody at it has to decide anything.
//!
//! Takes `station.toml`, gives a checked plan. It opens no file it names and talks to no probe.

pub mod order;
#[cfg(feature = "probe")]
pub mod pass;
pub mod records;
pub mod serials;

use std::path::PathBuf;

use cuff_verifier::digest::Digest;
use serde::Deserialize;

use super::target::{ProbeId, Target};
use crate::instant::Span;
use crate::place::{Malformed, read_toml};
use serials::Serials;

/// A bench.
#[derive(Clone, Debug)]
pub struct Station {
    /// Its name in the records.
    pub name: String,
    /// What is built here: a board by name, or the path of its description.
    pub board: String,
    /// The product.
    pub product: String,
    /// The hardware id written into each unit.
    pub hardware: String,
    /// The sealed bundle with bootloader and first release.
    pub sealed: PathBuf,
    /// SHA-256 of a root's `signed` bytes: whom the units will trust.
    pub root: Digest,
    /// The first release, when the bundle holds several.
    pub release: String,
    /// The bootloader, a release in the same bundle.
    pub bootloader: String,
    /// Where every attempt is recorded.
    pub log: PathBuf,
    /// The private key that signs the records.
    pub key: PathBuf,
    /// How old the newest signed date in the bundle may be.
    pub max_bundle_age: Option<Span>,
    /// How long the application may take to confirm, in seconds.
    pub confirm: u64,
    /// Where serials come from.
    pub serials: Serials,
    /// The probes, by slot.
    pub slots: Vec<Slot>,
}

/// One place on the bench.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Slot {
    /// What is painted on it.
    pub label: String,
    /// The probe that is wired to it.
    pub probe: Option<ProbeId>,
}

impl Station {
    /// Reads and checks a description; `file` is used in messages only.
    pub fn read(file: &str, text: &str) -> Result<Self, StationError> {
        let written: Written = read_toml(file, text)?;
        let rule = |rule: String| StationError::Rule {
            file: file.to_owned(),
            rule,
        };
        for (field, name) in [("station", &written.station)].into_iter().chain(
            written
                .slot
                .iter()
                .map(|slot| ("the label of a slot", &slot.label)),
        ) {
            let plain = (1..=31).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
            if !plain {
                return Err(rule(format!(
                    "{field} must be 1 to 31 letters, digits, -, _ or ., found \"{}\"",
                    name.escape_debug()
                )));
            }
        }
        let root = Digest::from_hex(written.root_sha256.as_bytes())
            .ok_or_else(|| rule("root-sha256 must be 64 lower-case hex digits".to_owned()))?;
        let mut slots: Vec<Slot> = Vec::new();
        for slot in written.slot {
            let Ok(Target::Probe(probe)) = slot.probe.parse::<Target>() else {
                return Err(rule(format!(
                    "slot {}: \"{}\" names no debug probe",
                    slot.label,
                    slot.probe.escape_debug()
                )));
            };
            slots.push(Slot {
                label: slot.label,
                probe,
            });
        }
        check_slots(&slots).map_err(rule)?;
        let serials = written.serials.check().map_err(rule)?;
        if matches!(serials, Serials::Scan) && slots.len() > 1 {
            return Err(rule(
                "scanned serials need exactly one slot: nobody could tell whose label was read"
                    .to_owned(),
            ));
        }
        let max_bundle_age = match written.max_bundle_age {
            Some(text) => Some(
                text.parse()
                    .map_err(|_| rule("max-bundle-age must be like 30d or 12h".to_owned()))?,
            ),
            None => None,
        };
        Ok(Self {
            name: written.station,
            board: written.board,
            product: written.product,
            hardware: written.hardware,
            sealed: written.sealed,
            root,
            release: written.release,
            bootloader: written.bootloader,
            log: written.log,
            key: written.key,
            max_bundle_age,
            confirm: written.confirm_seconds.unwrap_or(CONFIRM),
            serials,
            slots,
        })
    }
}

impl Station {
    /// The range of serials that is this station's own.
    pub fn range(&self) -> Option<&serials::Range> {
        match &self.serials {
            Serials::Range(range) => Some(range),
            Serials::List(_) | Serials::Scan => None,
        }
    }
}

/// Two probes that answer to one name cannot be told apart, and would write one unit twice and another never.
pub fn check_slots(slots: &[Slot]) -> Result<(), String> {
    if slots.is_empty() {
        return Err("a station needs a [[slot]]".to_owned());
    }
    for (index, slot) in slots.iter().enumerate() {
        let named = slot.probe.as_ref().and_then(|probe| probe.serial.as_ref());
        if slots.len() > 1 && named.is_none_or(String::is_empty) {
            return Err(format!(
                "slot {}: with several slots each probe needs a serial, and this one has none",
                slot.label
            ));
        }
        for other in slots.iter().skip(index + 1) {
            if slot.label == other.label {
                return Err(format!("two slots are called {}", slot.label));
            }
            if slot.probe == other.probe {
                return Err(format!(
                    "slots {} and {} name the same probe",
                    slot.label, other.label
                ));
            }
        }
    }
    Ok(())
}

/// Why a station's description was refused.
#[derive(Debug, thiserror::Error)]
pub enum StationError {
    /// Not TOML, or other fields than a station has.
    #[error("station description is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// Well-formed, but against a rule.
    #[error("{file}: {rule}")]
    Rule {
        /// The file.
        file: String,
        /// The rule.
        rule: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    station: String,
    board: String,
    product: String,
    hardware: String,
    sealed: PathBuf,
    root_sha256: String,
    release: String,
    bootloader: String,
    log: PathBuf,
    key: PathBuf,
    max_bundle_age: Option<String>,
    confirm_seconds: Option<u64>,
    serials: serials::Written,
    slot: Vec<WrittenSlot>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSlot {
    label: String,
    probe: String,
}

const CONFIRM: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = r#"
station = "line-1"
board = "qemu-an386"
product = "band"
hardware = "band-a"
sealed = "band.sealed"
root-sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
release = "band/1.0"
bootloader = "band/boot-1"
log = "line-1.jsonl"
key = "line-1.key"
max-bundle-age = "30d"
serials = { prefix = "B", first = 1, last = 9, digits = 4 }
slot = [{ label = "A", probe = "probe:1366:1015:1" }, { label = "B", probe = "probe:1366:1015:2" }]
"#;

    #[test]
    fn a_station_reads() {
        let station = Station::read("station.toml", SOUND).unwrap();
        assert_eq!(station.slots.len(), 2);
        assert_eq!(station.confirm, CONFIRM);
    }

    #[test]
    fn slots_that_cannot_be_told_apart_are_refused() {
        for (from, to, said) in [
            ("1015:2", "1015:1", "name the same probe"),
            ("1015:2", "1015", "needs a serial"),
            ("\"B\", probe", "\"A\", probe", "two slots are called A"),
            ("\"B\", probe", "\"B \", probe", "letters, digits"),
            ("probe:1366:1015:2", "sim:x", "names no debug probe"),
            ("first = 1", "first = 10", "first"),
            ("digits = 4", "digits = 0", "digits"),
            ("30d", "soon", "max-bundle-age"),
        ] {
            let text = SOUND.replacen(from, to, 1);
            let error = Station::read("station.toml", &text).unwrap_err();
            assert!(error.to_string().contains(said), "{to}: {error}");
        }
    }
}
