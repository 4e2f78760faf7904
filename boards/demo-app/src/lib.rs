//! The band's arithmetic, without a chip: [`sensor`] pretends, [`beat`] counts.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

pub mod beat;
pub mod sensor;

/// Samples taken in one second.
pub const SAMPLES_PER_SECOND: u32 = 25;

/// The release this program was built as.
pub const VERSION: &str = if cfg!(feature = "second") {
    "1.1.0"
} else {
    "1.0.0"
};
