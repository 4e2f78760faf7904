//! Updates that break a rule of the TUF client workflow: signatures, versions, time, delegations.

use serde_json::json;

use super::author::{delegation, entry, key, keyid, keyids, keys, product, record, signature};
use super::{Case, Trust};

const UNDER: (&str, u16) = ("under-threshold", 200);

#[rustfmt::skip]
pub fn cases() -> Vec<Case> {
    vec![
        // Signatures.
        Case::refuse("one-signature-short", UNDER, Trust::Stays, "One of two signatures on the product role.", |case| case.repo.band().signed_by(&["alice"])),
        Case::refuse("no-signature", UNDER, Trust::Stays, "No signature at all.", |case| case.repo.band().signed_by(&[])),
        Case::refuse("one-signature-short-on-targets", UNDER, Trust::Stays, "One of two signatures on the targets role.", |case| case.repo.targets.signed_by(&["bob"])),
        Case::refuse("timestamp-unsigned", UNDER, Trust::Stays, "A timestamp nobody signed.", |case| case.repo.timestamp.signed_by(&[])),
        Case::refuse("snapshot-unsigned", UNDER, Trust::Stays, "A snapshot nobody signed.", |case| case.repo.snapshot.signed_by(&[])),
        Case::refuse("same-person-twice", ("repeated-signature", 201), Trust::Stays, "Alice's signature stands twice (CVE-2020-6174).", |case| case.repo.band().signed_by(&["alice", "alice"])),
        Case::refuse("same-key-under-two-ids", UNDER, Trust::Stays, "Two key ids over one key count once (CVE-2020-15093).", |case| {
            let twin = "f".repeat(64);
            case.repo.targets.body["delegations"]["keys"][&twin] = key("alice");
            case.repo.targets.body["delegations"]["roles"][0]["keyids"] = json!([keyid("alice"), twin, keyid("bob")]);
            let signed = super::author::canonical(&case.repo.band().body);
            let mut second = signature("alice", signed.as_bytes());
            second["keyid"] = json!(twin);
            case.repo.band().signed_by(&["alice"]);
            case.repo.band().extra.push(second);
        }),
        Case::refuse("signature-under-anothers-id", UNDER, Trust::Stays, "Alice's signature under Bob's key id.", |case| {
            let signed = super::author::canonical(&case.repo.band().body);
            let mut second = signature("alice", signed.as_bytes());
            second["keyid"] = json!(keyid("bob"));
            case.repo.band().signed_by(&["alice"]);
            case.repo.band().extra.push(second);
        }),
        Case::refuse("signature-by-strangers", UNDER, Trust::Stays, "Two signatures by keys the role does not list.", |case| case.repo.band().signed_by(&["mallory", "trudy"])),
        Case::refuse("signature-by-other-products-keys", UNDER, Trust::Stays, "Signed by the people of product `scale`.", |case| case.repo.band().signed_by(&["erin", "frank"])),
        Case::refuse("signature-by-online-key", UNDER, Trust::Stays, "The online key signs a release.", |case| case.repo.band().signed_by(&["online"])),
        Case::refuse("signature-empty-does-not-count", UNDER, Trust::Stays, "An empty signature is none.", |case| {
            case.repo.band().signed_by(&["alice"]);
            case.repo.band().extra.push(json!({"keyid": keyid("bob"), "sig": ""}));
        }),
        Case::refuse("signature-over-other-bytes", UNDER, Trust::Stays, "The content was changed after signing.", |case| case.repo.band().after(r#""counter":4"#, r#""counter":9"#)),
        Case::refuse("signature-upper-case", UNDER, Trust::Stays, "Signature hex in upper case: a second spelling of one signature.", |case| {
            let signed = super::author::canonical(&case.repo.band().body);
            let mut second = signature("bob", signed.as_bytes());
            second["sig"] = json!(second["sig"].as_str().expect("text").to_uppercase());
            case.repo.band().signed_by(&["alice"]);
            case.repo.band().extra.push(second);
        }),
        Case::refuse("signature-malleated", UNDER, Trust::Stays, "S + L in the place of S: the same signature in other bytes.", |case| {
            let signed = super::author::canonical(&case.repo.band().body);
            let mut second = signature("bob", signed.as_bytes());
            second["sig"] = json!(malleate(second["sig"].as_str().expect("text")));
            case.repo.band().signed_by(&["alice"]);
            case.repo.band().extra.push(second);
        }),
        Case::refuse("key-of-small-order", UNDER, Trust::Stays, "A listed key of small order, under which one signature fits every message.", |case| {
            let weak = "01".to_owned() + &"00".repeat(31);
            let id = "e".repeat(64);
            case.repo.targets.body["delegations"]["keys"][&id] = json!({"keytype": "ed25519", "keyval": {"public": weak}, "scheme": "ed25519"});
            case.repo.targets.body["delegations"]["roles"][0]["keyids"] = json!([keyid("alice"), keyid("bob"), id]);
            case.repo.band().signed_by(&["alice"]);
            case.repo.band().extra.push(json!({"keyid": id, "sig": weak + &"00".repeat(32)}));
        }),
        Case::refuse("key-all-zero", UNDER, Trust::Stays, "An erased key slot verifies nothing.", |case| {
            let (zero, id) = ("00".repeat(32), "e".repeat(64));
            case.repo.targets.body["delegations"]["keys"][&id] = json!({"keytype": "ed25519", "keyval": {"public": zero}, "scheme": "ed25519"});
            case.repo.targets.body["delegations"]["roles"][0]["keyids"] = json!([keyid("alice"), keyid("bob"), id]);
            case.repo.band().signed_by(&["alice"]);
            case.repo.band().extra.push(json!({"keyid": id, "sig": "00".repeat(64)}));
        }),
        Case::refuse("threshold-above-keys", UNDER, Trust::Stays, "A role that needs more keys than it lists can sign nothing.", |case| {
            case.repo.targets.body["delegations"]["roles"][0]["threshold"] = json!(4);
            case.repo.band().signed_by(&["alice", "bob", "carol"]);
        }),
        // Root.
        Case::refuse("root-not-by-old-keys", UNDER, Trust::Stays, "A new root signed by its own new people only.", |case| {
            case.repo.rotate(|root| {
                root["keys"] = keys(&["dave", "erin", "online"]);
                root["roles"]["root"]["keyids"] = keyids(&["dave", "erin"]);
                root["roles"]["targets"]["keyids"] = keyids(&["dave", "erin"]);
            }, &["dave", "erin"]);
        }),
        Case::refuse("root-not-by-new-keys", ("root-not-signed-by-itself", 202), Trust::Stays, "A new root signed by the old people only.", |case| {
            case.repo.rotate(|root| {
                root["keys"] = keys(&["alice", "bob", "carol", "dave", "erin", "online"]);
                root["roles"]["root"]["keyids"] = keyids(&["dave", "erin"]);
            }, &["alice", "bob"]);
        }),
        Case::refuse("root-one-old-signature-short", UNDER, Trust::Stays, "A new root signed by one old person.", |case| { case.repo.rotate(|_| {}, &["alice"]); }),
        Case::refuse("root-skips-a-version", ("root-version", 210), Trust::Stays, "A root two versions on (CVE-2025-2885).", |case| {
            case.repo.rotate(|root| root["version"] = json!(3), &["alice", "bob"]);
            case.repo.first_root = 2;
        }),
        Case::refuse("root-same-version-again", ("root-version", 210), Trust::Stays, "A root that says it is the trusted version.", |case| {
            case.repo.rotate(|root| root["version"] = json!(1), &["alice", "bob"]);
            case.repo.first_root = 2;
        }),
        Case::refuse("root-gap", ("evidence-root-gap", 106), Trust::Stays, "Evidence that begins two roots on.", |case| {
            case.repo.rotate(|root| root["version"] = json!(3), &["alice", "bob"]);
        }),
        Case::refuse("root-version-at-the-end", ("root-version", 210), Trust::Stays, "A jump to the largest version, which would end all rotation.", |case| {
            case.repo.rotate(|root| root["version"] = json!(9_007_199_254_740_991_u64), &["alice", "bob"]);
            case.repo.first_root = 2;
        }),
        Case::refuse("root-chain-breaks-at-the-second", UNDER, Trust::Root, "The first new root holds and is kept; the second does not.", |case| {
            case.repo.rotate(|_| {}, &["alice", "bob"]);
            case.repo.rotate(|_| {}, &["carol"]);
        }),
        Case::refuse("root-is-a-targets-file", ("wrong-type", 115), Trust::Stays, "Signed by the right people, but not as a root.", |case| {
            case.repo.rotate(|root| root["_type"] = json!("targets"), &["alice", "bob"]);
        }),
        Case::refuse("revoked-key-after-rotation", UNDER, Trust::Root, "Root takes Alice's key away; her signature on targets no longer counts.", |case| {
            case.repo.rotate(|root| {
                root["keys"] = keys(&["bob", "carol", "dave", "online"]);
                root["roles"]["root"]["keyids"] = keyids(&["bob", "carol", "dave"]);
                root["roles"]["targets"]["keyids"] = keyids(&["bob", "carol", "dave"]);
            }, &["bob", "carol"]);
        }),
        Case::refuse("revoked-online-key", UNDER, Trust::Root, "Root takes the online key away; what it signs no longer counts.", |case| {
            case.repo.rotate(|root| {
                root["keys"] = keys(&["alice", "bob", "carol", "online-2"]);
                root["roles"]["timestamp"]["keyids"] = keyids(&["online-2"]);
                root["roles"]["snapshot"]["keyids"] = keyids(&["online-2"]);
            }, &["alice", "bob"]);
        }),
        // Versions.
        Case::refuse("timestamp-rollback", ("timestamp-rollback", 212), Trust::Stays, "An older timestamp.", |case| case.state["versions"]["timestamp"] = json!(7)),
        Case::refuse("timestamp-substituted", ("timestamp-substituted", 216), Trust::Stays, "Other bytes under the trusted timestamp version.", |case| case.state["versions"]["timestamp"] = json!(6)),
        Case::refuse("snapshot-rollback", ("snapshot-rollback", 213), Trust::Stays, "A newer timestamp that leads to an older snapshot.", |case| case.state["versions"]["snapshot"] = json!(6)),
        Case::refuse("targets-rollback", ("targets-rollback", 214), Trust::Stays, "A newer snapshot that lists an older targets role.", |case| case.state["versions"]["targets"] = json!(3)),
        Case::refuse("product-rollback", ("product-rollback", 215), Trust::Stays, "A newer snapshot that lists an older product role (CVE-2025-2887).", |case| case.state["versions"]["product"] = json!(5)),
        Case::refuse("product-removed", ("role-removed", 218), Trust::Stays, "A newer snapshot that no longer lists the product role (CVE-2025-2887).", |case| {
            case.repo.roles.remove(0);
            case.repo.shown.clear();
        }),
        Case::refuse("no-recovery-by-an-added-key", ("timestamp-rollback", 212), Trust::Root, "A root that only adds an online key resets nothing.", |case| {
            case.state["versions"]["timestamp"] = json!(9_000_000);
            case.repo.rotate(|root| {
                root["keys"] = keys(&["alice", "bob", "carol", "online", "online-2"]);
                root["roles"]["timestamp"]["keyids"] = keyids(&["online", "online-2"]);
            }, &["alice", "bob"]);
        }),
        Case::refuse("snapshot-version-differs", ("wrong-version", 211), Trust::Stays, "A snapshot of another version than the timestamp announces.", |case| {
            let mut other = case.repo.timestamp_meta();
            other["version"] = json!(6);
            case.repo.timestamp.body["meta"]["snapshot.json"] = other;
        }),
        Case::refuse("product-version-differs", ("wrong-version", 211), Trust::Stays, "A product role of another version than the snapshot announces.", |case| {
            let bytes = case.repo.band().bytes();
            case.repo.snapshot.body["meta"]["band.json"] = super::author::metafile(&bytes, &json!(5));
        }),
        Case::refuse("snapshot-unpinned", ("unpinned", 217), Trust::Stays, "A snapshot with another digest than the timestamp announces.", |case| {
            case.repo.timestamp.body["meta"]["snapshot.json"] = json!({"hashes": {"sha256": "00".repeat(32)}, "length": 700, "version": 5});
        }),
        Case::refuse("product-unpinned-length", ("unpinned", 217), Trust::Stays, "A product role longer than the snapshot announces.", |case| {
            let bytes = case.repo.band().bytes();
            let mut other = super::author::metafile(&bytes, &json!(4));
            other["length"] = json!(bytes.len() - 1);
            case.repo.snapshot.body["meta"]["band.json"] = other;
        }),
        Case::refuse("mix-and-match", ("unpinned", 217), Trust::Stays, "A targets role from another snapshot.", |case| {
            case.repo.targets_meta();
            case.repo.targets.body["expires"] = json!("2027-06-02T00:00:00Z");
        }),
        Case::refuse("other-products-file-in-its-place", ("unpinned", 217), Trust::Stays, "The file of product `scale` shown as that of `band`.", |case| case.repo.shown = vec!["scale".to_owned()]),
        // Time.
        Case::refuse("root-expired", ("root-expired", 230), Trust::Stays, "The time floor lies behind the root's expiry.", |case| case.state["floor"] = json!("2027-11-01T00:00:00Z")),
        Case::refuse("timestamp-expired", ("timestamp-expired", 231), Trust::Stays, "Expiry against the floor: the very second of expiry is too late.", |case| case.state["floor"] = json!("2026-12-08T00:00:00Z")),
        Case::refuse("snapshot-expired", ("snapshot-expired", 232), Trust::Stays, "A snapshot behind the floor.", |case| case.repo.snapshot.body["expires"] = json!("2026-06-14T00:00:00Z")),
        Case::refuse("targets-expired", ("targets-expired", 233), Trust::Stays, "A targets role behind the floor.", |case| case.repo.targets.body["expires"] = json!("2026-06-14T00:00:00Z")),
        Case::refuse("product-expired", ("product-expired", 234), Trust::Stays, "A product role behind the floor.", |case| case.repo.band().body["expires"] = json!("2026-06-14T00:00:00Z")),
        Case::refuse("expired-root-is-kept", ("root-expired", 230), Trust::Root, "A new root that has expired is kept (5.3.8), and leads nowhere.", |case| {
            case.repo.rotate(|root| root["expires"] = json!("2026-06-14T00:00:00Z"), &["alice", "bob"]);
        }),
        Case::refuse("expired-by-its-own-chain", ("timestamp-expired", 231), Trust::Stays, "A role issued later than another one expires moves the floor past it.", |case| {
            case.repo.band().body["issued"] = json!("2026-12-08T00:00:00Z");
        }),
        Case::refuse("timestamp-signed-after-expiry", ("signed-after-expiry", 235), Trust::Stays, "The online key vouches for what had already expired.", |case| {
            case.repo.timestamp.body["issued"] = json!("2026-12-08T00:00:00Z");
        }),
        Case::accept("online-key-cannot-move-the-floor", "A timestamp issued far ahead moves no floor.", |case| {
            case.repo.timestamp.body["issued"] = json!("2026-12-07T23:59:59Z");
        }),
        // Delegations.
        Case::refuse("product-not-delegated", ("product-role-missing", 304), Trust::Stays, "Nobody delegates to this product.", |case| {
            case.repo.targets.body["delegations"]["roles"].as_array_mut().expect("a list").remove(0);
            case.repo.shown.clear();
        }),
        Case::refuse("product-role-not-shown", ("evidence-incomplete", 104), Trust::Stays, "The product role's file is missing.", |case| case.repo.shown.clear()),
        Case::refuse("earlier-delegation-not-shown", ("evidence-incomplete", 104), Trust::Stays, "A role of higher priority that may speak for the path is left out (CVE-2024-47534).", |case| {
            let mut earlier = delegation("early", &["erin"], 1);
            earlier["paths"] = json!(["band/*"]);
            earlier["terminating"] = json!(false);
            case.repo.targets.body["delegations"]["roles"].as_array_mut().expect("a list").insert(0, earlier);
            case.repo.roles.push(("early".to_owned(), product(1, &[], &["erin"])));
            case.repo.shown = vec!["band".to_owned()];
            // What is shown first is taken for the first role asked for, whose people did not sign it.
            case.repo.snapshot_as("early", "band");
        })
        .expecting(UNDER),
        Case::refuse("terminating-delegation-ends-the-search", ("product-role-missing", 304), Trust::Stays, "A terminating role in front of the product's ends the search (CVE-2025-2886).", |case| {
            let mut earlier = delegation("early", &["erin"], 1);
            earlier["paths"] = json!(["band/*"]);
            case.repo.targets.body["delegations"]["roles"].as_array_mut().expect("a list").insert(0, earlier);
            case.repo.roles.push(("early".to_owned(), product(1, &[], &["erin"])));
            case.repo.shown = vec!["early".to_owned()];
        }),
        Case::refuse("delegations-in-a-circle", ("evidence-incomplete", 104), Trust::Stays, "A cycle of delegations ends, and does not lead past what is missing (GHSA-j8x2-777p-23fc).", |case| {
            for (name, next) in [("ring-a", "ring-b"), ("ring-b", "ring-a")] {
                let mut role = product(1, &[], &["erin"]);
                let mut to = delegation(next, &["erin"], 1);
                to["paths"] = json!(["band/*"]);
                to["terminating"] = json!(false);
                role.body["delegations"] = json!({"keys": keys(&["erin"]), "roles": [to]});
                case.repo.roles.push((name.to_owned(), role));
            }
            let mut ring = delegation("ring-a", &["erin"], 1);
            ring["paths"] = json!(["band/*"]);
            ring["terminating"] = json!(false);
            case.repo.targets.body["delegations"]["roles"].as_array_mut().expect("a list").insert(0, ring);
            case.repo.shown = vec!["ring-a".to_owned(), "ring-b".to_owned()];
        }),
        Case::refuse("delegations-too-deep", ("too-many-delegations", 220), Trust::Stays, "A chain of delegations deeper than a search goes.", |case| {
            for depth in 0..10 {
                let mut role = product(1, &[], &["erin"]);
                let mut to = delegation(&format!("deep-{}", depth + 1), &["erin"], 1);
                to["paths"] = json!(["band/*"]);
                to["terminating"] = json!(false);
                role.body["delegations"] = json!({"keys": keys(&["erin"]), "roles": [to]});
                case.repo.roles.push((format!("deep-{depth}"), role));
                if depth < 9 {
                    case.repo.shown.insert(depth, format!("deep-{depth}"));
                }
            }
            let mut first = delegation("deep-0", &["erin"], 1);
            first["paths"] = json!(["band/*"]);
            first["terminating"] = json!(false);
            case.repo.targets.body["delegations"]["roles"].as_array_mut().expect("a list").insert(0, first);
        }),
        Case::refuse("delegations-too-many", ("too-many-delegations", 220), Trust::Stays, "More roles for one path than a search visits.", |case| {
            let mut shown = Vec::new();
            for n in 0..33 {
                let name = format!("wide-{n:02}");
                let mut wide = delegation(&name, &["erin"], 1);
                wide["paths"] = json!(["band/*"]);
                wide["terminating"] = json!(false);
                case.repo.targets.body["delegations"]["roles"].as_array_mut().expect("a list").insert(n, wide);
                case.repo.roles.push((name.clone(), product(1, &[], &["erin"])));
                shown.push(name);
            }
            case.repo.shown = shown;
        }),
        Case::refuse("delegated-role-not-in-snapshot", ("not-in-snapshot", 219), Trust::Stays, "A delegated role that snapshot does not list.", |case| {
            let mut earlier = delegation("early", &["erin"], 1);
            earlier["paths"] = json!(["band/*"]);
            case.repo.targets.body["delegations"]["roles"].as_array_mut().expect("a list").insert(0, earlier);
        }),
        Case::refuse("surplus-file", ("evidence-surplus", 105), Trust::Stays, "A file that nothing asks for.", |case| case.repo.shown = vec!["band".to_owned(), "scale".to_owned()]),
        Case::refuse("listed-by-top-level-targets", ("signed-by-other-role", 302), Trust::Stays, "The top-level role lists the target; only the product's role may.", |case| {
            let entry = entry(&record(&case.repo.image));
            case.repo.targets.body["targets"]["band/1.1.0"] = entry;
            case.repo.shown.clear();
        }),
        Case::refuse("listed-by-an-earlier-role", ("signed-by-other-role", 302), Trust::Stays, "Another role of higher priority lists the target.", |case| {
            let mut earlier = delegation("early", &["erin"], 1);
            earlier["paths"] = json!(["band/*"]);
            let entry = entry(&record(&case.repo.image));
            case.repo.targets.body["delegations"]["roles"].as_array_mut().expect("a list").insert(0, earlier);
            case.repo.roles.push(("early".to_owned(), product(1, &[("band/1.1.0", entry)], &["erin"])));
            case.repo.shown = vec!["early".to_owned()];
        }),
        Case::refuse("product-role-below-its-threshold-elsewhere", UNDER, Trust::Stays, "A role signed well enough for one delegator, but not for the one in this search.", |case| {
            case.repo.targets.body["delegations"]["roles"][0]["threshold"] = json!(3);
        }),
    ]
}

/// Adds the group order L to S (RFC 8032 5.1.7 forbids it).
fn malleate(signature: &str) -> String {
    const L: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let byte = |at: usize| u16::from_str_radix(&signature[2 * at..2 * at + 2], 16).expect("hex");
    let mut carry = 0;
    let sum: Vec<String> = (0..32)
        .map(|at| {
            let total = byte(32 + at) + u16::from(L[at]) + carry;
            carry = total >> 8;
            format!("{:02x}", total & 0xff)
        })
        .collect();
    signature[..64].to_owned() + &sum.concat()
}

impl Case {
    fn expecting(mut self, (reason, code): (&'static str, u16)) -> Self {
        self.verdict = Some((reason, code));
        self
    }
}
