//! Evidence put together at the desk, held against the device's judge.

use cuff::bundle::seal::Seal;
use cuff::evidence::{EvidenceError, Metadata};
use cuff::judgement::{Judgement, Room, Trust as Moves, Update, judge};
use cuff::repository::client::trust::Trust;
use cuff::repository::view::View;
use cuff::state::{Device, State};
use cuff_verifier::verdict::{Reason, Verdict};
use serde_json::json;

use crate::author::{Author, delegation, keys};
use crate::update;

fn view(author: &Author, wanted: &[&str]) -> View {
    let folder = tempfile::tempdir().unwrap();
    author.publish(folder.path());
    update(&mut Trust::in_memory(author.root()), folder.path(), wanted).unwrap()
}

fn device(author: &Author) -> Device {
    let state = author.state().to_string();
    State::read(state.as_bytes()).unwrap().check().unwrap()
}

fn judged(author: &Author, evidence: &[u8], image: &[u8]) -> Judgement {
    let update = Update {
        evidence,
        image: Some(image),
    };
    judge(&device(author).known(), &update, None)
}

#[test]
fn evidence_for_a_release_boots_it() {
    let mut author = Author::new();
    author.rotate(&["alice", "bob"], |_| ());
    author.rotate(&["bob", "carol"], |_| ());
    let view = view(&author, &["band/1.0.0"]);
    let evidence = view.metadata().evidence("band/1.0.0", 1).unwrap();
    assert_eq!(
        view.metadata().length("band/1.0.0", 1),
        Ok(evidence.len() as u64)
    );
    let judgement = judged(&author, &evidence, b"the first image");
    assert_eq!(judgement.verdict, Verdict::Boot);
    match judgement.trust {
        Moves::Chain(moved) => assert_eq!((moved.root, moved.versions.product), (3, 1)),
        other => panic!("{other:?}"),
    }
    let judgement = judged(&author, &evidence, b"the first imagE");
    assert_eq!(judgement.verdict, Verdict::Refuse(Reason::ImageDigest));
    // Trust moves whatever becomes of the image.
    assert!(matches!(judgement.trust, Moves::Chain(_)));
}

#[test]
fn evidence_for_trust_alone_moves_trust_and_installs_nothing() {
    let author = Author::new();
    let view = view(&author, &["band/"]);
    let evidence = view.metadata().evidence("band/", 1).unwrap();
    let judgement = judged(&author, &evidence, b"");
    assert_eq!(judgement.verdict, Verdict::Refuse(Reason::NoImage));
    assert!(matches!(judgement.trust, Moves::Chain(_)));
}

#[test]
fn roots_come_in_steps_that_fit() {
    let mut author = Author::new();
    for _ in 0..7 {
        author.rotate(&["alice", "bob"], |_| ());
    }
    let view = view(&author, &["band/1.0.0"]);
    let room = 3 * view.roots()[&2].len() as u64;
    let steps = view.metadata().root_steps(1, room).unwrap();
    assert_eq!(steps.len(), 4);
    let mut state = author.state();
    for (step, expected) in steps.iter().zip([3, 5, 7, 8]) {
        assert!(step.len() as u64 <= room);
        let device = State::read(state.to_string().as_bytes())
            .unwrap()
            .check()
            .unwrap();
        let update = Update {
            evidence: step,
            image: None,
        };
        match judge(&device.known(), &update, None).trust {
            Moves::Root(moved) => assert_eq!(moved.root, expected),
            other => panic!("{other:?}"),
        }
        let body = &author.roots[usize::try_from(expected).unwrap() - 1].body;
        state["root"] = body.clone();
    }
    assert_eq!(
        view.metadata().root_steps(1, 100),
        Err(EvidenceError::TooLarge)
    );
}

#[test]
fn delegated_files_come_in_the_order_of_the_devices_search() {
    let mut author = Author::new();
    // Somebody who may speak for the same paths, and is asked first.
    let roles = author.targets.body["delegations"]["roles"].as_array_mut();
    let mut first = delegation("early", &["erin"], 1);
    first["paths"] = json!(["band/*"]);
    first["terminating"] = json!(false);
    roles.unwrap().insert(0, first);
    let mut early = author.products["scale"].clone();
    early.body["delegations"] = json!({"keys": keys(&["erin"]), "roles": [{
        "keyids": crate::author::keyids(&["erin"]), "name": "inner", "paths": ["*/*"], "terminating": false, "threshold": 1}]});
    author.products.insert("early".to_owned(), early);
    let inner = author.products["scale"].clone();
    author.products.insert("inner".to_owned(), inner);
    let view = view(&author, &["band/1.0.0"]);
    let met = view.metadata().search("band/1.0.0").unwrap();
    let expected = ["early", "inner", "band"].map(|role| author.products[role].bytes());
    assert_eq!(met.files, expected);
    let evidence = view.metadata().evidence("band/1.0.0", 1).unwrap();
    assert_eq!(
        judged(&author, &evidence, b"the first image").verdict,
        Verdict::Boot
    );
}

#[test]
fn what_cannot_be_put_together_is_named() {
    let author = Author::new();
    let view = view(&author, &["band/1.0.0"]);
    let mut metadata = view.metadata();
    metadata.roles.clear();
    assert_eq!(
        metadata.evidence("band/1.0.0", 1).map_err(|e| e.reason()),
        Err(Reason::EvidenceIncomplete)
    );
    let mut metadata = view.metadata();
    metadata.roots = [(1, &b"x"[..]), (3, b"x")].into();
    assert_eq!(
        metadata.evidence("band/1.0.0", 1),
        Err(EvidenceError::RootGap { missing: 2 })
    );
    let mut metadata = view.metadata();
    metadata.targets = b"{ }";
    assert!(matches!(
        metadata.evidence("band/1.0.0", 1).map_err(|e| e.reason()),
        Err(Reason::NotCanonical | Reason::Envelope)
    ));
}

#[test]
fn a_seal_holds_the_same_metadata_as_the_view_it_came_from() {
    let mut author = Author::new();
    author.rotate(&["alice", "bob"], |_| ());
    let seal = Seal::pack(&author.files()).unwrap();
    let view = view(&author, &["band/1.0.0"]);
    let from_seal = Metadata::of_seal(&seal).unwrap();
    for trusted in [1, 2, 3] {
        assert_eq!(
            from_seal.evidence("band/1.0.0", trusted),
            view.metadata().evidence("band/1.0.0", trusted)
        );
    }
}

#[test]
fn a_board_that_is_too_small_says_so() {
    let author = Author::new();
    let view = view(&author, &["band/1.0.0"]);
    let evidence = view.metadata().evidence("band/1.0.0", 1).unwrap();
    let image = b"the first image";
    let enough = Room {
        evidence: evidence.len() as u64,
        image: image.len() as u64,
    };
    let verdict = |room| {
        let update = Update {
            evidence: &evidence,
            image: Some(image),
        };
        judge(&device(&author).known(), &update, Some(room)).verdict
    };
    assert_eq!(verdict(enough), Verdict::Boot);
    let small = Room {
        evidence: enough.evidence - 1,
        ..enough
    };
    assert_eq!(verdict(small), Verdict::Refuse(Reason::EvidenceTooLarge));
    let small = Room {
        image: enough.image - 1,
        ..enough
    };
    assert_eq!(verdict(small), Verdict::Refuse(Reason::ImageTooLarge));
}
