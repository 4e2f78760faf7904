//! ELF executables: the loadable segments, by physical address, as a flash programmer would take them.
//! Takes a linked 32-bit little-endian Arm program; gives pieces and the entry point. Never looks at sections or symbols.

use object::elf::{EM_ARM, ET_EXEC, FileHeader32, PT_LOAD, ProgramHeader32};
use object::read::elf::{FileHeader, ProgramHeader};
use object::{Endianness, elf};

use super::Piece;

type Segment = ProgramHeader32<Endianness>;

/// Reads a whole file.
pub fn read(file: &[u8]) -> Result<(Vec<Piece>, Option<u64>), ElfError> {
    if file
        .get(CLASS_BYTE)
        .is_some_and(|class| *class != elf::ELFCLASS32.0)
    {
        return Err(ElfError::NotThirtyTwoBit);
    }
    let header = FileHeader32::<Endianness>::parse(file).map_err(ElfError::damaged)?;
    let endian = header.endian().map_err(ElfError::damaged)?;
    if endian != Endianness::Little {
        return Err(ElfError::BigEndian);
    }
    let machine = header.e_machine(endian);
    if machine != EM_ARM {
        return Err(ElfError::Machine { found: machine.0 });
    }
    let kind = header.e_type(endian);
    if kind != ET_EXEC {
        return Err(ElfError::NotLinked { found: kind.0 });
    }
    let segments = header
        .program_headers(endian, file)
        .map_err(ElfError::damaged)?;
    let mut pieces = Vec::new();
    for (index, segment) in segments.iter().enumerate() {
        if segment.p_type(endian) == PT_LOAD && segment.p_filesz(endian) > 0 {
            pieces.push(load(file, endian, index, segment)?);
        }
    }
    if pieces.is_empty() {
        return Err(ElfError::NothingToLoad {
            segments: segments.len(),
        });
    }
    Ok((pieces, Some(u64::from(header.e_entry(endian)))))
}

/// Why an ELF file gives no firmware.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// A header that does not hold together.
    #[error("the ELF file is damaged or cut short: {complaint}: build or copy it again")]
    Damaged {
        /// What the reader says.
        complaint: String,
    },
    /// A program for a host.
    #[error(
        "expected a 32-bit ELF file, found another class: name the file built for the device, not for the host"
    )]
    NotThirtyTwoBit,
    /// A core no board has.
    #[error("expected a little-endian ELF file, found big-endian: no board runs it")]
    BigEndian,
    /// Another instruction set.
    #[error(
        "expected an ELF file for Arm (machine 40), found machine {found}: name the file built for the device"
    )]
    Machine {
        /// The `e_machine` found.
        found: u16,
    },
    /// An object file or a shared library.
    #[error(
        "expected a linked ELF program (type 2), found type {found}: link it at a fixed address first"
    )]
    NotLinked {
        /// The `e_type` found.
        found: u16,
    },
    /// A program without bytes.
    #[error(
        "the ELF file loads nothing: expected a loadable segment with bytes, found none among {segments} segments"
    )]
    NothingToLoad {
        /// Program headers in the file.
        segments: usize,
    },
    /// A segment's bytes are not all there.
    #[error(
        "ELF segment {segment} wants {length} bytes at file offset {offset}, found a file of {file} bytes: the file is cut short"
    )]
    SegmentCutShort {
        /// Index of the program header.
        segment: usize,
        /// Where its bytes should be.
        offset: u64,
        /// How many.
        length: u64,
        /// What the file has.
        file: usize,
    },
    /// More bytes in the file than in memory.
    #[error(
        "ELF segment {segment} holds {file_size} bytes for {memory_size} bytes of memory: the file is damaged"
    )]
    SegmentOverfull {
        /// Index of the program header.
        segment: usize,
        /// Bytes in the file.
        file_size: u64,
        /// Bytes in memory.
        memory_size: u64,
    },
    /// The first segment starts at file offset 0 and so would flash the ELF header itself.
    #[error(
        "ELF segment {segment} would load the ELF header itself at {address:#x}: link with --nmagic so that segments hold only the program"
    )]
    HeaderLoaded {
        /// Index of the program header.
        segment: usize,
        /// Where it would go.
        address: u64,
    },
}

impl ElfError {
    #[allow(clippy::needless_pass_by_value)] // the shape `map_err` wants
    fn damaged(error: object::Error) -> Self {
        Self::Damaged {
            complaint: error.to_string(),
        }
    }
}

fn load(
    file: &[u8],
    endian: Endianness,
    index: usize,
    segment: &Segment,
) -> Result<Piece, ElfError> {
    let address = u64::from(segment.p_paddr(endian));
    let (offset, length) = segment.file_range(endian);
    if offset == 0 {
        return Err(ElfError::HeaderLoaded {
            segment: index,
            address,
        });
    }
    let memory_size = u64::from(segment.p_memsz(endian));
    if memory_size < length {
        return Err(ElfError::SegmentOverfull {
            segment: index,
            file_size: length,
            memory_size,
        });
    }
    let bytes = segment
        .data(endian, file)
        .map_err(|()| ElfError::SegmentCutShort {
            segment: index,
            offset,
            length,
            file: file.len(),
        })?
        .to_vec();
    Ok(Piece { address, bytes })
}

/// Where the identification says 32 or 64 bit.
const CLASS_BYTE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// A minimal Arm program: `(physical address, bytes)` for each segment, bytes in memory as in the file.
    fn program(entry: u32, segments: &[(u32, &[u8])]) -> Vec<u8> {
        let mut file = Vec::new();
        file.extend_from_slice(b"\x7fELF\x01\x01\x01");
        file.resize(16, 0);
        for half in [2u16, 40] {
            file.extend_from_slice(&half.to_le_bytes());
        }
        for word in [1u32, entry, 52, 0, 0] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        let count = u16::try_from(segments.len()).unwrap();
        for half in [52u16, 32, count, 40, 0, 0] {
            file.extend_from_slice(&half.to_le_bytes());
        }
        let mut offset = 52 + 32 * u32::from(count);
        for (address, bytes) in segments {
            let length = u32::try_from(bytes.len()).unwrap();
            // The virtual address differs on purpose: initialised data runs in RAM and is stored in flash.
            for word in [1, offset, 0x2000_0000, *address, length, length, 5, 4] {
                file.extend_from_slice(&word.to_le_bytes());
            }
            offset += length;
        }
        for (_, bytes) in segments {
            file.extend_from_slice(bytes);
        }
        file
    }

    #[test]
    fn segments_go_to_their_physical_address() {
        let (pieces, entry) = read(&program(
            0x2_0101,
            &[(0x2_0000, b"code"), (0x2_0004, b"data")],
        ))
        .unwrap();
        assert_eq!(entry, Some(0x2_0101));
        assert_eq!(
            pieces,
            [
                Piece {
                    address: 0x2_0000,
                    bytes: b"code".to_vec()
                },
                Piece {
                    address: 0x2_0004,
                    bytes: b"data".to_vec()
                },
            ]
        );
    }

    #[test]
    fn an_elf_cut_anywhere_is_refused() {
        let whole = program(0x2_0101, &[(0x2_0000, b"code"), (0x2_0004, b"data")]);
        for length in 4..whole.len() {
            assert!(read(&whole[..length]).is_err(), "cut to {length}");
        }
        assert_eq!(
            read(&whole[..whole.len() - 1]),
            Err(ElfError::SegmentCutShort {
                segment: 1,
                offset: 120,
                length: 4,
                file: 123
            })
        );
    }

    #[test]
    fn a_program_for_another_machine_is_refused() {
        let mut host = program(0, &[(0, b"code")]);
        host[4] = 2;
        assert_eq!(read(&host), Err(ElfError::NotThirtyTwoBit));
        let mut riscv = program(0, &[(0, b"code")]);
        riscv[18] = 243;
        assert_eq!(read(&riscv), Err(ElfError::Machine { found: 243 }));
        let mut object = program(0, &[(0, b"code")]);
        object[16] = 1;
        assert_eq!(read(&object), Err(ElfError::NotLinked { found: 1 }));
    }

    #[test]
    fn a_segment_that_holds_the_elf_header_is_refused() {
        let mut file = program(0, &[(0x2_0000, b"code")]);
        file[56..60].fill(0);
        assert_eq!(
            read(&file),
            Err(ElfError::HeaderLoaded {
                segment: 0,
                address: 0x2_0000
            })
        );
    }

    #[test]
    fn a_program_of_nothing_is_refused() {
        assert_eq!(
            read(&program(0, &[(0x2_0000, b"")])),
            Err(ElfError::NothingToLoad { segments: 1 })
        );
    }

    #[test]
    fn memory_smaller_than_the_file_is_refused() {
        let mut file = program(0, &[(0x2_0000, b"code")]);
        file[72] = 3;
        assert!(matches!(
            read(&file),
            Err(ElfError::SegmentOverfull { segment: 0, .. })
        ));
    }
}
