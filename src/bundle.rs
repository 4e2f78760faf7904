//! Bundles: one release in one file, the same bytes on every machine.
//! Takes a manifest and an image, or the bytes of a bundle; gives a `Bundle` whose parts agree. Says nothing about trust:
//! who approved a bundle is decided by the metadata that lists it.

pub mod extras;
pub mod recipients;
pub mod record;
pub mod sbom;
pub mod seal;
pub mod tape;

use bytes::Bytes;
use cuff_verifier::digest::Digest;
use cuff_verifier::version::Length;

use crate::firmware::image::Image;
use crate::firmware::measure::MAX_IMAGE;
use crate::manifest::Manifest;
use extras::Extras;
use record::{ImageRecord, Record, RecordError};
use tape::{Entry, Limits, TapeError};

/// Largest bundle, in bytes.
pub const MAX_BUNDLE: u64 = MAX_IMAGE + MAX_SBOM + MAX_RECIPIENTS + MAX_RECORD + 16 * 512;
/// Largest release record, in bytes.
pub const MAX_RECORD: u64 = 4096;
/// Largest bill of materials, in bytes.
pub const MAX_SBOM: u64 = 16 << 20;
/// Largest data-recipients declaration, in bytes.
pub const MAX_RECIPIENTS: u64 = 64 << 10;

/// Name of the release record, the first entry.
pub const RECORD: &str = "release.json";
/// Name of the bill of materials.
pub const SBOM: &str = "sbom.cdx.json";
/// Name of the data-recipients declaration.
pub const RECIPIENTS: &str = "recipients.toml";

/// A bundle whose record, image and extras were found to agree. It can only be had from bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    bytes: Bytes,
    record: Record,
    image: Bytes,
    sbom: Option<Bytes>,
    recipients: Option<Bytes>,
}

impl Bundle {
    /// Makes the bundle a manifest describes, and opens it the way everyone else will.
    pub fn make(manifest: &Manifest, image: &Image, extras: &Extras) -> Result<Self, BundleError> {
        let record = Record {
            kind: image.kind(),
            product: manifest.product.clone(),
            version: manifest.version.clone(),
            counter: manifest.counter,
            hardware: manifest.hardware.clone(),
            minimum_bootloader: manifest.minimum_bootloader,
            image: ImageRecord {
                length: Length::of(image.bytes()),
                sha256: Digest::of(image.bytes()),
            },
            sbom: extras.sbom().map(Digest::of),
            recipients: extras.recipients().map(Digest::of),
        };
        let release = record.canonical();
        let image_name = image_entry(&record);
        let mut entries = vec![
            Entry {
                name: RECORD,
                bytes: &release,
            },
            Entry {
                name: &image_name,
                bytes: image.bytes(),
            },
        ];
        for (name, extra) in [(SBOM, extras.sbom()), (RECIPIENTS, extras.recipients())] {
            if let Some(bytes) = extra {
                entries.push(Entry { name, bytes });
            }
        }
        Self::of(tape::write(&entries)?.into())
    }

    /// Reads a copy of a bundle strictly and recomputes every length and digest.
    pub fn open(bytes: &[u8]) -> Result<Self, BundleError> {
        Self::of(Bytes::copy_from_slice(bytes))
    }

    /// The same, without a copy.
    pub fn of(bytes: Bytes) -> Result<Self, BundleError> {
        let mut entries = Entries(tape::read(&bytes, &LIMITS)?.into_iter().peekable());
        let release = entries.take(RECORD)?;
        let record = Record::read(release)?;
        let image_name = image_entry(&record);
        let image = entries.take(&image_name)?;
        agree(
            &image_name,
            record.image.sha256,
            Some(record.image.length),
            image,
        )?;
        let sbom = entries.extra(SBOM, record.sbom)?;
        let recipients = entries.extra(RECIPIENTS, record.recipients)?;
        entries.end()?;
        Ok(Self {
            image: bytes.slice_ref(image),
            sbom: sbom.map(|sbom| bytes.slice_ref(sbom)),
            recipients: recipients.map(|recipients| bytes.slice_ref(recipients)),
            record,
            bytes,
        })
    }

    /// What the release says of itself.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// The image as a device will hold it.
    pub fn image(&self) -> &[u8] {
        &self.image
    }

    /// The image alone.
    pub fn into_image(self) -> Bytes {
        self.image
    }

    /// The bill of materials.
    pub fn sbom(&self) -> Option<&[u8]> {
        self.sbom.as_deref()
    }

    /// The data-recipients declaration.
    pub fn recipients(&self) -> Option<&[u8]> {
        self.recipients.as_deref()
    }

    /// The file.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of the file, which TUF metadata lists.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// Length of the file, which TUF metadata lists.
    pub fn length(&self) -> Length {
        Length::of(&self.bytes)
    }
}

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The container is not the one way cuff writes it.
    #[error("not a bundle as cuff writes it: {0}")]
    Tape(#[from] TapeError),
    /// The record breaks a rule.
    #[error("bundle entry {RECORD}: {0}")]
    Record(#[from] RecordError),
    /// Another entry than the next one.
    #[error(
        "bundle entry \"{found}\" stands where \"{expected}\" must: entries come in a fixed order, each once"
    )]
    Order {
        /// What must stand there.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// Fewer entries than needed.
    #[error("bundle entry \"{expected}\" is missing")]
    Missing {
        /// What must stand there.
        expected: String,
    },
    /// Entries behind the last.
    #[error("bundle entry \"{found}\" is not one that the record names: expected no further entry")]
    Unexpected {
        /// What stands there.
        found: String,
    },
    /// The image has another length than the record says.
    #[error("bundle entry \"{entry}\" must be {recorded} bytes as its record says, found {found}")]
    Length {
        /// Which entry.
        entry: String,
        /// What the record says.
        recorded: u64,
        /// What is there.
        found: u64,
    },
    /// An entry is not what the record says.
    #[error(
        "bundle entry \"{entry}\" must have SHA-256 {recorded} as its record says, found {found}"
    )]
    Digest {
        /// Which entry.
        entry: String,
        /// What the record says.
        recorded: Digest,
        /// What is there.
        found: Digest,
    },
}

fn image_entry(record: &Record) -> String {
    format!("images/{}.bin", record.kind.region())
}

struct Entries<'a>(std::iter::Peekable<std::vec::IntoIter<Entry<'a>>>);

impl<'a> Entries<'a> {
    fn take(&mut self, expected: &str) -> Result<&'a [u8], BundleError> {
        match self.0.next() {
            Some(entry) if entry.name == expected => Ok(entry.bytes),
            Some(entry) => Err(BundleError::Order {
                expected: expected.to_owned(),
                found: entry.name.to_owned(),
            }),
            None => Err(BundleError::Missing {
                expected: expected.to_owned(),
            }),
        }
    }

    /// An entry that is there exactly when the record has its digest.
    fn extra(
        &mut self,
        name: &str,
        recorded: Option<Digest>,
    ) -> Result<Option<&'a [u8]>, BundleError> {
        let Some(recorded) = recorded else {
            return Ok(None);
        };
        let bytes = self.take(name)?;
        agree(name, recorded, None, bytes)?;
        Ok(Some(bytes))
    }

    fn end(mut self) -> Result<(), BundleError> {
        self.0.next().map_or(Ok(()), |entry| {
            Err(BundleError::Unexpected {
                found: entry.name.to_owned(),
            })
        })
    }
}

fn agree(
    entry: &str,
    recorded: Digest,
    length: Option<Length>,
    bytes: &[u8],
) -> Result<(), BundleError> {
    let actual = Length::of(bytes);
    if let Some(length) = length
        && length != actual
    {
        return Err(BundleError::Length {
            entry: entry.to_owned(),
            recorded: length.0,
            found: actual.0,
        });
    }
    let found = Digest::of(bytes);
    if recorded != found {
        return Err(BundleError::Digest {
            entry: entry.to_owned(),
            recorded,
            found,
        });
    }
    Ok(())
}

fn limit(name: &str) -> u64 {
    match name {
        RECORD => MAX_RECORD,
        SBOM => MAX_SBOM,
        RECIPIENTS => MAX_RECIPIENTS,
        _ => MAX_IMAGE,
    }
}

const LIMITS: Limits = Limits {
    entries: 4,
    entry: limit,
    whole: MAX_BUNDLE,
};

#[cfg(test)]
mod tests;
