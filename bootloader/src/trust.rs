//! The trust store: one record and one root, held in two banks.
//!
//! Takes and gives a [`Record`]; a commit writes bank B whole, reads it back, and only then writes bank A, so at rest both
//! hold the same sequence and neither a torn write nor a cleared bit reads as an older value. It never judges.

use cuff_verifier::{
    digest::{Digest, Hasher},
    judge::Versions,
    time::Instant,
    version::Counter,
};

use crate::{
    field::{Reader, Text, Writer},
    flash::{Chip, Fault, Flash},
    layout::Region,
    sure::Sure,
};

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

impl Record {
    /// The image the active slot must hold.
    pub fn expected(&self) -> Option<&Image> {
        self.trial
            .as_ref()
            .map(|trial| &trial.image)
            .or(self.installed.as_ref())
    }

    /// The same state under another sequence is no change.
    pub fn says_the_same_as(&self, other: &Self) -> bool {
        Self {
            sequence: other.sequence,
            ..*self
        } == *other
    }

    fn encode(&self) -> Option<[u8; RECORD as usize]> {
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

    fn decode(bytes: &[u8; RECORD as usize]) -> Option<Self> {
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
        r.complete().then_some(record)
    }
}

/// One of the two banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bank {
    /// Written second.
    A,
    /// Written first.
    B,
}

/// What the two banks show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "no alloc: there is nowhere else to put the record"
)]
pub enum Banks {
    /// Both hold the same: the only state at rest.
    Equal(Record),
    /// One is unreadable or torn; the other one counts.
    Single {
        /// The good one.
        good: Bank,
        /// What it holds.
        record: Record,
    },
    /// A commit was interrupted after its first half; the newer one counts.
    Window {
        /// The newer one.
        good: Bank,
        /// What it holds.
        record: Record,
    },
    /// Neither can be trusted.
    Lost,
}

impl Banks {
    /// The record that counts, if any.
    pub fn record(&self) -> Option<&Record> {
        match self {
            Self::Equal(record) | Self::Single { record, .. } | Self::Window { record, .. } => {
                Some(record)
            }
            Self::Lost => None,
        }
    }
}

/// Where the bytes of a root are copied from.
#[derive(Clone, Copy, Debug)]
pub enum RootAt<'r> {
    /// The bank that counts: the root stays.
    Kept,
    /// A place in flash, inside evidence that was judged.
    Flash(Region),
    /// Memory: provisioning.
    Memory(&'r [u8]),
}

/// Reads both banks.
pub fn look<F: Flash>(chip: &mut Chip<'_, F>) -> Banks {
    match (read(chip, Bank::A), read(chip, Bank::B)) {
        (Some(a), Some(b)) if a == b => Banks::Equal(a),
        (Some(a), Some(b)) if a.sequence > b.sequence => Banks::Window {
            good: Bank::A,
            record: a,
        },
        (Some(a), Some(b)) if a.sequence < b.sequence => Banks::Window {
            good: Bank::B,
            record: b,
        },
        // Two stories under one sequence: nobody honest writes that.
        (Some(_), Some(_)) | (None, None) => Banks::Lost,
        (Some(record), None) => Banks::Single {
            good: Bank::A,
            record,
        },
        (None, Some(record)) => Banks::Single {
            good: Bank::B,
            record,
        },
    }
}

/// Makes both banks equal again from the good one.
pub fn repair<F: Flash>(chip: &mut Chip<'_, F>, good: Bank) -> Result<(), Fault> {
    let record = read(chip, good).ok_or(Fault::Lost)?;
    let from = root_region(chip, good, record.root.length);
    let bad = match good {
        Bank::A => Bank::B,
        Bank::B => Bank::A,
    };
    write(chip, bad, &record, RootAt::Flash(from))
}

/// Commits the next state under the next sequence and gives it back.
///
/// Syscalls of flash, in order: erase B, program root, program record, read back B; the same for A.
pub fn commit<F: Flash>(
    chip: &mut Chip<'_, F>,
    next: &Record,
    root: RootAt<'_>,
) -> Result<Record, Fault> {
    let Banks::Equal(now) = look(chip) else {
        return Err(Fault::Lost);
    };
    let next = Record {
        sequence: now.sequence.checked_add(1).ok_or(Fault::Outside)?,
        ..*next
    };
    let root = match root {
        RootAt::Kept => RootAt::Flash(root_region(chip, Bank::A, now.root.length)),
        other => other,
    };
    write(chip, Bank::B, &next, root)?;
    repair(chip, Bank::B)?;
    Ok(next)
}

/// Writes the first record of a unit; provisioning only.
pub(crate) fn found<F: Flash>(
    chip: &mut Chip<'_, F>,
    first: &Record,
    root: &[u8],
) -> Result<(), Fault> {
    chip.erase(chip.layout().trust)?;
    write(chip, Bank::B, first, RootAt::Memory(root))?;
    repair(chip, Bank::B)
}

/// Where the trusted root lies, once both banks are equal.
pub fn trusted_root<F: Flash>(chip: &Chip<'_, F>, record: &Record) -> Region {
    root_region(chip, Bank::A, record.root.length)
}

fn read<F: Flash>(chip: &mut Chip<'_, F>, bank: Bank) -> Option<Record> {
    let mut bytes = [0; RECORD as usize];
    chip.read(chip.layout().bank(bank), 0, &mut bytes).ok()?;
    let record = Record::decode(&bytes)?;
    let region = root_region(chip, bank, record.root.length);
    let digest = chip.digest(region, record.root.length).ok()?;
    Sure::equal(&digest.0, &record.root.sha256.0)
        .holds()
        .then_some(record)
}

fn write<F: Flash>(
    chip: &mut Chip<'_, F>,
    bank: Bank,
    record: &Record,
    root: RootAt<'_>,
) -> Result<(), Fault> {
    let region = chip.layout().bank(bank);
    let bytes = record.encode().ok_or(Fault::Outside)?;
    if RECORD
        .checked_add(record.root.length)
        .is_none_or(|end| end > region.length)
    {
        return Err(Fault::Outside);
    }
    chip.erase(region)?;
    match root {
        RootAt::Flash(from) => chip.copy(from, region, RECORD, record.root.length)?,
        RootAt::Memory(root) => chip.program(region, RECORD, root)?,
        RootAt::Kept => return Err(Fault::Lost),
    }
    chip.program(region, 0, &bytes)?;
    match read(chip, bank) {
        Some(seen) if seen == *record => Ok(()),
        _ => Err(Fault::ReadBack),
    }
}

fn root_region<F: Flash>(chip: &Chip<'_, F>, bank: Bank, length: u32) -> Region {
    chip.layout().bank(bank).part(RECORD, length)
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
const IMAGE: usize = 4 + 4 + 32 + 8 + 96;
const MAGIC: &[u8; 8] = b"cufftrs1";

#[cfg(test)]
mod tests {
    use super::*;

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
        for index in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes;
                bad[index] ^= 1 << bit;
                assert_eq!(Record::decode(&bad), None, "byte {index} bit {bit}");
            }
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
