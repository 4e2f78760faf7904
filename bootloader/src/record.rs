//! The trust record: all that a unit trusts, in fixed bytes under a seal.
//!
//! Takes a [`Record`], gives 768 bytes, and back; bytes with a single flipped bit are no record. Where they are kept, and
//! how they are replaced, is the trust store's business.

use core::ops::Range;

use cuff_verifier::{
    digest::{Digest, Hasher},
    judge::Versions,
    sure::Sure,
    time::Instant,
    version::Counter,
};

use crate::field::{Reader, Text, Writer};

/// Who a unit is: fixed when it is provisioned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The product, as the delegated role is named.
    pub product: Text<31>,
    /// The hardware id releases must list.
    pub hardware: Text<31>,
    /// The serial of this unit.
    pub serial: Text<31>,
}

/// The trusted root, kept behind the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Bytes of canonical `signed`.
    pub length: u32,
    /// Its version.
    pub version: u64,
    /// SHA-256 of those bytes.
    pub sha256: Digest,
}

/// An image this unit accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// Bytes from the slot's start.
    pub length: u32,
    /// SHA-256 of those bytes.
    pub sha256: Digest,
    /// Its security counter.
    pub counter: Counter,
    /// The release it came with, `PRODUCT/NAME`.
    pub release: Text<95>,
}

/// An accepted image that has not confirmed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// What is tried.
    pub image: Image,
    /// The sequence of the record that opened it: no two trials of a unit share one.
    pub opened: u64,
}

impl Trial {
    /// What the application must return to confirm; another one for every trial.
    pub fn id(&self, identity: &Identity) -> TrialId {
        let mut hasher = Hasher::new();
        hasher.update(b"cuff trial 1\0");
        hasher.update(identity.serial.as_str().as_bytes());
        hasher.update(b"\0");
        hasher.update(&self.opened.to_le_bytes());
        hasher.update(&self.image.sha256.0);
        TrialId(shortened(&hasher.finish()))
    }
}

/// Names one trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialId(pub [u8; 16]);

/// All that a unit trusts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Counts commits.
    pub sequence: u64,
    /// Who the unit is.
    pub identity: Identity,
    /// The trusted root.
    pub root: Root,
    /// The last accepted role versions.
    pub versions: Versions,
    /// SHA-256 of the last accepted timestamp.
    pub timestamp_sha256: Digest,
    /// The largest threshold-signed `issued` seen.
    pub floor: Instant,
    /// What the product role demands at least.
    pub minimum_counter: Counter,
    /// The largest counter of an image that confirmed; the counter region follows it.
    pub counter: Counter,
    /// The image that confirmed last: the way back while a trial is open.
    pub installed: Option<Image>,
    /// The image on trial.
    pub trial: Option<Trial>,
    /// What `installed` replaced, as long as the candidate slot may still hold it.
    pub former: Option<Image>,
}

/// What a commit is about; all else stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Root, role versions, time floor, least counter.
    Trust,
    /// The images, and the counter that a confirm raises.
    Images,
}

impl Change {
    /// Whether two encoded records say the same of everything that it is not about; sequences are not compared.
    pub(crate) fn keeps(self, now: &[u8], next: &[u8]) -> bool {
        let same = |range: Range<usize>| {
            let now = now.get(range.clone());
            now.is_some() && now == next.get(range)
        };
        match self {
            Self::Trust => same(IDENTITY..ROOT) && same(COUNTER..BODY),
            Self::Images => same(IDENTITY..COUNTER),
        }
    }
}

impl Record {
    /// The image the active slot must hold.
    pub fn expected(&self) -> Option<&Image> {
        self.trial
            .as_ref()
            .map(|trial| &trial.image)
            .or(self.installed.as_ref())
    }

    /// The bytes of a bank's first part.
    pub fn encode(&self) -> Option<[u8; RECORD as usize]> {
        let mut out = [0; RECORD as usize];
        let (body, seal) = out.split_at_mut_checked(BODY)?;
        let mut w = Writer::new(body);
        w.bytes(MAGIC).u64(self.sequence);
        w.text(&self.identity.product)
            .text(&self.identity.hardware)
            .text(&self.identity.serial);
        w.u32(self.root.length)
            .u64(self.root.version)
            .bytes(&self.root.sha256.0);
        w.u64(self.versions.timestamp).u64(self.versions.snapshot);
        w.u64(self.versions.targets).u64(self.versions.product);
        w.bytes(&self.timestamp_sha256.0).u64(self.floor.0);
        w.u64(self.minimum_counter.0).u64(self.counter.0);
        write_image(&mut w, self.installed.as_ref());
        write_image(&mut w, self.trial.as_ref().map(|trial| &trial.image));
        w.u64(self.trial.map_or(0, |trial| trial.opened));
        write_image(&mut w, self.former.as_ref());
        let fitted = w.fitted();
        seal.copy_from_slice(&Digest::of(body).0);
        fitted.then_some(out)
    }

    /// Reads them; a flipped bit is no record, and neither are bytes that no record is written as, whatever seal they have.
    pub fn decode(bytes: &[u8; RECORD as usize]) -> Option<Self> {
        let (body, seal) = bytes.split_at_checked(BODY)?;
        if !Sure::equal(&Digest::of(body).0, seal).holds() {
            return None;
        }
        let mut r = Reader::new(body);
        if r.array::<8>() != *MAGIC {
            return None;
        }
        let record = Self {
            sequence: r.u64(),
            identity: Identity {
                product: r.text()?,
                hardware: r.text()?,
                serial: r.text()?,
            },
            root: Root {
                length: r.u32(),
                version: r.u64(),
                sha256: Digest(r.array()),
            },
            versions: Versions {
                timestamp: r.u64(),
                snapshot: r.u64(),
                targets: r.u64(),
                product: r.u64(),
            },
            timestamp_sha256: Digest(r.array()),
            floor: Instant(r.u64()),
            minimum_counter: Counter(r.u64()),
            counter: Counter(r.u64()),
            installed: read_image(&mut r)?,
            trial: {
                let image = read_image(&mut r)?;
                let opened = r.u64();
                image.map(|image| Trial { image, opened })
            },
            former: read_image(&mut r)?,
        };
        (r.complete() && record.encode().as_ref() == Some(bytes)).then_some(record)
    }
}

fn write_image(w: &mut Writer<'_>, image: Option<&Image>) {
    match image {
        Some(image) => {
            w.u32(1)
                .u32(image.length)
                .bytes(&image.sha256.0)
                .u64(image.counter.0);
            w.text(&image.release);
        }
        None => {
            w.bytes(&[0; IMAGE]);
        }
    }
}

/// `None` when the bytes mean nothing, `Some(None)` when they mean no image.
#[allow(
    clippy::option_option,
    reason = "absent and unreadable are different answers"
)]
fn read_image(r: &mut Reader<'_>) -> Option<Option<Image>> {
    let present = r.u32();
    let image = Image {
        length: r.u32(),
        sha256: Digest(r.array()),
        counter: Counter(r.u64()),
        release: r.text()?,
    };
    match present {
        0 => Some(None),
        1 => Some(Some(image)),
        _ => None,
    }
}

/// The first 16 bytes of a digest.
pub(crate) fn shortened(digest: &Digest) -> [u8; 16] {
    digest.0.first_chunk().copied().unwrap_or_default()
}

/// Bytes of a record, in whole program units of every board.
pub const RECORD: u32 = 768;
const BODY: usize = 736;
/// Where these fields begin.
const IDENTITY: usize = 16;
const ROOT: usize = IDENTITY + 3 * 32;
const COUNTER: usize = ROOT + 4 + 8 + 32 + 4 * 8 + 32 + 8 + 8;
const IMAGE: usize = 4 + 4 + 32 + 8 + 96;
const MAGIC: &[u8; 8] = b"cufftrs1";

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the first image stands.
    const IMAGES: usize = COUNTER + 8;

    fn record() -> Record {
        let image = |byte: u8| Image {
            length: 100,
            sha256: Digest([byte; 32]),
            counter: Counter(u64::from(byte)),
            release: Text::new("band/1.4.0").expect("short"),
        };
        Record {
            sequence: 9,
            identity: Identity {
                product: Text::new("band").expect("short"),
                hardware: Text::new("band-a").expect("short"),
                serial: Text::new("0001").expect("short"),
            },
            root: Root {
                length: 10,
                version: 3,
                sha256: Digest([9; 32]),
            },
            versions: Versions {
                timestamp: 4,
                snapshot: 3,
                targets: 2,
                product: 1,
            },
            timestamp_sha256: Digest([8; 32]),
            floor: Instant(77),
            minimum_counter: Counter(5),
            counter: Counter(6),
            installed: Some(image(1)),
            trial: Some(Trial {
                image: image(2),
                opened: 9,
            }),
            former: None,
        }
    }

    #[test]
    fn a_record_reads_back_and_no_flipped_bit_passes() {
        let bytes = record().encode().expect("fits");
        assert_eq!(Record::decode(&bytes), Some(record()));
        for bit in (0..8 * bytes.len()).step_by(crate::STEP) {
            let mut bad = bytes;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                Record::decode(&bad),
                None,
                "byte {} bit {}",
                bit / 8,
                bit % 8
            );
        }
    }

    /// An absent image with something in it, a trial number without a trial, bytes behind the last field: behind a true seal,
    /// all of it is refused.
    #[test]
    fn nothing_is_read_that_would_be_written_otherwise() {
        let mut record = record();
        record.installed = None;
        record.trial = None;
        let bytes = record.encode().expect("fits");
        for index in (0..BODY).step_by(crate::STEP) {
            let mut bent = bytes;
            bent[index] ^= 2;
            let seal = Digest::of(&bent[..BODY]);
            bent[BODY..].copy_from_slice(&seal.0);
            let read = Record::decode(&bent);
            assert!(read.is_none() || index < IMAGES, "byte {index}");
            assert!(read.is_none_or(|read| read.encode() == Some(bent)));
        }
    }

    #[test]
    fn every_trial_has_its_own_id() {
        let record = record();
        let trial = record.trial.expect("open");
        let later = Trial {
            opened: trial.opened + 1,
            ..trial
        };
        assert_ne!(trial.id(&record.identity), later.id(&record.identity));
        assert_eq!(trial.id(&record.identity), trial.id(&record.identity));
    }
}
