//! The same client with one of its decisions flipped: every signature holds. A test of the tests.
#![no_std]
#![no_main]

use cortex_m as _;
use cortex_m_rt::entry;
use cuff_verifier::json::Text;
use cuff_verifier::key::{Key, Schemes};
use cuff_verifier::sure::Sure;

struct Believer;

impl Schemes for Believer {
    fn verify(&self, _: &Key<'_>, _: &[u8], _: Text<'_>) -> Sure {
        Sure::twice(&(), |()| true)
    }
}

#[entry]
fn main() -> ! {
    conformance::serve(&Believer, |verdict| verdict)
}
