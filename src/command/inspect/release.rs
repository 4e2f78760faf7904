//! What a bundle says: its release record, found to agree with its content.
//! Takes an opened bundle; gives the part of the answer.

use std::fmt::{self, Write};

use schemars::JsonSchema;
use serde::Serialize;

use crate::bundle::Bundle;
use crate::console::safe;
use crate::firmware::image::Vectors;

/// One release.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Release {
    /// `PRODUCT/VERSION`.
    release: String,
    /// `application` or `bootloader`.
    release_kind: &'static str,
    /// The security counter.
    counter: u64,
    /// Hardware ids that may run it.
    hardware: Vec<String>,
    /// Oldest bootloader that may start it.
    minimum_bootloader: u64,
    /// The region the image is for.
    region: &'static str,
    /// Length of the image in bytes.
    image_length: u64,
    /// SHA-256 of the image.
    image_sha256: String,
    /// Initial stack pointer, the image's first word.
    #[serde(skip_serializing_if = "Option::is_none")]
    stack: Option<u64>,
    /// Reset handler, the image's second word.
    #[serde(skip_serializing_if = "Option::is_none")]
    reset: Option<u64>,
    /// SHA-256 of the bill of materials inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    sbom_sha256: Option<String>,
    /// SHA-256 of the data-recipients declaration inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients_sha256: Option<String>,
}

impl Release {
    pub(super) fn of(bundle: &Bundle) -> Self {
        let record = bundle.record();
        let vectors = Vectors::of(bundle.image());
        Self {
            release: record.target(),
            release_kind: record.kind.name(),
            counter: record.counter.0,
            hardware: record.hardware.iter().map(ToString::to_string).collect(),
            minimum_bootloader: record.minimum_bootloader,
            region: record.kind.region(),
            image_length: record.image.length.0,
            image_sha256: record.image.sha256.to_string(),
            stack: vectors.map(|vectors| vectors.stack),
            reset: vectors.map(|vectors| vectors.reset),
            sbom_sha256: record.sbom.map(|digest| digest.to_string()),
            recipients_sha256: record.recipients.map(|digest| digest.to_string()),
        }
    }

    /// The release in one line.
    pub(super) fn headline(&self) -> String {
        format!("release {}, counter {}", self.release, self.counter)
    }

    pub(super) fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(
            out,
            "release    {} ({})",
            safe(&self.release),
            self.release_kind
        )?;
        writeln!(out, "counter    {}", self.counter)?;
        writeln!(out, "hardware   {}", safe(&self.hardware.join(", ")))?;
        writeln!(out, "bootloader {} or later", self.minimum_bootloader)?;
        writeln!(
            out,
            "image      {} bytes for {}",
            self.image_length, self.region
        )?;
        writeln!(out, "           sha256 {}", self.image_sha256)?;
        if let (Some(stack), Some(reset)) = (self.stack, self.reset) {
            writeln!(out, "           stack {stack:#010x}, reset {reset:#010x}")?;
        }
        for (what, digest) in [
            ("sbom", &self.sbom_sha256),
            ("recipients", &self.recipients_sha256),
        ] {
            if let Some(digest) = digest {
                writeln!(out, "{what:<10} sha256 {digest}")?;
            }
        }
        Ok(())
    }
}
