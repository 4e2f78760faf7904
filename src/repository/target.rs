//! The bytes of a target (TUF 5.7): no longer than listed, exactly as long, and with every listed digest that is known.
//!
//! Takes what verified metadata says of it; gives bytes nobody need check again. Knows nothing of what is in them.

use cuff_verifier::digest::Digest;
use cuff_verifier::json::{self, Value};
use cuff_verifier::profile::Profile;
use cuff_verifier::role::Malformed;
use cuff_verifier::role::metafile::Hashes;
use cuff_verifier::version::Length;

use super::foreign::schemes::AllSchemes;
use super::source::{Source, SourceError};
use super::view::Listing;

/// Fetches a target of at most `limit` bytes, and says which file it was in.
pub fn fetch(
    source: &dyn Source,
    path: &str,
    listing: &Listing,
    consistent: bool,
    limit: u64,
) -> Result<(String, Vec<u8>), TargetError> {
    let expected = listing.length;
    if expected.0 > limit {
        return Err(TargetError::TooLarge {
            path: path.to_owned(),
            length: expected,
            limit,
        });
    }
    let file = file_of(path, &digest_in_names(path, listing)?, consistent);
    let bytes = source
        .get(&file, expected.0)?
        .ok_or_else(|| TargetError::Missing {
            path: path.to_owned(),
            file: file.clone(),
        })?;
    examine(&file, listing, &bytes)?;
    Ok((file, bytes))
}

/// Whether `bytes`, from wherever they came, are the target that is listed.
pub fn examine(file: &str, listing: &Listing, bytes: &[u8]) -> Result<(), TargetError> {
    let found = Length::of(bytes);
    if found != listing.length {
        return Err(TargetError::Length {
            file: file.to_owned(),
            expected: listing.length,
            found,
        });
    }
    if let Some(expected) = listing.sha256 {
        let found = Digest::of(bytes);
        if expected != found {
            return Err(TargetError::Digest {
                file: file.to_owned(),
                expected,
                found,
            });
        }
    }
    if !hashes(listing)?.hold(bytes, &AllSchemes) {
        return Err(TargetError::OtherDigest {
            file: file.to_owned(),
        });
    }
    Ok(())
}

/// Where a repository keeps a target (TUF 7): with consistent snapshots in `targets/band/DIGEST.1.4.0`.
pub fn file_of(path: &str, digest: &str, consistent: bool) -> String {
    match path.rsplit_once('/') {
        _ if !consistent => format!("targets/{path}"),
        Some((folder, name)) => format!("targets/{folder}/{digest}.{name}"),
        None => format!("targets/{digest}.{path}"),
    }
}

/// The digest that file names carry: SHA-256 where there is one.
fn digest_in_names(path: &str, listing: &Listing) -> Result<String, TargetError> {
    if let Some(sha256) = listing.sha256 {
        return Ok(sha256.to_string());
    }
    let [sha512] = hashes(listing)?
        .value()
        .pick(&["sha512"])
        .map_err(Malformed::Json)?;
    let sha512 = sha512.and_then(|digest| Some(digest.text().ok()?.as_str()?.to_owned()));
    sha512
        .filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .ok_or_else(|| TargetError::NoDigest(path.to_owned()))
}

fn hashes(listing: &Listing) -> Result<Hashes<'_>, Malformed> {
    let value: Result<Value<'_>, json::Fault> = Value::check(&listing.hashes);
    Hashes::parse(value?, Profile::Foreign)
}

/// Why a target was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Nothing to check it by.
    #[error("{0} is listed with no SHA-256 and no SHA-512, so that nothing could be checked")]
    NoDigest(String),
    /// Larger than anything that is fetched.
    #[error("{path} is listed with {length}, and no more than {limit} are fetched")]
    TooLarge {
        /// The target.
        path: String,
        /// The listed length.
        length: Length,
        /// The most that is fetched.
        limit: u64,
    },
    /// Half a repository.
    #[error("{path} is signed, but its file `{file}` is missing")]
    Missing {
        /// The target.
        path: String,
        /// The file.
        file: String,
    },
    /// Another length.
    #[error("`{file}` must have {expected} as signed, found {found}")]
    Length {
        /// The file.
        file: String,
        /// What was signed.
        expected: Length,
        /// What is there.
        found: Length,
    },
    /// Other bytes.
    #[error("`{file}` must have SHA-256 {expected} as signed, found {found}")]
    Digest {
        /// The file.
        file: String,
        /// What was signed.
        expected: Digest,
        /// What is there.
        found: Digest,
    },
    /// Other bytes, by another digest.
    #[error("`{file}` does not have the SHA-512 that was signed")]
    OtherDigest {
        /// The file.
        file: String,
    },
    /// A listing that no client made.
    #[error("the listing holds no digests: {0}")]
    Listing(#[from] Malformed),
    /// The source.
    #[error(transparent)]
    Source(#[from] SourceError),
}
