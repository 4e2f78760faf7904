//! The bootloader's code: which function an address belongs to, and whether that is cryptography.
//!
//! Takes what `cargo xtask boards --map` writes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::qemu::{AN386, program};

/// A program, as it lies in flash, and what is known of it.
pub struct Code {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

struct Piece {
    start: u32,
    end: u32,
    crypto: bool,
    function: String,
}

impl Code {
    /// The bootloader of qemu-an386.
    pub fn read() -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built = Command::new(env!("CARGO"))
            .args("run --quiet --locked --package xtask boards --map".split(' '))
            .arg(AN386.board)
            .current_dir(project)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "no map of the code: {said}");
        let map = project.join(format!("boards/target/programs/{}.map", AN386.board));
        let pieces = fs::read_to_string(map).unwrap();
        Self {
            bytes: program(AN386.board).to_vec(),
            pieces: pieces.lines().map(Piece::read).collect(),
        }
    }

    /// The program as it lies in flash.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same program, in which a function says yes, whatever it is asked.
    pub fn in_which_says_yes(mut self, function: &str) -> Self {
        let at = (self.entry(function) - FLASH) as usize;
        // movs r0, #1; bx lr
        self.bytes[at..at + 4].copy_from_slice(&[0x01, 0x20, 0x70, 0x47]);
        self
    }

    /// Where a function begins.
    pub fn entry(&self, name: &str) -> u32 {
        let mut found = self.pieces.iter().filter(|piece| piece.function == name);
        found.next().unwrap_or_else(|| panic!("no {name}")).start
    }

    /// The function at an address; outside of this program there is none.
    pub fn function(&self, address: u32) -> &str {
        self.piece(address).map_or("", |piece| &piece.function)
    }

    /// Whether an address lies in code that computes digests or signatures.
    pub fn is_crypto(&self, address: u32) -> bool {
        self.piece(address).is_some_and(|piece| piece.crypto)
    }

    /// Where code lies that is not cryptography, and where it ends.
    pub fn own(&self) -> Vec<(u32, u32)> {
        let mut own: Vec<(u32, u32)> = Vec::new();
        for piece in self.pieces.iter().filter(|piece| !piece.crypto) {
            match own.last_mut() {
                // What lies between two functions is never run.
                Some((_, end)) if piece.start - *end <= 4 => *end = piece.end,
                _ => own.push((piece.start, piece.end)),
            }
        }
        own
    }

    /// Bytes of the instruction at an address ("Armv7-M Architecture Reference Manual", A5.1).
    pub fn length(&self, address: u32) -> u32 {
        let at = (address - FLASH) as usize;
        if self.bytes[at + 1] >> 3 >= 0b11101 {
            4
        } else {
            2
        }
    }

    fn piece(&self, address: u32) -> Option<&Piece> {
        let next = self.pieces.partition_point(|piece| piece.start <= address);
        let piece = self.pieces.get(next.checked_sub(1)?)?;
        (address < piece.end).then_some(piece)
    }
}

impl Piece {
    fn read(line: &str) -> Self {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap();
        let number = |text| u32::from_str_radix(text, 16).unwrap();
        Self {
            start: number(field()),
            end: number(field()),
            crypto: field() == "crypto",
            function: field().to_owned(),
        }
    }
}

/// Where the decision to jump is carried out.
pub const LAUNCH: &str = "qemu_an386::launch";
/// The entry of the judge.
pub const JUDGE: &str = "cuff_bootloader::judge::judge";
/// Where the chip's flash begins.
pub const FLASH: u32 = 0x2100_0000;
