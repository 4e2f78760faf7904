//! Raw binaries: bytes without an address.
//! Takes the address from the manifest; gives one piece. Guesses nothing.

use super::Piece;

/// The whole file as one piece at `address`.
pub fn read(file: &[u8], address: Option<u64>) -> Result<Piece, BinError> {
    let address = address.ok_or(BinError::NoAddress)?;
    if address.saturating_add(file.len() as u64) > 1 << 32 {
        return Err(BinError::PastEnd {
            address,
            length: file.len() as u64,
        });
    }
    Ok(Piece {
        address,
        bytes: file.to_vec(),
    })
}

/// Why a raw binary has no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BinError {
    /// Nothing says where it goes.
    #[error(
        "the firmware file is neither ELF, Intel HEX nor UF2, so it is taken as a raw binary, and a raw binary states no address: add \"address = 0x...\" to the manifest, or build from the ELF file"
    )]
    NoAddress,
    /// Past the 32-bit address space.
    #[error("binary of {length} bytes at {address:#x} must end at or below 0x100000000")]
    PastEnd {
        /// Where it was to start.
        address: u64,
        /// Its length.
        length: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_without_an_address_is_refused() {
        assert_eq!(read(&[1], None), Err(BinError::NoAddress));
        assert!(matches!(
            read(&[1, 2], Some(0xFFFF_FFFF)),
            Err(BinError::PastEnd { .. })
        ));
        assert_eq!(read(&[7], Some(0x2_0000)).unwrap().address, 0x2_0000);
    }
}
