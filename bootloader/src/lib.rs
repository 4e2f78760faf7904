//! What a wearable's bootloader decides, and how it survives power cuts: `no_std`, no alloc, over NOR flash traits.
//!
//! [`boot::boot`] is what a board calls: it looks at flash, plans one step, carries it out, and looks again, until it can
//! say *jump* or *stay*. Trust is judged by `cuff-verifier`, the same crate the desk uses.
//!
//! Nothing here can panic: no index, no unchecked arithmetic, no `unwrap`. Functions are marked `inline(never)` where
//! inlined copies of them would cost a board flash (4 KiB together).
//!
//! | room | what it holds |
//! |---|---|
//! | [`boot`] | the loop, and the last look before the jump |
//! | [`plan`] | the next step, as a pure function |
//! | [`carry`] | does one step, restartable at any flash operation |
//! | [`judge`] | asks the verifier about candidate and inbox |
//! | [`record`], [`trust`], [`counter`] | what was accepted, and may only grow |
//! | [`journal`] | how far a swap is |
//! | [`log`] | what went wrong, chained |
//! | [`slot`], [`upload`] | what others may write, and with which words |
//! | [`smp`] | what a unit answers on its serial line |
//! | [`provision`] | the first record |
//! | [`report`], [`mailbox`] | what a host is told, and how a probe asks for it |
//! | [`layout`], [`flash`], [`nor`] | where things lie; checked access; a model of NOR flash |
//! | [`field`] | fixed-width fields |
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::string_slice,
        clippy::unreachable,
        clippy::panic
    )
)]

#[cfg(test)]
extern crate std;

pub mod boot;
pub mod carry;
pub mod counter;
pub mod field;
pub mod flash;
pub mod journal;
pub mod judge;
pub mod layout;
pub mod log;
pub mod mailbox;
pub mod nor;
pub mod plan;
pub mod provision;
pub mod record;
pub mod report;
pub mod slot;
pub mod smp;
pub mod trust;
pub mod upload;

/// In tests: an interpreter takes one case in so many.
#[cfg(test)]
const STEP: usize = if cfg!(miri) { 397 } else { 1 };
