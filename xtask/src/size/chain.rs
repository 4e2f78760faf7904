//! What the judge is shown on the bench: the vectors' repository with an update of 256 KiB.
//!
//! Takes a case; gives the same bytes every time.

use anyhow::{Context, Result};
use cuff_verifier::verdict::Reason;
use serde_json::json;

use super::bench::BOOT;
use crate::vectors::author::{Repo, canonical, entry, record, state};

const IMAGE: usize = 256 * 1024;

/// What the judge is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// Six signatures and an image.
    Update,
    /// The same behind a new root: two more signatures, held against old keys and new ones.
    BehindRoot,
    /// The product role has one signature too few.
    OneShort,
    /// The last byte of the image is another.
    OtherImage,
}

impl Case {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Update,
        Self::BehindRoot,
        Self::OneShort,
        Self::OtherImage,
    ];

    /// A line of the report.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Update => "update: 6 signatures, 256 KiB",
            Self::BehindRoot => "the same behind a new root",
            Self::OneShort => "product role one signature short",
            Self::OtherImage => "image other than signed",
        }
    }

    /// What the judge must say.
    pub const fn answer(self) -> u32 {
        match self {
            Self::Update | Self::BehindRoot => BOOT,
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
    let mut repo = Repo::new();
    repo.image = (0..=250).cycle().take(IMAGE).collect();
    let signed = entry(&record(&repo.image));
    let path = repo.path.clone();
    repo.band().body["targets"] = json!({ path: signed });
    match case {
        Case::Update => {}
        Case::BehindRoot => {
            repo.rotate(|_| {}, &["alice", "bob"]);
        }
        Case::OneShort => repo.band().signed_by(&["alice"]),
        Case::OtherImage => {
            if let Some(last) = repo.image.last_mut() {
                *last ^= 1;
            }
        }
    }
    let mut evidence = repo.update();
    let image = evidence.split_off(
        evidence
            .len()
            .checked_sub(IMAGE)
            .context("the update is shorter than its image")?,
    );
    Ok(Bench {
        root: canonical(&state()["root"]).into_bytes(),
        evidence,
        image,
    })
}
