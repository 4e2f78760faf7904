//! A made-up board for tests, so that none of them hangs on where a real one keeps its regions.
//! Takes nothing; gives a sound description and the board it describes.

use super::Board;

/// 48 KiB of bootloader at 0, 432 KiB for an image at 0x20000, 256 KiB of RAM.
pub(crate) const SOUND: &str = include_str!("../../fixtures/boards/bench.toml");

/// The board it describes.
pub(crate) fn board() -> Board {
    Board::read("bench.toml", SOUND).unwrap()
}
