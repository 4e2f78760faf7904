//! The same cases with a chip as the client: the verifier as it is built for thumbv7em decides everything, under QEMU, and what
//! runs here moves bytes (`boards/conformance`, `tests/chip-client`).
//!
//! In the tests it is held against a sample of the cases; `cargo xtask conformance --device` takes all of them and reports.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use crate::boards::{left_out, programs};
use crate::simulator::{Style, against};
use crate::{beyond, delegations, trust, workflow};

/// A case, by name.
type Case = (&'static str, fn(Style));

/// The cases of one file.
pub struct Cases {
    /// Those for the style that devices read.
    pub held: &'static [Case],
    /// Those for other people's repositories alone.
    pub foreign: &'static [&'static str],
}

const FILES: [(&str, Cases); 4] = [
    ("workflow", workflow::CASES),
    ("trust", trust::CASES),
    ("delegations", delegations::CASES),
    ("beyond", beyond::CASES),
];

/// Why a case for other people's repositories is none for a device.
const NOT_FOR_A_CHIP: &[(&str, &str)] = &[
    (
        "a_timestamp_that_changes_under_its_version_is_passed_over",
        "a device refuses it: another case",
    ),
    ("pins_are_not_needed", "a device demands them"),
    (
        "pins_that_hold_are_accepted",
        "every case of a device has them",
    ),
    ("sha_512_is_enough", "a device demands SHA-256"),
    (
        "an_unknown_digest_alone_is_not_enough",
        "a device demands SHA-256",
    ),
    (
        "every_scheme_is_verified",
        "a device reads Ed25519 and neither P-256 nor RSA",
    ),
    (
        "one_key_in_two_encodings_is_one_signer",
        "a device reads keys in one encoding",
    ),
    (
        "schemes_that_nobody_knows_verify_nothing",
        "a device refuses a file that lists other keys than Ed25519",
    ),
    (
        "a_role_may_be_called_anything",
        "a device reads plain role names: another case",
    ),
    (
        "hash_prefixes_lead_to_their_role",
        "a device reads no hashed delegations: another case",
    ),
    (
        "succinct_bins_lead_to_their_role",
        "a device reads no hashed delegations: another case",
    ),
    (
        "bins_that_cannot_be_are_refused",
        "a device reads no hashed delegations: another case",
    ),
    (
        "lone_surrogates_are_refused",
        "canonical JSON has no such escapes",
    ),
    (
        "names_beyond_ascii_are_found",
        "a device reads printable ASCII",
    ),
    (
        "without_consistent_snapshots_names_are_plain",
        "a device demands consistent snapshots: another case",
    ),
    (
        "target_paths_stay_in_their_folder",
        "a device refuses a file that lists such paths",
    ),
];

/// Cases that make a point many times over, or wait for dates. Left to `cargo xtask conformance --device`.
const LONG: &[&str] = &[
    "a_member_that_stands_twice_is_refused",
    "a_threshold_or_a_version_of_zero_is_refused",
    "an_expired_local_root_is_left_behind",
    "an_expired_local_timestamp_is_left_behind",
    "bytes_behind_the_end_are_refused",
    "dates_that_are_none_are_refused",
    "files_longer_than_their_kind_are_refused",
    "files_that_are_not_canonical_are_refused",
    "numbers_that_readers_round_are_refused",
    "only_the_first_major_version_is_read",
    "other_roles_are_believed_by_their_newest_keys",
    "roles_are_visited_in_order_and_depth_first",
    "roots_are_followed_by_old_keys_and_new_ones",
];

/// What a chip gets wrong that takes every signature for a good one. All else it gets right.
const HANGS_ON_SIGNATURES: &[&str] = &[
    "a_delegation_below_its_threshold_is_refused",
    "a_role_that_is_not_signed_is_refused_and_those_before_it_are_kept",
    "a_root_that_is_not_signed_is_no_beginning",
    "a_threshold_is_of_distinct_keys",
    "signatures_that_do_not_hold_do_no_harm",
];

#[test]
fn the_chip_decides_every_case_as_it_should() {
    if left_out() {
        return;
    }
    let report = Report::of("conformance", |_| true);
    report.tell();
    assert!(report.failed.is_empty(), "{:#?}", report.failed);
}

#[test]
fn a_chip_that_says_the_opposite_fails_every_case() {
    if left_out() {
        return;
    }
    let report = Report::of("contrary", |_| true);
    assert!(report.held.is_empty(), "{:#?}", report.held);
}

#[test]
fn a_chip_that_believes_every_signature_fails_what_hangs_on_them() {
    if left_out() {
        return;
    }
    let hangs = |name: &str| HANGS_ON_SIGNATURES.contains(&name);
    let report = Report::of("credulous", |name| hangs(name) || every_case());
    assert_eq!(
        report.failed,
        HANGS_ON_SIGNATURES.iter().copied().collect::<BTreeSet<_>>()
    );
}

#[test]
fn what_is_not_for_a_chip_is_said_of_every_case() {
    let foreign = FILES.iter().flat_map(|(_, cases)| cases.foreign);
    let said = NOT_FOR_A_CHIP.iter().map(|(case, _)| case);
    assert_eq!(
        foreign.collect::<BTreeSet<_>>(),
        said.collect::<BTreeSet<_>>()
    );
    let held: BTreeSet<&str> = held().map(|(_, case, _)| case).collect();
    assert!(LONG.iter().all(|case| held.contains(case)));
}

#[test]
fn the_half_that_moves_bytes_links_nothing_that_could_judge() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--package", "chip-client"])
        .args(["--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    let tree = String::from_utf8(tree.stdout).unwrap();
    let linked: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(linked.contains("ureq"), "{linked:?}");
    let judges = |name: &&str| {
        ["cuff", "dalek", "ring", "sha", "rustls", "json", "serde"]
            .iter()
            .any(|part| name.starts_with(part) || name.ends_with(part))
    };
    let found: Vec<&str> = linked.iter().copied().filter(judges).collect();
    assert!(found.is_empty(), "{found:?}");
}

/// How a client on a chip does.
struct Report {
    program: &'static str,
    held: BTreeSet<&'static str>,
    failed: BTreeSet<&'static str>,
    seconds: u64,
}

impl Report {
    /// Asks it those of the cases, or of a sample of them.
    fn of(program: &'static str, wanted: impl Fn(&str) -> bool) -> Self {
        let cases: Vec<Case> = held()
            .map(|(_, name, case)| (name, case))
            .filter(|(name, _)| wanted(name) && (every_case() || !LONG.contains(name)))
            .collect();
        let chip = programs().join(format!("{program}.bin"));
        let client = [
            mover().to_str().unwrap().to_owned(),
            "--program".to_owned(),
            chip.to_str().unwrap().to_owned(),
        ];
        let next = AtomicUsize::new(0);
        let failed = Mutex::new(BTreeSet::new());
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    against(&client);
                    while let Some((name, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if catch_unwind(AssertUnwindSafe(|| case(Style::Device))).is_err() {
                            failed.lock().unwrap().insert(*name);
                        }
                    }
                });
            }
        });
        let failed = failed.into_inner().unwrap();
        let names = cases.iter().map(|(name, _)| *name);
        Self {
            program,
            held: names.filter(|name| !failed.contains(name)).collect(),
            failed,
            seconds: start.elapsed().as_secs(),
        }
    }

    /// Says it to whoever looks, past those who keep what tests print.
    fn tell(&self) {
        let mut text = String::new();
        for (file, name, _) in held() {
            let outcome = match (self.held.contains(name), self.failed.contains(name)) {
                (true, _) => "holds",
                (_, true) => "FAILS",
                _ => "not asked",
            };
            text.extend([outcome, "  ", file, "::", name, "\n"]);
        }
        for (name, reason) in NOT_FOR_A_CHIP {
            text.extend(["not for a chip  ", name, ": ", reason, "\n"]);
        }
        let Self {
            program,
            held,
            failed,
            seconds,
        } = self;
        let count = NOT_FOR_A_CHIP.len();
        let (held, failed) = (held.len(), failed.len());
        let told = format!(
            "\n{text}{program} on thumbv7em: {held} hold, {failed} fail, in {seconds} s; {count} not for a chip\n"
        );
        std::io::stderr().write_all(told.as_bytes()).unwrap();
    }
}

/// Not only a sample.
fn every_case() -> bool {
    std::env::var("CUFF_SWEEP").is_ok_and(|wish| wish == "all")
}

fn held() -> impl Iterator<Item = (&'static str, &'static str, fn(Style))> {
    FILES.iter().flat_map(|(file, cases)| {
        let cases = cases.held.iter();
        cases.map(|(name, case)| (*file, *name, *case))
    })
}

/// The half that moves bytes, built like the client that is tested otherwise.
fn mover() -> PathBuf {
    let beside = Path::new(env!("CARGO_BIN_EXE_cuff")).parent().unwrap();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--locked", "--package", "chip-client"])
        .arg("--target-dir")
        .arg(beside.parent().unwrap())
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    if beside.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.output().unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "chip-client does not build: {said}");
    beside.join(format!("chip-client{}", std::env::consts::EXE_SUFFIX))
}

/// The emulator of one waits while another computes.
const WORKERS: usize = 3;
