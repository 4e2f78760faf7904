//! The release record as the desk owns it: what a product's signers approve about one release.
//! Takes and gives the canonical bytes of `release.json`, the same that stand under `custom.cuff` in signed metadata, which
//! is written and read through this type too.
//! Reading is the verifier's own reading; only the rules for names are added here.

use cuff_verifier::digest::Digest;
use cuff_verifier::release::{self, BadRecord, Kind};
use cuff_verifier::version::{Counter, Length};

use crate::name::{Hardware, NameError, Product, Version};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// A release record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Application or bootloader.
    pub kind: Kind,
    /// The product.
    pub product: Product,
    /// The release within the product.
    pub version: Version,
    /// Security counter.
    pub counter: Counter,
    /// Hardware ids, ascending, each once.
    pub hardware: Vec<Hardware>,
    /// Oldest bootloader that may start the image.
    pub minimum_bootloader: u64,
    /// The one image.
    pub image: ImageRecord,
    /// SHA-256 of the bill of materials.
    pub sbom: Option<Digest>,
    /// SHA-256 of the data-recipients declaration.
    pub recipients: Option<Digest>,
}

/// What a record says of its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageRecord {
    /// Bytes.
    pub length: Length,
    /// SHA-256.
    pub sha256: Digest,
}

impl Record {
    /// Reads canonical bytes; any other spelling of the same record is refused.
    pub fn read(bytes: &[u8]) -> Result<Self, RecordError> {
        let record = Self::parse(bytes)?;
        if record.canonical() != bytes {
            return Err(RecordError::NotCanonical);
        }
        Ok(record)
    }

    fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let read = release::Record::read(bytes).map_err(RecordError::Rule)?;
        let mut hardware = Vec::new();
        for id in read.hardware() {
            hardware.push(Hardware::parse(&String::from_utf8_lossy(id.raw()))?);
        }
        Ok(Self {
            kind: read.kind,
            product: Product::parse(read.product)?,
            version: Version::parse(read.version)?,
            counter: read.counter,
            hardware,
            minimum_bootloader: read.minimum_bootloader,
            image: ImageRecord {
                length: read.image.length,
                sha256: read.image.sha256,
            },
            sbom: read.sbom,
            recipients: read.recipients,
        })
    }

    /// The canonical bytes.
    pub fn canonical(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The record as JSON, to be compared or changed.
    pub fn value(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The target path of the release in TUF metadata: `band/1.4.0`.
    pub fn target(&self) -> String {
        format!("{}/{}", self.product, self.version)
    }
}

impl Serialize for Record {
    /// The record as it stands under `custom.cuff`.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let image = WrittenImage {
            length: self.image.length.0,
            region: self.kind.region().into(),
            sha256: self.image.sha256.to_string().into(),
        };
        Written {
            counter: self.counter.0,
            format: release::FORMAT,
            hardware: self.hardware.iter().map(|id| id.as_str().into()).collect(),
            images: vec![image],
            kind: self.kind.name().into(),
            minimum_bootloader: self.minimum_bootloader,
            product: self.product.as_str().into(),
            recipients: self.recipients.map(|digest| digest.to_string().into()),
            sbom: self.sbom.map(|digest| digest.to_string().into()),
            version: self.version.as_str().into(),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Record {
    /// By the same rules as [`Record::read`], but for the spelling, which is the business of the file around it.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(from)?;
        let bytes = serde_json::to_vec(&written).map_err(D::Error::custom)?;
        Self::parse(&bytes).map_err(D::Error::custom)
    }
}

/// The members in the order of their names: written without white space that is canonical JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'r> {
    counter: u64,
    format: u64,
    hardware: Vec<Cow<'r, str>>,
    images: Vec<WrittenImage<'r>>,
    kind: Cow<'r, str>,
    minimum_bootloader: u64,
    product: Cow<'r, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipients: Option<Cow<'r, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sbom: Option<Cow<'r, str>>,
    version: Cow<'r, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenImage<'r> {
    length: u64,
    region: Cow<'r, str>,
    sha256: Cow<'r, str>,
}

/// Why bytes are no record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// A rule every verifier keeps.
    #[error("the release record breaks a rule: {0}")]
    Rule(#[source] BadRecord),
    /// A name that would not be safe in a path.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Another spelling of the same record.
    #[error("the release record must be canonical JSON without white space")]
    NotCanonical,
}
