//! The time floor: what a client without a clock makes of dates. It is the device's client, so that it is shown evidence and
//! asked by the verifier's own judge, not over the protocol.
//!
//! The floor is the latest `issued` that a threshold of people has signed; metadata is current while it expires after it.

use cuff_verifier::evidence::{Evidence, Parts};
use cuff_verifier::judge::{Known, Outcome, Walk, walk};
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::Reason;
use serde_json::json;

use crate::simulator::{Stage, Style};

const EARLY: &str = "2030-01-01T00:00:00Z";
const LATE: &str = "2031-01-01T00:00:00Z";
const ROLES: [(&str, Reason); 5] = [
    ("root", Reason::RootExpired),
    ("timestamp", Reason::TimestampExpired),
    ("snapshot", Reason::SnapshotExpired),
    ("targets", Reason::TargetsExpired),
    ("band", Reason::ProductExpired),
];

fn moment(text: &str) -> Instant {
    Instant::parse(text.as_bytes()).unwrap()
}

/// A repository with one product, in the style that devices read.
fn stage() -> Stage {
    let mut stage = Stage::new(Style::Device);
    stage.delegate(
        "targets",
        "band",
        json!({"paths": ["band/*"], "terminating": true}),
    );
    stage.role("band")["minimum_counter"] = json!(0);
    stage.target("band", "band/1", b"firmware");
    stage
}

/// Publishes all of it once more, root included, and shows it to a device that has this floor.
fn shown(stage: &mut Stage, floor: &str) -> (Option<Instant>, Result<(), Reason>) {
    let version = |stage: &Stage, role: &str| stage.roles[role]["version"].as_u64().unwrap();
    let anchor = stage.roles["root"].clone();
    let root = version(stage, "root");
    let trusted = {
        // The device trusts the root before the one that is published now.
        let mut body = anchor;
        body["version"] = json!(root - 1);
        crate::simulator::canonical(&body)
    };
    stage.publish(&["root"]);
    stage.publish_all();
    let at = |role: &str| {
        let version = version(stage, role) - 1;
        stage.file(&format!("metadata/{version}.{role}.json"))
    };
    let (link, band) = (at("root"), at("band"));
    let online = [
        stage.file("metadata/timestamp.json"),
        at("snapshot"),
        at("targets"),
    ];
    let mut bytes = Vec::new();
    let parts = Parts {
        path: "band/1",
        first_root: u32::try_from(root).unwrap(),
        roots: &[&link],
        online: Some(online.each_ref().map(Vec::as_slice)),
        delegated: &[&band],
    };
    parts
        .encode(&mut |piece| bytes.extend_from_slice(piece))
        .unwrap();
    let known = Known {
        floor: moment(floor),
        ..Known::of_new_unit("band", "band-a", 1, trusted.as_bytes())
    };
    let evidence = Evidence::parse(&bytes).unwrap();
    let Walk { advance, outcome } = walk(&known, &evidence);
    let outcome = match outcome {
        Outcome::Complete(_) => Ok(()),
        Outcome::RootsOnly => panic!("there is more than roots"),
        Outcome::Refused(reason) => Err(reason),
    };
    (advance.map(|advance| advance.floor), outcome)
}

#[test]
fn metadata_expires_at_the_floor_and_not_by_any_clock() {
    for (role, reason) in ROLES {
        let mut stage = stage();
        stage.role(role)["expires"] = json!(EARLY);
        let (floor, outcome) = shown(&mut stage, "2029-12-31T23:59:59Z");
        assert_eq!(outcome, Ok(()), "{role}");
        assert_eq!(floor, Some(moment("2029-12-31T23:59:59Z")));
        let (_, outcome) = shown(&mut stage, EARLY);
        assert_eq!(outcome, Err(reason), "{role}");
    }
    // What every clock has left behind is current where nothing newer was ever seen.
    let mut stage = stage();
    for (role, _) in ROLES {
        stage.role(role)["issued"] = json!("2001-01-01T00:00:00Z");
        stage.role(role)["expires"] = json!("2002-01-01T00:00:00Z");
    }
    assert_eq!(shown(&mut stage, "1970-01-01T00:00:00Z").1, Ok(()));
}

#[test]
fn the_floor_moves_with_what_a_threshold_signed_and_never_back() {
    for role in ["root", "targets", "band"] {
        let mut stage = stage();
        stage.role(role)["issued"] = json!(EARLY);
        let (floor, outcome) = shown(&mut stage, "2027-01-01T00:00:00Z");
        assert_eq!((floor, outcome), (Some(moment(EARLY)), Ok(())), "{role}");
        let (floor, outcome) = shown(&mut stage, LATE);
        assert_eq!((floor, outcome), (Some(moment(LATE)), Ok(())), "{role}");
    }
}

#[test]
fn the_online_key_does_not_move_the_floor() {
    for role in ["timestamp", "snapshot"] {
        let mut stage = stage();
        stage.role(role)["issued"] = json!(LATE);
        let (floor, outcome) = shown(&mut stage, "2027-01-01T00:00:00Z");
        let before = Some(moment("2027-01-01T00:00:00Z"));
        assert_eq!((floor, outcome), (before, Ok(())), "{role}");
    }
}

#[test]
fn a_chain_is_held_against_the_dates_it_brings_itself() {
    for (role, reason) in ROLES {
        let mut stage = stage();
        stage.role(role)["expires"] = json!(EARLY);
        let newer = if role == "band" { "targets" } else { "band" };
        stage.role(newer)["issued"] = json!(EARLY);
        let (_, outcome) = shown(&mut stage, "2027-01-01T00:00:00Z");
        assert_eq!(outcome, Err(reason), "{role}");
    }
}

#[test]
fn a_chain_that_was_stamped_after_it_had_expired_is_refused() {
    for (role, _) in ROLES {
        let mut stage = stage();
        stage.role(role)["expires"] = json!(EARLY);
        stage.role("timestamp")["issued"] = json!(EARLY);
        let (_, outcome) = shown(&mut stage, "2027-01-01T00:00:00Z");
        assert_eq!(outcome, Err(Reason::SignedAfterExpiry), "{role}");
        stage.role("timestamp")["issued"] = json!("2029-12-31T23:59:59Z");
        assert_eq!(shown(&mut stage, "2027-01-01T00:00:00Z").1, Ok(()));
    }
}

#[test]
fn links_that_hold_are_kept_and_the_floor_waits_for_the_rest() {
    let mut stage = stage();
    stage.role("root")["issued"] = json!(LATE);
    stage.role("band")["expires"] = json!(EARLY);
    let (floor, outcome) = shown(&mut stage, "2027-01-01T00:00:00Z");
    assert_eq!(outcome, Err(Reason::ProductExpired));
    assert_eq!(floor, Some(moment("2027-01-01T00:00:00Z")));
}
