//! Updates that must boot, among them the ones a judge that is too strict would refuse.

use serde_json::json;

use super::author::{keyid, keyids, keys, product};
use super::{Case, Trust};

pub fn cases() -> Vec<Case> {
    vec![
        Case::accept(
            "release",
            "A release signed by two of three, one metadata version on.",
            |_| {},
        ),
        Case::accept(
            "release-without-minimum-in-the-past",
            "A unit that has never seen metadata takes the first.",
            |case| {
                case.state["versions"] =
                    json!({"timestamp": 0, "snapshot": 0, "targets": 0, "product": 0});
                case.state["counter"] = json!(0);
                case.state["minimum_counter"] = json!(0);
            },
        ),
        Case::accept(
            "equal-counter",
            "The same security counter again is an ordinary update.",
            |case| {
                case.repo.record()["counter"] = json!(3);
            },
        ),
        Case::accept(
            "equal-timestamp-same-bytes",
            "A retry: the timestamp is the one trusted before, byte for byte.",
            |case| {
                case.state["versions"] =
                    json!({"timestamp": 6, "snapshot": 5, "targets": 2, "product": 4});
                case.state["timestamp_digest"] = json!(case.repo.timestamp_digest());
                case.state["floor"] = json!("2026-07-01T00:00:00Z");
            },
        )
        .trust_stays(),
        Case::accept(
            "three-signatures",
            "More signatures than the threshold do no harm.",
            |case| {
                case.repo.band().signed_by(&["alice", "bob", "carol"]);
            },
        ),
        Case::accept(
            "signature-by-stranger",
            "A signature by a key the role does not list is ignored.",
            |case| {
                case.repo.band().signed_by(&["mallory", "alice", "bob"]);
            },
        ),
        Case::accept(
            "signature-empty",
            "An empty signature does not count and does no harm when others suffice.",
            |case| {
                case.repo
                    .band()
                    .extra
                    .push(json!({"keyid": keyid("carol"), "sig": ""}));
            },
        ),
        Case::accept(
            "signature-invalid-beside-enough",
            "An invalid signature does no harm when others suffice.",
            |case| {
                case.repo
                    .band()
                    .extra
                    .push(json!({"keyid": keyid("carol"), "sig": "ab".repeat(64)}));
            },
        ),
        Case::accept(
            "unknown-fields",
            "Fields nobody here knows are signed like the rest and ignored.",
            |case| {
                case.repo.band().body["x-note"] =
                    json!({"a": [1, -2, null, true], "b": "text \"quoted\" \\"});
                case.repo.targets.body["delegations"]["x"] = json!([]);
                case.repo.snapshot.body["x"] = json!(-9_007_199_254_740_991_i64);
            },
        ),
        Case::accept(
            "sbom-and-recipients",
            "Digests of an SBOM and of a data-recipients declaration in the record.",
            |case| {
                case.repo.record()["sbom"] = json!("11".repeat(32));
                case.repo.record()["recipients"] = json!("22".repeat(32));
            },
        ),
        Case::accept(
            "custom-beside-cuff",
            "Other tools may keep their own members beside `cuff`.",
            |case| {
                case.repo.band().body["targets"]["band/1.1.0"]["custom"]["other"] = json!({"x": 1});
            },
        ),
        Case::accept(
            "root-rotation",
            "One new root, signed by two old and two new people.",
            |case| {
                case.repo.rotate(
                    |root| {
                        root["keys"] = keys(&["alice", "bob", "dave", "online"]);
                        root["roles"]["root"]["keyids"] = keyids(&["alice", "bob", "dave"]);
                    },
                    &["alice", "bob"],
                );
            },
        ),
        Case::accept(
            "root-rotation-of-a-full-threshold",
            "All root keys change at once: old and new people sign.",
            |case| {
                case.repo.rotate(
                    |root| {
                        root["keys"] =
                            keys(&["alice", "bob", "carol", "dave", "erin", "frank", "online"]);
                        root["roles"]["root"]["keyids"] = keyids(&["dave", "erin", "frank"]);
                    },
                    &["alice", "bob", "dave", "erin"],
                );
            },
        ),
        Case::accept(
            "root-chain",
            "Three new roots at once; those in between may have expired.",
            |case| {
                for _ in 0..2 {
                    case.repo.rotate(
                        |root| root["expires"] = json!("2026-06-01T00:00:00Z"),
                        &["alice", "bob"],
                    );
                }
                case.repo.rotate(
                    |root| root["expires"] = json!("2027-06-01T00:00:00Z"),
                    &["bob", "carol"],
                );
            },
        ),
        Case::accept(
            "root-known-is-skipped",
            "Roots at or below the trusted one are skipped, not refused.",
            |case| {
                case.repo.rotate(|_| {}, &["alice", "bob"]);
                case.state["root"] = case.repo.roots[0].body.clone();
                case.repo.rotate(|_| {}, &["alice", "bob"]);
            },
        ),
        Case::accept(
            "fast-forward-recovery",
            "A root that replaces the online key resets versions (TUF 5.3.11).",
            |case| {
                case.state["versions"] = json!({"timestamp": 9_000_000, "snapshot": 9_000_000, "targets": 9_000_000, "product": 9_000_000});
                case.repo.rotate(
                    |root| {
                        root["keys"] = keys(&["alice", "bob", "carol", "online-2"]);
                        root["roles"]["timestamp"]["keyids"] = keyids(&["online-2"]);
                        root["roles"]["snapshot"]["keyids"] = keyids(&["online-2"]);
                    },
                    &["alice", "bob"],
                );
                case.repo.timestamp.signed_by(&["online-2"]);
                case.repo.snapshot.signed_by(&["online-2"]);
            },
        ),
        Case::accept(
            "minimum-counter-after-reset",
            "After a reset the product role says anew what the minimum is.",
            |case| {
                case.state["minimum_counter"] = json!(1_000);
                case.state["versions"] =
                    json!({"timestamp": 0, "snapshot": 0, "targets": 0, "product": 0});
            },
        ),
        Case::accept(
            "expires-one-second-after-floor",
            "Metadata is good until its last second.",
            |case| {
                case.state["floor"] = json!("2026-12-07T23:59:59Z");
            },
        ),
        Case::accept(
            "earlier-delegation-looked-into",
            "An earlier role that may speak for the path is shown, and does not know it.",
            |case| {
                let mut earlier = super::author::delegation("early", &["erin"], 1);
                earlier["paths"] = json!(["*/1.*"]);
                earlier["terminating"] = json!(false);
                let roles = case.repo.targets.body["delegations"]["roles"]
                    .as_array_mut()
                    .expect("an array");
                roles.insert(0, earlier);
                case.repo
                    .roles
                    .push(("early".to_owned(), product(1, &[], &["erin"])));
                case.repo.shown = vec!["early".to_owned(), "band".to_owned()];
            },
        ),
        Case::refuse(
            "evidence-without-image",
            ("no-image", 500),
            Trust::Chain,
            "Trust state alone: committed, and nothing to install.",
            |case| {
                case.repo.path = "band/".to_owned();
                case.repo.image.clear();
            },
        ),
        Case::refuse(
            "root-links-alone",
            ("no-image", 500),
            Trust::Root,
            "A step of root links for a device far behind.",
            |case| {
                case.repo.rotate(|_| {}, &["alice", "bob"]);
                case.repo.online = false;
                case.repo.shown.clear();
                case.repo.path.clear();
                case.repo.image.clear();
            },
        ),
    ]
}

impl Case {
    fn trust_stays(mut self) -> Self {
        self.trust = Trust::Stays;
        self
    }
}
