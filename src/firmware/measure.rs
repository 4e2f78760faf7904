//! From scattered pieces to one image: sorted, none twice, holes filled as erased flash reads.
//! Takes pieces; gives the image, and what was filled and left out. Bounded, so that two bytes far apart are no gigabyte.

use super::Piece;
use crate::board::region::Region;

/// Largest hole that is filled, in bytes. Wider ones are two programs, or configuration bytes far from the code.
pub const MAX_HOLE: u64 = 1 << 20;
/// Largest image, in bytes.
pub const MAX_IMAGE: u64 = 16 << 20;
/// What erased flash reads as.
pub const ERASED: u8 = 0xFF;

/// An image without holes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Measured {
    pub(super) address: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) filled: Vec<Region>,
    pub(super) left_out: Vec<Region>,
}

/// Sorts the pieces by address, joins neighbours, and refuses two claims to one byte.
pub(super) fn in_order(mut pieces: Vec<Piece>) -> Result<Vec<Piece>, MeasureError> {
    pieces.retain(|piece| !piece.bytes.is_empty());
    pieces.sort_by_key(|piece| piece.address);
    let mut sorted: Vec<Piece> = Vec::new();
    for piece in pieces {
        match sorted.last_mut() {
            Some(last) if last.region().overlaps(piece.region()) => {
                return Err(MeasureError::Overlap {
                    first: last.region(),
                    second: piece.region(),
                });
            }
            Some(last) if last.region().end() == piece.address => {
                last.bytes.extend_from_slice(&piece.bytes);
            }
            _ => sorted.push(piece),
        }
    }
    if sorted.is_empty() {
        return Err(MeasureError::Nothing);
    }
    Ok(sorted)
}

/// Joins sorted pieces to one image.
pub(super) fn join(pieces: Vec<Piece>, leave_out: &[Region]) -> Result<Measured, MeasureError> {
    let (pieces, left_out) = without(pieces, leave_out)?;
    let (Some(first), Some(last)) = (pieces.first(), pieces.last()) else {
        return Err(MeasureError::Nothing);
    };
    let whole = Region {
        start: first.address,
        length: last.region().end() - first.address,
    };
    let mut filled = Vec::new();
    for pair in pieces.windows(2) {
        let hole = Region {
            start: pair[0].region().end(),
            length: pair[1].address - pair[0].region().end(),
        };
        if hole.length > MAX_HOLE {
            return Err(MeasureError::Hole {
                hole,
                after: pair[1].region(),
            });
        }
        filled.push(hole);
    }
    if whole.length > MAX_IMAGE {
        return Err(MeasureError::TooLong { found: whole });
    }
    let mut bytes = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        bytes.extend_from_slice(&piece.bytes);
        let hole = filled.get(index).map_or(0, |hole: &Region| hole.length);
        bytes.extend((0..hole).map(|_| ERASED));
    }
    Ok(Measured {
        address: whole.start,
        bytes,
        filled,
        left_out,
    })
}

/// Why pieces make no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MeasureError {
    /// No byte at all.
    #[error("the firmware is empty: expected at least one byte to load, found none")]
    Nothing,
    /// Two bytes for one address.
    #[error(
        "two parts of the firmware claim the same addresses: {first} and {second}: check the linker script, or whether two files were merged"
    )]
    Overlap {
        /// The part that starts first.
        first: Region,
        /// The part that runs into it.
        second: Region,
    },
    /// A hole nobody meant.
    #[error(
        "a hole of {} bytes ({hole}) before the part at {after}: expected at most {MAX_HOLE}; if that part is configuration set at the factory (UICR, option bytes), keep it out of the image with leave-out = [{{ start = {:#x}, length = {:#x} }}] in the manifest",
        hole.length, after.start, after.length
    )]
    Hole {
        /// The hole.
        hole: Region,
        /// The part behind it.
        after: Region,
    },
    /// More than any board has.
    #[error("the firmware covers {found}, {} bytes: expected at most {MAX_IMAGE}", found.length)]
    TooLong {
        /// What it covers.
        found: Region,
    },
    /// An exception for nothing.
    #[error(
        "leave-out names {region}, where the firmware has no byte: remove it or correct its addresses"
    )]
    NothingLeftOut {
        /// The addresses named.
        region: Region,
    },
}

/// The pieces without the named addresses, and what that took away.
fn without(
    mut pieces: Vec<Piece>,
    leave_out: &[Region],
) -> Result<(Vec<Piece>, Vec<Region>), MeasureError> {
    let mut gone = Vec::new();
    for &region in leave_out {
        let before = gone.len();
        let mut kept = Vec::new();
        for piece in pieces {
            if piece.region().overlaps(region) {
                gone.push(split(&piece, region, &mut kept));
            } else {
                kept.push(piece);
            }
        }
        if gone.len() == before {
            return Err(MeasureError::NothingLeftOut { region });
        }
        pieces = kept;
    }
    Ok((pieces, gone))
}

/// Keeps what lies before and behind `region`; gives what was inside.
fn split(piece: &Piece, region: Region, kept: &mut Vec<Piece>) -> Region {
    let at = |address: u64| usize::try_from(address - piece.address).unwrap_or(usize::MAX);
    let start = region.start.max(piece.address);
    let end = region.end().min(piece.region().end());
    for (address, bytes) in [
        (piece.address, &piece.bytes[..at(start)]),
        (end, &piece.bytes[at(end)..]),
    ] {
        if !bytes.is_empty() {
            kept.push(Piece {
                address,
                bytes: bytes.to_vec(),
            });
        }
    }
    Region {
        start,
        length: end - start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(address: u64, bytes: &[u8]) -> Piece {
        Piece {
            address,
            bytes: bytes.to_vec(),
        }
    }

    fn region(start: u64, length: u64) -> Region {
        Region { start, length }
    }

    fn measured(pieces: Vec<Piece>, leave_out: &[Region]) -> Result<Measured, MeasureError> {
        join(in_order(pieces)?, leave_out)
    }

    #[test]
    fn order_in_the_file_does_not_matter_and_holes_read_erased() {
        let image = measured(vec![piece(6, &[6, 7]), piece(2, &[2, 3])], &[]).unwrap();
        assert_eq!(image.address, 2);
        assert_eq!(image.bytes, [2, 3, 0xFF, 0xFF, 6, 7]);
        assert_eq!(image.filled, [region(4, 2)]);
    }

    #[test]
    fn overlapping_segments_are_refused_even_if_they_agree() {
        assert_eq!(
            measured(vec![piece(2, &[2, 3]), piece(3, &[3])], &[]),
            Err(MeasureError::Overlap {
                first: region(2, 2),
                second: region(3, 1)
            })
        );
    }

    #[test]
    fn an_absurd_hole_costs_no_memory() {
        let far = vec![piece(0, &[1]), piece(0x1000_10C0, &[2; 28])];
        let error = measured(far.clone(), &[]).unwrap_err();
        assert!(matches!(error, MeasureError::Hole { .. }));
        let message = error.to_string();
        assert!(
            message.contains("leave-out = [{ start = 0x100010c0, length = 0x1c }]"),
            "{message}"
        );
        let near = measured(far, &[region(0x1000_1000, 0x1000)]).unwrap();
        assert_eq!(near.bytes, [1]);
        assert_eq!(near.left_out, [region(0x1000_10C0, 28)]);
    }

    #[test]
    fn many_tolerable_holes_are_still_too_long() {
        let pieces = (0..40).map(|index| piece(index * MAX_HOLE, &[1])).collect();
        assert!(matches!(
            measured(pieces, &[]),
            Err(MeasureError::TooLong { .. })
        ));
    }

    #[test]
    fn leaving_out_splits_a_piece_and_must_hit_something() {
        let image = measured(vec![piece(0, &[0, 1, 2, 3])], &[region(1, 2)]).unwrap();
        assert_eq!(image.bytes, [0, 0xFF, 0xFF, 3]);
        assert_eq!(
            measured(vec![piece(0, &[0])], &[region(9, 1)]),
            Err(MeasureError::NothingLeftOut {
                region: region(9, 1)
            })
        );
        assert_eq!(
            measured(vec![piece(0, &[0])], &[region(0, 1)]),
            Err(MeasureError::Nothing)
        );
    }
}
