//! The names of roles and releases.
//!
//! Takes text from a command line, a file name or metadata; the rules for products and versions are those of [`crate::name`].

use crate::name::{NameError, Product, Version};
use std::fmt;
use std::str::FromStr;

/// A role of the repository. Products are delegated targets roles of the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RoleName {
    /// Names everyone's keys.
    Root,
    /// Delegates to the products.
    Targets,
    /// Holds the releases of one product.
    Product(Product),
    /// Pins the versions of targets and products; online.
    Snapshot,
    /// Pins the snapshot; online, the one file that changes in place.
    Timestamp,
}

impl RoleName {
    /// Whether people sign this role at the desk (and not the online key on publishing).
    pub fn is_offline(&self) -> bool {
        !matches!(self, Self::Snapshot | Self::Timestamp)
    }

    /// The name of one version of this role's file in `metadata/`.
    pub fn file(&self, version: u64) -> String {
        match self {
            Self::Timestamp => "timestamp.json".to_owned(),
            _ => format!("{version}.{self}.json"),
        }
    }
}

impl fmt::Display for RoleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
            Self::Product(name) => name.as_str(),
        })
    }
}

impl FromStr for RoleName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Ok(match text {
            "root" => Self::Root,
            "targets" => Self::Targets,
            "snapshot" => Self::Snapshot,
            "timestamp" => Self::Timestamp,
            other => Self::Product(other.parse()?),
        })
    }
}

/// The target path of a release: `PRODUCT/VERSION`, for example `band/1.4.0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseName {
    product: Product,
    version: Version,
}

impl ReleaseName {
    /// Joins the two halves.
    pub fn new(product: Product, version: Version) -> Self {
        Self { product, version }
    }

    /// The product half.
    pub fn product(&self) -> &Product {
        &self.product
    }

    /// The half after the slash.
    pub fn version(&self) -> &str {
        self.version.as_str()
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.product, self.version)
    }
}

impl FromStr for ReleaseName {
    type Err = ReleaseNameError;

    fn from_str(text: &str) -> Result<Self, ReleaseNameError> {
        let halves = text.split_once('/');
        let (product, version) =
            halves.ok_or_else(|| ReleaseNameError::NoSlash(text.escape_debug().to_string()))?;
        Ok(Self::new(product.parse()?, version.parse()?))
    }
}

/// Text that names no release.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReleaseNameError {
    /// Only one half; the text is escaped already.
    #[error("a release is PRODUCT/VERSION (for example `band/1.4.0`), found \"{0}\"")]
    NoSlash(String),
    /// One of the halves.
    #[error(transparent)]
    Name(#[from] NameError),
}

macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}
serde_as_text!(RoleName, ReleaseName);

#[cfg(test)]
mod tests {
    use super::{ReleaseName, RoleName};

    #[test]
    fn roles_and_products_are_told_apart() {
        assert_eq!("root".parse(), Ok(RoleName::Root));
        assert_eq!("band".parse::<RoleName>().unwrap().file(4), "4.band.json");
        assert_eq!(RoleName::Timestamp.file(9), "timestamp.json");
        assert!("Root".parse::<RoleName>().is_err());
    }

    #[test]
    fn a_refused_name_is_printed_escaped() {
        let message = "ba\u{1b}[2Jnd".parse::<RoleName>().unwrap_err().to_string();
        assert!(
            message.contains("\\u{1b}") && !message.contains('\u{1b}'),
            "{message}"
        );
    }

    #[test]
    fn a_release_is_one_directory_deep() {
        assert_eq!(
            "band/1.4.0".parse::<ReleaseName>().unwrap().to_string(),
            "band/1.4.0"
        );
        for bad in [
            "band",
            "band/",
            "band/..",
            "band/.hidden",
            "band/a/b",
            "band/a\n",
            "band/a b",
            "root/1",
        ] {
            assert!(bad.parse::<ReleaseName>().is_err(), "{bad:?}");
        }
    }
}
