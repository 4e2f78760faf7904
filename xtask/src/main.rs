//! The project's own tasks: `cargo xtask TASK`.
//!
//! Takes the name of a task and its options; gives exit code 0 (done), 1 (something failed) or 2 (no such task).

mod boards;
mod chip;
mod code;
mod compiler;
mod conformance;
mod coverage;
mod dependencies;
mod fixtures;
mod fuzz;
mod miri;
mod mutants;
mod place;
mod power;
mod qemu;
mod setup;
mod size;
mod skip;
mod steps;
mod test;
mod tool;
mod vectors;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask TASK

  test [--quick] [--keep-going]  check everything, and first install what that needs
                                 --quick needs only Rust: it sets CUFF_QUICK=1, and tests leave out foreign programs
                                 --keep-going runs all steps even when one fails
  setup                          only install what the full test needs
  fixtures [--check]             build the committed fixtures anew; --check only compares
  vectors [--check]              only the test vectors among the fixtures
  conformance [--client COMMAND] [--style foreign|device]
                                 the TUF client's cases against our repository simulator, or another client's
  conformance --device           the same with a chip in QEMU as the client: the verifier as thumb code decides, the host moves
                                 bytes; every case that is for a device, and why the others are not; a minute or two
  fuzz [--hours N | --seconds N] [TARGET]
                                 hostile input for every reader (fuzz/); seconds are for each target, 10 if not said,
                                 hours for all of them together
  coverage                       how much of the verifier its own tests run; at least 95 % of lines and regions
  mutants [--shard K/N]          small mistakes in the verifier, one at a time: every one is noticed or explained; hours
  miri                           verifier and bootloader under an interpreter that sees undefined behaviour; some minutes
  sweep publish|provision        interrupt publishing, or the making of a unit at the factory bench, everywhere and not only
                                 at a sample of points; some minutes
  ceph                           publish to the S3 gateway of a real Ceph, which is installed for it, and see it refused in words;
                                 a minute
  boards [--map NAME]            build what is delivered to chips, into boards/target/programs; --map builds one bootloader and
                                 says what its code is
  sweep power                    cut the power of a wearable at every flash operation, on every layout; report what was swept
  sweep chip [--shard K/N]       the same on an emulated chip, at every store into flash, or at every Nth from the Kth on; a whole
                                 run takes a day
  sweep skip [--row NAME] [--shard K/N | --sample N [--seed S]] [--crypto] [--every]
                                 skip each instruction that the bootloader executes on bad updates, one at a time, in QEMU; report
                                 what comes of it; hours. --crypto skips those of digests and signatures, and no others; --every
                                 each time they are executed and not only the first time and the last: take a sample
  size                           what verifier and bootloaders cost on a wearable, against their budgets, and what may panic
";

fn main() -> ExitCode {
    if let Some(code) = compiler::asked() {
        return code;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["test", options @ ..] => match test::Options::read(options) {
            Some(options) => test::run(options),
            None => return usage(),
        },
        ["setup"] => setup::run(),
        ["fixtures"] => fixtures::write(),
        ["fixtures", "--check"] => fixtures::check(),
        ["vectors"] => vectors::run(place::root(), false),
        ["vectors", "--check"] => vectors::run(place::root(), true),
        ["conformance"] => conformance::run(None, None),
        ["conformance", "--device"] => conformance::device(),
        ["conformance", "--client", client] => conformance::run(Some(client), None),
        ["conformance", "--style", style] => conformance::run(None, Some(style)),
        ["conformance", "--client", client, "--style", style] => {
            conformance::run(Some(client), Some(style))
        }
        ["fuzz", options @ ..] => match fuzz::Options::read(options) {
            Some(options) => fuzz::run(&options),
            None => return usage(),
        },
        ["coverage"] => coverage::run(),
        ["mutants"] => mutants::run(None),
        ["mutants", "--shard", shard] => mutants::run(Some(shard)),
        ["miri"] => miri::run(),
        ["sweep", "publish"] => test::sweep("store", "sweep", "all"),
        ["sweep", "provision"] => test::sweep("station_cuts", "sweep", "all"),
        ["ceph"] => setup::ceph().and_then(|()| test::sweep("store", "ceph", "all")),
        ["boards"] => boards::deliver(),
        ["boards", "--map", name] => boards::map(name),
        ["sweep", "power"] => power::run(),
        ["sweep", "chip"] => test::sweep("chip_cuts", "sweep", "all"),
        ["sweep", "chip", "--shard", shard] if skip::is_part(shard) => {
            test::sweep("chip_cuts", "sweep", shard)
        }
        ["sweep", "skip", options @ ..] => match skip::Options::read(options) {
            Some(options) => skip::run(&options),
            None => return usage(),
        },
        ["size"] => size::run(),
        _ => return usage(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("cause: {cause}");
            }
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprint!("{USAGE}");
    ExitCode::from(2)
}
