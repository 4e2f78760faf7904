//! The container: a plain ustar archive with one spelling for each content.
//! Takes named bytes and gives an archive, and back. Reading compares each header with the one it would write, so a
//! time stamp, an owner, a link or a second spelling of a name is refused. Writes no file and follows no path.

use std::collections::BTreeSet;
use std::ops::Range;

use tar::{EntryType, Header};

use crate::name::is_safe_file_name;

/// Longest name of an entry.
pub const MAX_NAME: usize = 255;

/// One named stretch of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// A relative path with `/` between safe parts.
    pub name: &'a str,
    /// The content.
    pub bytes: &'a [u8],
}

/// What a reader is ready to hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most entries.
    pub entries: usize,
    /// Most bytes of the entry with this name.
    pub entry: fn(&str) -> u64,
    /// Most bytes of the whole archive.
    pub whole: u64,
}

/// The archive of these entries, in this order.
pub fn write(entries: &[Entry<'_>]) -> Result<Vec<u8>, TapeError> {
    let mut archive = Vec::new();
    for entry in entries {
        check_name(entry.name)?;
        archive.extend_from_slice(&head(entry.name, entry.bytes.len() as u64));
        archive.extend_from_slice(entry.bytes);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.extend_from_slice(&END);
    Ok(archive)
}

/// The entries of an archive, in its order.
pub fn read<'a>(archive: &'a [u8], limits: &Limits) -> Result<Vec<Entry<'a>>, TapeError> {
    let index = index(archive, limits)?;
    let entry = |(name, range): (&'a str, Range<usize>)| Entry {
        name,
        bytes: &archive[range],
    };
    Ok(index.into_iter().map(entry).collect())
}

/// The names of an archive's entries and where their bytes lie in it.
pub fn index<'a>(
    archive: &'a [u8],
    limits: &Limits,
) -> Result<Vec<(&'a str, Range<usize>)>, TapeError> {
    if archive.len() as u64 > limits.whole {
        return Err(TapeError::TooLong {
            limit: limits.whole,
            found: archive.len() as u64,
        });
    }
    let mut reader = Reader { archive, at: 0 };
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    while !reader.at_end()? {
        if entries.len() == limits.entries {
            return Err(TapeError::TooMany {
                limit: limits.entries,
            });
        }
        let (name, range) = reader.entry(entries.len(), limits)?;
        if !seen.insert(name) {
            return Err(TapeError::Twice {
                name: name.to_owned(),
            });
        }
        entries.push((name, range));
    }
    Ok(entries)
}

/// Whether the bytes begin like any ustar archive.
pub fn looks_like_tar(bytes: &[u8]) -> bool {
    bytes.get(257..262) == Some(b"ustar")
}

/// Why an archive was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TapeError {
    /// Longer than any good archive of its kind.
    #[error("the archive must be at most {limit} bytes, found {found}")]
    TooLong {
        /// The limit.
        limit: u64,
        /// What there is.
        found: u64,
    },
    /// More entries than its kind has.
    #[error("the archive must hold at most {limit} entries, found more")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// The archive ends inside something.
    #[error("the archive is cut short at byte {at}: expected {expected}")]
    CutShort {
        /// Where it ends.
        at: usize,
        /// What should follow.
        expected: &'static str,
    },
    /// Bytes behind the end.
    #[error("the archive must end at byte {end}, found {found} bytes more")]
    Trailing {
        /// Where it must end.
        end: usize,
        /// What follows.
        found: usize,
    },
    /// A header that is not the one we would write.
    #[error("entry {index} of the archive: header field {field} is not as cuff writes it")]
    Header {
        /// Which entry, from zero.
        index: usize,
        /// Which field.
        field: &'static str,
    },
    /// A name that leaves its folder, or no file system takes.
    #[error("entry name \"{}\" must be a relative path of safe parts: A-Z, a-z, 0-9, dot, underscore, plus, minus; no part empty, with two dots in a row, or beginning or ending with one", name.escape_debug())]
    Name {
        /// The name.
        name: String,
    },
    /// The same name again.
    #[error("entry \"{name}\" stands in the archive twice")]
    Twice {
        /// The name.
        name: String,
    },
    /// An entry that is too long for what it is.
    #[error("entry \"{name}\" must be at most {limit} bytes, found {found}")]
    EntryTooLong {
        /// The name.
        name: String,
        /// The limit.
        limit: u64,
        /// What the header says.
        found: u64,
    },
    /// Bytes hidden between entries.
    #[error("entry \"{name}\" must be filled up to a whole block with zeroes, found other bytes")]
    Padding {
        /// The name.
        name: String,
    },
}

struct Reader<'a> {
    archive: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Whether the two closing blocks come next; nothing may follow them.
    fn at_end(&self) -> Result<bool, TapeError> {
        let rest = &self.archive[self.at..];
        if rest.first() != Some(&0) {
            return Ok(false);
        }
        if !rest.starts_with(&END) {
            return Err(TapeError::CutShort {
                at: self.archive.len(),
                expected: "1024 zero bytes that close the archive",
            });
        }
        if rest.len() > END.len() {
            return Err(TapeError::Trailing {
                end: self.at + END.len(),
                found: rest.len() - END.len(),
            });
        }
        Ok(true)
    }

    fn entry(
        &mut self,
        index: usize,
        limits: &Limits,
    ) -> Result<(&'a str, Range<usize>), TapeError> {
        let start = self.at;
        let mut block = self.take(BLOCK, "a header, or the closing zero bytes")?;
        let mut long_name = None;
        if block[TYPE] == LONG_NAME {
            let length = size(block, index, MAX_LONG_NAME)?;
            long_name = Some(self.take_padded(length, "a long name")?);
            block = self.take(BLOCK, "a header")?;
        }
        let name = match long_name {
            Some(record) => long_name_of(record),
            None => short_name_of(block),
        }
        .ok_or(TapeError::Header {
            index,
            field: "name",
        })?;
        check_name(name)?;
        let length = size(block, index, u64::MAX)?;
        let limit = (limits.entry)(name);
        if length > limit {
            return Err(TapeError::EntryTooLong {
                name: name.to_owned(),
                limit,
                found: length,
            });
        }
        let expected = head(name, length);
        let written = &self.archive[start..self.at];
        if written != expected {
            return Err(TapeError::Header {
                index,
                field: first_difference(written, &expected),
            });
        }
        let range = self.at..self.at.saturating_add(to_usize(length));
        self.take(range.len(), "the rest of an entry")?;
        let padding = self.take(
            range.len().next_multiple_of(BLOCK) - range.len(),
            "the zero bytes that fill a block",
        )?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(TapeError::Padding {
                name: name.to_owned(),
            });
        }
        Ok((name, range))
    }

    fn take_padded(&mut self, length: u64, expected: &'static str) -> Result<&'a [u8], TapeError> {
        let length = to_usize(length);
        let padded = self.take(length.next_multiple_of(BLOCK), expected)?;
        Ok(&padded[..length])
    }

    fn take(&mut self, length: usize, expected: &'static str) -> Result<&'a [u8], TapeError> {
        let rest = &self.archive[self.at..];
        let taken = rest.get(..length).ok_or(TapeError::CutShort {
            at: self.archive.len(),
            expected,
        })?;
        self.at += length;
        Ok(taken)
    }
}

/// The blocks before an entry's bytes: one, or three where the name is longer than ustar's field.
fn head(name: &str, length: u64) -> Vec<u8> {
    if name.len() <= SHORT_NAME {
        return header(name, EntryType::Regular, length).as_bytes().to_vec();
    }
    let record = long_name_record(name);
    let mut blocks = header(LONG_NAME_ENTRY, EntryType::XHeader, record.len() as u64)
        .as_bytes()
        .to_vec();
    blocks.extend_from_slice(record.as_bytes());
    blocks.resize(2 * BLOCK, 0);
    // Readers that know no long names see the first hundred bytes; names are ASCII, so any cut is a character's end.
    let short = name.get(..SHORT_NAME).unwrap_or(name);
    blocks.extend_from_slice(header(short, EntryType::Regular, length).as_bytes());
    blocks
}

fn header(name: &str, kind: EntryType, length: u64) -> Header {
    let mut header = Header::new_ustar();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(length);
    header.set_mtime(0);
    header.set_entry_type(kind);
    header.set_cksum();
    header
}

/// A POSIX extended header record: its own length in decimal, a space, `path=`, the name, a line feed.
fn long_name_record(name: &str) -> String {
    // Names are 101 to 255 bytes, so the length always has three digits.
    format!("{} path={name}\n", name.len() + "000 path=\n".len())
}

fn long_name_of(record: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(record).ok()?;
    let name = text.get("000 path=".len()..)?.strip_suffix('\n')?;
    (name.len() > SHORT_NAME && long_name_record(name) == text).then_some(name)
}

fn short_name_of(block: &[u8]) -> Option<&str> {
    let field = &block[..SHORT_NAME];
    let length = field
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(SHORT_NAME);
    std::str::from_utf8(&field[..length]).ok()
}

fn size(block: &[u8], index: usize, limit: u64) -> Result<u64, TapeError> {
    Header::from_byte_slice(block)
        .entry_size()
        .ok()
        .filter(|length| *length <= limit)
        .ok_or(TapeError::Header {
            index,
            field: "size",
        })
}

fn check_name(name: &str) -> Result<(), TapeError> {
    if name.len() > MAX_NAME || !name.split('/').all(is_safe_file_name) {
        return Err(TapeError::Name {
            name: name.chars().take(MAX_NAME).collect(),
        });
    }
    Ok(())
}

/// The field of the first byte in which two heads differ. The checksum differs with any other, so it is named last.
fn first_difference(written: &[u8], expected: &[u8]) -> &'static str {
    let pairs = written.iter().zip(expected).enumerate();
    let differing: Vec<usize> = pairs
        .filter_map(|(at, (one, other))| (one != other).then_some(at % BLOCK))
        .collect();
    FIELDS
        .iter()
        .find(|(_, range)| differing.iter().any(|at| range.contains(at)))
        .map_or("checksum", |(field, _)| field)
}

/// Lengths are checked against limits far below 4 GiB before this.
fn to_usize(length: u64) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}

const BLOCK: usize = 512;
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];
const SHORT_NAME: usize = 100;
const MAX_LONG_NAME: u64 = BLOCK as u64;
const LONG_NAME_ENTRY: &str = "././@PaxHeader";
const LONG_NAME: u8 = b'x';
const TYPE: usize = 156;

/// POSIX.1-1988 ustar header, by byte, without its checksum.
const FIELDS: [(&str, Range<usize>); 15] = [
    ("name", 0..100),
    ("mode", 100..108),
    ("uid", 108..116),
    ("gid", 116..124),
    ("size", 124..136),
    ("mtime", 136..148),
    ("type", 156..157),
    ("link name", 157..257),
    ("magic", 257..263),
    ("format version", 263..265),
    ("user name", 265..297),
    ("group name", 297..329),
    ("device", 329..345),
    ("prefix", 345..500),
    ("reserved", 500..512),
];

#[cfg(test)]
mod tests;
