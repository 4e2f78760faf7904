//! The bytes of a target (TUF 5.7): no longer than listed, exactly as long, and with every listed digest that is known.
//!
//! Takes what verified metadata says of it; gives bytes nobody need check again. Knows nothing of what is in them.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use cuff_verifier::digest::{Digest, Hasher};
use cuff_verifier::json::{self, Value};
use cuff_verifier::profile::Profile;
use cuff_verifier::role::Malformed;
use cuff_verifier::role::metafile::Hashes;
use cuff_verifier::sure::Sure;
use cuff_verifier::version::Length;
use ring::digest::{Context, SHA512};

use super::foreign::schemes;
use super::source::{Sink, Source, SourceError};
use super::view::Listing;
use crate::durable::{Draft, WriteError};

/// Fetches a target of at most `limit` bytes, and says which file it was in.
pub fn fetch(
    source: &dyn Source,
    path: &str,
    listing: &Listing,
    consistent: bool,
    limit: u64,
) -> Result<(String, Vec<u8>), TargetError> {
    let file = bounded(path, listing, consistent, limit)?;
    let bytes = source.get(&file, listing.length.0)?;
    let bytes = bytes.ok_or_else(|| missing(path, &file))?;
    let mut measure = Measure::by(listing)?;
    measure.add(&bytes);
    measure.compare(&file, listing)?;
    Ok((file, bytes))
}

/// The same, onto the disk as it comes, and not through memory where the source gives it in pieces. At `place` nothing changes
/// until all of it is there and found good.
pub fn download(
    source: &dyn Source,
    path: &str,
    listing: &Listing,
    consistent: bool,
    limit: u64,
    place: &Path,
) -> Result<String, TargetError> {
    let file = bounded(path, listing, consistent, limit)?;
    let mut coming = Coming {
        draft: Draft::begin(place)?,
        measure: Measure::by(listing)?,
        listing,
    };
    if !source.pour(&file, listing.length.0, &mut coming)? {
        return Err(missing(path, &file));
    }
    coming.measure.compare(&file, listing)?;
    coming.draft.finish()?;
    Ok(file)
}

/// Whether what lies at `place` is the target that is listed.
pub fn is_at(place: &Path, listing: &Listing) -> bool {
    let read = || {
        // Asked before it is opened: opening a pipe would wait for a writer.
        let mut file = place.is_file().then(|| File::open(place).ok())??;
        let mut measure = Measure::by(listing).ok()?;
        let mut piece = vec![0; PIECE];
        while measure.length <= listing.length {
            let read = file.read(&mut piece).ok()?;
            if read == 0 {
                return measure.compare("", listing).ok();
            }
            measure.add(piece.get(..read)?);
        }
        None
    };
    read().is_some()
}

/// The file to ask for, of a target that is no larger than anything that is fetched.
fn bounded(
    path: &str,
    listing: &Listing,
    consistent: bool,
    limit: u64,
) -> Result<String, TargetError> {
    if listing.length.0 > limit {
        return Err(TargetError::TooLarge {
            path: path.to_owned(),
            length: listing.length,
            limit,
        });
    }
    Ok(file_of(path, &digest_in_names(path, listing)?, consistent))
}

fn missing(path: &str, file: &str) -> TargetError {
    TargetError::Missing {
        path: path.to_owned(),
        file: file.to_owned(),
    }
}

/// A target on its way to the disk.
struct Coming<'l> {
    draft: Draft,
    measure: Measure,
    listing: &'l Listing,
}

impl Sink for Coming<'_> {
    fn add(&mut self, piece: &[u8]) -> io::Result<()> {
        self.measure.add(piece);
        self.draft.add(piece)
    }

    fn clear(&mut self) -> io::Result<()> {
        self.measure = Measure::by(self.listing).map_err(io::Error::other)?;
        self.draft.clear()
    }
}

/// What bytes are like, as far as it is listed what they should be like.
struct Measure {
    length: Length,
    sha256: Option<Hasher>,
    sha512: Option<Context>,
}

impl Measure {
    /// By the digests that are listed.
    fn by(listing: &Listing) -> Result<Self, TargetError> {
        let sha512 = sha512_of(listing)?;
        Ok(Self {
            length: Length(0),
            sha256: listing.sha256.map(|_| Hasher::new()),
            sha512: sha512.map(|_| Context::new(&SHA512)),
        })
    }

    fn add(&mut self, piece: &[u8]) {
        self.length.0 += piece.len() as u64;
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(piece);
        }
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(piece);
        }
    }

    /// Whether they are the target: of the length that is listed, and with every digest that is listed and known.
    fn compare(self, file: &str, listing: &Listing) -> Result<(), TargetError> {
        let file = || file.to_owned();
        if self.length != listing.length {
            return Err(TargetError::Length {
                file: file(),
                expected: listing.length,
                found: self.length,
            });
        }
        let sha256 = listing.sha256.zip(self.sha256.map(Hasher::finish));
        if let Some((expected, found)) = sha256
            && !Sure::equal(&expected.0, &found.0).holds()
        {
            return Err(TargetError::Digest {
                file: file(),
                expected,
                found,
            });
        }
        let sha512 = sha512_of(listing)?.zip(self.sha512.map(Context::finish));
        if let Some((expected, found)) = &sha512
            && !expected.is_ok_and(|expected| Sure::equal(&expected, found.as_ref()).holds())
        {
            return Err(TargetError::OtherDigest { file: file() });
        }
        if sha256.is_none() && sha512.is_none() {
            return Err(TargetError::NoDigest(file()));
        }
        Ok(())
    }
}

/// The SHA-512 that is listed, if one is.
fn sha512_of(listing: &Listing) -> Result<Option<Result<[u8; 64], Malformed>>, TargetError> {
    Ok(schemes::sha512(hashes(listing)?.value()))
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
    /// The disk that it was for.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// How much is read at a time.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Pours one version of a file and then another, and looks at the place it is for in between.
    struct Hasty<'t> {
        versions: &'t [&'t [u8]],
        place: &'t Path,
    }

    impl Source for Hasty<'_> {
        fn describe(&self) -> String {
            "a hasty server".to_owned()
        }

        fn get(&self, _: &str, _: u64) -> Result<Option<Vec<u8>>, SourceError> {
            Ok(None)
        }

        fn pour(&self, _: &str, _: u64, into: &mut dyn Sink) -> Result<bool, SourceError> {
            for version in self.versions {
                into.clear().unwrap();
                for piece in version.chunks(3) {
                    into.add(piece).unwrap();
                    assert_eq!(fs::read(self.place).unwrap(), b"before");
                }
            }
            Ok(!self.versions.is_empty())
        }
    }

    fn listing(sha512: &str) -> Listing {
        let digest = Digest::of(b"firmware");
        Listing {
            length: Length(8),
            sha256: Some(digest),
            hashes: format!("{{\"sha256\":\"{digest}\",\"sha512\":\"{sha512}\"}}").into_bytes(),
            custom: None,
        }
    }

    fn sha512() -> String {
        hex::encode(ring::digest::digest(&SHA512, b"firmware"))
    }

    #[test]
    fn nothing_is_seen_of_a_target_before_all_of_it_is_found_good() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("firmware");
        let outcome = |versions: &[&[u8]], listing: &Listing| {
            fs::write(&place, b"before").unwrap();
            let source = Hasty {
                versions,
                place: &place,
            };
            let done = download(&source, "band/1", listing, true, 8, &place);
            let left = fs::read_dir(folder.path()).unwrap().count();
            assert_eq!(left, 1, "nothing but the target is left");
            done.map(|_| fs::read(&place).unwrap())
        };
        let good = listing(&sha512());
        assert_eq!(outcome(&[b"firmware"], &good).unwrap(), b"firmware");
        assert!(is_at(&place, &good));
        // The server changed its mind in the middle of it.
        assert_eq!(
            outcome(&[b"firm", b"firmware"], &good).unwrap(),
            b"firmware"
        );
        for (versions, listing) in [
            (&[b"firmwarf".as_slice()][..], &good),
            (&[b"firmware", b"firmwar"], &good),
            (&[b"firmwares"], &good),
            (&[b""], &good),
            (&[], &good),
            (&[b"firmware"], &listing(&"0".repeat(128))),
            (&[b"firmware"], &listing(&sha512().to_uppercase())),
        ] {
            assert!(outcome(versions, listing).is_err(), "{versions:?}");
            assert_eq!(fs::read(&place).unwrap(), b"before");
            assert!(!is_at(&place, listing));
        }
    }

    #[test]
    fn what_lies_there_is_the_target_or_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("firmware");
        let good = listing(&sha512());
        assert!(!is_at(&place, &good));
        assert!(!is_at(folder.path(), &good));
        for (bytes, right) in [
            (&b"firmware"[..], true),
            (b"firmwarf", false),
            (b"firmwares", false),
        ] {
            fs::write(&place, bytes).unwrap();
            assert_eq!(is_at(&place, &good), right);
        }
        let unknown = Listing {
            sha256: None,
            hashes: br#"{"md5":"00"}"#.to_vec(),
            ..good
        };
        fs::write(&place, b"firmware").unwrap();
        assert!(!is_at(&place, &unknown), "by no digest that is known");
    }
}
