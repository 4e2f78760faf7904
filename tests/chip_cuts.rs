//! Power goes at a store into flash on the chip itself, in QEMU: the real bootloader, cut between two words or within one, boots
//! what is signed, takes nothing back, and ends where it would have ended.
//!
//! `CUFF_SWEEP=all` cuts at every store, `CUFF_SWEEP=K/N` at every Nth of them from the Kth on; without it a few.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(unix)]

#[path = "support/boards.rs"]
mod boards;
#[path = "support/carried.rs"]
mod carried;
#[path = "support/factory.rs"]
mod factory;
#[path = "support/qemu.rs"]
mod qemu;

use boards::left_out;
use carried::{Bench, record_in};
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::record::Record;
use cuff_bootloader::report::{Report, State};
use qemu::{AN386, Qemu};

#[test]
fn sweep_of_an_update_behind_a_new_root() {
    sweep("install", |bench| {
        bench.factory.renew_root();
        bench.push("1.1", 2, "band-2");
    });
}

#[test]
fn sweep_of_a_confirm() {
    sweep("confirm", |bench| {
        bench.push("1.1", 2, "band-2");
        let mut sim = bench.sim();
        sim.boot().unwrap();
        sim.run_application(false).unwrap().expect("a confirm");
    });
}

#[test]
fn sweep_of_a_sick_update_that_goes_back() {
    sweep("revert", |bench| {
        bench.push("1.1", 2, "band-sick");
        let mut sim = bench.sim();
        for _ in 0..sim.layout().trials {
            sim.boot().unwrap();
        }
    });
}

/// Cuts a boot from what `prepare` has left in flash.
fn sweep(story: &str, prepare: impl FnOnce(&mut Bench)) {
    if left_out() {
        return;
    }
    let mut bench = Bench::new(&AN386);
    prepare(&mut bench);
    let flash = bench.flash();
    let (report, stores) = Qemu::to_be_cut(&AN386, &flash, 0).run_and_count();
    let whole = Boot { report, stores };
    let before = record_in(flash.clone(), bench.sim().layout());
    let unit = Unit {
        flash,
        whole,
        before,
    };
    assert!(unit.whole.stores > 0, "{story} writes nothing");
    let points = points(unit.whole.stores);
    let mut cuts = 0;
    for (nth, at) in points.iter().enumerate() {
        let kind = KINDS[nth % KINDS.len()];
        cuts += unit.survives(*at, kind);
    }
    println!(
        "on the chip, {story}: {} stores into flash, {cuts} cuts",
        unit.whole.stores
    );
}

/// A unit before a boot, and how that boot ends if nothing happens.
struct Unit {
    flash: Vec<u8>,
    whole: Boot,
    before: Record,
}

struct Boot {
    report: Report,
    stores: u64,
}

/// Whether the store that power meets is torn, and whether power goes once more in the next boot.
#[derive(Clone, Copy, Debug)]
struct Kind {
    torn: bool,
    twice: bool,
}

const KINDS: [Kind; 4] = [
    Kind {
        torn: false,
        twice: false,
    },
    Kind {
        torn: true,
        twice: false,
    },
    Kind {
        torn: false,
        twice: true,
    },
    Kind {
        torn: true,
        twice: true,
    },
];

impl Unit {
    /// Cuts here, and boots until the bootloader holds; gives the number of cuts.
    fn survives(&self, at: u64, kind: Kind) -> u64 {
        let told = format!("store {at} of {}, {kind:?}", self.whole.stores);
        let left = cut(&self.flash, at, kind.torn);
        let next = self.boot(&left, &told);
        if !kind.twice || next.stores == 0 {
            return 1;
        }
        let again = 1 + at.wrapping_mul(0x9e37_79b9) % next.stores;
        let left = cut(&left, again, kind.torn);
        self.boot(
            &left,
            &format!("{told}, then store {again} of {}", next.stores),
        );
        2
    }

    fn boot(&self, flash: &[u8], told: &str) -> Boot {
        let (report, stores) = Qemu::to_be_cut(&AN386, flash, 0).run_and_count();
        let state = report
            .state
            .unwrap_or_else(|| panic!("{told}: trust is lost"));
        let whole = self.whole.report.state.unwrap();
        assert!(
            matches!(report.ended.hand_over, HandOver::Jump { .. }),
            "{told}: {:?}",
            report.ended
        );
        assert!(state.root_version >= self.before.root.version, "{told}");
        assert!(state.counter >= self.before.counter, "{told}");
        assert!(state.floor >= self.before.floor, "{told}");
        let end = |state: State| {
            (
                (state.root_version, state.versions, state.counter),
                (state.installed.to_string(), state.trial.to_string()),
            )
        };
        assert_eq!(end(state), end(whole), "{told}");
        Boot { report, stores }
    }
}

/// The flash after power went at this store: right after it, or with some of the bits changed that it would have changed.
fn cut(flash: &[u8], at: u64, torn: bool) -> Vec<u8> {
    let run = |at| Qemu::to_be_cut(&AN386, flash, at).run_to_its_cut(flash.len());
    let mut after = run(at);
    if !torn || at == 1 {
        return after;
    }
    let before = run(at - 1);
    let changed: Vec<usize> = (0..flash.len())
        .filter(|at| before[*at] != after[*at])
        .collect();
    // The same boot twice, up to one store.
    assert!(
        changed.iter().all(|at| at / 4 == changed[0] / 4),
        "{changed:?}"
    );
    for byte in changed {
        let bits = u8::try_from(at.wrapping_mul(0x9e37_79b9) >> (byte % 4) & 0xff).unwrap();
        after[byte] = (after[byte] & bits) | (before[byte] & !bits);
    }
    after
}

/// Where power goes: everywhere, at a share of it, or at a few places.
fn points(stores: u64) -> Vec<u64> {
    let number = |text: &str| text.parse::<u64>().expect("CUFF_SWEEP is `all` or K/N");
    match std::env::var("CUFF_SWEEP").ok().as_deref() {
        None => (1..=SAMPLE)
            .map(|nth| stores * nth / (SAMPLE + 1))
            .collect(),
        Some("all") => (1..=stores).collect(),
        Some(share) => {
            let (first, step) = share.split_once('/').expect("CUFF_SWEEP is `all` or K/N");
            let step = usize::try_from(number(step)).unwrap();
            (number(first).max(1)..=stores).step_by(step).collect()
        }
    }
}

const SAMPLE: u64 = 4;
