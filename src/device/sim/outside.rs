//! `wearable.toml`: what a real unit keeps outside its flash, and what the bench does to it.
//!
//! Retained RAM (the trial id handed over at the jump, what runs) and an armed power cut. It holds nothing a device
//! decides on: whoever edits it is the application, or the bench.

use std::path::Path;

use cuff_bootloader::nor::{Cut, Tear};
use serde::{Deserialize, Serialize};

use super::folder::OUTSIDE;
use crate::device::link::LinkError;
use crate::durable::{self, WriteError};

/// The file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outside {
    /// Which way of writing this file.
    pub format: u32,
    /// RAM that a reset leaves alone.
    #[serde(default)]
    pub retained: Retained,
    /// When power will go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<ArmedCut>,
}

/// RAM that a reset leaves alone.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Retained {
    /// What the bootloader handed to the application on trial; gone once it was returned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<String>,
    /// The release that the last boot jumped to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
}

/// A power cut, armed for the next command that powers the wearable.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ArmedCut {
    /// Flash operations that are done whole.
    pub after: u64,
    /// What becomes of the next one.
    pub tear: Torn,
}

/// What a cut leaves of one operation.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Torn {
    /// Nothing of it.
    Nothing,
    /// Its first half.
    #[default]
    Half,
    /// Each bit by chance, the same each time.
    Random,
    /// All of it, and nothing after.
    Complete,
}

impl Outside {
    /// A unit as it comes off the line.
    pub fn fresh() -> Self {
        Self {
            format: FORMAT,
            retained: Retained::default(),
            cut: None,
        }
    }

    /// Reads the file's text.
    pub fn read(text: &str) -> Result<Self, String> {
        let outside: Self = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if outside.format == FORMAT {
            Ok(outside)
        } else {
            Err(format!("format {}, expected {FORMAT}", outside.format))
        }
    }

    /// Writes the file whole.
    pub fn write(&self, folder: &Path) -> Result<(), LinkError> {
        let path = folder.join(OUTSIDE);
        let kept = |source| LinkError::Desk {
            path: path.display().to_string(),
            source,
        };
        let text = self
            .text()
            .map_err(|error| kept(std::io::Error::other(error)))?;
        durable::write(&path, text.as_bytes()).map_err(|error| match error {
            WriteError::Io { source, .. } => kept(source),
            error @ WriteError::Exists(_) => kept(std::io::Error::other(error)),
        })
    }

    /// The file's text.
    pub fn text(&self) -> Result<String, toml::ser::Error> {
        Ok(format!("{HEADER}{}", toml::to_string(self)?))
    }
}

impl From<Cut> for ArmedCut {
    fn from(cut: Cut) -> Self {
        let tear = match cut.tear {
            Tear::Nothing => Torn::Nothing,
            Tear::Half => Torn::Half,
            Tear::Random(_) => Torn::Random,
            Tear::Complete => Torn::Complete,
        };
        Self {
            after: cut.after,
            tear,
        }
    }
}

impl From<ArmedCut> for Cut {
    fn from(cut: ArmedCut) -> Self {
        let tear = match cut.tear {
            Torn::Nothing => Tear::Nothing,
            Torn::Half => Tear::Half,
            Torn::Random => Tear::Random(cut.after),
            Torn::Complete => Tear::Complete,
        };
        Self {
            after: cut.after,
            tear,
        }
    }
}

const FORMAT: u32 = 1;
const HEADER: &str = "# What a real unit keeps outside its flash, and what the bench does to it. Written by cuff.\n\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_nothing_else_does() {
        let outside = Outside {
            retained: Retained {
                trial: Some("00".repeat(16)),
                running: Some("band/1.0".to_owned()),
            },
            cut: Some(ArmedCut {
                after: 7,
                tear: Torn::Random,
            }),
            ..Outside::fresh()
        };
        assert_eq!(Outside::read(&outside.text().unwrap()), Ok(outside));
        for wrong in [
            "",
            "format = 2",
            "format = 1\nspeed = 3",
            "format = 1\n[cut]\nafter = 1",
        ] {
            assert!(Outside::read(wrong).is_err(), "{wrong}");
        }
    }
}
