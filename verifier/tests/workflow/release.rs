//! The release record, and what a device makes of a chain: the edges that no vector has.

use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::{BadEvidence, Evidence, Parts};
use cuff_verifier::json::Value as Json;
use cuff_verifier::judge::{Known, Outcome, walk};
use cuff_verifier::key::Ed25519;
use cuff_verifier::profile::Profile;
use cuff_verifier::release::{BadRecord, Record};
use cuff_verifier::role::Role;
use cuff_verifier::role::metafile::Hashes;
use cuff_verifier::role::root::Root;
use cuff_verifier::role::snapshot::Snapshot;
use cuff_verifier::role::targets::Targets;
use cuff_verifier::role::timestamp::Timestamp;
use cuff_verifier::verdict::Reason;
use cuff_verifier::version::Length;
use serde_json::{Value, json};

use crate::form::{kind, pointers};
use crate::repository::{Repository, canonical, name_of, read};

fn record() -> Value {
    let digest = "0a".repeat(32);
    json!({
        "counter": 7, "format": 1, "hardware": ["band-a", "band-b"],
        "images": [{"length": 4, "region": "active", "sha256": digest}],
        "kind": "application", "minimum_bootloader": 1, "product": "band",
        "recipients": digest, "sbom": digest, "version": "1.4.0",
    })
}

fn said(record: &Value) -> Result<(), BadRecord> {
    Record::read(canonical(record).as_bytes()).map(|_| ())
}

#[test]
fn no_value_of_a_record_passes_as_another_kind_or_is_missing() {
    assert_eq!(said(&record()), Ok(()));
    let mut ways = Vec::new();
    pointers(&record(), "", &mut ways);
    for way in ways {
        for other in [
            json!(null),
            json!(1),
            json!(-1),
            json!("1"),
            json!([]),
            json!({}),
        ] {
            let mut bent = record();
            let place = bent.pointer_mut(&way).unwrap();
            // A version may be any text, a counter any number.
            if kind(place) == kind(&other) && other != json!(-1) {
                continue;
            }
            *place = other.clone();
            assert!(said(&bent).is_err(), "{way} as {other}");
        }
        let (parent, name) = way.rsplit_once('/').unwrap();
        let mut bent = record();
        if let Some(Value::Object(members)) = bent.pointer_mut(parent) {
            members.remove(name).unwrap();
            let may = matches!(name, "recipients" | "sbom");
            assert_eq!(said(&bent).is_ok(), may, "{way}");
            assert!(
                may || matches!(said(&bent), Err(BadRecord::Missing(member)) if member.name().ends_with(name))
            );
        }
    }
    let mut more = record();
    more["images"][0]["more"] = json!(1);
    assert_eq!(said(&more), Err(BadRecord::UnknownMember));
    let mut beyond = record();
    beyond["version"] = json!("\u{e9}");
    assert!(matches!(said(&beyond), Err(BadRecord::Json(_))));
    let mut nameless = record();
    nameless["hardware"] = json!(["", "a"]);
    assert_eq!(said(&nameless), Err(BadRecord::Hardware));
}

#[test]
fn a_path_in_evidence_is_text() {
    let mut bytes = Vec::new();
    let parts = Parts {
        path: "band/1",
        first_root: 0,
        roots: &[],
        online: Some([b"t", b"s", b"g"]),
        delegated: &[],
    };
    parts
        .encode(&mut |piece| bytes.extend_from_slice(piece))
        .unwrap();
    assert_eq!(Evidence::parse(&bytes).unwrap().path(), "band/1");
    let at = bytes.windows(6).position(|path| path == b"band/1").unwrap();
    bytes[at] = 0xff;
    assert_eq!(Evidence::parse(&bytes).map(|_| ()), Err(BadEvidence::Path));
    assert_eq!(Reason::from(BadEvidence::Path), Reason::EvidencePath);
}

/// What a trust store gives back is checked all the same.
#[test]
fn a_kept_root_that_is_none_is_refused() {
    let mut bytes = Vec::new();
    let parts = Parts {
        path: "",
        first_root: 2,
        roots: &[b"{}"],
        online: None,
        delegated: &[],
    };
    parts
        .encode(&mut |piece| bytes.extend_from_slice(piece))
        .unwrap();
    let evidence = Evidence::parse(&bytes).unwrap();
    let known = Known::of_new_unit("band", "band-a", 1, b"{}");
    assert_eq!((known.versions.timestamp, known.floor.0), (0, 0));
    let walked = walk(&known, &evidence);
    assert!(walked.advance.is_none());
    assert!(matches!(
        walked.outcome,
        Outcome::Refused(Reason::MissingMember)
    ));
    // One that is sound, and a link that is not.
    let anchor = Repository::new().anchor.sign();
    let root = read(&anchor);
    let known = Known::of_new_unit("band", "band-a", 1, root.signed());
    let walked = walk(&known, &evidence);
    assert!(walked.advance.is_none());
    assert!(matches!(walked.outcome, Outcome::Refused(Reason::Envelope)));
}

#[test]
fn every_file_can_be_looked_into() {
    let files = Repository::new().files();
    let root = read(&files.anchor);
    let root = Root::parse(&root).unwrap();
    assert!(root.consistent_snapshot());
    assert_eq!(root.signed(), read(&files.anchor).signed());
    let of = |role| root.authority(role).unwrap().threshold().get();
    assert_eq!(
        (of(Role::Root), of(Role::Timestamp), of(Role::Delegated)),
        (2, 1, 2)
    );
    let mut plain = Repository::new();
    for consistent in [Some(json!(false)), None] {
        let body = plain.anchor.body.as_object_mut().unwrap();
        body.remove("consistent_snapshot");
        if let Some(value) = consistent {
            body.insert("consistent_snapshot".to_owned(), value);
        }
        let file = plain.anchor.sign();
        assert!(!Root::parse(&read(&file)).unwrap().consistent_snapshot());
    }
    let timestamp = Timestamp::parse(&read(&files.timestamp)).unwrap();
    let snapshot = &files.snapshot;
    assert_eq!(timestamp.snapshot.sha256(), Some(Digest::of(snapshot)));
    assert_eq!(timestamp.snapshot.length(), Some(Length::of(snapshot)));
    let snapshot = Snapshot::parse(&read(&files.snapshot)).unwrap();
    let names: Vec<_> = snapshot.names().map(name_of).collect();
    assert_eq!(names, ["band", "targets"]);
    assert!(
        snapshot
            .files()
            .map(|(name, _)| name)
            .eq([&b"band"[..], b"targets"])
    );
    assert!(snapshot.file(b"other").is_none());
    let targets = Targets::parse(&read(&files.targets), Role::Targets).unwrap();
    assert!(
        targets
            .targets()
            .map(|(path, _)| name_of(path))
            .eq(["free"])
    );
    assert_eq!(targets.minimum_counter(), None);
    let (_, target) = targets.targets().next().unwrap();
    assert_eq!(target.length, Length(4));
    assert_eq!(target.sha256, Some(Digest::of(b"free")));
    assert_eq!(target.custom, None);
    let delegations = targets.delegations().unwrap();
    assert!(delegations.bins().is_none());
    let band = delegations.iter().next().unwrap();
    assert!(band.patterns().map(name_of).eq(["band/*"]));
    let band = &files.delegated[0].1;
    let band = Targets::parse(&read(band), Role::Delegated).unwrap();
    assert_eq!(band.minimum_counter().map(|counter| counter.0), Some(3));
    assert!(band.delegations().is_none());
    // In somebody else's file the member could mean anything.
    let mut theirs: Value = serde_json::from_slice(&files.delegated[0].1).unwrap();
    theirs["signed"]["minimum_counter"] = json!("x");
    let theirs = canonical(&theirs);
    let theirs = Targets::parse(&read(theirs.as_bytes()), Role::Delegated).unwrap();
    assert_eq!(theirs.minimum_counter(), None);
    let hashes = Json::check(br#"{"other":"x"}"#).unwrap();
    let hashes = Hashes::parse(hashes, Profile::Foreign).unwrap();
    assert_eq!(hashes.value().bytes(), br#"{"other":"x"}"#);
    assert_eq!(hashes.sha256(), None);
    assert!(!hashes.hold(b"", &Ed25519), "nothing known pins nothing");
    let both = format!(r#"{{"other":"x","sha256":"{}"}}"#, Digest::of(b"free"));
    let both = Hashes::parse(Json::check(both.as_bytes()).unwrap(), Profile::Foreign).unwrap();
    assert!(both.hold(b"free", &Ed25519) && !both.hold(b"fee", &Ed25519));
}
