//! Releases, fetched: the bundle a verified view lists, with its own record held against the signed one.
//!
//! Takes a view and its source; gives bundles whose length, digest and record are what was signed, or says which is not.

use std::collections::BTreeSet;

use cuff_verifier::digest::Digest;
use cuff_verifier::json::Value;

use super::source::{Source, SourceError};
use super::target::{self, TargetError};
use super::view::{Finding, Listing};
use crate::bundle::{Bundle, BundleError, MAX_BUNDLE};

/// A bundle that is the one that was signed.
#[derive(Clone, Debug)]
pub struct Release {
    /// Its target path: `PRODUCT/NAME`.
    pub path: String,
    /// The role that speaks for it.
    pub role: String,
    /// Where the repository keeps it.
    pub file: String,
    /// The bundle.
    pub bundle: Bundle,
    /// Its SHA-256.
    pub digest: Digest,
}

/// Fetches the bundle of a finding.
pub fn fetch(source: &dyn Source, finding: &Finding) -> Result<Release, ReleaseError> {
    let path = &finding.path;
    let listing = finding.listing.as_ref();
    let listing = listing.ok_or_else(|| match &finding.withdrawn {
        Some(advisory) => ReleaseError::Withdrawn {
            path: path.clone(),
            advisory: advisory.to_string(),
        },
        None => ReleaseError::Unknown(path.clone()),
    })?;
    let (file, bytes) = download(source, path, listing)?;
    let bundle = Bundle::of(bytes.into()).map_err(|source| ReleaseError::Bundle {
        path: path.clone(),
        source,
    })?;
    let signed = listing.custom.as_deref().and_then(signed_record);
    agree(path, signed, &bundle)?;
    Ok(Release {
        path: path.clone(),
        role: finding.role.clone().unwrap_or_else(|| "targets".to_owned()),
        file,
        digest: listing.sha256.unwrap_or_else(|| bundle.digest()),
        bundle,
    })
}

/// The bytes of a bundle, and the file they are in.
pub fn download(
    source: &dyn Source,
    path: &str,
    listing: &Listing,
) -> Result<(String, Vec<u8>), ReleaseError> {
    Ok(target::fetch(source, path, listing, true, MAX_BUNDLE)?)
}

/// Where a repository of ours keeps a bundle: `targets/band/HASH.1.4.0`.
pub fn file_of(path: &str, digest: Digest) -> String {
    target::file_of(path, &digest.to_string(), true)
}

/// Holds the bundle's own record against the signed one, and both against the path.
pub fn agree(path: &str, signed: Option<&[u8]>, bundle: &Bundle) -> Result<(), ReleaseError> {
    let own = bundle.record();
    if signed != Some(own.canonical().as_slice()) {
        return Err(ReleaseError::Record {
            path: path.to_owned(),
            difference: difference(signed, &own.value()),
        });
    }
    if own.target() != path {
        return Err(ReleaseError::Path {
            path: path.to_owned(),
            found: own.target(),
        });
    }
    Ok(())
}

/// The members in which two records differ.
fn difference(signed: Option<&[u8]>, own: &serde_json::Value) -> String {
    let signed: serde_json::Value = signed
        .and_then(|record| serde_json::from_slice(record).ok())
        .unwrap_or_default();
    let (Some(left), Some(right)) = (signed.as_object(), own.as_object()) else {
        return "nothing was signed that is a record".to_owned();
    };
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let show = |value: Option<&serde_json::Value>| {
        value.map_or_else(|| "nothing".to_owned(), ToString::to_string)
    };
    let differences: Vec<String> = names
        .into_iter()
        .filter(|name| left.get(*name) != right.get(*name))
        .map(|name| {
            let (signed, found) = (show(left.get(name)), show(right.get(name)));
            format!("`{name}` is {signed} as signed and {found} in the bundle")
        })
        .collect();
    differences.join(", ")
}

/// The canonical bytes of `custom.cuff`.
pub fn signed_record(custom: &[u8]) -> Option<&[u8]> {
    let [record] = Value::check(custom).ok()?.pick(&["cuff"]).ok()?;
    record.map(Value::bytes)
}

/// Why a release was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Not in the repository.
    #[error("{0} is not in this repository: no role that may speak for it lists it")]
    Unknown(String),
    /// Not the bytes that were signed, or none at all.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Taken back by those who signed it.
    #[error("{path} was withdrawn ({advisory})")]
    Withdrawn {
        /// The release.
        path: String,
        /// Why, as it was signed.
        advisory: String,
    },
    /// The right bytes, but no bundle.
    #[error("the bundle of {path} has the signed digest, and breaks a rule nevertheless")]
    Bundle {
        /// The release.
        path: String,
        /// The rule.
        source: BundleError,
    },
    /// Two records for one release.
    #[error(
        "the record that was signed for {path} and the one in its bundle disagree: {difference}"
    )]
    Record {
        /// The release.
        path: String,
        /// Where they disagree.
        difference: String,
    },
    /// A release under another's name.
    #[error("{path} is signed, but its bundle says it is {found}")]
    Path {
        /// The path that was signed.
        path: String,
        /// What the bundle calls itself.
        found: String,
    },
}

impl ReleaseError {
    /// Whether the release was found wanting, rather than out of reach.
    pub fn is_refusal(&self) -> bool {
        !matches!(
            self,
            Self::Target(TargetError::Source(SourceError::Read { .. }))
        )
    }
}
