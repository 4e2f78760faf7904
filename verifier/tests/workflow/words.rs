//! What people are told: one sentence for each rule, none like another, and safe to print.

use std::collections::BTreeSet;
use std::fmt::Display;

use cuff_verifier::digest::{Digest, Hasher};
use cuff_verifier::evidence::BadEvidence;
use cuff_verifier::json::{Fault, Text, Value};
use cuff_verifier::member::Member;
use cuff_verifier::refusal::{Refusal, Rule};
use cuff_verifier::release::{BadRecord, Kind};
use cuff_verifier::role::{Malformed, Role};
use cuff_verifier::sure::Sure;
use cuff_verifier::threshold::Unauthentic;
use cuff_verifier::time::Instant;
use cuff_verifier::version::{Counter, Length, Version};

fn sentences<T: Display>(all: &[T]) -> BTreeSet<String> {
    let said: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), all.len(), "two say the same");
    for sentence in &said {
        assert!(
            sentence.len() > 5 && !sentence.ends_with('.') && sentence.trim() == sentence,
            "{sentence:?}"
        );
    }
    said
}

const FAULTS: [Fault; 11] = [
    Fault::Truncated,
    Fault::TrailingBytes,
    Fault::Unexpected,
    Fault::UnsortedMember,
    Fault::RepeatedMember,
    Fault::NeedlessEscape,
    Fault::NotPrintableAscii,
    Fault::NotUtf8,
    Fault::NotCanonicalNumber,
    Fault::IntegerTooLarge,
    Fault::TooDeep,
];

const MALFORMED: [Malformed; 17] = [
    Malformed::Json(Fault::TooDeep),
    Malformed::Missing(Member::Scheme),
    Malformed::Type,
    Malformed::SpecVersion,
    Malformed::VersionZero,
    Malformed::ThresholdZero,
    Malformed::Date,
    Malformed::KeyType,
    Malformed::RepeatedKeyId,
    Malformed::TooManySigners,
    Malformed::TooManyKeys,
    Malformed::InconsistentSnapshot,
    Malformed::MetaName,
    Malformed::Hash,
    Malformed::RoleName,
    Malformed::DelegatedPaths,
    Malformed::TargetPath,
];

const UNAUTHENTIC: [Unauthentic; 5] = [
    Unauthentic::Json(Fault::TooDeep),
    Unauthentic::Envelope,
    Unauthentic::RepeatedSignature,
    Unauthentic::TooManySignatures,
    Unauthentic::UnderThreshold {
        needed: 3,
        counted: 2,
    },
];

#[test]
fn every_rule_has_a_sentence_of_its_own() {
    sentences(&FAULTS);
    let said = sentences(&MALFORMED);
    assert!(said.contains("`scheme` is missing"));
    sentences(&UNAUTHENTIC);
    sentences(&[
        BadEvidence::Magic,
        BadEvidence::Truncated,
        BadEvidence::Header,
        BadEvidence::Path,
    ]);
    sentences(&[
        BadRecord::Json(Fault::TooDeep),
        BadRecord::Missing(Member::Kind),
        BadRecord::UnknownMember,
        BadRecord::Format,
        BadRecord::Kind,
        BadRecord::Images,
        BadRecord::Hardware,
        BadRecord::Name,
        BadRecord::Hash,
    ]);
}

#[test]
fn a_refusal_says_whose_file_and_what_was_found() {
    let (two, three) = (Version::new(2).unwrap(), Version::new(3).unwrap());
    let rules = [
        Rule::Unauthentic(Unauthentic::Envelope),
        Rule::NotSignedByItself(Unauthentic::Envelope),
        Rule::Malformed(Malformed::Type),
        Rule::Expired {
            expires: Instant(0),
        },
        Rule::WrongVersion {
            expected: two,
            found: three,
        },
        Rule::Rollback {
            trusted: three,
            found: two,
        },
        Rule::Substituted { version: two },
        Rule::Unpinned,
        Rule::Removed { trusted: two },
        Rule::NotInSnapshot,
        Rule::TooManyDelegations,
        Rule::DelegationsTooDeep,
    ];
    for (role, name) in [
        (Role::Root, "root"),
        (Role::Timestamp, "timestamp"),
        (Role::Snapshot, "snapshot"),
        (Role::Targets, "targets"),
        (Role::Delegated, "delegated"),
    ] {
        let said = sentences(&rules.map(|rule| Refusal { role, rule }));
        assert!(
            said.iter()
                .all(|said| said.starts_with(&format!("{name}: ")))
        );
        assert!(said.contains(&format!("{name}: expected version 2, found 3")));
        assert!(said.contains(&format!("{name}: expired at 1970-01-01T00:00:00Z")));
    }
}

#[test]
fn numbers_are_shown_with_what_they_are() {
    assert_eq!(Version::new(7).unwrap().to_string(), "7");
    assert_eq!(Length(7).to_string(), "7 bytes");
    assert_eq!(Counter(7).to_string(), "7");
    let hex = "00".repeat(31) + "0f";
    let digest = Digest::from_hex(hex.as_bytes()).unwrap();
    assert_eq!(
        (digest.to_string(), format!("{digest:?}")),
        (hex.clone(), hex)
    );
    assert_eq!(format!("{:?}", Hasher::new()), "Hasher");
    assert_eq!(Kind::Application.name(), "application");
    assert_eq!(Kind::Bootloader.name(), "bootloader");
}

#[test]
fn versions_are_positive_and_exact() {
    let most = (1 << 53) - 1;
    assert_eq!(Version::new(0), None);
    assert_eq!(Version::new(most + 1), None);
    assert_eq!(Version::new(most).map(Version::get), Some(most));
    assert_eq!(Version::new(most).and_then(Version::next), None);
    assert_eq!(
        Version::new(most - 1).and_then(Version::next),
        Version::new(most)
    );
}

#[test]
fn what_was_read_is_shown_safely() {
    let value = Value::check(b"\"a\xc3\xa9\"").unwrap();
    assert_eq!(format!("{value:?}"), "\\\"a\\xc3\\xa9\\\"");
    assert_eq!(format!("{:?}", value.text().unwrap()), "\"a\\xc3\\xa9\"");
    assert_eq!(format!("{:?}", Sure::equal(b"", b"")), "Sure(yes)");
    assert_eq!(format!("{:?}", Sure::NO), "Sure(no)");
}

#[test]
fn a_text_is_what_it_stands_for() {
    assert_eq!(Text::plain("a\"b"), None);
    assert_eq!(Text::plain("a\\b"), None);
    let escaped = Value::check(br#""a\"b\\""#).and_then(Value::text).unwrap();
    assert!(escaped.bytes().eq(*b"a\"b\\"));
    assert_eq!(escaped.as_str(), None);
    let plain = Text::plain("ab").unwrap();
    assert_eq!((plain.raw(), plain.as_str()), (&b"ab"[..], Some("ab")));
    assert!(plain.is("ab") && !plain.is("a"));
    assert_eq!(plain.without_suffix("b"), Text::plain("a"));
    assert_eq!(plain.without_suffix("a"), None);
    assert!(escaped < plain && Text::plain("a") < Some(escaped));
}
