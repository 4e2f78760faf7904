//! A debug probe without hardware: the registers of a debug port, in front of an emulated core, behind the protocol of a
//! network probe that unmodified probe-rs speaks.
//!
//! The part under test knows nothing of it: `cuff` reaches it as `probe:20b7:9db1:tcp:127.0.0.1:PORT`. A test keeps a
//! [`bench::Unit`], reads the chip behind the probe's back, and breaks what it wants to see broken. What it does not model:
//! the wires, WAIT answers, real flash times, several cores.
#![allow(
    clippy::cast_possible_truncation,
    clippy::missing_panics_doc,
    reason = "registers are 32 bits wide, and bytes are cut out of them"
)]

pub mod bench;
mod port;
pub mod qemu;
mod serve;
