//! Every fuzz target for some seconds, on the ordinary compiler: the functions of `fuzz/`, fed with its seeds, bent at random.
//!
//! Without the compiler's guidance it finds less than `cargo xtask fuzz`; it notices at once when a target no longer holds what
//! it asks. Each begins from the same place every time, so that a change is judged by what it changes; with
//! `CUFF_FUZZ_SECONDS`, which says for how long, from another. An input that breaks a promise is left in `fuzz/artifacts/`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::match_same_arms,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::print_stderr,
    missing_docs
)]

#[path = "../xtask/src/vectors/author.rs"]
#[allow(dead_code, clippy::pedantic, clippy::new_without_default)]
mod author;
#[path = "../fuzz/src/decode.rs"]
mod decode;
#[path = "../fuzz/src/flash.rs"]
mod flash;
#[path = "../fuzz/src/hostile.rs"]
mod hostile;
#[path = "../fuzz/src/other.rs"]
mod other;
#[path = "support/ring_provider.rs"]
mod ring_provider;
#[path = "../fuzz/seeds.rs"]
mod seeds;
#[path = "../fuzz/src/serial.rs"]
mod serial;
#[path = "../fuzz/src/trusted.rs"]
mod trusted;

use std::fs;
use std::hash::{BuildHasher as _, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use cuff_verifier::digest::Digest;
use seeds::SEEDS;

/// Runs a target on its seeds as they are, and then on what becomes of them.
fn smoke(name: &str, target: fn(&[u8])) {
    let quick = std::env::var_os("CUFF_QUICK").is_some();
    let seconds = std::env::var("CUFF_FUZZ_SECONDS").ok();
    let seconds = seconds.map(|seconds| seconds.parse().expect("a number of seconds"));
    let time = Duration::from_secs(seconds.unwrap_or(if quick { 1 } else { 10 }));
    let mut inputs = vec![Vec::new()];
    let (_, folders) = SEEDS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target of `fuzz/seeds.rs`");
    for (folder, ending) in *folders {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let before = inputs.len();
        for file in fs::read_dir(&folder).expect("a folder of seeds") {
            let path = file.unwrap().path();
            let fits = ending.is_empty() || path.extension().is_some_and(|is| is == *ending);
            if fits && path.is_file() {
                inputs.push(fs::read(&path).unwrap());
            }
        }
        assert!(inputs.len() > before, "{} holds no seed", folder.display());
    }
    let seed = match seconds {
        Some(_) => RandomState::new().hash_one(name),
        None => name
            .bytes()
            .fold(0, |sum: u64, byte| sum.wrapping_mul(31) + u64::from(byte)),
    };
    let mut chance = Chance(seed | 1);
    let begun = Instant::now();
    let mut runs = 0_u64;
    for input in &inputs {
        run(name, target, input);
        runs += 1;
    }
    while begun.elapsed() < time {
        run(name, target, &bent(&inputs, &mut chance));
        runs += 1;
    }
    eprintln!("{name}: {runs} inputs, begun from {seed:#x}");
    assert!(runs > inputs.len() as u64, "only {runs} inputs in {time:?}");
}

fn run(name: &str, target: fn(&[u8]), input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| target(input))) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz/artifacts")
            .join(name);
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("smoke-{}", Digest::of(input)));
        fs::write(&file, input).unwrap();
        eprintln!("{name} breaks on {}", file.display());
        std::panic::resume_unwind(panic);
    }
}

/// An input made of others: pieces of two, with bytes changed, repeated, taken out and put in.
fn bent(inputs: &[Vec<u8>], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = chance.one_of(inputs).clone();
    for _ in 0..=chance.below(6) {
        let at = chance.below(bytes.len() + 1);
        let end = at + chance.below((bytes.len() - at).min(64) + 1);
        match chance.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            3 => {
                let other = chance.one_of(inputs);
                let from = chance.below(other.len() + 1);
                let to = from + chance.below((other.len() - from).min(256) + 1);
                bytes.splice(at..end, other[from..to].iter().copied());
            }
            4 => {
                let odd = [0, 1, 0x7f, 0x80, 0xff, b'"', b'\\', b'{', b'}', b'9'];
                let byte = odd[chance.below(odd.len())];
                bytes[at..end].fill(byte);
            }
            5 => {
                let piece: Vec<u8> = (0..chance.below(48)).map(|_| chance.byte()).collect();
                bytes.splice(at..at, piece);
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << chance.below(8);
                }
            }
        }
        bytes.truncate(1 << 16);
    }
    bytes
}

/// Numbers without pattern (xorshift64*), the same again from the same beginning.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % end
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    fn one_of<'i>(&mut self, inputs: &'i [Vec<u8>]) -> &'i Vec<u8> {
        &inputs[self.below(inputs.len())]
    }
}

macro_rules! targets {
    ($($name:ident: $room:ident,)+) => {
        $(#[test] fn $name() { smoke(stringify!($name), $room::$name); })+

        const TARGETS: &[&str] = &[$(stringify!($name),)+];
    };
}

targets! {
    board: decode,
    bundle: decode,
    canonical_json: decode,
    differential: other,
    evidence: decode,
    firmware: decode,
    flash: flash,
    foreign_json: decode,
    mailbox: decode,
    manifest: decode,
    private_key: decode,
    public_file: decode,
    release_record: decode,
    seal: decode,
    settings: decode,
    smp: serial,
    state_file: decode,
    tape: decode,
    trust_record: decode,
    trusted_set: trusted,
    words: decode,
}

#[test]
fn every_target_is_run() {
    let listed: Vec<&str> = SEEDS.iter().map(|(name, _)| *name).collect();
    assert_eq!(listed, TARGETS);
}
