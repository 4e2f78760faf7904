//! One instruction of the bootloader is skipped, in QEMU, while it judges a bad update: nothing bad boots, nothing unsigned is
//! kept, nothing goes back.
//!
//! A sample of the instructions by default; `cargo xtask sweep skip` takes each one, and says which rows and which part of them
//! in `CUFF_SKIP_ROW`, `CUFF_SKIP_SHARD`, `CUFF_SKIP_CRYPTO` and `CUFF_SKIP_EVERY`.

#![allow(clippy::unwrap_used, clippy::expect_used)]
#![cfg(unix)]

#[path = "support/boards.rs"]
mod boards;
#[path = "skip/chip.rs"]
mod chip;
#[path = "skip/code.rs"]
mod code;
#[path = "support/factory.rs"]
mod factory;
#[path = "skip/outcome.rs"]
mod outcome;
#[path = "skip/part.rs"]
mod part;
#[path = "support/qemu.rs"]
mod qemu;
#[path = "skip/row.rs"]
mod row;
#[path = "skip/tally.rs"]
mod tally;
#[path = "skip/trace.rs"]
mod trace;
#[path = "support/vector_unit.rs"]
mod vector_unit;
#[path = "support/vectors.rs"]
mod vectors;
#[path = "skip/walk.rs"]
mod walk;

use std::env;

use boards::left_out;
use code::{Code, JUDGE, LAUNCH};
use outcome::Outcome;
use part::Part;
use row::{Case, GOOD, ROWS, Row};
use tally::Tally;
use trace::Trace;
use walk::{Walk, Watch};

/// A sample of every row, in rows that run beside each other.
macro_rules! samples {
    ($($test:ident: $row:literal;)*) => {
        $(#[test]
        fn $test() {
            sample($row);
        })*

        #[test]
        fn every_row_is_sampled() {
            let sampled = [$($row),*];
            assert_eq!(ROWS.map(|row| row.name), sampled);
        }
    };
}

samples! {
    one_of_two_signatures: "one-of-two-signatures";
    same_key_twice: "same-key-twice";
    same_key_under_two_ids: "same-key-under-two-ids";
    older_counter: "older-counter";
    wrong_digest: "wrong-digest";
    wrong_hardware: "wrong-hardware";
    older_root: "older-root";
    older_role: "older-role";
    other_product: "other-product";
}

/// What `cargo xtask sweep skip` runs.
#[test]
fn sweep() {
    if env::var_os("CUFF_SWEEP").is_none() {
        return;
    }
    let only = env::var("CUFF_SKIP_ROW").ok();
    let which = Which {
        crypto: env::var_os("CUFF_SKIP_CRYPTO").is_some(),
        every: env::var_os("CUFF_SKIP_EVERY").is_some(),
    };
    let chosen = |row: &&Row| only.as_ref().is_none_or(|only| only == row.name);
    let rows: Vec<&Row> = ROWS.iter().filter(chosen).collect();
    let names = ROWS.map(|row| row.name).join(", ");
    assert!(!rows.is_empty(), "there is no such row, but {names}");
    let code = Code::read();
    println!("\n{}", Tally::HEAD);
    let mut bypasses = 0;
    for row in rows {
        let tally = skip(row, &code, which, Part::asked());
        println!("{tally}");
        bypasses += tally.bypasses.len();
    }
    assert_eq!(bypasses, 0, "a single skip was enough");
}

/// A boot that nobody disturbs, and a good update: what is looked for can be seen.
#[test]
fn the_good_update_counts_as_a_bypass() {
    if left_out() {
        return;
    }
    let code = Code::read();
    let case = GOOD.case(&code);
    let ended = Watch::begin(&case, &code).unwrap().end().unwrap();
    assert_eq!(ended, Outcome::Bypassed("a trial is open"));
}

/// A bootloader to which the second judgement always agrees: whoever disturbs the first one gets through, and that is seen.
#[test]
fn a_bootloader_that_judges_once_is_caught() {
    if left_out() {
        return;
    }
    let code = Code::read().in_which_says_yes("cuff_bootloader::carry::ask::{{closure}}");
    let row = Row::named("wrong-digest");
    let case = row.case(&code);
    let trace = Trace::of(&case, &code, false);
    let mut walk = Walk::begin(&case, &code, &trace).unwrap();
    // Around the question whether the image is the one that was signed.
    let asked = trace.reaches(code.entry("cuff_verifier::judge::Release::admits"));
    let judge = |step: &u32| code.function(*step) == JUDGE;
    let answered = asked + trace.steps[asked..].iter().position(judge).unwrap();
    let caught = (answered - 8..answered + 24).any(|step| {
        walk.to(step).unwrap();
        matches!(walk.skip().unwrap(), Outcome::Bypassed(_))
    });
    assert!(caught, "nothing was seen to get through");
}

/// What whole sweeps once got through: how a commit is entered, and what comes between the judge and the jump.
#[test]
fn what_was_got_through_once_holds() {
    if left_out() {
        return;
    }
    let code = Code::read();
    let row = Row::named("wrong-digest");
    let case = row.case(&code);
    let trace = Trace::of(&case, &code, false);
    let launch = trace.reaches(code.entry(LAUNCH));
    let entries = ["carry::advance", "trust::commit", "trust::write"];
    let entries = entries.map(|name| code.entry(&format!("cuff_bootloader::{name}")));
    let entered = |step: &usize| {
        let address = trace.steps[*step];
        entries
            .iter()
            .any(|entry| (*entry..entry + 24).contains(&address))
    };
    let mut points = trace.points(|_| true);
    points.retain(|step| entered(step) || (launch - 600..launch).contains(step));
    let tally = skip_each(row, &code, &case, &trace, &points);
    println!("{}\n{tally}", Tally::HEAD);
    assert!(points.len() > 100, "{} points", points.len());
    assert!(tally.bypasses.is_empty(), "a single skip was enough");
}

fn sample(name: &str) {
    if left_out() {
        return;
    }
    let code = Code::read();
    let row = Row::named(name);
    let tally = skip(row, &code, Which::default(), Part::IN_TESTS);
    println!("{}\n{tally}", Tally::HEAD);
    assert!(tally.bypasses.is_empty(), "a single skip was enough");
}

/// Which instructions are skipped.
#[derive(Clone, Copy, Default)]
struct Which {
    /// Those of cryptography, and no others; otherwise all others.
    crypto: bool,
    /// Every time they are executed; otherwise the first time and the last.
    every: bool,
}

/// Skips a part of a row's points.
fn skip(row: &Row, code: &Code, which: Which, part: Part) -> Tally {
    let case = row.case(code);
    let trace = Trace::of(&case, code, which.crypto);
    let wanted = |address| code.is_crypto(address) == which.crypto;
    let points = if which.every {
        trace.steps_at(wanted)
    } else {
        trace.points(wanted)
    };
    skip_each(row, code, &case, &trace, &part.of(&points))
}

/// Skips these points, one at a time.
fn skip_each(row: &Row, code: &Code, case: &Case, trace: &Trace, points: &[usize]) -> Tally {
    let mut walk = Walk::begin(case, code, trace).unwrap();
    let mut tally = Tally::new(row.name);
    for point in points {
        walk.to(*point).unwrap();
        let outcome = walk.skip().unwrap();
        let address = trace.steps[*point];
        tally.add(address, code.function(address), outcome);
    }
    tally
}
