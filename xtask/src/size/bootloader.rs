//! What the bootloaders of the boards cost, and what in them could panic.
//!
//! Takes the programs as they are delivered; gives flash and static RAM beside their budgets, and an error when one is over
//! or when a panic is linked that nobody has accounted for. Stack is measured by `tests/on_chip.rs`, on a boot with an update.

use anyhow::{Context, Result, bail};

use super::panics::{self, Call};
use super::{Figure, Size};
use crate::boards;

/// The boards that have one.
const BOARDS: [&str; 3] = ["qemu-an386", "nrf52840", "qemu-an505"];
/// Bytes of flash with recovery over the serial line, and without (docs/decisions/0040-bootloader-flash.md).
const FLASH: u32 = 85 * 1024;
const FLASH_WITHOUT_LINE: u32 = 71 * 1024;

/// A call of a panic that cannot be got rid of, and why it is never made.
struct Excused {
    function: &'static str,
    panic: &'static str,
    because: &'static str,
}

const EXCUSED: [Excused; 1] = [Excused {
    function: "curve25519-dalek-4.1.3/src/window.rs: select<curve25519_dalek::backend::serial::curve_models::ProjectiveNielsPoint>",
    panic: "core::panicking::panic_bounds_check",
    because: "the digits of a width-5 NAF are odd and below 16, and half of one is below 8, the table's length",
}];

/// Measures and checks all of them.
pub fn run() -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for board in BOARDS {
        let program = boards::program(board)?;
        let bare = Size::of(&program.build_bare(board)?)?;
        figures.push(Figure::new(
            format!("{board}: flash without serial recovery"),
            bare.flash,
            FLASH_WITHOUT_LINE,
        ));
        let size = Size::of(&program.build(board, "")?)?;
        figures.push(Figure::new(format!("{board}: flash"), size.flash, FLASH));
        figures.push(Figure::new(format!("{board}: static RAM"), size.ram, 0));
        let named = program.build_with_lines(board)?;
        excuse(board, &panics::calls(&named)?).with_context(|| format!("{board} may panic"))?;
    }
    Ok(figures)
}

/// Says which panics stay and why; an error for any other, and for an excuse that is no longer needed.
fn excuse(board: &str, calls: &[Call]) -> Result<()> {
    for call in calls {
        let Some(excused) = EXCUSED
            .iter()
            .find(|excused| excused.function == call.function && excused.panic == call.panic)
        else {
            bail!("{} calls {}", call.function, call.panic);
        };
        println!(
            "{board}: {} may call {}: {}; if it did, the chip would reset",
            call.function, call.panic, excused.because
        );
    }
    for excused in &EXCUSED {
        if !calls.iter().any(|call| call.function == excused.function) {
            bail!(
                "{} no longer panics: take it off the list",
                excused.function
            );
        }
    }
    Ok(())
}
