//! Metadata for the bench: a band whose roles two of three people sign, and an update of 256 KiB.
//!
//! Takes a case; gives the same bytes every time. Its keys are made from fixed seeds and sign nothing else.

use std::slice;

use anyhow::{Context, Result};
use cuff_verifier::digest::Digest;
use cuff_verifier::evidence::Parts;
use cuff_verifier::verdict::Reason;
use ed25519_dalek::{Signer, SigningKey};

use super::bench::{BOOT, HARDWARE, PRODUCT};

const IMAGE: usize = 256 * 1024;
const ISSUED: &str = r#""issued":"2026-11-01T00:00:00Z""#;
const EXPIRES: &str = r#""expires":"2027-11-01T00:00:00Z""#;

/// What the judge is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Six signatures and an image.
    Update,
    /// The same behind a root whose keys have all changed: four more signatures.
    AfterRotation,
    /// The product role has one signature too few.
    OneShort,
    /// The last byte of the image is another.
    OtherImage,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Update,
        Self::AfterRotation,
        Self::OneShort,
        Self::OtherImage,
    ];

    /// A line of the report.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Update => "update: 6 signatures, 256 KiB",
            Self::AfterRotation => "update behind a key rotation: 10, 256 KiB",
            Self::OneShort => "product role one signature short",
            Self::OtherImage => "image other than signed",
        }
    }

    /// What the judge must say.
    pub const fn answer(self) -> u32 {
        match self {
            Self::Update | Self::AfterRotation => BOOT,
            Self::OneShort => Reason::UnderThreshold as u32,
            Self::OtherImage => Reason::ImageDigest as u32,
        }
    }
}

/// The inputs.
pub struct Bench {
    /// Canonical `signed` bytes of the root that the unit trusts.
    pub root: Vec<u8>,
    /// Evidence for the update.
    pub evidence: Vec<u8>,
    /// The image.
    pub image: Vec<u8>,
}

/// Makes the inputs of a case.
pub fn bench(case: Case) -> Result<Bench> {
    let old = [person(1), person(2), person(3)];
    let new = [person(4), person(5), person(6)];
    let online = person(7);
    let mut image: Vec<u8> = (0..=250).cycle().take(IMAGE).collect();

    let people = if case == Case::AfterRotation {
        &new
    } else {
        &old
    };
    let product = product_role(&Digest::of(&image).to_string());
    let signers = if case == Case::OneShort { 1 } else { 2 };
    let product = envelope(&product, &people[..signers]);
    let targets = envelope(&targets_role(people), &people[..2]);
    let snapshot = envelope(
        &format!(
            r#"{{"_type":"snapshot",{EXPIRES},"meta":{{"{PRODUCT}.json":{},"targets.json":{}}},"spec_version":"1.0.0","version":1}}"#,
            metafile(&product),
            metafile(&targets)
        ),
        slice::from_ref(&online),
    );
    let timestamp = envelope(
        &format!(
            r#"{{"_type":"timestamp",{EXPIRES},{ISSUED},"meta":{{"snapshot.json":{}}},"spec_version":"1.0.0","version":1}}"#,
            metafile(&snapshot)
        ),
        slice::from_ref(&online),
    );
    let next = envelope(
        &root_role(2, &new, &online),
        [&old[0], &old[1], &new[0], &new[1]],
    );

    let roots: &[&[u8]] = if case == Case::AfterRotation {
        &[next.as_bytes()]
    } else {
        &[]
    };
    let parts = Parts {
        path: &format!("{PRODUCT}/1.4.0"),
        first_root: if roots.is_empty() { 0 } else { 2 },
        roots,
        online: Some([
            timestamp.as_bytes(),
            snapshot.as_bytes(),
            targets.as_bytes(),
        ]),
        delegated: &[product.as_bytes()],
    };
    let mut evidence = Vec::new();
    parts
        .encode(&mut |piece| evidence.extend_from_slice(piece))
        .context("the evidence is too large for its format")?;
    if case == Case::OtherImage
        && let Some(last) = image.last_mut()
    {
        *last ^= 1;
    }
    Ok(Bench {
        root: root_role(1, &old, &online).into_bytes(),
        evidence,
        image,
    })
}

fn root_role(version: u32, people: &[SigningKey], online: &SigningKey) -> String {
    let role = |keys: &[&SigningKey], threshold| {
        format!(
            r#"{{"keyids":{},"threshold":{threshold}}}"#,
            key_ids(keys.iter().copied())
        )
    };
    let (online_role, people_role) = (
        role(&[online], 1),
        role(&people.iter().collect::<Vec<_>>(), 2),
    );
    format!(
        r#"{{"_type":"root","consistent_snapshot":true,{EXPIRES},{ISSUED},"keys":{},"roles":{{"root":{people_role},"snapshot":{online_role},"targets":{people_role},"timestamp":{online_role}}},"spec_version":"1.0.0","version":{version}}}"#,
        keys(people.iter().chain([online]))
    )
}

fn targets_role(people: &[SigningKey]) -> String {
    format!(
        r#"{{"_type":"targets","delegations":{{"keys":{},"roles":[{{"keyids":{},"name":"{PRODUCT}","paths":["{PRODUCT}/*"],"terminating":true,"threshold":2}}]}},{EXPIRES},{ISSUED},"spec_version":"1.0.0","targets":{{}},"version":1}}"#,
        keys(people.iter()),
        key_ids(people.iter())
    )
}

fn product_role(image: &str) -> String {
    let record = format!(
        r#"{{"counter":1,"format":1,"hardware":["{HARDWARE}","band-b"],"images":[{{"length":{IMAGE},"region":"active","sha256":"{image}"}}],"kind":"application","minimum_bootloader":1,"product":"{PRODUCT}","version":"1.4.0"}}"#
    );
    let target = format!(
        r#"{{"custom":{{"cuff":{record}}},"hashes":{{"sha256":"{image}"}},"length":{IMAGE}}}"#
    );
    format!(
        r#"{{"_type":"targets",{EXPIRES},{ISSUED},"minimum_counter":1,"spec_version":"1.0.0","targets":{{"{PRODUCT}/1.4.0":{target}}},"version":1}}"#
    )
}

fn metafile(file: &str) -> String {
    format!(
        r#"{{"hashes":{{"sha256":"{}"}},"length":{},"version":1}}"#,
        Digest::of(file.as_bytes()),
        file.len()
    )
}

fn envelope<'a>(signed: &str, signers: impl IntoIterator<Item = &'a SigningKey>) -> String {
    let mut signatures: Vec<String> = signers
        .into_iter()
        .map(|key| {
            let signature = hex(&key.sign(signed.as_bytes()).to_bytes());
            format!(r#"{{"keyid":"{}","sig":"{signature}"}}"#, key_id(key))
        })
        .collect();
    signatures.sort();
    format!(
        r#"{{"signatures":[{}],"signed":{signed}}}"#,
        signatures.join(",")
    )
}

fn person(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn key(key: &SigningKey) -> String {
    format!(
        r#"{{"keytype":"ed25519","keyval":{{"public":"{}"}},"scheme":"ed25519"}}"#,
        hex(key.verifying_key().as_bytes())
    )
}

fn key_id(of: &SigningKey) -> String {
    Digest::of(key(of).as_bytes()).to_string()
}

fn keys<'a>(of: impl Iterator<Item = &'a SigningKey>) -> String {
    let mut members: Vec<String> = of
        .map(|one| format!(r#""{}":{}"#, key_id(one), key(one)))
        .collect();
    members.sort();
    format!("{{{}}}", members.join(","))
}

fn key_ids<'a>(of: impl Iterator<Item = &'a SigningKey>) -> String {
    let mut ids: Vec<String> = of.map(|one| format!("\"{}\"", key_id(one))).collect();
    ids.sort();
    format!("[{}]", ids.join(","))
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
