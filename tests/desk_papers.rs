//! What a review says of bills of materials and data-recipients declarations: what changed since the release before, here and on
//! a machine without a network.

#![allow(clippy::unwrap_used)]

#[path = "support/release.rs"]
mod release;
#[path = "support/cuff.rs"]
mod support;

use std::fs;

use release::bundle_with;
use support::Desk;

fn sbom(components: &[(&str, &str)]) -> String {
    let list: Vec<String> = components
        .iter()
        .map(|(name, version)| {
            format!(r#"{{"type":"library","name":"{name}","version":"{version}"}}"#)
        })
        .collect();
    format!(
        r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[{}]}}"#,
        list.join(",")
    )
}

fn recipients(data: &str, country: &str) -> String {
    format!(
        "format = 1\n\n[[recipient]]\nname = \"Example Health GmbH\"\ndata = [{data}]\n\
         why = \"shows the wearer their own data\"\nwhere = [\"{country}\"]\n"
    )
}

fn stage(desk: &Desk, version: &str, sbom: Option<&str>, recipients: Option<&str>) {
    let counter = u64::from(version.as_bytes()[2]);
    let bytes = bundle_with(
        "band",
        version,
        counter,
        version.as_bytes()[2],
        sbom,
        recipients,
    );
    desk.write("band.cuff", bytes);
    desk.cuff("stage band.cuff").expect(0);
}

fn publish(desk: &Desk) {
    for person in ["alice", "bob"] {
        desk.sign(person).expect(0);
    }
    desk.publish().expect(0);
}

/// band/1.0 is published with both papers, band/1.1 staged with others.
fn room() -> Desk {
    let desk = Desk::new().with_a_working_directory();
    desk.cuff("init desk --demo --key root=alice.pub,bob.pub --key band=alice.pub,bob.pub --online online.pub")
        .expect(0);
    let first = sbom(&[("zlib", "1.2"), ("cmsis", "5"), ("gone", "1")]);
    stage(
        &desk,
        "1.0",
        Some(&first),
        Some(&recipients("\"heart-rate\"", "DE")),
    );
    let review = desk.cuff("review").expect(0).stdout;
    assert!(review.contains(", 3 components\n"), "{review}");
    let first =
        "          + Example Health GmbH gets heart-rate in DE: shows the wearer their own data\n";
    assert!(
        review.contains(first) && !review.contains("since "),
        "{review}"
    );
    publish(&desk);
    let second = sbom(&[("zlib", "1.3"), ("cmsis", "5"), ("dsp", "1")]);
    stage(
        &desk,
        "1.1",
        Some(&second),
        Some(&recipients("\"heart-rate\", \"location\"", "US")),
    );
    desk
}

const CHANGED: [&str; 9] = [
    "        since band/1.0:",
    "          + dsp 1",
    "          - gone 1",
    "          zlib 1.2 -> 1.3",
    "        since band/1.0:",
    "          + Example Health GmbH also gets location",
    "          + Example Health GmbH is now also in US",
    "          - Example Health GmbH is no longer in DE",
    "! band/1.1: more of the wearer's data goes to others than with band/1.0: read the lines with a plus",
];

/// The lines above, in their order.
fn says_what_changed(text: &str) {
    let mut lines = text.lines();
    for line in CHANGED {
        assert!(lines.any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_review_says_what_changed_in_the_papers_here_and_without_a_network() {
    let desk = room();
    says_what_changed(&desk.cuff("review").expect(0).stdout);
    let json = desk.cuff("review --json").expect(0).json();
    let facts = &json["roles"][0]["changes"][0];
    assert_eq!(facts["compared_with"], "band/1.0");
    assert_eq!(facts["sbom_changes"].as_array().unwrap().len(), 3);
    assert_eq!(facts["recipients_changes"].as_array().unwrap().len(), 3);
    // The store is not needed for it, and the machine without a network has none.
    fs::rename(desk.path("desk/published"), desk.path("elsewhere")).unwrap();
    let sent = desk
        .cuff("sign --out request.cuffsign --json")
        .expect(0)
        .json();
    let vault = Desk::new()
        .with_example_keys()
        .variable("CUFF_PASSPHRASE", "example");
    vault.write(
        "r.cuffsign",
        fs::read(desk.path("request.cuffsign")).unwrap(),
    );
    let root = sent["root_sha256"].as_str().unwrap();
    let line = format!("sign r.cuffsign --key alice.key --root-sha256 {root}");
    says_what_changed(&vault.cuff(&line).expect(2).stderr);
}

#[test]
fn papers_that_are_not_what_was_signed_are_not_compared() {
    let desk = room();
    let papers = desk.path("desk/metadata/papers");
    let kept = || {
        fs::read_dir(&papers)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    };
    assert_eq!(kept().count(), 2);
    for paper in kept() {
        let text = fs::read_to_string(&paper).unwrap();
        fs::write(
            &paper,
            text.replace("gone", "dsp")
                .replace("heart-rate", "location"),
        )
        .unwrap();
    }
    let review = desk.cuff("review").expect(0).stdout;
    for what in ["the bill of materials", "the data-recipients declaration"] {
        let line = format!(
            "! band/1.1: what changed in {what} cannot be told: that of band/1.0 is not in `metadata/papers/` of this working directory\n"
        );
        assert!(review.contains(&line), "{line}{review}");
    }
    assert!(!review.contains("since "), "{review}");
}

#[test]
fn papers_go_with_the_releases_that_named_them() {
    let desk = room();
    publish(&desk);
    let kept = || {
        fs::read_dir(desk.path("desk/metadata/papers"))
            .unwrap()
            .count()
    };
    assert_eq!(kept(), 4);
    // A release without papers is pointed out, and the newest is what the next is held against.
    stage(&desk, "1.2", None, None);
    let review = desk.cuff("review").expect(0).stdout;
    for line in [
        "! band/1.2: no bill of materials comes with it any more; with band/1.1 it did\n",
        "! band/1.2: it does not declare any more who gets the wearer's data; with band/1.1 it did\n",
    ] {
        assert!(review.contains(line), "{line}{review}");
    }
    desk.cuff("cancel").expect(0);
    desk.cuff("yank band/1.0").expect(0);
    publish(&desk);
    assert_eq!(kept(), 2);
}
