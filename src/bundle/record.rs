//! The release record as the desk owns it: what a product's signers approve about one release.
//! Takes and gives the canonical bytes of `release.json`, the same that stand under `custom.cuff` in signed metadata, which
//! is written and read through this type too.
//! Reading is the verifier's own reading; only the rules for names are added here.

use cuff_verifier::digest::Digest;
use cuff_verifier::release::{self, BadRecord, Kind};
use cuff_verifier::version::{Counter, Length};

use crate::name::{Hardware, NameError, Product, Version};

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
        let read = release::Record::read(bytes).map_err(RecordError::Rule)?;
        let mut hardware = Vec::new();
        for id in read.hardware() {
            hardware.push(Hardware::parse(&String::from_utf8_lossy(id.raw()))?);
        }
        let record = Self {
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
        };
        if record.canonical() != bytes {
            return Err(RecordError::NotCanonical);
        }
        Ok(record)
    }

    /// The canonical bytes.
    pub fn canonical(&self) -> Vec<u8> {
        self.value().to_string().into_bytes()
    }

    /// The record as JSON, to be placed under `custom.cuff`.
    pub fn value(&self) -> serde_json::Value {
        let mut value = serde_json::json!({
            "counter": self.counter.0,
            "format": release::FORMAT,
            "hardware": self.hardware,
            "images": [{
                "length": self.image.length.0,
                "region": self.kind.region(),
                "sha256": self.image.sha256.to_string(),
            }],
            "kind": self.kind.name(),
            "minimum_bootloader": self.minimum_bootloader,
            "product": self.product,
            "version": self.version,
        });
        for (member, digest) in [("recipients", self.recipients), ("sbom", self.sbom)] {
            if let Some(digest) = digest {
                value[member] = digest.to_string().into();
            }
        }
        value
    }

    /// The target path of the release in TUF metadata: `band/1.4.0`.
    pub fn target(&self) -> String {
        format!("{}/{}", self.product, self.version)
    }
}

impl serde::Serialize for Record {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.value().serialize(to)
    }
}

impl<'de> serde::Deserialize<'de> for Record {
    /// By the same rules as [`Record::read`]. White space and order are the business of the file around it.
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        Self::read(value.to_string().as_bytes()).map_err(serde::de::Error::custom)
    }
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
