//! Timestamp metadata (TUF 4.6): which snapshot is current.

use super::metafile::{MetaFile, role_of};
use super::{Head, HeadReader, Malformed, Role, open};
use crate::threshold::Authentic;

/// A timestamp file's `signed` member, checked.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// Version and expiry.
    pub head: Head,
    /// The current snapshot.
    pub snapshot: MetaFile,
}

impl Timestamp {
    /// Reads authenticated bytes. `meta` holds exactly `snapshot.json`.
    pub fn parse(authentic: &Authentic<'_>) -> Result<Self, Malformed> {
        let mut head = HeadReader::new(Role::Timestamp, authentic.profile());
        let mut snapshot = None;
        let mut cursor = open(authentic)?;
        let mut members = cursor.object()?;
        while let Some(name) = members.next(&mut cursor)? {
            if name.raw() != b"meta" {
                head.take(name, &mut cursor)?;
                continue;
            }
            let mut files = cursor.object()?;
            while let Some(file) = files.next(&mut cursor)? {
                if role_of(file)? != b"snapshot" {
                    return Err(Malformed::MetaName);
                }
                snapshot = Some(MetaFile::parse(&mut cursor)?);
            }
        }
        cursor.end()?;
        Ok(Self {
            head: head.finish()?,
            snapshot: snapshot.ok_or(Malformed::Missing("meta.snapshot.json"))?,
        })
    }
}
