//! The bench: 16 MiB of memory that the measuring host and the measured program both see.
//!
//! The host writes the inputs and a table of where they are; the program writes its readings behind them. All words
//! are little-endian. The host's side reads this very file.

/// Where the program sees the bench: the PSRAM of the MPS2 boards.
#[allow(dead_code, reason = "the host sees it elsewhere")]
pub const ADDRESS: usize = 0x2100_0000;

/// Its length, which QEMU insists on.
pub const LENGTH: usize = 16 << 20;

/// Inputs, as the (offset, length) pairs that open the bench stand for them.
#[derive(Clone, Copy)]
pub enum Input {
    /// Canonical `signed` bytes of the trusted root.
    Root = 0,
    /// Evidence.
    Evidence = 1,
    /// Image.
    Image = 2,
}

/// Readings, one word each, from [`READINGS`] on.
#[derive(Clone, Copy)]
pub enum Reading {
    /// [`DONE`], written last.
    Done = 0,
    /// What the judge said: [`BOOT`], or the number of a reason.
    Answer = 1,
    /// Bytes of stack below the call.
    Stack = 2,
    /// Ticks of [`INSTRUCTIONS_PER_TICK`] instructions.
    Ticks = 3,
}

/// Offset of the readings.
pub const READINGS: usize = LENGTH - 4096;

/// Says that the readings are whole.
pub const DONE: u32 = 0x444F_4E45;

/// The answer "may boot". Larger than any reason's number.
pub const BOOT: u32 = 0x600D_B007;

/// The core clock is 25 MHz, and QEMU is told that an instruction takes one nanosecond.
#[allow(dead_code, reason = "the program only counts")]
pub const INSTRUCTIONS_PER_TICK: u32 = 40;
