//! What a release is for: the application, or the bootloader itself.
//! A word shared by manifests, bundles and boards.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The two kinds of release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Runs in the `active` slot and is updated in the field.
    #[default]
    Application,
    /// Lives in the `boot` region; only provisioning installs it.
    Bootloader,
}

impl Kind {
    /// The region an image of this kind is written to.
    pub fn slot(self) -> Slot {
        match self {
            Self::Application => Slot::Active,
            Self::Bootloader => Slot::Boot,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Application => "application",
            Self::Bootloader => "bootloader",
        })
    }
}

/// The regions of a device that hold an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// Where applications run.
    Active,
    /// Where the bootloader runs.
    Boot,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "active",
            Self::Boot => "boot",
        })
    }
}
