//! Thresholds: what counts as a signature, and what is no envelope.

use cuff_verifier::profile::Profile;
use cuff_verifier::role::Role;
use cuff_verifier::role::root::Root;
use cuff_verifier::threshold::{
    Authentic, Document, MAX_SIGNERS, Unauthentic, authenticate, signatures, signers,
    unauthenticated,
};
use serde_json::{Value, json};

use crate::repository::{
    File, Repository, Stub, canonical, envelope, id, keys, name_of, read, signers as listed,
};

/// What a root that lists `root` by these keys says of a file by those.
fn count(root: &File, file: &[u8], profile: Profile) -> Result<(), Unauthentic> {
    let anchor = root.sign();
    let root = Root::parse(&read(&anchor)).unwrap();
    let authority = root.authority(Role::Root).unwrap();
    authenticate(Document::canonical(file), &authority, profile, &Stub).map(|_| ())
}

fn who(root: &File, file: &[u8]) -> Vec<String> {
    let anchor = root.sign();
    let root = Root::parse(&read(&anchor)).unwrap();
    let authority = root.authority(Role::Root).unwrap();
    let who = signers(
        Document::canonical(file),
        &authority,
        Profile::Foreign,
        &Stub,
    );
    who.unwrap().map(name_of).collect()
}

fn root(by: &[u8], threshold: u64) -> File {
    let mut anchor = Repository::new().anchor;
    anchor.body["keys"] = keys(&[1, 2, 3, 4, 9]);
    anchor.body["roles"]["root"] = listed(by, threshold);
    anchor
}

fn signed(by: &[u8]) -> Vec<u8> {
    File::new(json!({"any": "thing"}), by).sign()
}

fn pairs(by: &[u8]) -> Vec<Value> {
    let file = signed(by);
    let whole: Value = serde_json::from_slice(&file).unwrap();
    whole["signatures"].as_array().unwrap().clone()
}

const fn under(needed: u16, counted: u16) -> Result<(), Unauthentic> {
    Err(Unauthentic::UnderThreshold { needed, counted })
}

#[test]
fn distinct_keys_are_counted_up_to_the_threshold() {
    for profile in [Profile::Device, Profile::Foreign] {
        let root = root(&[1, 2, 3], 2);
        assert_eq!(count(&root, &signed(&[1, 2]), profile), Ok(()));
        assert_eq!(count(&root, &signed(&[3, 1, 2]), profile), Ok(()));
        assert_eq!(count(&root, &signed(&[2]), profile), under(2, 1));
        assert_eq!(count(&root, &signed(&[]), profile), under(2, 0));
        assert_eq!(count(&root, &signed(&[2, 4]), profile), under(2, 1));
    }
    let most = root(&[1], u64::from(u16::MAX) + 5);
    assert_eq!(
        count(&most, &signed(&[1]), Profile::Device),
        under(u16::MAX, 1)
    );
}

#[test]
fn those_who_signed_are_named() {
    let root = root(&[3, 1, 2], 2);
    assert_eq!(
        who(&root, &signed(&[1, 2, 3, 4])),
        ["key-3", "key-1", "key-2"]
    );
    assert_eq!(who(&root, &signed(&[2])), ["key-2"]);
    assert!(who(&root, &signed(&[4])).is_empty());
}

#[test]
fn a_signature_of_other_bytes_does_not_count() {
    let file = envelope(&json!(pairs(&[1, 2])), r#"{"other":1}"#);
    assert_eq!(
        count(&root(&[1, 2], 1), &file, Profile::Foreign),
        under(1, 0)
    );
    assert!(who(&root(&[1, 2], 1), &file).is_empty());
}

/// Two ids of one key are one signer, whichever of them signed.
#[test]
fn a_key_under_two_ids_counts_once() {
    let mut root = root(&[1, 2], 2);
    root.body["keys"]["twin"] = root.body["keys"][id(1)].clone();
    for ids in [json!([id(1), "twin", id(2)]), json!(["twin", id(1), id(2)])] {
        root.body["roles"]["root"]["keyids"] = ids;
        let mut signatures = pairs(&[1]);
        let mut twin = signatures[0].clone();
        twin["keyid"] = json!("twin");
        let file = |signatures: &[Value]| envelope(&json!(signatures), r#"{"any":"thing"}"#);
        assert_eq!(
            count(&root, &file(std::slice::from_ref(&twin)), Profile::Foreign),
            under(2, 1)
        );
        signatures.push(twin);
        assert_eq!(
            count(&root, &file(&signatures), Profile::Foreign),
            under(2, 1)
        );
        signatures.extend(pairs(&[2]));
        assert_eq!(count(&root, &file(&signatures), Profile::Foreign), Ok(()));
    }
}

/// An id that the role does not list lends its signature to nobody.
#[test]
fn an_id_that_is_not_listed_does_not_speak() {
    let mut root = root(&[1], 1);
    root.body["keys"]["twin"] = root.body["keys"][id(1)].clone();
    let mut twin = pairs(&[1]);
    twin[0]["keyid"] = json!("twin");
    let file = envelope(&json!(twin), r#"{"any":"thing"}"#);
    assert_eq!(count(&root, &file, Profile::Foreign), under(1, 0));
    root.body["roles"]["root"] = listed(&[7, 1], 1);
    assert_eq!(count(&root, &signed(&[7]), Profile::Foreign), under(1, 0));
    assert_eq!(count(&root, &signed(&[1]), Profile::Foreign), Ok(()));
}

#[test]
fn signatures_are_listed_as_they_stand() {
    let file = signed(&[2, 1]);
    let ids: Vec<_> = signatures(Document::canonical(&file), Profile::Device)
        .unwrap()
        .map(|(id, _)| name_of(id))
        .collect();
    assert_eq!(ids, ["key-2", "key-1"]);
}

#[test]
fn what_is_no_envelope_is_refused() {
    let root = root(&[1], 1);
    let pair = canonical(&pairs(&[1])[0]);
    for (file, error) in [
        (String::new(), Unauthentic::Envelope),
        ("{}".to_owned(), Unauthentic::Envelope),
        (
            format!("{{\"signatures\":[{pair}]}}"),
            Unauthentic::Envelope,
        ),
        (
            format!("{{\"signatures\":[{pair}],\"signed\":[]}}"),
            Unauthentic::Envelope,
        ),
        (
            format!("{{\"signatures\":[{pair}],\"signed\":{{}}}} "),
            Unauthentic::Envelope,
        ),
        (
            format!("{{\"signatures\":[{pair},{pair}],\"signed\":{{}}}}"),
            Unauthentic::RepeatedSignature,
        ),
        (
            "{\"signatures\":[{\"keyid\":\"a\"}],\"signed\":{}}".to_owned(),
            Unauthentic::Envelope,
        ),
        (
            "{\"signatures\":[{\"keyid\":1,\"sig\":\"\"}],\"signed\":{}}".to_owned(),
            Unauthentic::Json(cuff_verifier::json::Fault::Unexpected),
        ),
        (
            "{\"signatures\":[{\"keyid\":\"a\",\"sig\":1}],\"signed\":{}}".to_owned(),
            Unauthentic::Json(cuff_verifier::json::Fault::Unexpected),
        ),
        (
            "{\"signatures\":[1],\"signed\":{}}".to_owned(),
            Unauthentic::Json(cuff_verifier::json::Fault::Unexpected),
        ),
        (
            "{\"signatures\":{},\"signed\":{}}".to_owned(),
            Unauthentic::Json(cuff_verifier::json::Fault::Unexpected),
        ),
        (
            "{\"signatures\":[".to_owned(),
            Unauthentic::Json(cuff_verifier::json::Fault::Truncated),
        ),
    ] {
        for profile in [Profile::Device, Profile::Foreign] {
            let found = unauthenticated(Document::canonical(file.as_bytes()), profile);
            assert_eq!(found.map(|_| ()), Err(error), "{file}");
            let found = signatures(Document::canonical(file.as_bytes()), profile);
            assert_eq!(found.map(|_| ()), Err(error), "{file}");
            assert_eq!(count(&root, file.as_bytes(), profile), Err(error), "{file}");
        }
    }
}

#[test]
fn only_a_device_minds_what_else_a_signature_says() {
    let mut more = pairs(&[1]);
    more[0]["method"] = json!("x");
    let file = envelope(&json!(more), r#"{"any":"thing"}"#);
    let root = root(&[1], 1);
    assert_eq!(count(&root, &file, Profile::Foreign), Ok(()));
    assert_eq!(
        count(&root, &file, Profile::Device),
        Err(Unauthentic::Envelope)
    );
}

#[test]
fn so_many_signatures_and_no_more() {
    let many = |count: usize| {
        let pairs: Vec<_> = (0..count)
            .map(|number| json!({"keyid": format!("other-{number}"), "sig": ""}))
            .chain(pairs(&[1]))
            .collect();
        envelope(&json!(pairs), r#"{"any":"thing"}"#)
    };
    let root = root(&[1], 1);
    for profile in [Profile::Device, Profile::Foreign] {
        assert_eq!(count(&root, &many(MAX_SIGNERS - 1), profile), Ok(()));
        assert_eq!(
            count(&root, &many(MAX_SIGNERS), profile),
            Err(Unauthentic::TooManySignatures)
        );
    }
}

#[test]
fn a_profile_says_which_bytes_are_read() {
    let foreign = "{\"signatures\":[],\"signed\":{\"name\":\"\u{e9}\"}}";
    let file = Document::canonical(foreign.as_bytes());
    let said = |profile| unauthenticated(file, profile).map(|proof: Authentic<'_>| proof.profile());
    assert_eq!(said(Profile::Foreign), Ok(Profile::Foreign));
    assert_eq!(
        said(Profile::Device),
        Err(Unauthentic::Json(
            cuff_verifier::json::Fault::NotPrintableAscii
        ))
    );
    let broken = b"{\"signatures\":[],\"signed\":{\"name\":\"\xff\"}}";
    let said = unauthenticated(Document::canonical(broken), Profile::Foreign).map(|_| ());
    assert_eq!(
        said,
        Err(Unauthentic::Json(cuff_verifier::json::Fault::NotUtf8))
    );
}

/// Signatures are over the canonical form, pins over what was served.
#[test]
fn a_foreign_file_has_two_forms() {
    let file = signed(&[1]);
    let document = Document::foreign(b"as served", &file);
    assert_eq!(document.served(), b"as served");
    let anchor = root(&[1], 1).sign();
    let root = Root::parse(&read(&anchor)).unwrap();
    let authority = root.authority(Role::Root).unwrap();
    assert_eq!(authority.threshold().get(), 1);
    let proof = authenticate(document, &authority, Profile::Foreign, &Stub).unwrap();
    assert_eq!(proof.signed(), br#"{"any":"thing"}"#);
}
