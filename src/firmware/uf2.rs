//! UF2, block by block: 512 bytes each, with the block's number in every complaint.
//! Takes the file; gives pieces. Blocks must be whole, numbered in order, and for one family of chips.
//! (The format: <https://github.com/microsoft/uf2>.)

use super::Piece;

/// How a file begins.
pub const MAGIC: [u8; 4] = *b"UF2\n";

/// Reads a whole file.
pub fn read(file: &[u8]) -> Result<Vec<Piece>, Uf2Error> {
    let (blocks, rest) = file.as_chunks::<BLOCK>();
    if !rest.is_empty() {
        return Err(Uf2Error::Length { found: file.len() });
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let mut family = Family::Unknown;
    for (block, index) in blocks.iter().zip(0..) {
        let Some((address, payload)) = take(block, index, blocks.len(), &mut family)? else {
            continue;
        };
        // Blocks mostly continue each other; joining them here keeps the sort small.
        match pieces.last_mut() {
            Some(last) if last.region().end() == address => last.bytes.extend(payload),
            _ => pieces.push(Piece {
                address,
                bytes: payload.to_vec(),
            }),
        }
    }
    Ok(pieces)
}

/// What a block would load, if it is for the main flash.
fn take<'a>(
    block: &'a [u8; BLOCK],
    index: u32,
    blocks: usize,
    family: &mut Family,
) -> Result<Option<(u64, &'a [u8])>, Uf2Error> {
    let word = |offset: usize| {
        let bytes = block.get(offset..offset + 4).and_then(<[u8]>::first_chunk);
        bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    if block[..4] != MAGIC || word(4) != SECOND_MAGIC || word(BLOCK - 4) != LAST_MAGIC {
        return Err(Uf2Error::Magic { block: index });
    }
    let (flags, address, length) = (word(8), word(12), word(16) as usize);
    let (number, count) = (word(20), word(24));
    if number != index || count as usize != blocks {
        return Err(Uf2Error::Number {
            block: index,
            blocks,
            number,
            count,
        });
    }
    if flags & FILE_CONTAINER != 0 {
        return Err(Uf2Error::Files { block: index });
    }
    if flags & NOT_MAIN_FLASH != 0 {
        return Ok(None);
    }
    let found = if flags & FAMILY_PRESENT == 0 {
        Family::Unsaid
    } else {
        Family::Said(word(28))
    };
    if *family == Family::Unknown {
        *family = found;
    }
    if *family != found {
        return Err(Uf2Error::Families {
            block: index,
            expected: family.named(),
            found: found.named(),
        });
    }
    // A checksum of what is already in flash stands in the last bytes of the payload area.
    let most = if flags & MD5_PRESENT != 0 {
        DATA - 24
    } else {
        DATA
    };
    if length == 0 || length > most {
        return Err(Uf2Error::Payload {
            block: index,
            most,
            found: length,
        });
    }
    if u64::from(address) + length as u64 > 1 << 32 {
        return Err(Uf2Error::PastEnd {
            block: index,
            address,
            length,
        });
    }
    Ok(Some((u64::from(address), &block[HEADER..HEADER + length])))
}

/// Which chips the blocks are for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    /// No block was read yet.
    Unknown,
    /// The blocks do not say.
    Unsaid,
    /// By its number.
    Said(u32),
}

impl Family {
    fn named(self) -> String {
        match self {
            Self::Said(id) => format!("{id:#010x}"),
            Self::Unknown | Self::Unsaid => "none".to_owned(),
        }
    }
}

/// Why a UF2 file gives no firmware.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uf2Error {
    /// Half a block.
    #[error("UF2 must be whole blocks of 512 bytes, found {found} bytes: the file is cut short")]
    Length {
        /// Length of the file.
        found: usize,
    },
    /// Not a block.
    #[error("UF2 block {block}: its magic numbers are wrong: the file is damaged")]
    Magic {
        /// Counted from zero, as UF2 does.
        block: u32,
    },
    /// A block is missing, or twice.
    #[error(
        "UF2 block {block} of {blocks} calls itself {number} of {count}: blocks are missing, or several files were joined"
    )]
    Number {
        /// Where it stands.
        block: u32,
        /// How many there are.
        blocks: usize,
        /// What it says.
        number: u32,
        /// What it says.
        count: u32,
    },
    /// Files instead of flash.
    #[error("UF2 block {block} carries a file, not flash: cuff reads flash images only")]
    Files {
        /// Counted from zero.
        block: u32,
    },
    /// For two kinds of chips.
    #[error(
        "UF2 block {block} is for the family {found}, the blocks before for {expected}: split the file by family first"
    )]
    Families {
        /// Counted from zero.
        block: u32,
        /// The family of the first block.
        expected: String,
        /// The family of this one.
        found: String,
    },
    /// Nothing, or more than a block holds.
    #[error("UF2 block {block}: its payload must be 1 to {most} bytes, found {found}")]
    Payload {
        /// Counted from zero.
        block: u32,
        /// Most.
        most: usize,
        /// What it says.
        found: usize,
    },
    /// Past the 32-bit address space.
    #[error("UF2 block {block}: {length} bytes at {address:#x} must end at or below 0x100000000")]
    PastEnd {
        /// Counted from zero.
        block: u32,
        /// Where.
        address: u32,
        /// How much.
        length: usize,
    },
}

const BLOCK: usize = 512;
const HEADER: usize = 32;
const DATA: usize = 476;
const SECOND_MAGIC: u32 = 0x9E5D_5157;
const LAST_MAGIC: u32 = 0x0AB1_6F30;
const NOT_MAIN_FLASH: u32 = 0x0000_0001;
const FILE_CONTAINER: u32 = 0x0000_1000;
const FAMILY_PRESENT: u32 = 0x0000_2000;
const MD5_PRESENT: u32 = 0x0000_4000;

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u32, count: u32, address: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap();
        let mut block = MAGIC.to_vec();
        for word in [
            SECOND_MAGIC,
            FAMILY_PRESENT,
            address,
            length,
            number,
            count,
            0xADA5_2840,
        ] {
            block.extend(word.to_le_bytes());
        }
        block.extend(payload);
        block.resize(BLOCK - 4, 0);
        block.extend(LAST_MAGIC.to_le_bytes());
        block
    }

    fn file() -> Vec<u8> {
        [
            block(0, 3, 0x2_0000, &[1; 256]),
            block(1, 3, 0x2_0100, &[2; 256]),
            block(2, 3, 0x3_0000, &[3; 4]),
        ]
        .concat()
    }

    fn with(offset: usize, bytes: &[u8]) -> Result<Vec<Piece>, Uf2Error> {
        let mut file = file();
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
        read(&file)
    }

    #[test]
    fn blocks_become_pieces() {
        let pieces = read(&file()).unwrap();
        let found: Vec<_> = pieces
            .iter()
            .map(|piece| (piece.address, piece.bytes.len()))
            .collect();
        assert_eq!(found, [(0x2_0000, 512), (0x3_0000, 4)]);
        assert_eq!(&pieces[0].bytes[255..257], &[1, 2]);
        // Not for the main flash: still counted.
        let skipped = with(512 + 8, &[1, 0x20, 0, 0]).unwrap();
        assert_eq!(skipped[0].bytes.len(), 256);
    }

    #[test]
    fn each_fault_names_its_block() {
        assert_eq!(read(&file()[..1000]), Err(Uf2Error::Length { found: 1000 }));
        for (offset, bytes, words) in [
            (512, &b"X"[..], "block 1: its magic"),
            (1020, b"X", "block 1: its magic"),
            (512 + 20, &[7], "block 1 of 3 calls itself 7 of 3"),
            (24, &[9], "block 0 of 3 calls itself 0 of 9"),
            (512 + 9, &[0x30], "block 1 carries a file"),
            (1024 + 28, &[1], "block 2 is for the family"),
            (512 + 9, &[0], "family none"),
            (512 + 16, &[0, 0], "1 to 476 bytes, found 0"),
            (512 + 16, &[0xDD, 1], "1 to 476 bytes, found 477"),
            (1024 + 12, &[0xFD, 0xFF, 0xFF, 0xFF], "0x100000000"),
        ] {
            let error = with(offset, bytes).unwrap_err().to_string();
            assert!(error.contains(words), "{words}: {error}");
        }
        let first_two = read(&file()[..1024]).unwrap_err().to_string();
        assert!(first_two.contains("blocks are missing"), "{first_two}");
    }
}
