//! A TUF client on a chip: every decision of the workflow is made here, and the host at the other end of the line moves bytes.
//!
//! Takes an order, gives yes or no and what may be kept. What it reads is what devices read ([`Profile::Device`]). It has no
//! clock: the time comes with the order, and is believed as the clock of a board would be.
#![no_std]

mod client;
mod host;
mod shelf;
pub mod wire;

use core::panic::PanicInfo;

use cortex_m_semihosting::debug::{EXIT_FAILURE, EXIT_SUCCESS, exit};
use cuff_verifier::key::Schemes;
use cuff_verifier::profile::Profile;
use cuff_verifier::time::{Clock, Instant};
use cuff_verifier::trusted::Policy;

use client::{Client, Stop};
use host::{Host, Order};
use shelf::Shelf;

/// Serves one order. `last_word` is what is made of the verdict in the end.
pub fn serve(schemes: &'static impl Schemes, last_word: fn(bool) -> bool) -> ! {
    // SAFETY: the only call, and the program keeps code in flash and its stack in RAM.
    let (shelf, place) = unsafe { Shelf::open() };
    let served = Host::open(shelf).and_then(|host| {
        let order = host.order()?;
        let verdict = obey(&host, order, schemes, place)?;
        if let Err(stop) = &verdict {
            host.say(format_args!("{stop}"));
        }
        let yes = last_word(verdict.is_ok());
        host.end(if yes { wire::YES } else { wire::NO });
        Some(())
    });
    loop {
        exit(if served.is_some() {
            EXIT_SUCCESS
        } else {
            EXIT_FAILURE
        });
    }
}

/// Nothing when the order itself makes no sense.
fn obey(
    host: &Host,
    order: Order,
    schemes: &'static impl Schemes,
    place: &mut [u8],
) -> Option<Result<(), Stop>> {
    let client = Client {
        host,
        policy: Policy {
            profile: Profile::Device,
            clock: Clock::Exact(Instant(order.now)),
            schemes,
        },
    };
    let mut paths = [None; MAX_PATHS];
    let wanted = paths.get_mut(..order.count as usize)?;
    for path in wanted.iter_mut() {
        *path = Some(host.path()?);
    }
    Some(match order.task {
        wire::BEGIN => client.begin(),
        wire::UPDATE => client.update().and_then(|trusted| {
            let mut wanted = wanted.iter().flatten();
            wanted.try_for_each(|path| client.download(&trusted, path, place))
        }),
        _ => return None,
    })
}

/// Most targets in one order.
const MAX_PATHS: usize = 64;

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {
        exit(EXIT_FAILURE);
    }
}
