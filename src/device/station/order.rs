//! What a batch makes, and what its operator said.
//!
//! Plain values: whoever builds an [`Order`] has verified all of it before, and nothing here is looked at twice.

use std::time::Duration;

use cuff_verifier::digest::Digest;

use crate::board::Board;

/// What every unit of a batch gets; verified before the first of them is touched.
#[derive(Clone, Debug)]
pub struct Order {
    /// The board.
    pub board: Board,
    /// Product, hardware id; the serial is each unit's own.
    pub product: String,
    /// See `product`.
    pub hardware: String,
    /// Canonical `signed` bytes of the root.
    pub root: Vec<u8>,
    /// Evidence without an image: trust alone.
    pub trust: Vec<u8>,
    /// Evidence of the first release.
    pub evidence: Vec<u8>,
    /// The first release, by target path.
    pub release: String,
    /// Its image.
    pub image: Vec<u8>,
    /// The bootloader, by target path.
    pub bootloader: String,
    /// Its image.
    pub boot: Vec<u8>,
    /// SHA-256 of the sealed bundle.
    pub bundle: Digest,
    /// How long the application may take to confirm.
    pub confirm: Duration,
}

/// What the operator said.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command"
)]
#[derive(Clone, Debug, Default)]
pub struct Say {
    /// Who.
    pub operator: String,
    /// A unit that passed here before may be made anew.
    pub replace: bool,
    /// Firmware that is not ours may be overwritten.
    pub overwrite: bool,
    /// Close the debug port once everything is proven.
    pub lock: bool,
    /// Write nothing.
    pub rehearse: bool,
    /// The label that was scanned.
    pub scanned: Option<String>,
}
