//! Every vector of `fixtures/vectors` through the judge: the verdict, the reason's name and number, and how far trust moves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "../../tests/support/canonical.rs"]
mod canonical;

use std::fs;
use std::path::{Path, PathBuf};

use canonical::canonical;
use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Evidence;
use cuff_verifier::judge::{Advance, Known, Outcome, Versions, walk};
use cuff_verifier::threshold::Document;
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::{Reason, Verdict};
use cuff_verifier::version::{Counter, Version};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    state: String,
    verdict: String,
    reason: Option<String>,
    code: Option<u16>,
    trust: String,
}

#[test]
fn every_vector_gets_the_verdict_written_beside_it() {
    let mut wrong = Vec::new();
    let names = names();
    assert!(names.len() > 150, "only {} vectors", names.len());
    for name in &names {
        let expected: Expected =
            toml::from_str(&fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap())
                .unwrap();
        let update = fs::read(folder().join(format!("{name}.update"))).unwrap();
        let state: Value =
            serde_json::from_slice(&fs::read(folder().join(&expected.state)).unwrap()).unwrap();
        let root = canonical(&state["root"]);
        let (verdict, trust) = judge(&known(&state, &root), &update);
        let found = match verdict {
            Verdict::Boot => ("boot", None, None),
            Verdict::Refuse(reason) => ("refuse", Some(reason.name()), Some(reason.code())),
        };
        let wanted = (
            expected.verdict.as_str(),
            expected.reason.as_deref(),
            expected.code,
        );
        if found != wanted || trust != expected.trust {
            wrong.push(format!(
                "{name}: expected {wanted:?}, trust {}; found {found:?}, trust {trust}",
                expected.trust
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} vectors:\n{}",
        wrong.len(),
        names.len(),
        wrong.join("\n")
    );
}

/// Every reason that metadata, a record or an image can give has a vector.
#[test]
fn every_reason_of_the_verifier_has_a_vector() {
    let shown: Vec<String> = names()
        .iter()
        .filter_map(|name| {
            let expected: Expected =
                toml::from_str(&fs::read_to_string(folder().join(format!("{name}.toml"))).ok()?)
                    .ok()?;
            expected.reason
        })
        .collect();
    let missing: Vec<_> = Reason::ALL
        .iter()
        .filter(|reason| reason.code() < 500 && !shown.iter().any(|name| name == reason.name()))
        // Decided by a bootloader, which knows its geometry; and a slot is never shorter than its image.
        .filter(|reason| !matches!(reason, Reason::EvidenceTooLarge | Reason::ImageLength))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// A version that no walk leaves holds back nothing by itself: it must not read as "nothing was seen".
#[test]
fn known_versions_that_no_walk_leaves_are_damage() {
    let (update, state) = release();
    let root = canonical(&state["root"]);
    assert_eq!(judge(&known(&state, &root), &update).0, Verdict::Boot);
    for role in ["timestamp", "snapshot", "targets", "product"] {
        for impossible in [0, 1 << 53, u64::MAX] {
            let mut state = state.clone();
            state["versions"][role] = impossible.into();
            let said = judge(&known(&state, &root), &update);
            assert_eq!(
                said,
                (Verdict::Refuse(Reason::TrustDamaged), "stays"),
                "{role} {impossible}"
            );
        }
    }
}

/// What a device is to remember is what the files say, and said again it is nothing new.
#[test]
fn what_a_chain_leaves_is_what_its_files_say() {
    let (update, state) = release();
    let root = canonical(&state["root"]);
    let known = known(&state, &root);
    let evidence = Evidence::parse(&update).unwrap();
    let advance = walk(&known, &evidence).advance.expect("something new");

    let signed = |file: Document<'_>| -> Value {
        let file: Value = serde_json::from_slice(file.served()).unwrap();
        file["signed"].clone()
    };
    let online = evidence.online().unwrap();
    let [timestamp, snapshot, targets] = online.map(signed);
    let product = signed(evidence.delegated().last().unwrap());
    let version = |role: &Value| role["version"].as_u64().unwrap();
    let issued =
        |role: &Value| Instant::parse(role["issued"].as_str().unwrap().as_bytes()).unwrap();
    let signed_by_people = [&state["root"], &targets, &product].map(issued);
    let minimum = Counter(product["minimum_counter"].as_u64().unwrap());
    let expected = Advance {
        root: root.as_bytes(),
        root_version: Version::new(version(&state["root"])).unwrap(),
        root_changed: false,
        versions: Versions {
            timestamp: version(&timestamp),
            snapshot: version(&snapshot),
            targets: version(&targets),
            product: version(&product),
        },
        timestamp_digest: Digest::of(online[0].served()),
        floor: signed_by_people.into_iter().fold(known.floor, Instant::max),
        minimum_counter: minimum.max(known.minimum_counter),
    };
    assert_eq!(advance, expected);

    let again = Known {
        versions: advance.versions,
        timestamp_digest: advance.timestamp_digest,
        floor: advance.floor,
        minimum_counter: advance.minimum_counter,
        ..known
    };
    assert_eq!(walk(&again, &evidence).advance, None);
    for other in [
        Known {
            versions: Versions::default(),
            ..again
        },
        Known {
            versions: Versions::default(),
            timestamp_digest: Digest::of(b"another"),
            ..again
        },
        Known {
            floor: Instant(advance.floor.0 - 1),
            ..again
        },
        Known {
            minimum_counter: Counter(0),
            ..again
        },
    ] {
        assert!(walk(&other, &evidence).advance.is_some(), "{other:?}");
    }
}

/// The counters that a release may have begin with the one that is there, and with the least that the product asks for.
#[test]
fn a_counter_may_be_the_least_there_is() {
    let (update, state) = release();
    let root = canonical(&state["root"]);
    let evidence = Evidence::parse(&update).unwrap();
    let answer = |counter: u64, minimum: u64| {
        let known = Known {
            counter: Counter(counter),
            minimum_counter: Counter(minimum),
            ..known(&state, &root)
        };
        match walk(&known, &evidence).outcome {
            Outcome::Complete(chain) => chain.release(&known).map(|release| release.record.counter),
            other => panic!("{other:?}"),
        }
    };
    let Counter(its) = answer(0, 0).unwrap();
    assert_eq!(answer(its, its), Ok(Counter(its)));
    assert_eq!(answer(0, its + 1), Err(Reason::CounterBelowMinimum));
    assert_eq!(answer(its + 1, 0), Err(Reason::CounterRollback));
}

/// What a bootloader does, without its flash: evidence, release, image.
fn judge(known: &Known<'_>, update: &[u8]) -> (Verdict, &'static str) {
    let evidence = match Evidence::parse(update) {
        Ok(evidence) => evidence,
        Err(error) => return (Verdict::Refuse(error.into()), "stays"),
    };
    let walked = walk(known, &evidence);
    let chain = match walked.outcome {
        Outcome::Complete(chain) => chain,
        Outcome::RootsOnly => {
            return (
                Verdict::Refuse(Reason::NoImage),
                trust(known, walked.advance, false),
            );
        }
        Outcome::Refused(reason) => {
            return (Verdict::Refuse(reason), trust(known, walked.advance, false));
        }
    };
    let trust = trust(known, walked.advance, true);
    let release = match chain.release(known) {
        Ok(release) => release,
        Err(reason) => return (Verdict::Refuse(reason), trust),
    };
    let Ok(length) = u32::try_from(release.record.image.length.0) else {
        return (Verdict::Refuse(Reason::ImageTooLarge), trust);
    };
    let slot = &update[evidence.bytes().len()..];
    let image = slot.get(..length as usize).unwrap_or(slot);
    (release.admits(image), trust)
}

fn trust(known: &Known<'_>, advance: Option<Advance<'_>>, whole: bool) -> &'static str {
    match advance {
        None => "stays",
        Some(advance) => {
            assert!(advance.floor >= known.floor, "the floor went back");
            if whole {
                return "chain";
            }
            assert!(
                advance.root_changed,
                "something other than root moved without a whole chain"
            );
            assert_eq!(
                (advance.floor, advance.minimum_counter),
                (known.floor, known.minimum_counter)
            );
            "root"
        }
    }
}

/// An update that is taken, and the state of the device that takes it.
fn release() -> (Vec<u8>, Value) {
    let read = |name: &str| fs::read(folder().join(name)).unwrap();
    let state = serde_json::from_slice(&read("base.state.json")).unwrap();
    (read("release.update"), state)
}

fn known<'a>(state: &'a Value, root: &'a str) -> Known<'a> {
    let number = |value: &Value| value.as_u64().unwrap();
    let versions = &state["versions"];
    Known {
        product: state["product"].as_str().unwrap(),
        hardware: state["hardware"].as_str().unwrap(),
        bootloader: number(&state["bootloader"]),
        root: root.as_bytes(),
        versions: Versions {
            timestamp: number(&versions["timestamp"]),
            snapshot: number(&versions["snapshot"]),
            targets: number(&versions["targets"]),
            product: number(&versions["product"]),
        },
        timestamp_digest: Digest::from_hex(state["timestamp_digest"].as_str().unwrap().as_bytes())
            .unwrap(),
        floor: Instant::parse(state["floor"].as_str().unwrap().as_bytes()).unwrap(),
        minimum_counter: Counter(number(&state["minimum_counter"])),
        counter: Counter(number(&state["counter"])),
    }
}

fn names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()?
                .strip_suffix(".update")
                .map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/vectors")
}
