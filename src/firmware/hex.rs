//! Intel HEX, record by record, with the line number in every complaint.
//! Takes text; gives pieces and the start address. The end record must be there and be last.

use ihex::{ReaderError, Record};

use super::Piece;

/// Reads a whole file.
pub fn read(file: &[u8]) -> Result<(Vec<Piece>, Option<u64>), HexError> {
    let text = std::str::from_utf8(file).map_err(|error| HexError::NotText {
        offset: error.valid_up_to(),
    })?;
    let mut reading = Reading::default();
    for (index, line) in text.lines().enumerate() {
        let record = line.trim();
        if !record.is_empty() {
            reading.take(index + 1, record)?;
        }
    }
    if !reading.ended {
        return Err(HexError::NoEnd {
            lines: text.lines().count(),
        });
    }
    Ok((reading.pieces, reading.entry))
}

/// Why a HEX file gives no firmware.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// Binary bytes in a text format.
    #[error("Intel HEX is ASCII text, found another byte at offset {offset}")]
    NotText {
        /// Where.
        offset: usize,
    },
    /// The line's own sum disagrees.
    #[error(
        "Intel HEX line {line}: the checksum must be {computed:02X}, found {found:02X}: the file is damaged, build or download it again"
    )]
    Checksum {
        /// Line, from one.
        line: usize,
        /// What the bytes add up to.
        computed: u8,
        /// What the line says.
        found: u8,
    },
    /// A record type outside the format.
    #[error(
        "Intel HEX line {line}: record type {kind:02X} is none of 00 to 05; universal HEX files for several boards must be split first"
    )]
    RecordType {
        /// Line, from one.
        line: usize,
        /// The type found.
        kind: u8,
    },
    /// Anything else wrong with one line.
    #[error("Intel HEX line {line}: {complaint}: the file is cut short or damaged")]
    Line {
        /// Line, from one.
        line: usize,
        /// What is wrong.
        complaint: String,
    },
    /// Data that runs over the end of a 64 KiB window.
    #[error("Intel HEX line {line}: {length} bytes at offset {offset:#06x} run past 0xffff")]
    Wraps {
        /// Line, from one.
        line: usize,
        /// Offset in the window.
        offset: u16,
        /// Bytes in the record.
        length: usize,
    },
    /// Something after the end record.
    #[error("Intel HEX line {line}: found a record after the end record: expected nothing")]
    AfterEnd {
        /// Line, from one.
        line: usize,
    },
    /// The file stops early.
    #[error(
        "Intel HEX must close with the end record :00000001FF, found none in {lines} lines: the file is cut short"
    )]
    NoEnd {
        /// Lines read.
        lines: usize,
    },
}

#[derive(Default)]
struct Reading {
    base: u64,
    entry: Option<u64>,
    ended: bool,
    pieces: Vec<Piece>,
}

impl Reading {
    fn take(&mut self, line: usize, record: &str) -> Result<(), HexError> {
        if self.ended {
            return Err(HexError::AfterEnd { line });
        }
        let record = Record::from_record_string(record).map_err(|error| match error {
            ReaderError::ChecksumMismatch(computed, found) => HexError::Checksum {
                line,
                computed,
                found,
            },
            ReaderError::UnsupportedRecordType(kind) => HexError::RecordType { line, kind },
            other => HexError::Line {
                line,
                complaint: other.to_string(),
            },
        })?;
        match record {
            Record::Data { offset, value } => self.data(line, offset, value)?,
            Record::EndOfFile => self.ended = true,
            Record::ExtendedSegmentAddress(segment) => self.base = u64::from(segment) << 4,
            Record::ExtendedLinearAddress(high) => self.base = u64::from(high) << 16,
            Record::StartSegmentAddress { cs, ip } => {
                self.entry = Some((u64::from(cs) << 4) + u64::from(ip));
            }
            Record::StartLinearAddress(address) => self.entry = Some(u64::from(address)),
        }
        Ok(())
    }

    fn data(&mut self, line: usize, offset: u16, value: Vec<u8>) -> Result<(), HexError> {
        if usize::from(offset) + value.len() > 0x1_0000 {
            return Err(HexError::Wraps {
                line,
                offset,
                length: value.len(),
            });
        }
        let address = self.base + u64::from(offset);
        // Records mostly continue each other; joining them here keeps the sort small.
        match self.pieces.last_mut() {
            Some(last) if last.region().end() == address => last.bytes.extend_from_slice(&value),
            _ => self.pieces.push(Piece {
                address,
                bytes: value,
            }),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = ":020000040002F8\n:0400000001020304F2\n:0400040005060708DE\n:0400000500020001F4\n:00000001FF\n";

    #[test]
    fn records_join_to_one_piece() {
        let (pieces, entry) = read(GOOD.as_bytes()).unwrap();
        assert_eq!(
            pieces,
            [Piece {
                address: 0x2_0000,
                bytes: vec![1, 2, 3, 4, 5, 6, 7, 8]
            }]
        );
        assert_eq!(entry, Some(0x2_0001));
        let windows = GOOD.replace('\n', "\r\n");
        assert_eq!(read(windows.as_bytes()).unwrap().0, pieces);
    }

    #[test]
    fn a_segment_address_counts_sixteens() {
        let (pieces, _) = read(b":020000021000EC\n:01001000559A\n:00000001FF").unwrap();
        assert_eq!(pieces[0].address, 0x1_0010);
    }

    #[test]
    fn a_space_inside_a_record_is_refused() {
        assert!(matches!(
            read(b":010010 00559A\n:00000001FF"),
            Err(HexError::Line { line: 1, .. })
        ));
    }

    #[test]
    fn a_bad_checksum_names_its_line() {
        let bad = GOOD.replace("F2", "F3");
        assert_eq!(
            read(bad.as_bytes()),
            Err(HexError::Checksum {
                line: 2,
                computed: 0xF2,
                found: 0xF3
            })
        );
    }

    #[test]
    fn a_file_cut_short_is_refused() {
        let cut = &GOOD[..GOOD.len() - 13];
        assert!(
            matches!(read(cut.as_bytes()), Err(HexError::NoEnd { .. })),
            "{cut}"
        );
        let mid_line = &GOOD[..30];
        assert!(matches!(
            read(mid_line.as_bytes()),
            Err(HexError::Line { line: 2, .. } | HexError::Checksum { line: 2, .. })
        ));
    }

    #[test]
    fn nothing_may_follow_the_end() {
        let more = format!("{GOOD}:0400000001020304F2\n");
        assert_eq!(read(more.as_bytes()), Err(HexError::AfterEnd { line: 6 }));
    }

    #[test]
    fn a_record_may_not_wrap_around() {
        assert!(matches!(
            read(b":02FFFF0001020\n"),
            Err(HexError::Line { line: 1, .. })
        ));
        assert_eq!(
            read(b":02FFFF000102FD\n:00000001FF\n"),
            Err(HexError::Wraps {
                line: 1,
                offset: 0xFFFF,
                length: 2
            })
        );
    }

    #[test]
    fn universal_hex_is_refused_by_record_type() {
        assert_eq!(
            read(b":0400000A9900C0DEBB\n"),
            Err(HexError::RecordType {
                line: 1,
                kind: 0x0A
            })
        );
    }
}
