//! Timestamp metadata (TUF 4.6): which snapshot is current.

use super::metafile::MetaFile;
use super::{Head, Malformed, Role};
use crate::json::Value;
use crate::member::Member;
use crate::threshold::Authentic;

/// A timestamp file's `signed` member, checked.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp<'a> {
    /// Version and expiry.
    pub head: Head,
    /// The current snapshot.
    pub snapshot: MetaFile<'a>,
}

impl<'a> Timestamp<'a> {
    /// Reads authenticated bytes. `meta` holds exactly `snapshot.json`.
    pub fn parse(authentic: &Authentic<'a>) -> Result<Self, Malformed> {
        let signed = Value::check(authentic.signed())?;
        let head = Head::parse(signed, Role::Timestamp, authentic.profile())?;
        let [meta] = signed.pick(&["meta"])?;
        let meta = meta.ok_or(Malformed::Missing(Member::Meta))?;
        let [snapshot] = meta.pick(&["snapshot.json"])?;
        if !meta.has_only(&["snapshot.json"]) {
            return Err(Malformed::MetaName);
        }
        let snapshot = snapshot.ok_or(Malformed::Missing(Member::MetaSnapshotJson))?;
        Ok(Self {
            head,
            snapshot: MetaFile::parse(snapshot, authentic.profile())?,
        })
    }
}
