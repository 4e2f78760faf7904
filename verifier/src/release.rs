//! The release record: what a product role signs about one release (`custom.cuff` of its target entry).
//!
//! Everything a device decides on stands here, inside the signature. A member this crate does not know is refused: what a
//! device does not understand it must not ignore.

use core::fmt;

use crate::digest::Digest;
use crate::json::{self, Text, Value, foul};
use crate::member::Member;
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
    hardware: Value<'a>,
}

impl<'a> Record<'a> {
    /// The record of a target that authenticated metadata lists.
    pub fn of(target: &Target<'a>) -> Result<Self, BadRecord> {
        let [record] = target
            .custom
            .ok_or(BadRecord::Missing(Member::CustomCuff))?
            .pick(&["cuff"])?;
        Self::parse(record.ok_or(BadRecord::Missing(Member::CustomCuff))?)
    }

    /// Reads the canonical bytes of a record, as the bundle's `release.json` holds them.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BadRecord> {
        match foul(bytes, Profile::Device) {
            Some((fault, _)) => Err(fault.into()),
            None => Self::parse(Value::check(bytes)?),
        }
    }

    fn parse(value: Value<'a>) -> Result<Self, BadRecord> {
        let [
            counter,
            format,
            hardware,
            images,
            kind,
            bootloader,
            product,
            recipients,
            sbom,
            version,
        ] = value.pick(&MEMBERS)?;
        if !value.has_only(&MEMBERS) {
            return Err(BadRecord::UnknownMember);
        }
        let need = |member: Option<Value<'a>>, name| member.ok_or(BadRecord::Missing(name));
        if need(format, Member::Format)?.unsigned()? != FORMAT {
            return Err(BadRecord::Format);
        }
        let kind = match need(kind, Member::Kind)?.text()?.raw() {
            b"application" => Kind::Application,
            b"bootloader" => Kind::Bootloader,
            _ => return Err(BadRecord::Kind),
        };
        let name = |value: Value<'a>| value.text()?.as_str().ok_or(BadRecord::Name);
        Ok(Self {
            kind,
            product: name(need(product, Member::Product)?)?,
            version: name(need(version, Member::Version)?)?,
            counter: Counter(need(counter, Member::Counter)?.unsigned()?),
            minimum_bootloader: need(bootloader, Member::MinimumBootloader)?.unsigned()?,
            image: Image::parse(need(images, Member::Images)?, kind)?,
            sbom: sbom.map(digest).transpose()?,
            recipients: recipients.map(digest).transpose()?,
            hardware: check_hardware(need(hardware, Member::Hardware)?)?,
        })
    }

    /// Whether the release is for hardware with this id.
    pub fn suits(&self, id: &str) -> bool {
        self.hardware().any(|listed| listed.is(id))
    }

    /// The hardware ids it is for, ascending.
    pub fn hardware(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        self.hardware
            .elements()
            .into_iter()
            .flatten()
            .filter_map(|id| id.text().ok())
    }
}

static MEMBERS: [&str; 10] = [
    "counter",
    "format",
    "hardware",
    "images",
    "kind",
    "minimum_bootloader",
    "product",
    "recipients",
    "sbom",
    "version",
];

impl Image {
    /// Exactly one image, not empty, for the region of its kind.
    fn parse(images: Value<'_>, kind: Kind) -> Result<Self, BadRecord> {
        let mut elements = images.elements()?;
        let (Some(only), None) = (elements.next(), elements.next()) else {
            return Err(BadRecord::Images);
        };
        let [length, region, sha256] = only.pick(&["length", "region", "sha256"])?;
        if !only.has_only(&["length", "region", "sha256"]) {
            return Err(BadRecord::UnknownMember);
        }
        let region = region
            .ok_or(BadRecord::Missing(Member::ImagesRegion))?
            .text()?;
        let length = length
            .ok_or(BadRecord::Missing(Member::ImagesLength))?
            .unsigned()?;
        if !region.is(kind.region()) || length == 0 {
            return Err(BadRecord::Images);
        }
        let sha256 = digest(sha256.ok_or(BadRecord::Missing(Member::ImagesSha256))?)?;
        Ok(Self {
            length: Length(length),
            sha256,
        })
    }
}

/// At least one id, ascending, none empty.
fn check_hardware(ids: Value<'_>) -> Result<Value<'_>, BadRecord> {
    let mut previous = None;
    for id in ids.elements()? {
        let id = id.text()?;
        if id.raw().is_empty() || previous.is_some_and(|previous| previous >= id) {
            return Err(BadRecord::Hardware);
        }
        previous = Some(id);
    }
    previous.map(|_| ids).ok_or(BadRecord::Hardware)
}

fn digest(value: Value<'_>) -> Result<Digest, BadRecord> {
    Digest::from_hex(value.text()?.raw()).ok_or(BadRecord::Hash)
}

/// Why a release record is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadRecord {
    /// Not canonical JSON in printable ASCII, or a value of another kind.
    Json(json::Fault),
    /// A member that must be there is not.
    Missing(Member),
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

impl From<json::Fault> for BadRecord {
    fn from(error: json::Fault) -> Self {
        Self::Json(error)
    }
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Json(error) => return error.fmt(f),
            Self::Missing(name) => return write!(f, "`{}` is missing", name.name()),
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
        let record = Record::read(text.as_bytes()).expect("valid");
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
            (r#""format":1,"#, "", BadRecord::Missing(Member::Format)),
            (r#""counter":7,"#, "", BadRecord::Missing(Member::Counter)),
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
                Record::read(text.as_bytes()).map(|_| ()),
                Err(error),
                "{text}"
            );
        }
        let doubled = record().replace(
            "}],",
            &std::format!(r#"}},{{"length":4,"region":"active","sha256":"{HEX}"}}],"#),
        );
        assert_eq!(
            Record::read(doubled.as_bytes()).map(|_| ()),
            Err(BadRecord::Images)
        );
        assert!(Record::read((record() + " ").as_bytes()).is_err());
        assert!(!BadRecord::Format.to_string().is_empty());
    }
}
