//! The same client with its verdict flipped: it says no where it means yes, and yes where it means no. A test of the tests.
#![no_std]
#![no_main]

use cortex_m as _;
use cortex_m_rt::entry;
use cuff_verifier::key::Ed25519;

#[entry]
fn main() -> ! {
    conformance::serve(&Ed25519, |verdict| !verdict)
}
