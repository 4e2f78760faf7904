//! The release record: what a product role signs about one release (`custom.cuff` of its target entry).
//!
//! Everything a device decides on stands here, inside the signature. A member this crate does not know is refused: what a
//! device does not understand it must not ignore.

use core::fmt;

use crate::digest::{Digest, decode_hex};
use crate::json::{self, Cursor, Text, texts};
use crate::profile::Profile;
use crate::role::targets::Target;
use crate::version::{Counter, Length};

/// The only format of the record so far.
pub const FORMAT: u64 = 1;

/// What is being released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Runs from `active`; installed by updates.
    Application,
    /// Runs from `boot`; installed only when a unit is provisioned.
    Bootloader,
}

impl Kind {
    /// The word in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Bootloader => "bootloader",
        }
    }

    /// The region that its one image is for.
    pub const fn region(self) -> &'static str {
        match self {
            Self::Application => "active",
            Self::Bootloader => "boot",
        }
    }
}

/// One image of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its length.
    pub length: Length,
    /// Its SHA-256.
    pub sha256: Digest,
}

/// A release record, checked for itself.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Application or bootloader.
    pub kind: Kind,
    /// The product it is for; the role that signs it has the same name.
    pub product: &'a str,
    /// The version people see. It decides nothing.
    pub version: &'a str,
    /// The security counter.
    pub counter: Counter,
    /// The least bootloader version that can install it.
    pub minimum_bootloader: u64,
    /// The one image, for the region of its kind.
    pub image: Image,
    /// SHA-256 of the SBOM in the bundle.
    pub sbom: Option<Digest>,
    /// SHA-256 of the data-recipients declaration in the bundle.
    pub recipients: Option<Digest>,
    hardware: &'a [u8],
}

impl<'a> Record<'a> {
    /// The record of a target that authenticated metadata lists.
    pub fn of(target: &Target<'a>) -> Result<Self, BadRecord> {
        let mut cursor = Cursor::new(
            target.custom.ok_or(BadRecord::Missing("custom.cuff"))?,
            Profile::Device,
        )?;
        let mut record = None;
        let mut members = cursor.object()?;
        while let Some(name) = members.next(&mut cursor)? {
            let value = cursor.skip()?;
            if name.raw() == b"cuff" {
                record = Some(Self::parse(value)?);
            }
        }
        cursor.end()?;
        record.ok_or(BadRecord::Missing("custom.cuff"))
    }

    /// Reads the canonical bytes of a record, as `custom.cuff` and the bundle's `release.json` hold them.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BadRecord> {
        let mut cursor = Cursor::new(bytes, Profile::Device)?;
        let (mut kind, mut product, mut version, mut counter, mut format) =
            (None, None, None, None, None);
        let (mut bootloader, mut images, mut sbom, mut recipients, mut hardware) =
            (None, None, None, None, None);
        let mut members = cursor.object()?;
        while let Some(name) = members.next(&mut cursor)? {
            match name.raw() {
                b"counter" => counter = Some(Counter(cursor.unsigned()?)),
                b"format" => format = Some(cursor.unsigned()?),
                b"hardware" => hardware = Some(parse_hardware(&mut cursor)?),
                b"images" => images = Some(parse_images(&mut cursor)?),
                b"kind" => {
                    kind = Some(match cursor.text()?.raw() {
                        b"application" => Kind::Application,
                        b"bootloader" => Kind::Bootloader,
                        _ => return Err(BadRecord::Kind),
                    });
                }
                b"minimum_bootloader" => bootloader = Some(cursor.unsigned()?),
                b"product" => product = Some(cursor.text()?.as_str().ok_or(BadRecord::Name)?),
                b"recipients" => recipients = Some(digest(&mut cursor)?),
                b"sbom" => sbom = Some(digest(&mut cursor)?),
                b"version" => version = Some(cursor.text()?.as_str().ok_or(BadRecord::Name)?),
                _ => return Err(BadRecord::UnknownMember),
            }
        }
        cursor.end()?;
        if format.ok_or(BadRecord::Missing("format"))? != FORMAT {
            return Err(BadRecord::Format);
        }
        let kind = kind.ok_or(BadRecord::Missing("kind"))?;
        let (region, image) = images.ok_or(BadRecord::Missing("images"))?;
        if region.raw() != kind.region().as_bytes() {
            return Err(BadRecord::Images);
        }
        Ok(Self {
            kind,
            product: product.ok_or(BadRecord::Missing("product"))?,
            version: version.ok_or(BadRecord::Missing("version"))?,
            counter: counter.ok_or(BadRecord::Missing("counter"))?,
            minimum_bootloader: bootloader.ok_or(BadRecord::Missing("minimum_bootloader"))?,
            image,
            sbom,
            recipients,
            hardware: hardware.ok_or(BadRecord::Missing("hardware"))?,
        })
    }

    /// Whether the release is for hardware with this id.
    pub fn suits(&self, id: &str) -> bool {
        self.hardware().any(|listed| listed.raw() == id.as_bytes())
    }

    /// The hardware ids it is for, ascending.
    pub fn hardware(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        texts(self.hardware, Profile::Device)
    }
}

fn parse_hardware<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], BadRecord> {
    let start = cursor.position();
    let mut previous = None;
    let mut elements = cursor.array()?;
    while elements.next(cursor)? {
        let id = cursor.text()?;
        if previous.is_some_and(|previous| previous >= id) || id.raw().is_empty() {
            return Err(BadRecord::Hardware);
        }
        previous = Some(id);
    }
    previous
        .map(|_| cursor.since(start))
        .ok_or(BadRecord::Hardware)
}

/// Exactly one image; for which region it is decides [`Record::parse`].
fn parse_images<'a>(cursor: &mut Cursor<'a>) -> Result<(Text<'a>, Image), BadRecord> {
    let mut only = None;
    let mut elements = cursor.array()?;
    while elements.next(cursor)? {
        if only.is_some() {
            return Err(BadRecord::Images);
        }
        let (mut length, mut region, mut sha256) = (None, None, None);
        let mut members = cursor.object()?;
        while let Some(name) = members.next(cursor)? {
            match name.raw() {
                b"length" => length = Some(Length(cursor.unsigned()?)),
                b"region" => region = Some(cursor.text()?),
                b"sha256" => sha256 = Some(digest(cursor)?),
                _ => return Err(BadRecord::UnknownMember),
            }
        }
        let image = Image {
            length: length.ok_or(BadRecord::Missing("images.length"))?,
            sha256: sha256.ok_or(BadRecord::Missing("images.sha256"))?,
        };
        only = Some((region.ok_or(BadRecord::Missing("images.region"))?, image));
    }
    only.filter(|(_, image)| image.length.0 > 0)
        .ok_or(BadRecord::Images)
}

fn digest(cursor: &mut Cursor<'_>) -> Result<Digest, BadRecord> {
    let mut bytes = [0; 32];
    decode_hex(cursor.text()?.raw(), &mut bytes)
        .map(|()| Digest(bytes))
        .ok_or(BadRecord::Hash)
}

/// Why a release record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRecord {
    /// Not canonical JSON in printable ASCII, or a value of another kind.
    Json(json::Error),
    /// A member that must be there is not.
    Missing(&'static str),
    /// A member nobody here knows.
    UnknownMember,
    /// Not format 1.
    Format,
    /// Neither `application` nor `bootloader`.
    Kind,
    /// Not exactly one image that is not empty, for the region of the kind.
    Images,
    /// Hardware ids missing, empty, unsorted or repeated.
    Hardware,
    /// A product or version with characters that need escaping.
    Name,
    /// Not 64 lower-case hex digits.
    Hash,
}

impl From<json::Error> for BadRecord {
    fn from(error: json::Error) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(error) => return error.fmt(f),
            Self::Missing(name) => return write!(f, "`{name}` is missing"),
            Self::UnknownMember => "a member this version does not know",
            Self::Format => "`format` is not 1",
            Self::Kind => "`kind` is neither application nor bootloader",
            Self::Images => "`images` must be one image, not empty, for `active` (application) or `boot` (bootloader)",
            Self::Hardware => "`hardware` must be a list of at least one id, ascending, none twice",
            Self::Name => "`product` or `version` holds a quote or a backslash",
            Self::Hash => "a digest is not 64 lower-case hex digits",
        })
    }
}

impl core::error::Error for BadRecord {}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::{String, ToString};

    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn record() -> String {
        std::format!(
            r#"{{"counter":7,"format":1,"hardware":["band-a","band-b"],"images":[{{"length":4,"region":"active","sha256":"{HEX}"}}],"kind":"application","minimum_bootloader":1,"product":"band","version":"1.4.0"}}"#
        )
    }

    #[test]
    fn a_whole_record_is_read() {
        let text = record();
        let record = Record::parse(text.as_bytes()).expect("valid");
        assert_eq!(
            (record.product, record.version, record.counter),
            ("band", "1.4.0", Counter(7))
        );
        assert!(record.suits("band-b") && !record.suits("band") && !record.suits("band-c"));
        assert_eq!(record.image.length, Length(4));
    }

    #[test]
    fn each_rule_is_named() {
        for (from, to, error) in [
            (r#""format":1"#, r#""format":2"#, BadRecord::Format),
            (r#""format":1,"#, "", BadRecord::Missing("format")),
            (r#""counter":7,"#, "", BadRecord::Missing("counter")),
            (
                r#""counter":7,"#,
                r#""counter":7,"extra":1,"#,
                BadRecord::UnknownMember,
            ),
            (
                r#""kind":"application""#,
                r#""kind":"library""#,
                BadRecord::Kind,
            ),
            (
                r#""region":"active""#,
                r#""region":"trust""#,
                BadRecord::Images,
            ),
            (
                r#""region":"active""#,
                r#""region":"boot""#,
                BadRecord::Images,
            ),
            (r#""length":4"#, r#""length":0"#, BadRecord::Images),
            (r#"["band-a","band-b"]"#, "[]", BadRecord::Hardware),
            (
                r#"["band-a","band-b"]"#,
                r#"["band-b","band-a"]"#,
                BadRecord::Hardware,
            ),
            (
                r#"["band-a","band-b"]"#,
                r#"["band-a","band-a"]"#,
                BadRecord::Hardware,
            ),
            (HEX, "E3B0", BadRecord::Hash),
            (
                r#""product":"band""#,
                r#""product":"ba\"nd""#,
                BadRecord::Name,
            ),
        ] {
            let text = record().replace(from, to);
            assert_ne!(text, record(), "{from}");
            assert_eq!(
                Record::parse(text.as_bytes()).map(|_| ()),
                Err(error),
                "{text}"
            );
        }
        let doubled = record().replace(
            "}],",
            &std::format!(r#"}},{{"length":4,"region":"active","sha256":"{HEX}"}}],"#),
        );
        assert_eq!(
            Record::parse(doubled.as_bytes()).map(|_| ()),
            Err(BadRecord::Images)
        );
        assert!(Record::parse((record() + " ").as_bytes()).is_err());
        assert!(!BadRecord::Format.to_string().is_empty());
    }
}
