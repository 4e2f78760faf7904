//! Updates whose form is wrong: validly signed where the rule is about signed bytes, so that nothing but the rule stops them.

use serde_json::{Value, json};

use super::author::{canonical, key, keyid, signature};
use super::{Case, Trust};

/// Validly signed product metadata in which `from` became `to`.
fn signed(
    name: &'static str,
    reason: (&'static str, u16),
    from: &'static str,
    to: &'static str,
    says: &'static str,
) -> Case {
    Case::refuse(name, reason, Trust::Stays, says, |case| {
        case.repo.band().before(from, to);
    })
}

const NOT_CANONICAL: (&str, u16) = ("not-canonical", 110);
const REPEATED: (&str, u16) = ("repeated-member", 111);
const NOT_PRINTABLE: (&str, u16) = ("not-printable", 112);
const MISSING: (&str, u16) = ("missing-member", 113);
const ENVELOPE: (&str, u16) = ("envelope", 114);

#[rustfmt::skip]
pub fn cases() -> Vec<Case> {
    let mut cases = vec![
        // White space and trailing bytes.
        signed("white-space-inside", NOT_CANONICAL, r#","version""#, r#", "version""#, "A space between members."),
        Case::refuse("white-space-in-front", ENVELOPE, Trust::Stays, "A space in front of the file.", |case| case.repo.band().after(r#"{"signatures""#, r#" {"signatures""#)),
        Case::refuse("white-space-behind", ENVELOPE, Trust::Stays, "A space behind the file.", |case| case.repo.band().after(r#""version":4}}"#, r#""version":4}} "#)),
        Case::refuse("line-feed-behind", NOT_PRINTABLE, Trust::Stays, "A line feed behind the file, as editors leave.", |case| case.repo.band().after(r#""version":4}}"#, "\"version\":4}}\n")),
        Case::refuse("byte-order-mark", NOT_PRINTABLE, Trust::Stays, "A UTF-8 byte order mark.", |case| case.repo.band().after(r#"{"signatures""#, "\u{ef}\u{bb}\u{bf}{\"signatures\"")),
        signed("two-values", NOT_CANONICAL, r#""version":4}"#, r#""version":4}{}"#, "A second value behind the signed one."),
        // Members.
        signed("members-unsorted", NOT_CANONICAL, r#""_type":"targets","expires":"2027-03-01T00:00:00Z""#, r#""expires":"2027-03-01T00:00:00Z","_type":"targets""#, "Members out of order."),
        signed("member-twice-version", REPEATED, r#""version":4"#, r#""version":4,"version":9999"#, "The injected second `version` that many clients accept."),
        signed("member-twice-targets", REPEATED, r#""targets":{"#, r#""targets":{},"targets":{"#, "Two `targets` members."),
        signed("member-twice-in-unknown-object", REPEATED, r#","version":4"#, r#","version":4,"x":{"a":1,"a":2}"#, "A repeated member where nobody looks."),
        signed("member-twice-in-custom", REPEATED, r#"{"cuff":{"#, r#"{"cuff":{},"cuff":{"#, "A repeated member in `custom`."),
        signed("member-twice-in-hashes", REPEATED, r#""hashes":{"sha256":"#, r#""hashes":{"sha256":"0000000000000000000000000000000000000000000000000000000000000000","sha256":"#, "Two digests by one name."),
        signed("member-twice-by-escape", NOT_CANONICAL, r#""version":4"#, r#""version":4,"v\u0065rsion":9"#, "The same member again, spelt with an escape."),
        Case::refuse("member-twice-in-keys", REPEATED, Trust::Stays, "The same key id twice in `keys`.", |case| {
            let entry = format!("\"{}\":{}", keyid("alice"), canonical(&key("alice")));
            case.repo.targets.before(&entry, &format!("{entry},{entry}"));
        }),
        Case::refuse("member-twice-in-meta", REPEATED, Trust::Stays, "The same file twice in `meta`.", |case| {
            let entry = canonical(&json!({"hashes": {"sha256": "00".repeat(32)}, "length": 1, "version": 1}));
            case.repo.snapshot.before(r#""targets.json":{"#, &format!(r#""scale.json":{entry},"targets.json":{{"#));
        }),
        Case::refuse("member-twice-in-roles", REPEATED, Trust::Stays, "The same role twice in root.", |case| {
            let entry = canonical(&json!({"keyids": super::author::keyids(&["online"]), "threshold": 1}));
            let root = case.repo.rotate(|_| {}, &["alice", "bob"]);
            root.before(r#""targets":{"keyids""#, &format!(r#""snapshot":{entry},"targets":{{"keyids""#));
        }),
        signed("comma-behind-last", NOT_CANONICAL, r#""version":4}"#, r#""version":4,}"#, "A comma behind the last member."),
        // Strings.
        signed("escape-line-feed", NOT_CANONICAL, r#""version":"1.1.0""#, r#""version":"1.1\n0""#, "An escape that canonical JSON does not have."),
        signed("escape-solidus", NOT_CANONICAL, "band/1.1.0", r"band\/1.1.0", "An escaped solidus."),
        signed("escape-unicode-lower", NOT_CANONICAL, "band/1.1.0", r"band/1\u002e1.0", "A Unicode escape."),
        signed("escape-unicode-upper", NOT_CANONICAL, "band/1.1.0", r"band/1\u002E1.0", "A Unicode escape in upper-case hex."),
        signed("escape-quote-as-unicode", NOT_CANONICAL, "band/1.1.0", r"band/1\u00221.0", "A quote as a Unicode escape."),
        signed("control-character", NOT_PRINTABLE, "band/1.1.0", "band/1.1\n0", "A raw line feed in a string: canonical in OLPC, not for a device."),
        signed("nul-character", NOT_PRINTABLE, "band/1.1.0", "band/1.1\u{0}0", "A raw NUL in a string."),
        signed("delete-character", NOT_PRINTABLE, "band/1.1.0", "band/1.1\u{7f}0", "A raw DEL in a string."),
        signed("not-ascii", NOT_PRINTABLE, "band/1.1.0", "band/1.1\u{c3}\u{a9}", "UTF-8 beyond ASCII."),
        signed("not-utf8", NOT_PRINTABLE, "band/1.1.0", "band/1.1\u{ff}0", "Not even UTF-8."),
        signed("overlong-utf8", NOT_PRINTABLE, "band/1.1.0", "band/1.1\u{c0}\u{80}0", "An overlong encoding."),
        signed("surrogate-in-utf8", NOT_PRINTABLE, "band/1.1.0", "band/1.1\u{ed}\u{a0}\u{80}0", "A surrogate in UTF-8."),
        // Numbers.
        signed("number-minus-zero", NOT_CANONICAL, r#","version":4"#, r#","version":4,"x":-0"#, "Minus zero."),
        signed("number-leading-zero", NOT_CANONICAL, r#""version":4}"#, r#""version":04}"#, "A leading zero."),
        signed("number-plus", NOT_CANONICAL, r#""version":4}"#, r#""version":+4}"#, "A plus sign."),
        signed("number-fraction", NOT_CANONICAL, r#""version":4}"#, r#""version":4.0}"#, "A fraction."),
        signed("number-exponent", NOT_CANONICAL, r#""version":4}"#, r#""version":4e0}"#, "An exponent."),
        signed("number-negative", NOT_CANONICAL, r#""version":4}"#, r#""version":-4}"#, "A negative version."),
        signed("number-too-large", NOT_CANONICAL, r#""version":4}"#, r#""version":9007199254740992}"#, "A version that JSON readers round."),
        signed("number-too-large-for-64-bits", NOT_CANONICAL, r#""version":4}"#, r#""version":18446744073709551620}"#, "A version that wraps to 4 in 64 bits."),
        signed("number-too-large-where-nobody-looks", NOT_CANONICAL, r#","version":4"#, r#","version":4,"x":9007199254740993"#, "An unknown integer that JSON readers round."),
        signed("number-as-text", NOT_CANONICAL, r#""version":4}"#, r#""version":"4"}"#, "A version in quotes."),
        signed("not-a-number", NOT_CANONICAL, r#""version":4}"#, r#""version":NaN}"#, "NaN."),
        signed("literal-upper-case", NOT_CANONICAL, r#","version":4"#, r#","version":4,"x":True"#, "A literal in another language."),
        // Shape.
        signed("nested-too-deep", NOT_CANONICAL, r#","version":4"#, r#","version":4,"x":[[[[[[[[[[[[1]]]]]]]]]]]]"#, "Nested deeper than is read."),
        signed("signed-is-a-list", ENVELOPE, r#"{"_type":"#, r#"[{"_type":"#, "`signed` is a list."),
        signed("envelope-signed-twice", NOT_CANONICAL, r#""version":4}"#, r#""version":4},"signed":{}"#, "A second `signed` behind the first, and the signatures are over both."),
        signed("envelope-extra-member", NOT_CANONICAL, r#""version":4}"#, r#""version":4},"x":1"#, "A third member behind `signed`, and the signatures are over both."),
        Case::refuse("envelope-signed-twice-unsigned", ("under-threshold", 200), Trust::Stays, "A second `signed` that somebody without keys put there.", |case| case.repo.band().after(r#""version":4}}"#, r#""version":4},"signed":{}}"#)),
        Case::refuse("envelope-extra-member-unsigned", ("under-threshold", 200), Trust::Stays, "A third member that somebody without keys put there.", |case| case.repo.band().after(r#""version":4}}"#, r#""version":4},"x":1}"#)),
        Case::refuse("envelope-without-signatures", ENVELOPE, Trust::Stays, "No `signatures`.", |case| case.repo.band().after(r#"{"signatures":"#, r#"{"signaturez":"#)),
        Case::refuse("envelope-signature-extra-member", ENVELOPE, Trust::Stays, "A signature with a member of its own.", |case| {
            let mut entry = signature("carol", b"");
            entry["x"] = json!(1);
            case.repo.band().extra.push(entry);
        }),
        // Fields.
        signed("spec-version-two", ("spec-version", 116), r#""spec_version":"1.0.0""#, r#""spec_version":"2.0.0""#, "Another major version of TUF."),
        signed("spec-version-short", ("spec-version", 116), r#""spec_version":"1.0.0""#, r#""spec_version":"1""#, "Only a major version."),
        signed("spec-version-leading-zero", ("spec-version", 116), r#""spec_version":"1.0.0""#, r#""spec_version":"01.0.0""#, "A leading zero in the version."),
        signed("version-zero", ("version-zero", 126), r#""version":4}"#, r#""version":0}"#, "Versions start at 1."),
        signed("type-of-another-role", ("wrong-type", 115), r#""_type":"targets""#, r#""_type":"snapshot""#, "Signed as another role."),
        Case::refuse("threshold-zero", ("threshold-zero", 118), Trust::Stays, "A delegation that needs no signature (CVE-2026-23992).", |case| {
            case.repo.targets.body["delegations"]["roles"][0]["threshold"] = json!(0);
        }),
        Case::refuse("threshold-zero-in-root", ("threshold-zero", 118), Trust::Stays, "A root whose timestamp needs no signature.", |case| {
            case.repo.rotate(|root| root["roles"]["timestamp"]["threshold"] = json!(0), &["alice", "bob"]);
        }),
        Case::refuse("threshold-negative", NOT_CANONICAL, Trust::Stays, "A negative threshold (CVE-2026-23992).", |case| {
            case.repo.targets.body["delegations"]["roles"][0]["threshold"] = json!(-1);
        }),
        Case::refuse("key-id-twice-in-role", ("repeated-key-id", 119), Trust::Stays, "One key listed twice in a role.", |case| {
            let twice = super::author::keyids(&["alice", "alice", "bob"]);
            case.repo.targets.body["delegations"]["roles"][0]["keyids"] = twice;
        }),
        Case::refuse("key-of-another-type", ("key-type", 117), Trust::Stays, "A key the device cannot read, even if it is not needed.", |case| {
            case.repo.targets.body["delegations"]["keys"][keyid("frank")]["keytype"] = json!("ecdsa");
        }),
        Case::refuse("key-of-another-scheme", ("key-type", 117), Trust::Stays, "An Ed25519 key under another scheme.", |case| {
            case.repo.targets.body["delegations"]["keys"][keyid("frank")]["scheme"] = json!("ed25519ph");
        }),
        Case::refuse("key-upper-case", ("key-type", 117), Trust::Stays, "Key hex in upper case: a second spelling of one key.", |case| {
            let public = &mut case.repo.targets.body["delegations"]["keys"][keyid("frank")]["keyval"]["public"];
            *public = json!(public.as_str().expect("text").to_uppercase());
        }),
        Case::refuse("key-too-short", ("key-type", 117), Trust::Stays, "Key hex that is too short.", |case| {
            case.repo.targets.body["delegations"]["keys"][keyid("frank")]["keyval"]["public"] = json!("abcd");
        }),
        Case::refuse("too-many-key-ids", ("too-many", 128), Trust::Stays, "More key ids than a role may list.", |case| {
            let many: Vec<Value> = (0..65).map(|n| json!(format!("{n:064x}"))).collect();
            case.repo.targets.body["delegations"]["roles"][1]["keyids"] = many.into();
        }),
        Case::refuse("too-many-signatures", ("too-many", 128), Trust::Stays, "More signatures than are read.", |case| {
            case.repo.band().extra = (0..65).map(|n| json!({"keyid": format!("{n:064x}"), "sig": ""})).collect();
        }),
        Case::refuse("consistent-snapshot-false", ("inconsistent-snapshot", 127), Trust::Stays, "A root without consistent snapshots.", |case| {
            case.repo.rotate(|root| root["consistent_snapshot"] = json!(false), &["alice", "bob"]);
        }),
        Case::refuse("meta-without-json", ("meta-name", 120), Trust::Stays, "A file in `meta` without `.json`.", |case| {
            case.repo.snapshot.body["meta"]["band"] = json!({"hashes": {"sha256": "00".repeat(32)}, "length": 1, "version": 1});
        }),
        Case::refuse("meta-root", ("meta-name", 120), Trust::Stays, "Root in `meta` of snapshot.", |case| {
            case.repo.snapshot.body["meta"]["root.json"] = json!({"hashes": {"sha256": "00".repeat(32)}, "length": 1, "version": 1});
        }),
        Case::refuse("meta-timestamp-lists-more", ("meta-name", 120), Trust::Stays, "A timestamp that speaks of more than snapshot.", |case| {
            case.repo.timestamp.body["meta"]["targets.json"] = json!({"hashes": {"sha256": "00".repeat(32)}, "length": 1, "version": 1});
        }),
        Case::refuse("meta-without-hash", MISSING, Trust::Stays, "A file in `meta` whose digest is not pinned.", |case| {
            case.repo.snapshot.body["meta"]["other.json"] = json!({"length": 1, "version": 1});
        }),
        Case::refuse("meta-without-length", MISSING, Trust::Stays, "A file in `meta` whose length is not pinned.", |case| {
            case.repo.snapshot.body["meta"]["other.json"] = json!({"hashes": {"sha256": "00".repeat(32)}, "version": 1});
        }),
        Case::refuse("meta-unknown-hash-only", ("hash-malformed", 121), Trust::Stays, "A file pinned by a digest nobody knows.", |case| {
            case.repo.snapshot.body["meta"]["other.json"] = json!({"hashes": {"blake9": "00"}, "length": 1, "version": 1});
        }),
        Case::refuse("hash-upper-case", ("hash-malformed", 121), Trust::Stays, "Digest hex in upper case.", |case| {
            case.repo.snapshot.body["meta"]["other.json"] = json!({"hashes": {"sha256": "AB".repeat(32)}, "length": 1, "version": 1});
        }),
        Case::refuse("meta-without-targets", MISSING, Trust::Stays, "A snapshot that does not list targets.", |case| {
            case.repo.snapshot.before(r#""targets.json""#, r#""tragets.json""#);
        }),
        Case::refuse("role-named-root", ("role-name", 122), Trust::Stays, "A delegated role that passes for root.", |case| {
            case.repo.targets.body["delegations"]["roles"][1]["name"] = json!("root");
        }),
        Case::refuse("role-named-targets", ("role-name", 122), Trust::Stays, "A delegated role that passes for targets.", |case| {
            case.repo.targets.body["delegations"]["roles"][1]["name"] = json!("targets");
        }),
        Case::refuse("role-name-climbs", ("role-name", 122), Trust::Stays, "A role name that leaves its folder.", |case| {
            case.repo.targets.body["delegations"]["roles"][1]["name"] = json!("../scale");
        }),
        Case::refuse("delegation-with-both-kinds-of-paths", ("delegated-paths", 123), Trust::Stays, "Patterns and hash prefixes at once.", |case| {
            case.repo.targets.body["delegations"]["roles"][1]["path_hash_prefixes"] = json!(["00"]);
        }),
        Case::refuse("delegation-by-hash-prefixes", ("delegated-paths", 123), Trust::Stays, "Hashed bins are for hosts, never for devices.", |case| {
            let role = case.repo.targets.body["delegations"]["roles"][1].as_object_mut().expect("an object");
            role.remove("paths");
            role.insert("path_hash_prefixes".to_owned(), json!(["00"]));
        }),
        Case::refuse("delegation-without-paths", ("delegated-paths", 123), Trust::Stays, "A delegation that does not say for what.", |case| {
            case.repo.targets.body["delegations"]["roles"][1].as_object_mut().expect("an object").remove("paths");
        }),
        Case::refuse("evidence-magic", ("evidence-magic", 100), Trust::Stays, "Something else in the place of evidence.", |case| {
            case.last = Some(Box::new(|bytes| bytes[0] ^= 0x20));
        }),
        Case::refuse("evidence-truncated", ("evidence-truncated", 101), Trust::Stays, "Evidence that ends too early.", |case| {
            case.last = Some(Box::new(|bytes| bytes.truncate(1_000)));
        }),
        Case::refuse("evidence-lengths-overflow", ("evidence-header", 102), Trust::Stays, "A file length that wraps a 32-bit sum.", |case| {
            case.last = Some(Box::new(|bytes| bytes[24..28].fill(0xff)));
        }),
        Case::refuse("evidence-erased", ("evidence-magic", 100), Trust::Stays, "Erased flash in the place of evidence.", |case| {
            case.last = Some(Box::new(|bytes| bytes.fill(0xff)));
        }),
    ];
    let dates = [
        ("date-with-fraction", "2027-03-01T00:00:00.0Z"), ("date-with-offset", "2027-03-01T00:00:00+00:00"),
        ("date-lower-case", "2027-03-01t00:00:00z"), ("date-month-thirteen", "2027-13-01T00:00:00Z"),
        ("date-february-thirty", "2027-02-30T00:00:00Z"), ("date-second-sixty", "2027-03-01T00:00:60Z"),
        ("date-year-zero", "0000-03-01T00:00:00Z"),
    ];
    cases.extend(dates.map(|(name, date)| signed(name, ("date-malformed", 125), "2027-03-01T00:00:00Z", date, "A date that is not a moment in UTC.")));
    let paths = [
        ("target-path-empty", ""), ("target-path-absolute", "/band/1"), ("target-path-climbs", "band/../scale/1"), ("target-path-doubled-solidus", "band//1"),
        ("target-path-dot", "band/./1"), ("target-path-backslash", r"band\1"),
    ];
    cases.extend(paths.map(|(name, path)| Case::refuse(name, ("target-path", 124), Trust::Stays, "A target path no folder may hold.", |case| {
        let entry = super::author::entry(&super::author::record(&case.repo.image));
        case.repo.band().body["targets"][path] = entry;
    })));
    let missing = [
        ("missing-expires", r#""expires":"2027-03-01T00:00:00Z","#), ("missing-issued", r#""issued":"2026-07-01T00:00:00Z","#),
        ("missing-minimum-counter", r#""minimum_counter":2,"#), ("missing-spec-version", r#""spec_version":"1.0.0","#),
        ("missing-type", r#""_type":"targets","#), ("missing-version", r#","version":4"#),
    ];
    cases.extend(missing.map(|(name, member)| signed(name, MISSING, member, "", "A member every product role must have.")));
    cases
}
