//! Firmware that fits where it is meant to go.
//! Takes measured firmware and the boards that shall run it; gives an `Image`, which cannot be had otherwise.

use cuff_verifier::release::Kind;

use super::Firmware;
use crate::board::Board;
use crate::board::region::Region;

/// An image that every board named for it can hold and start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    kind: Kind,
    bytes: Vec<u8>,
}

impl Image {
    /// Checks `firmware` against each board: place, size, content, vector table.
    pub fn admit(firmware: &Firmware, kind: Kind, boards: &[&Board]) -> Result<Self, Misfit> {
        for board in boards {
            let complain = |fault| Misfit {
                board: board.name.clone(),
                region: kind.region(),
                fault,
            };
            place(firmware, board.room(kind)).map_err(complain)?;
            content(firmware.bytes()).map_err(complain)?;
            if board.vector_table {
                let ram = match kind {
                    Kind::Application => board.ram,
                    Kind::Bootloader => board.bootloader_ram,
                };
                vectors(firmware, ram).map_err(complain)?;
            }
        }
        Ok(Self {
            kind,
            bytes: firmware.bytes().to_vec(),
        })
    }

    /// What the image is for.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The bytes that would be written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes that would be written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The first two words of a Cortex-M image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vectors {
    /// Initial stack pointer.
    pub stack: u64,
    /// Reset handler, lowest bit set for Thumb.
    pub reset: u64,
}

impl Vectors {
    /// Reads them, if the image is long enough.
    pub fn of(image: &[u8]) -> Option<Self> {
        let word = |at: usize| {
            let bytes: [u8; 4] = image.get(at..at + 4)?.try_into().ok()?;
            Some(u64::from(u32::from_le_bytes(bytes)))
        };
        Some(Self {
            stack: word(0)?,
            reset: word(4)?,
        })
    }
}

/// Firmware that a board cannot take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("firmware does not fit region {region} of board {board}: {fault}")]
pub struct Misfit {
    /// The board.
    pub board: String,
    /// The region the image was meant for.
    pub region: &'static str,
    /// Why.
    pub fault: Fault,
}

/// Why firmware does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Linked for another place.
    #[error(
        "it must start at {expected:#x}, found {found:#x}: link it for this board, or name the board it was linked for (--board FILE describes your own)"
    )]
    Start {
        /// First address of the region.
        expected: u64,
        /// First address of the firmware.
        found: u64,
    },
    /// Too long for the slot.
    #[error(
        "it may hold {room} bytes (evidence has the rest of the slot), found {found}, {} too many: shrink it, or check what the linker put at its end",
        found - room
    )]
    TooLong {
        /// Bytes an image may have.
        room: u64,
        /// Bytes it has.
        found: u64,
    },
    /// Erased or zeroed flash.
    #[error(
        "every byte is {value:#04x}: expected a program; check the file and the objcopy step that made it"
    )]
    Blank {
        /// The byte.
        value: u8,
    },
    /// No room for two words.
    #[error("it must begin with a vector table of at least 8 bytes, found {found} bytes")]
    NoVectors {
        /// Bytes it has.
        found: u64,
    },
    /// The stack would be nowhere.
    #[error(
        "the initial stack pointer (word 0) must be a multiple of 4 in RAM {ram} or at its end, found {found:#x}: the image must begin with its vector table"
    )]
    Stack {
        /// The board's RAM.
        ram: Region,
        /// Word 0.
        found: u64,
    },
    /// The core would fault on its first instruction.
    #[error(
        "the reset handler (word 1) must be an odd Thumb address inside the image {image}, found {found:#x}: the image must begin with its vector table"
    )]
    Reset {
        /// What the image covers.
        image: Region,
        /// Word 1.
        found: u64,
    },
}

fn place(firmware: &Firmware, room: Region) -> Result<(), Fault> {
    if firmware.address() != room.start {
        return Err(Fault::Start {
            expected: room.start,
            found: firmware.address(),
        });
    }
    let found = firmware.region().length;
    if found > room.length {
        return Err(Fault::TooLong {
            room: room.length,
            found,
        });
    }
    Ok(())
}

fn content(bytes: &[u8]) -> Result<(), Fault> {
    for value in [0x00, 0xFF] {
        if bytes.iter().all(|byte| *byte == value) {
            return Err(Fault::Blank { value });
        }
    }
    Ok(())
}

/// The core ignores the stack pointer's two lowest bits, so 4 is enough; toolchains mostly give 8.
fn vectors(firmware: &Firmware, ram: Region) -> Result<(), Fault> {
    let image = firmware.region();
    let Some(Vectors { stack, reset }) = Vectors::of(firmware.bytes()) else {
        return Err(Fault::NoVectors {
            found: image.length,
        });
    };
    if !stack.is_multiple_of(4) || stack <= ram.start || stack > ram.end() {
        return Err(Fault::Stack { ram, found: stack });
    }
    if reset.is_multiple_of(2) || reset < image.start + 8 || !image.holds(reset) {
        return Err(Fault::Reset {
            image,
            found: reset,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::bench;
    use crate::firmware::Pieces;

    const STACK: u32 = 0x2004_0000;
    const RESET: u32 = 0x2_0041;

    fn program(stack: u32, reset: u32, length: usize) -> Vec<u8> {
        let mut bytes = stack.to_le_bytes().to_vec();
        bytes.extend_from_slice(&reset.to_le_bytes());
        bytes.resize(length, 0x5A);
        bytes
    }

    fn admit(bytes: &[u8], address: u64, kind: Kind) -> Result<Image, Fault> {
        let board = bench::board();
        let firmware = Pieces::read(bytes, Some(address))
            .unwrap()
            .measure(&[])
            .unwrap();
        Image::admit(&firmware, kind, &[&board]).map_err(|misfit| misfit.fault)
    }

    #[test]
    fn a_program_at_its_place_is_admitted() {
        let bytes = program(STACK, RESET, 256);
        let image = admit(&bytes, 0x2_0000, Kind::Application).unwrap();
        assert_eq!(image.bytes(), bytes);
        admit(&program(STACK - 4, RESET, 256), 0x2_0000, Kind::Application).unwrap();
        admit(&program(STACK, 0x41, 256), 0, Kind::Bootloader).unwrap();
    }

    #[test]
    fn a_program_for_another_address_is_refused() {
        assert_eq!(
            admit(&program(STACK, 0x41, 256), 0, Kind::Application),
            Err(Fault::Start {
                expected: 0x2_0000,
                found: 0
            })
        );
        assert!(matches!(
            admit(&program(STACK, RESET, 256), 0x2_0000, Kind::Bootloader),
            Err(Fault::Start { expected: 0, .. })
        ));
    }

    #[test]
    fn the_evidence_tail_is_not_room() {
        let room = 0x7_0000 - 0x4000;
        admit(&program(STACK, RESET, room), 0x2_0000, Kind::Application).unwrap();
        assert_eq!(
            admit(
                &program(STACK, RESET, room + 1),
                0x2_0000,
                Kind::Application
            ),
            Err(Fault::TooLong {
                room: room as u64,
                found: room as u64 + 1
            })
        );
    }

    #[test]
    fn blank_flash_is_no_program() {
        for value in [0x00, 0xFF] {
            assert_eq!(
                admit(&[value; 4096], 0x2_0000, Kind::Application),
                Err(Fault::Blank { value })
            );
        }
    }

    #[test]
    fn a_stack_outside_ram_is_refused() {
        for stack in [0, 0x2000_0000, STACK + 4, STACK - 2, 0x5A5A_5A5A] {
            assert!(
                matches!(
                    admit(&program(stack, RESET, 256), 0x2_0000, Kind::Application),
                    Err(Fault::Stack { .. })
                ),
                "{stack:#x}"
            );
        }
    }

    #[test]
    fn a_reset_handler_outside_the_image_is_refused() {
        for reset in [RESET - 1, 0x2_0001, 0x2_0101, 0x41, 0xFFFF_FFFF] {
            assert!(
                matches!(
                    admit(&program(STACK, reset, 256), 0x2_0000, Kind::Application),
                    Err(Fault::Reset { .. })
                ),
                "{reset:#x}"
            );
        }
        assert_eq!(
            admit(&[1, 2, 3], 0x2_0000, Kind::Application),
            Err(Fault::NoVectors { found: 3 })
        );
    }

    #[test]
    fn every_board_named_must_fit() {
        let board = bench::board();
        let mut other = bench::board();
        other.name = "other".to_owned();
        other.ram.start += 0x1000_0000;
        let bytes = program(STACK, RESET, 256);
        let firmware = Pieces::read(&bytes, Some(0x2_0000))
            .unwrap()
            .measure(&[])
            .unwrap();
        let misfit = Image::admit(&firmware, Kind::Application, &[&board, &other]).unwrap_err();
        assert_eq!(misfit.board, "other");
        assert!(matches!(misfit.fault, Fault::Stack { .. }));
    }
}
