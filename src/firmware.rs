//! Firmware files, measured: from what a linker wrote to the exact bytes a device would hold.
//! Takes ELF, Intel HEX, UF2 or raw binary, told apart by content; gives pieces by physical address, then one
//! image without holes. Never guesses an address and never runs or disassembles anything.

pub mod bin;
pub mod elf;
pub mod hex;
pub mod image;
pub mod measure;
pub mod uf2;

use std::fmt;

use crate::board::region::Region;

/// Largest firmware file, in bytes; debug information makes ELF files large.
pub const MAX_FILE: u64 = 512 << 20;

/// The file formats cuff reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Executable and Linkable Format, 32-bit little-endian Arm.
    Elf,
    /// Intel HEX.
    IntelHex,
    /// Blocks as boot drives take them.
    Uf2,
    /// Raw bytes; the address comes from the manifest.
    Binary,
}

impl Format {
    /// Tells a file's format by its first bytes, never by its name.
    pub fn detect(file: &[u8]) -> Result<Self, FirmwareError> {
        if file.is_empty() {
            return Err(FirmwareError::EmptyFile);
        }
        if file.starts_with(b"\x7fELF") {
            return Ok(Self::Elf);
        }
        if file.starts_with(&uf2::MAGIC) {
            return Ok(Self::Uf2);
        }
        for (magic, called) in REFUSED {
            if file.starts_with(magic) {
                return Err(FirmwareError::ForeignFormat { called });
            }
        }
        let text = file.trim_ascii_start();
        if text.first() == Some(&b':') && text.get(1).is_some_and(u8::is_ascii_hexdigit) {
            return Ok(Self::IntelHex);
        }
        Ok(Self::Binary)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Elf => "ELF",
            Self::IntelHex => "Intel HEX",
            Self::Uf2 => "UF2",
            Self::Binary => "binary",
        })
    }
}

/// Bytes that belong at one physical address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Where the first byte goes.
    pub address: u64,
    /// What goes there.
    pub bytes: Vec<u8>,
}

impl Piece {
    /// The addresses the piece covers.
    pub fn region(&self) -> Region {
        Region {
            start: self.address,
            length: self.bytes.len() as u64,
        }
    }
}

/// A firmware file taken apart: every byte it would load, sorted by address, none twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    format: Format,
    entry: Option<u64>,
    sorted: Vec<Piece>,
}

impl Pieces {
    /// Reads a file. A raw binary needs `address`; the other formats carry theirs and refuse one.
    pub fn read(file: &[u8], address: Option<u64>) -> Result<Self, FirmwareError> {
        let format = Format::detect(file)?;
        if format != Format::Binary && address.is_some() {
            return Err(FirmwareError::AddressNotWanted { format });
        }
        let (pieces, entry) = match format {
            Format::Elf => elf::read(file)?,
            Format::IntelHex => hex::read(file)?,
            Format::Uf2 => (uf2::read(file)?, None),
            Format::Binary => (vec![bin::read(file, address)?], None),
        };
        Ok(Self {
            format,
            entry,
            sorted: measure::in_order(pieces)?,
        })
    }

    /// The format the file had.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The entry point, where the format states one.
    pub fn entry(&self) -> Option<u64> {
        self.entry
    }

    /// The extents of the pieces, lowest address first.
    pub fn regions(&self) -> impl Iterator<Item = Region> {
        self.sorted.iter().map(Piece::region)
    }

    /// Joins the pieces to one image, filling holes with 0xFF and dropping the `leave_out` addresses.
    pub fn measure(self, leave_out: &[Region]) -> Result<Firmware, FirmwareError> {
        let measured = measure::join(self.sorted, leave_out)?;
        Ok(Firmware {
            format: self.format,
            entry: self.entry,
            measured,
        })
    }
}

/// One image without holes, and how it came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firmware {
    format: Format,
    entry: Option<u64>,
    measured: measure::Measured,
}

impl Firmware {
    /// The format the file had.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The entry point, where the format states one.
    pub fn entry(&self) -> Option<u64> {
        self.entry
    }

    /// Address of the first byte.
    pub fn address(&self) -> u64 {
        self.measured.address
    }

    /// The image.
    pub fn bytes(&self) -> &[u8] {
        &self.measured.bytes
    }

    /// The addresses the image covers.
    pub fn region(&self) -> Region {
        Region {
            start: self.measured.address,
            length: self.measured.bytes.len() as u64,
        }
    }

    /// Holes that were filled with 0xFF.
    pub fn filled(&self) -> &[Region] {
        &self.measured.filled
    }

    /// Bytes of the file that the image does not carry, because the manifest says so.
    pub fn left_out(&self) -> &[Region] {
        &self.measured.left_out
    }
}

/// Why a file gives no firmware.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FirmwareError {
    /// Zero bytes.
    #[error("the firmware file is empty: expected ELF, Intel HEX, UF2 or binary, found 0 bytes")]
    EmptyFile,
    /// Something with a name of its own.
    #[error(
        "the firmware file is {called}: expected ELF, Intel HEX, UF2 or binary; convert it, or name the file it was made from"
    )]
    ForeignFormat {
        /// What it is.
        called: &'static str,
    },
    /// An address for a file that has its own.
    #[error(
        "{format} firmware states its own addresses: remove \"address\" from the manifest, it is for raw binaries only"
    )]
    AddressNotWanted {
        /// What the file is.
        format: Format,
    },
    /// See [`elf::ElfError`].
    #[error(transparent)]
    Elf(#[from] elf::ElfError),
    /// See [`hex::HexError`].
    #[error(transparent)]
    Hex(#[from] hex::HexError),
    /// See [`uf2::Uf2Error`].
    #[error(transparent)]
    Uf2(#[from] uf2::Uf2Error),
    /// See [`bin::BinError`].
    #[error(transparent)]
    Bin(#[from] bin::BinError),
    /// See [`measure::MeasureError`].
    #[error(transparent)]
    Measure(#[from] measure::MeasureError),
}

/// Formats that would otherwise pass for a raw binary.
const REFUSED: [(&[u8], &str); 8] = [
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"S0", "Motorola S-record text, which cuff does not read"),
    (b"MZ", "a Windows program"),
    (b"release.json\0", "a cuff bundle already"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_the_format() {
        assert_eq!(Format::detect(b"\x7fELF\x01").unwrap(), Format::Elf);
        assert_eq!(
            Format::detect(b"\r\n:00000001FF").unwrap(),
            Format::IntelHex
        );
        assert_eq!(Format::detect(&[0, 0x40, 0, 0x20]).unwrap(), Format::Binary);
        assert_eq!(Format::detect(b""), Err(FirmwareError::EmptyFile));
        assert_eq!(Format::detect(b"UF2\nWQ]\x9e").unwrap(), Format::Uf2);
        assert!(matches!(
            Format::detect(b"PK\x03\x04"),
            Err(FirmwareError::ForeignFormat { .. })
        ));
    }

    #[test]
    fn an_address_beside_an_elf_is_refused() {
        assert_eq!(
            Pieces::read(b":00000001FF\n", Some(0)),
            Err(FirmwareError::AddressNotWanted {
                format: Format::IntelHex
            })
        );
    }
}
