//! The whole judge of a wearable, over evidence and an image in memory.
#![no_std]
#![no_main]

use core::hint::black_box;

use cortex_m_rt::entry;
use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Evidence;
use cuff_verifier::judge::{Known, Outcome, Versions, walk};
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::{Reason, Verdict};
use cuff_verifier::version::Counter;
use size_probe::bench::{BOOT, Input};
use size_probe::{input, measure};

#[entry]
fn main() -> ! {
    measure(|| match judge() {
        Verdict::Boot => BOOT,
        Verdict::Refuse(reason) => u32::from(reason.code()),
    })
}

#[inline(never)]
fn judge() -> Verdict {
    match admit() {
        Ok(verdict) => verdict,
        Err(reason) => Verdict::Refuse(reason),
    }
}

fn admit() -> Result<Verdict, Reason> {
    let known = Known {
        product: "band",
        hardware: "band-a",
        bootloader: 1,
        root: input(Input::Root),
        versions: Versions::default(),
        timestamp_digest: Digest([0; 32]),
        floor: Instant(0),
        minimum_counter: Counter(0),
        counter: Counter(0),
    };
    let evidence = Evidence::parse(input(Input::Evidence))?;
    let walk = walk(&known, &evidence);
    // A bootloader would write it to the trust store now.
    black_box(&walk.advance);
    match walk.outcome {
        Outcome::Complete(chain) => Ok(chain.release(&known)?.admits(input(Input::Image))),
        Outcome::RootsOnly => Err(Reason::NoImage),
        Outcome::Refused(reason) => Err(reason),
    }
}
