//! The signed release record: everything about a release that a device decides on.
//!
//! Plain data in the shape of `custom.cuff`; what may be in it is judged by the verifier, how it comes to be by `bundle`.

use super::wire::Hex;
use serde::{Deserialize, Serialize};

/// One release record, format 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Security counter: a device never goes below the highest it confirmed.
    pub counter: u64,
    /// Always 1.
    pub format: u64,
    /// Hardware ids it may run on, sorted.
    pub hardware: Vec<String>,
    /// What is written where.
    pub images: Vec<Image>,
    /// What the image is.
    pub kind: Kind,
    /// Oldest bootloader that may run it.
    pub minimum_bootloader: u64,
    /// Product, equal to the role that signs.
    pub product: String,
    /// SHA-256 of the recipients file in the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipients: Option<Hex>,
    /// SHA-256 of the SBOM in the bundle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Hex>,
    /// Version for people.
    pub version: String,
}

/// One image of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Bytes.
    pub length: u64,
    /// Flash region.
    pub region: String,
    /// Digest of the image.
    pub sha256: Hex,
}

/// What an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Runs in the active slot.
    Application,
    /// The bootloader itself; accepted at provisioning only.
    Bootloader,
}
