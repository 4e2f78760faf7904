//! What the demo band costs on the boards it is built for, in each of its kinds.
//!
//! Takes the programs as they are delivered; gives the flash of each beside its budget.

use anyhow::Result;

use super::{Figure, Size};
use crate::boards;

/// Bytes of flash: the serial server is most of it.
const FLASH: u32 = 29 * 1024;

/// Measures all of them.
pub fn run() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    boards::each_band(|name, elf| {
        let size = Size::of(elf)?;
        figures.push(Figure::new(format!("{name}: flash"), size.flash, FLASH));
        Ok(())
    })?;
    Ok(figures)
}
