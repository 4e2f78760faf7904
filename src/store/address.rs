//! From what a person typed to a store: a directory, or a bucket by its URL.
//!
//! Takes `DIR`, `file:///DIR`, `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. A URL never holds a
//! secret: it stands in `cuff.toml` and in logs.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A directory.
    Folder(PathBuf),
    /// A place in a bucket.
    Bucket(Bucket),
}

/// A place in a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// Whose protocol.
    pub cloud: Cloud,
    /// Name of the bucket, or container.
    pub name: String,
    /// What every object's name begins with; may be empty.
    pub prefix: String,
}

/// Whose protocol a bucket is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon S3, and every server that speaks its language.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl Address {
    /// Reads it; a relative directory is relative to `base`.
    pub fn read(text: &str, base: &Path) -> Result<Self, AddressError> {
        if !text.contains("://") {
            return Ok(Self::Folder(base.join(text)));
        }
        let wrong = |why: String| AddressError {
            address: redacted(text),
            why,
        };
        let url = Url::parse(text).map_err(|error| wrong(error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(wrong(
                "it holds a secret or options; credentials come from the environment alone"
                    .to_owned(),
            ));
        }
        let cloud = match url.scheme() {
            "file" => {
                let path = url.to_file_path();
                return path
                    .map(Self::Folder)
                    .map_err(|()| wrong("expected file:///DIR".to_owned()));
            }
            "s3" => Cloud::S3,
            "gs" => Cloud::Gcs,
            "az" => Cloud::Azure,
            "http" | "https" => {
                return Err(wrong(
                    "a web address is read from, not written to".to_owned(),
                ));
            }
            other => return Err(wrong(format!("no store is reached by `{other}`"))),
        };
        let name = url.host_str().unwrap_or_default().to_owned();
        if name.is_empty() || url.port().is_some() {
            return Err(wrong("the name of the bucket is missing".to_owned()));
        }
        if text.contains("..") {
            // The parser would resolve it, and lead elsewhere than it reads.
            return Err(wrong("`..` has no meaning in a bucket".to_owned()));
        }
        let prefix = url.path().trim_matches('/').to_owned();
        if !prefix.is_empty() && super::ObjectName::new(&prefix).is_err() {
            return Err(wrong(format!("`{prefix}` cannot begin an object's name")));
        }
        Ok(Self::Bucket(Bucket {
            cloud,
            name,
            prefix,
        }))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.cloud {
            Cloud::S3 => "s3",
            Cloud::Gcs => "gs",
            Cloud::Azure => "az",
        };
        write!(f, "{scheme}://{}", self.name)?;
        if self.prefix.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.prefix)
        }
    }
}

/// Something that is no address of a store.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{address}` is not the address of a store: {why}")]
pub struct AddressError {
    address: String,
    why: String,
}

/// An address that can be shown: without what stands before `@` and behind `?`.
fn redacted(text: &str) -> String {
    let text = text.split('?').next().unwrap_or_default();
    match (text.split_once("://"), text.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::Address;
    use std::path::Path;

    fn read(text: &str) -> Result<String, String> {
        Address::read(text, Path::new("/desk"))
            .map(|address| address.to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn directories_and_buckets_are_told_apart() {
        assert_eq!(read("published").unwrap(), "/desk/published");
        assert_eq!(read("/srv/tuf").unwrap(), "/srv/tuf");
        assert_eq!(read("file:///srv/tuf").unwrap(), "/srv/tuf");
        for same in ["s3://bucket", "s3://bucket/band/prod", "gs://b/x", "az://c"] {
            assert_eq!(read(same).unwrap(), same);
        }
        assert_eq!(read("s3://bucket/x/").unwrap(), "s3://bucket/x");
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_a_secret() {
        for bad in [
            "s3://",
            "s3:///x",
            "ftp://host/x",
            "https://host/x",
            "s3://bucket/../x",
            "s3://AKIA:hunter2@bucket",
            "az://container?sig=hunter2",
        ] {
            let error = read(bad).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
