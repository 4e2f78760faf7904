//! The whole walk over a hostile repository: twice the same answer, and whatever is accepted holds by an independent count.
//!
//! The count is made with another JSON reader and with Ed25519 asked directly; it shares no line with the verifier.

use std::collections::BTreeSet;

use cuff::repository::foreign;
use cuff::repository::foreign::schemes::AllSchemes;
use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Evidence;
use cuff_verifier::judge::{Known, Outcome, Versions, Walk, walk};
use cuff_verifier::profile::Profile;
use cuff_verifier::threshold::Document;
use cuff_verifier::time::Clock;
use cuff_verifier::trusted::{Policy, RootChain, Seen};
use cuff_verifier::verdict::{Reason, Verdict};
use cuff_verifier::version::Counter;
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;

use crate::hostile::Hostile;

/// Judges, and checks the judge.
pub fn trusted_set(data: &[u8]) {
    let hostile = Hostile::repository(data);
    let known = known(&hostile);
    let Ok(evidence) = Evidence::parse(&hostile.update) else {
        return;
    };
    let walked = walk(&known, &evidence);
    assert_eq!(
        format!("{walked:?}"),
        format!("{:?}", walk(&known, &evidence))
    );
    roots_hold(&hostile, &walked);
    let Outcome::Complete(chain) = &walked.outcome else {
        assert!(walked.advance.is_none_or(|advance| advance.root_changed));
        return;
    };
    let (root, targets) = signed_right(&hostile, &walked);
    drop((root, targets));
    versions_hold(&known, &walked);
    foreign_agrees(&hostile, &known);
    let Ok(release) = chain.release(&known) else {
        return;
    };
    let said = release.admits(&hostile.image);
    let record = &release.record;
    assert_eq!(record.product, "band");
    assert!(record.suits("band-a") && record.minimum_bootloader <= 1);
    assert!(record.counter >= known.counter);
    let right = Digest::of(&hostile.image) == record.image.sha256
        && hostile.image.len() as u64 == record.image.length.0;
    assert_eq!(said == Verdict::Boot, right);
    if !right {
        assert!(matches!(
            said,
            Verdict::Refuse(Reason::ImageDigest | Reason::ImageLength)
        ));
    }
}

/// What the device knows.
pub fn known(hostile: &Hostile) -> Known<'_> {
    let [timestamp, snapshot, targets, product] = hostile.versions;
    let [minimum, counter] = hostile.counters;
    Known {
        versions: Versions {
            timestamp,
            snapshot,
            targets,
            product,
        },
        floor: hostile.floor,
        minimum_counter: Counter(minimum),
        counter: Counter(counter),
        ..Known::of_new_unit("band", "band-a", 1, hostile.known_root.as_bytes())
    }
}

/// The files that everything accepted rests on, parsed by somebody else.
fn parse(file: &[u8]) -> Value {
    serde_json::from_slice(file).expect("what was accepted is JSON")
}

/// Whether enough distinct keys signed `file`, by `keys` and `role` (an object with `keyids` and `threshold`).
fn is_signed(file: &[u8], keys: &Value, role: &Value) -> bool {
    let envelope = parse(file);
    let at = file
        .windows(10)
        .position(|window| window == b",\"signed\":")
        .expect("an envelope");
    let signed = &file[at + 10..file.len() - 1];
    let ids: BTreeSet<&str> = role["keyids"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let mut signers = BTreeSet::new();
    for pair in envelope["signatures"].as_array().expect("a list") {
        let (Some(id), Some(sig)) = (pair["keyid"].as_str(), pair["sig"].as_str()) else {
            continue;
        };
        let public = keys[id]["keyval"]["public"].as_str();
        let Some(public) = public.filter(|_| ids.contains(id)) else {
            continue;
        };
        let (Some(key), Some(bytes)) = (unhex::<32>(public), unhex::<64>(sig)) else {
            continue;
        };
        let valid = VerifyingKey::from_bytes(&key).is_ok_and(|key| {
            key.verify_strict(signed, &Signature::from_bytes(&bytes))
                .is_ok()
        });
        if valid {
            signers.insert(key);
        }
    }
    let threshold = role["threshold"].as_u64().expect("a number");
    threshold >= 1 && signers.len() as u64 >= threshold
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let bytes: Option<Vec<u8>> = (0..text.len() / 2)
        .map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok())
        .collect();
    bytes?.try_into().ok()
}

/// Every root that was taken is signed by the one before it and by itself, and one version on.
fn roots_hold(hostile: &Hostile, walked: &Walk<'_>) {
    let Some(advance) = &walked.advance else {
        return;
    };
    if !advance.root_changed {
        return;
    }
    let mut trusted: Value = serde_json::from_str(&hostile.known_root).expect("JSON");
    for file in &hostile.roots {
        if trusted["version"] == advance.root_version.get() {
            break;
        }
        let next = &parse(file)["signed"];
        assert!(is_signed(file, &trusted["keys"], &trusted["roles"]["root"]));
        assert!(is_signed(file, &next["keys"], &next["roles"]["root"]));
        assert_eq!(
            next["version"].as_u64(),
            trusted["version"].as_u64().map(|version| version + 1)
        );
        trusted = next.clone();
    }
    assert_eq!(trusted["version"], advance.root_version.get());
}

/// Timestamp, snapshot and targets of a whole chain are signed by the keys that its root lists.
fn signed_right(hostile: &Hostile, walked: &Walk<'_>) -> (Value, Value) {
    let version = walked
        .advance
        .map_or(1, |advance| advance.root_version.get());
    let root = hostile
        .roots
        .iter()
        .chain([&hostile.anchor])
        .map(|file| parse(file)["signed"].clone())
        .find(|root| root["version"] == version)
        .expect("the root that was taken");
    for (file, role) in hostile
        .online
        .iter()
        .zip(["timestamp", "snapshot", "targets"])
    {
        assert!(
            is_signed(file, &root["keys"], &root["roles"][role]),
            "{role} is not signed by its threshold"
        );
    }
    let targets = parse(&hostile.online[2])["signed"].clone();
    let band = hostile.delegated.iter().find(|(name, _)| name == "band");
    let (_, band) = band.expect("no chain is whole without the product role");
    let delegators = hostile
        .delegated
        .iter()
        .map(|(_, file)| file)
        .chain([&hostile.online[2]]);
    let by_somebody = delegators
        .map(|file| parse(file)["signed"]["delegations"].clone())
        .any(|delegations| {
            let roles = delegations["roles"].as_array().cloned().unwrap_or_default();
            roles
                .iter()
                .filter(|role| role["name"] == "band")
                .any(|role| is_signed(band, &delegations["keys"], role))
        });
    assert!(
        by_somebody,
        "the product role is signed for no delegation to it"
    );
    (root, targets)
}

/// Nothing goes back, unless a root has taken online keys away; the floor and the counter never do.
fn versions_hold(known: &Known<'_>, walked: &Walk<'_>) {
    let Some(advance) = &walked.advance else {
        return;
    };
    assert!(advance.floor >= known.floor);
    if !advance.root_changed {
        assert!(advance.versions.timestamp >= known.versions.timestamp);
        assert!(advance.versions.snapshot >= known.versions.snapshot);
        assert!(advance.minimum_counter >= known.minimum_counter || known.versions.product == 0);
    }
}

/// Written with white space, as other people publish, it is the same to a host: the front end gives the same bytes, and the
/// foreign profile takes what the stricter one took.
fn foreign_agrees(hostile: &Hostile, known: &Known<'_>) {
    for file in hostile.online.iter().chain(&hostile.roots) {
        let pretty = serde_json::to_vec_pretty(&parse(file)).expect("JSON");
        let canonical = foreign::canonical(&pretty);
        assert_eq!(
            canonical.expect("what a device takes is strict JSON"),
            *file
        );
    }
    let policy = Policy {
        profile: Profile::Foreign,
        clock: Clock::Floor(known.floor),
        schemes: &AllSchemes,
    };
    let mut roots = RootChain::anchor(Document::canonical(&hostile.anchor), policy).expect("ours");
    for file in &hostile.roots {
        // One that does not follow was skipped by the device, as it knew it.
        if let Ok(next) = roots.extend(Document::canonical(file)) {
            roots = next;
        }
    }
    let [timestamp, snapshot, targets] = hostile
        .online
        .each_ref()
        .map(|file| Document::canonical(file));
    let foreign = roots
        .finish()
        .and_then(|root| root.timestamp(timestamp, Seen::default()))
        .and_then(|stamped| stamped.snapshot(snapshot))
        .and_then(|listed| listed.targets(targets));
    assert!(
        foreign.is_ok(),
        "a host refuses what a device took: {:?}",
        foreign.err()
    );
}
