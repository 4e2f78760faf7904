//! What a signature would approve: the *meaning* of what is staged, held against what is published.
//!
//! Takes the bench, opens every staged bundle again, and gives the changes role by role, warnings, and one digest over the
//! published base and all staged bytes. Two people who read the same digest approve the same thing.

mod changes;
mod papers;
mod warnings;

use super::bench::Bench;
use super::people::People;
use crate::bundle::{Bundle, BundleError};
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::{Draft, Signed, Staged};
use crate::role::product::Advisory;
use crate::role::wire::Hex;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Everything a person needs before they sign.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Review {
    /// SHA-256 over the published base and all staged bytes, in hex.
    pub digest: String,
    /// The first 16 digits in groups, to be read aloud.
    pub short: String,
    /// What changes, in the order clients read it.
    pub roles: Vec<RoleReview>,
    /// What a person should look at twice.
    pub warnings: Vec<Warning>,
}

/// One staged role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RoleReview {
    /// The role.
    pub role: String,
    /// The published version, 0 when there is none.
    pub from_version: u64,
    /// The staged version.
    pub to_version: u64,
    /// When it was made.
    pub issued: String,
    /// Until when it is valid.
    pub expires: String,
    /// What it says that was not said before.
    pub changes: Vec<Change>,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// A release devices may install.
    ReleaseAdded(Box<ReleaseFacts>),
    /// A published release gets other bytes.
    ReleaseReplaced(Box<ReleaseFacts>),
    /// A release is no longer named.
    ReleaseRemoved {
        /// The release.
        release: String,
        /// Its security counter.
        counter: u64,
        /// Why, if the new version says so.
        advisory: Option<Advisory>,
    },
    /// Releases below this are refused by devices.
    MinimumCounter {
        /// What it was.
        from: u64,
        /// What it becomes.
        to: u64,
    },
    /// A product gets keys of its own.
    ProductAdded {
        /// The product.
        product: String,
    },
    /// A product is no longer delegated.
    ProductRemoved {
        /// The product.
        product: String,
    },
    /// Targets are shared out among another number of hashed bins.
    Bins {
        /// How many there were; 0 when there were none.
        from: u32,
        /// How many there will be.
        to: u32,
    },
    /// Someone may sign a role.
    KeyAdded {
        /// The role.
        role: String,
        /// The person, or the short key id.
        person: String,
        /// The key id.
        key: String,
    },
    /// Someone may no longer sign a role.
    KeyRemoved {
        /// The role.
        role: String,
        /// The person, or the short key id.
        person: String,
        /// The key id.
        key: String,
    },
    /// How many must sign a role.
    Threshold {
        /// The role.
        role: String,
        /// What it was, 0 when there was no such role.
        from: u64,
        /// What it becomes.
        to: u64,
        /// How many keys there are.
        keys: usize,
    },
}

/// What a release is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReleaseFacts {
    /// PRODUCT/NAME.
    pub release: String,
    /// `application` or `bootloader`.
    pub kind: String,
    /// Security counter.
    pub counter: u64,
    /// Highest published counter of the product, if any.
    pub counter_before: Option<u64>,
    /// Hardware it runs on.
    pub hardware: Vec<String>,
    /// Oldest bootloader it runs on.
    pub minimum_bootloader: u64,
    /// Bytes of the image.
    pub image_length: u64,
    /// SHA-256 of the image.
    pub image_sha256: String,
    /// Bytes of the bundle.
    pub bundle_length: u64,
    /// SHA-256 of the bundle.
    pub bundle_sha256: String,
    /// The published release that the papers are held against, if there is one.
    pub compared_with: Option<String>,
    /// SHA-256 of the SBOM, if there is one.
    pub sbom: Option<String>,
    /// How many components it lists.
    pub sbom_components: Option<usize>,
    /// Components that came, went or have another version.
    pub sbom_changes: Vec<String>,
    /// SHA-256 of the data recipients, if they are declared.
    pub recipients: Option<String>,
    /// Who gets more, or less; all of it where nothing was declared before.
    pub recipients_changes: Vec<String>,
}

/// Something to look at twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Warning {
    /// The rule, in kebab case.
    pub rule: String,
    /// The role or release.
    pub about: String,
    /// One sentence.
    pub message: String,
}

impl Review {
    /// Reviews what is staged.
    pub fn of(bench: &Bench<'_>, people: &People) -> Result<Self, ReviewError> {
        let bundles = open_bundles(bench)?;
        let digest = digest(bench);
        let mut warnings = Vec::new();
        let roles = changes::all(bench, people, &bundles, &mut warnings);
        warnings.extend(warnings::all(bench, people));
        Ok(Self {
            short: short(&digest),
            digest: digest.to_string(),
            roles,
            warnings,
        })
    }

    /// The digest alone, once every staged bundle was found to be what the metadata says.
    pub fn digest(bench: &Bench<'_>) -> Result<Hex, ReviewError> {
        open_bundles(bench)?;
        Ok(digest(bench))
    }
}

/// The rule of the warning that the metadata of a product will soon be too large for its boards.
pub const EVIDENCE_NEAR_LIMIT: &str = "evidence-near-limit";

/// What is staged cannot be approved by anyone.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// A release without its file.
    #[error("the staged {role} names {release}, but `staged/targets/{release}` is missing")]
    NoBundle {
        /// The role.
        role: RoleName,
        /// The release.
        release: ReleaseName,
    },
    /// Another file than the metadata says.
    #[error(
        "`staged/targets/{release}` is not the bundle the staged metadata names: expected {expected}, found {found}"
    )]
    OtherBundle {
        /// The release.
        release: ReleaseName,
        /// The digest in the metadata.
        expected: Hex,
        /// The digest of the file.
        found: Hex,
    },
    /// The metadata says something the bundle does not.
    #[error("the staged record of {release} is not the record in its bundle")]
    OtherRecord {
        /// The release.
        release: ReleaseName,
    },
    /// A file nobody asked for.
    #[error("`staged/targets/{0}` belongs to no staged release")]
    StrayBundle(ReleaseName),
    /// The bundle does not hold.
    #[error("the bundle of {release} does not hold")]
    Bundle {
        /// The release.
        release: ReleaseName,
        /// Why.
        source: Box<BundleError>,
    },
}

/// Every staged release has its bundle, the bundle is the one named, and its record is the one to be signed.
fn open_bundles<'b>(
    bench: &'b Bench<'_>,
) -> Result<BTreeMap<ReleaseName, &'b Bundle>, ReviewError> {
    let staging = bench.staging();
    let mut opened = BTreeMap::new();
    for staged in staging.roles.values() {
        let Draft::Product(name, product) = staged.draft() else {
            continue;
        };
        let published = bench
            .published()
            .and_then(|published| published.product(name));
        for (release, entry) in &product.targets {
            if published.is_some_and(|published| published.targets.get(release) == Some(entry)) {
                continue;
            }
            let (role, release) = (staged.draft().name(), release.clone());
            let Some(bundle) = staging.bundles.get(&release) else {
                return Err(ReviewError::NoBundle { role, release });
            };
            let (expected, found) = (entry.hashes.sha256, bundle.sha256());
            if expected != found || entry.length != bundle.bytes().len() as u64 {
                return Err(ReviewError::OtherBundle {
                    release,
                    expected,
                    found,
                });
            }
            match bundle.open() {
                Ok(bundle) if bundle.record() == entry.record() => {
                    opened.insert(release, bundle);
                }
                Ok(_) => return Err(ReviewError::OtherRecord { release }),
                Err(source) => {
                    return Err(ReviewError::Bundle {
                        release,
                        source: Box::new(source),
                    });
                }
            }
        }
    }
    let stray = staging
        .bundles
        .keys()
        .find(|release| !opened.contains_key(release));
    match stray {
        Some(release) => Err(ReviewError::StrayBundle(release.clone())),
        None => Ok(opened),
    }
}

/// One line a file, so that the digest can be made again with standard tools (docs/working-directory.md).
pub(super) fn digest(bench: &Bench<'_>) -> Hex {
    let mut text = "cuff review 1\n".to_owned();
    if let Some(published) = bench.published() {
        for role in published.offline_roles() {
            let signed = published.signed(&role).map_or(&[][..], Signed::signed);
            let _ = writeln!(text, "published {role} {}", Hex::sha256(signed));
        }
    }
    for (role, staged) in &bench.staging().roles {
        let _ = writeln!(
            text,
            "staged {role} {}",
            Hex::sha256(Staged::signed(staged))
        );
    }
    for (release, bundle) in &bench.staging().bundles {
        let _ = writeln!(text, "bundle {release} {}", bundle.sha256());
    }
    Hex::sha256(text.as_bytes())
}

/// Sixteen digits in groups of four.
fn short(digest: &Hex) -> String {
    let text = digest.to_string();
    (0..4)
        .filter_map(|group| text.get(group * 4..group * 4 + 4))
        .collect::<Vec<_>>()
        .join("-")
}
