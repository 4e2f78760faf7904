//! The client that is tested.
#![no_std]
#![no_main]

use cortex_m as _;
use cortex_m_rt::entry;
use cuff_verifier::key::Ed25519;

#[entry]
fn main() -> ! {
    conformance::serve(&Ed25519, |verdict| verdict)
}
