//! What a firmware file would load, and which of our boards could take it.
//! Takes ELF, Intel HEX or UF2; gives the part of the answer. Holes are shown, not judged.

use std::fmt::{self, Write};

use cuff_verifier::release::Kind;
use schemars::JsonSchema;
use serde::Serialize;

use crate::board::catalogue::Catalogue;
use crate::firmware::Pieces;
use crate::firmware::image::Image;

/// A program.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Program {
    /// `ELF`, `Intel HEX` or `UF2`.
    format: String,
    /// Entry point, where the file states one.
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<u64>,
    /// Stretches of bytes it would load, lowest address first.
    parts: Vec<Part>,
    /// Embedded boards whose `active` region could take it as it is.
    fits: Vec<String>,
}

/// One stretch of bytes.
#[derive(Debug, Serialize, JsonSchema)]
struct Part {
    /// Address of the first byte.
    address: u64,
    /// Length in bytes.
    length: u64,
}

impl Program {
    pub(super) fn of(file: &[u8]) -> anyhow::Result<Self> {
        let pieces = Pieces::read(file, None)?;
        let part = |region: crate::board::region::Region| Part {
            address: region.start,
            length: region.length,
        };
        Ok(Self {
            format: pieces.format().to_string(),
            entry: pieces.entry(),
            parts: pieces.regions().map(part).collect(),
            fits: fits(pieces)?,
        })
    }

    pub(super) fn human(&self, out: &mut dyn Write) -> fmt::Result {
        writeln!(out, "format     {}", self.format)?;
        if let Some(entry) = self.entry {
            writeln!(out, "entry      {entry:#010x}")?;
        }
        for part in &self.parts {
            writeln!(
                out,
                "part       {:#010x}, {} bytes",
                part.address, part.length
            )?;
        }
        let fits = if self.fits.is_empty() {
            "no embedded board as it is".to_owned()
        } else {
            self.fits.join(", ")
        };
        writeln!(out, "fits       {fits}")
    }
}

fn fits(pieces: Pieces) -> anyhow::Result<Vec<String>> {
    let catalogue = Catalogue::embedded()?;
    let Ok(firmware) = pieces.measure(&[]) else {
        return Ok(Vec::new());
    };
    let takes = |name: &&str| {
        catalogue
            .get(name)
            .is_ok_and(|board| Image::admit(&firmware, Kind::Application, &[board]).is_ok())
    };
    Ok(catalogue.names().filter(takes).map(str::to_owned).collect())
}
