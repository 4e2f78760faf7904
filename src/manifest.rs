//! Manifests: what a release engineer writes to turn firmware into a release.
//! Takes TOML text; gives checked values, every complaint with line and column. Opens none of the files it names.

use std::path::PathBuf;

use cuff_verifier::release::Kind;
use cuff_verifier::version::{Counter, MAX_INTEGER};
use serde::Deserialize;
use toml::Spanned;

use crate::board::region::Region;
use crate::name::{Hardware, Product, Version};
use crate::place::{TomlError, read_toml};

/// Largest manifest, in bytes.
pub const MAX_MANIFEST: u64 = 64 << 10;
/// Most hardware ids in one release.
pub const MAX_HARDWARE: usize = 16;
/// Most boards in one release.
pub const MAX_BOARDS: usize = 16;

/// A manifest that keeps every rule. It can only be had by reading one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Manifest {
    /// The product, and the role that signs its releases.
    pub product: Product,
    /// Name of the release within the product.
    pub version: Version,
    /// Security counter: a device never goes below the highest it ran.
    pub counter: Counter,
    /// Hardware ids that may run it, sorted, each once.
    pub hardware: Vec<Hardware>,
    /// Boards the image must fit.
    pub boards: Vec<String>,
    /// Oldest bootloader that may start it.
    pub minimum_bootloader: u64,
    /// Application or bootloader.
    pub kind: Kind,
    /// The firmware file, relative to the manifest.
    pub firmware: PathBuf,
    /// Where a raw binary belongs.
    pub address: Option<u64>,
    /// Addresses of the firmware file that the image shall not carry.
    pub leave_out: Vec<Region>,
    /// A `CycloneDX` bill of materials to carry along, relative to the manifest.
    pub sbom: Option<PathBuf>,
    /// Data recipients to carry along, relative to the manifest.
    pub recipients: Option<PathBuf>,
}

impl Manifest {
    /// Reads and checks a manifest; `file` is used in messages only.
    pub fn read(file: &str, text: &str) -> Result<Self, ManifestError> {
        let written: Written = read_toml(file, text)?;
        written
            .into_manifest()
            .map_err(|(offset, fault)| ManifestError::rule(file, text, offset, fault))
    }
}

/// Why a manifest was refused.
pub type ManifestError = TomlError<Fault>;

/// Rules for values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Numbers that JSON readers keep, counted from one.
    #[error("{field} must be between 1 and {MAX_INTEGER}, found {found}")]
    Number {
        /// Which field.
        field: &'static str,
        /// What stands there.
        found: u64,
    },
    /// A list with too few or too many entries.
    #[error("{field} must list 1 to {most} names, found {found}")]
    Count {
        /// Which field.
        field: &'static str,
        /// Most accepted.
        most: usize,
        /// How many stand there.
        found: usize,
    },
    /// One name twice.
    #[error("{field} must list each name once, found \"{name}\" again: remove one")]
    Twice {
        /// Which field.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A path that is empty.
    #[error("{field} must name a file, found an empty path")]
    NoPath {
        /// Which field.
        field: &'static str,
    },
    /// Control characters have no business in a path.
    #[error("{field} must be a path without control characters, found {found}")]
    PathCharacters {
        /// Which field.
        field: &'static str,
        /// The path, escaped.
        found: String,
    },
    /// Nothing to leave out, or addresses that do not exist.
    #[error("leave-out must name at least one byte below 0x100000000, found {found}")]
    LeaveOut {
        /// What stands there.
        found: Region,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    product: Product,
    version: Version,
    counter: Spanned<u64>,
    hardware: Spanned<Vec<Hardware>>,
    boards: Spanned<Vec<String>>,
    minimum_bootloader: Spanned<u64>,
    kind: Option<WrittenKind>,
    firmware: Spanned<String>,
    address: Option<u64>,
    #[serde(default)]
    leave_out: Vec<Spanned<Region>>,
    sbom: Option<Spanned<String>>,
    recipients: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum WrittenKind {
    Application,
    Bootloader,
}

impl Written {
    fn into_manifest(self) -> Result<Manifest, (usize, Fault)> {
        let counter = number("counter", &self.counter)?;
        let minimum_bootloader = number("minimum-bootloader", &self.minimum_bootloader)?;
        names("hardware", MAX_HARDWARE, &self.hardware, Hardware::as_str)?;
        names("boards", MAX_BOARDS, &self.boards, String::as_str)?;
        for region in &self.leave_out {
            let found = *region.get_ref();
            if found.length == 0 || found.end() > 1 << 32 {
                return Err((region.span().start, Fault::LeaveOut { found }));
            }
        }
        let mut hardware = self.hardware.into_inner();
        hardware.sort();
        Ok(Manifest {
            product: self.product,
            version: self.version,
            counter: Counter(counter),
            hardware,
            boards: self.boards.into_inner(),
            minimum_bootloader,
            kind: match self.kind {
                None | Some(WrittenKind::Application) => Kind::Application,
                Some(WrittenKind::Bootloader) => Kind::Bootloader,
            },
            firmware: path("firmware", self.firmware)?,
            address: self.address,
            leave_out: self
                .leave_out
                .into_iter()
                .map(Spanned::into_inner)
                .collect(),
            sbom: self.sbom.map(|written| path("sbom", written)).transpose()?,
            recipients: self
                .recipients
                .map(|written| path("recipients", written))
                .transpose()?,
        })
    }
}

fn number(field: &'static str, written: &Spanned<u64>) -> Result<u64, (usize, Fault)> {
    let found = *written.get_ref();
    if found == 0 || found > MAX_INTEGER {
        return Err((written.span().start, Fault::Number { field, found }));
    }
    Ok(found)
}

fn names<T>(
    field: &'static str,
    most: usize,
    written: &Spanned<Vec<T>>,
    text: impl Fn(&T) -> &str,
) -> Result<(), (usize, Fault)> {
    let list = written.get_ref();
    let fault = if list.is_empty() || list.len() > most {
        Some(Fault::Count {
            field,
            most,
            found: list.len(),
        })
    } else {
        let mut sorted: Vec<&str> = list.iter().map(text).collect();
        sorted.sort_unstable();
        let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]);
        twice.map(|pair| Fault::Twice {
            field,
            name: pair[0].escape_debug().to_string(),
        })
    };
    fault.map_or(Ok(()), |fault| Err((written.span().start, fault)))
}

fn path(field: &'static str, written: Spanned<String>) -> Result<PathBuf, (usize, Fault)> {
    let start = written.span().start;
    let text = written.into_inner();
    if text.is_empty() {
        return Err((start, Fault::NoPath { field }));
    }
    if text.chars().any(char::is_control) {
        let found = text.escape_debug().to_string();
        return Err((start, Fault::PathCharacters { field, found }));
    }
    Ok(PathBuf::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"product = "band"
version = "1.4.0"
counter = 7
hardware = ["band-b", "band-a"]
boards = ["nrf52840"]
minimum-bootloader = 1
firmware = "../target/band.elf"
"#;

    fn refusal(text: &str) -> String {
        Manifest::read("m.toml", text).unwrap_err().to_string()
    }

    /// The refusal after one line of a good manifest was replaced.
    fn with(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from));
        refusal(&GOOD.replace(from, to))
    }

    #[test]
    fn a_good_manifest_is_read_and_hardware_sorted() {
        let manifest = Manifest::read("m.toml", GOOD).unwrap();
        assert_eq!(manifest.product.as_str(), "band");
        assert_eq!(manifest.kind, Kind::Application);
        let ids: Vec<_> = manifest.hardware.iter().map(Hardware::as_str).collect();
        assert_eq!(ids, ["band-a", "band-b"]);
    }

    #[test]
    fn the_documented_manifest_is_one() {
        let documentation = include_str!("../docs/manifests.md");
        let example = documentation.split("```").nth(1).unwrap();
        let text = example.strip_prefix("toml").unwrap();
        let manifest = Manifest::read("docs/manifests.md", text).unwrap();
        assert_eq!(manifest.leave_out.len(), 1);
    }

    #[test]
    fn each_missing_field_is_named() {
        for line in GOOD.lines() {
            let field = line.split(' ').next().unwrap();
            let message = with(&format!("{line}\n"), "");
            assert!(
                message.starts_with("m.toml:1:1: missing field"),
                "{message}"
            );
            assert!(message.contains(field), "{message}");
        }
    }

    #[test]
    fn malformed_fields_are_refused_with_line_and_column() {
        for (from, to, place, words) in [
            (
                "counter = 7",
                "counter = \"7\"",
                "m.toml:3:11:",
                "invalid type: string",
            ),
            (
                "counter = 7",
                "counter = -7",
                "m.toml:3:11:",
                "invalid value",
            ),
            (
                "counter = 7",
                "counter = 0",
                "m.toml:3:11:",
                "between 1 and",
            ),
            (
                "counter = 7",
                "counter = 9007199254740992",
                "m.toml:3:11:",
                "between 1 and",
            ),
            (
                "counter = 7",
                "counter = 7\ncolour = 1",
                "m.toml:4:1:",
                "unknown field `colour`",
            ),
            (
                "counter = 7",
                "counter = 7\ncounter = 8",
                "m.toml:4:1:",
                "duplicate key",
            ),
            ("counter = 7", "counter = ", "m.toml:3:", ""),
            ("\"band\"", "\"../band\"", "m.toml:1:11:", "out of a-z, 0-9"),
            ("\"band\"", "\"targets\"", "m.toml:1:11:", "TUF role"),
            ("\"1.4.0\"", "\"1/4\"", "m.toml:2:11:", "out of A-Z"),
            ("\"1.4.0\"", "\"..\"", "m.toml:2:11:", "two dots"),
            (
                "\"band-b\"",
                "\"band\\u001b[2J\"",
                "m.toml:4:12:",
                "\\u{1b}[2J",
            ),
            ("\"band-b\"", "\"band-a\"", "m.toml:4:12:", "each name once"),
            ("[\"band-b\", \"band-a\"]", "[]", "m.toml:4:12:", "1 to 16"),
            ("\"nrf52840\"", "", "m.toml:5:10:", "1 to 16"),
            (
                "\"../target/band.elf\"",
                "\"\"",
                "m.toml:7:12:",
                "empty path",
            ),
            (
                "\"../target/band.elf\"",
                "\"a\\nb\"",
                "m.toml:7:12:",
                "control characters",
            ),
            (
                "counter = 7",
                "counter = 7\nkind = \"app\"",
                "m.toml:4:8:",
                "unknown variant `app`",
            ),
            (
                "counter = 7",
                "counter = 7\nleave-out = [{ start = 1, length = 0 }]",
                "m.toml:4:14:",
                "at least one byte",
            ),
        ] {
            let message = with(from, to);
            assert!(message.starts_with(place), "{to}: {message}");
            assert!(message.contains(words), "{to}: {message}");
            assert!(!message.contains(char::is_control), "{message:?}");
        }
    }
}
