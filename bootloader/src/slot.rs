//! What lies in the candidate slot, the inbox and the confirmation page, before any of it is believed.
//!
//! Takes marks the application or a host wrote, gives what they claim. Nothing here is evidence: the judge is elsewhere.

use cuff_verifier::{digest::Digest, verdict::Reason};

use crate::{
    field::{Reader, Writer},
    flash::{BLANK, Chip, Fault, Flash},
    layout::{Layout, Region, Slot},
    record::{TrialId, shortened},
};

/// What the candidate slot's last page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Nothing whole was uploaded.
    None,
    /// An upload is complete and wants to be judged.
    Open,
    /// It was judged before and refused; the reason, if its mark was not torn.
    Refused(Option<Reason>),
}

/// Reads the offer; an unreadable slot offers nothing.
pub fn offer<F: Flash>(chip: &mut Chip<'_, F>) -> Offer {
    let spare = chip.layout().spare();
    let mut bytes = [0; OFFER];
    if chip.read(spare, OFFER_AT, &mut bytes).is_err() || bytes != offer_mark() {
        return Offer::None;
    }
    let mut mark = [0; REFUSED];
    match chip.read(spare, REFUSED_AT, &mut mark) {
        Ok(()) if mark == [BLANK; REFUSED] => Offer::Open,
        Ok(()) => {
            let mut r = Reader::new(&mark);
            let (tag, code) = (r.u16(), r.u16());
            Offer::Refused(Reason::from_code(code).filter(|_| tag == REFUSED_TAG))
        }
        Err(_) => Offer::None,
    }
}

/// Marks a complete upload; the last thing an upload does.
pub fn make_offer<F: Flash>(chip: &mut Chip<'_, F>) -> Result<(), Fault> {
    chip.program(chip.layout().spare(), OFFER_AT, &offer_mark())
}

/// Marks the candidate as refused, so that no boot looks at it again.
pub fn refuse<F: Flash>(chip: &mut Chip<'_, F>, reason: Reason) -> Result<(), Fault> {
    let mut mark = [0; REFUSED];
    Writer::new(&mut mark).u16(REFUSED_TAG).u16(reason.code());
    chip.program(chip.layout().spare(), REFUSED_AT, &mark)
}

/// Leaves a candidate behind that is refused from the start: what a failed trial swapped back.
pub fn leave_refused<F: Flash>(chip: &mut Chip<'_, F>, reason: Reason) -> Result<(), Fault> {
    chip.erase(chip.layout().spare())?;
    // The mark first: an offer without it would be judged.
    refuse(chip, reason)?;
    make_offer(chip)
}

/// Notes which file an upload began with, so that only the same file resumes it.
pub fn note_file<F: Flash>(chip: &mut Chip<'_, F>, file: &Digest) -> Result<(), Fault> {
    chip.program(chip.layout().spare(), 0, &file_mark(file))
}

/// Whether the upload in the candidate slot began with this file.
pub fn began_with<F: Flash>(chip: &mut Chip<'_, F>, file: &Digest) -> bool {
    self::file(chip) == Some(*file)
}

/// Which file the upload in the candidate slot began with.
pub fn file<F: Flash>(chip: &mut Chip<'_, F>) -> Option<Digest> {
    let mut bytes = [0; FILE];
    chip.read(chip.layout().spare(), 0, &mut bytes).ok()?;
    let mut r = Reader::new(&bytes);
    let _magic: [u8; 16] = r.array();
    let file = Digest(r.array());
    (bytes == file_mark(&file)).then_some(file)
}

/// Whether the inbox holds something. Its first unit is written last.
pub fn inbox_is_full<F: Flash>(chip: &mut Chip<'_, F>) -> bool {
    let inbox = chip.layout().inbox_evidence();
    matches!(chip.blank(inbox, 0, chip.layout().program), Ok(false))
}

/// What the application returned, if anything.
pub fn confirmation<F: Flash>(chip: &mut Chip<'_, F>) -> Option<TrialId> {
    let mut bytes = [0; RETURNED];
    chip.read(chip.layout().confirmation(), 0, &mut bytes)
        .ok()?;
    let mut r = Reader::new(&bytes);
    let id: [u8; 16] = r.array();
    let seal: [u8; 16] = r.array();
    (seal == shortened(&Digest::of(&id))).then_some(TrialId(id))
}

/// Writes what the application returns.
pub fn confirm<F: Flash>(chip: &mut Chip<'_, F>, id: TrialId) -> Result<(), Fault> {
    let page = chip.layout().confirmation();
    chip.clear(page)?;
    chip.program(page, 0, &returned(id))
}

/// What the confirmation page must hold: what a bootloader hands to the application, and the application returns as it is.
pub fn returned(id: TrialId) -> [u8; RETURNED] {
    let mut bytes = [0; RETURNED];
    Writer::new(&mut bytes)
        .bytes(&id.0)
        .bytes(&shortened(&Digest::of(&id.0)));
    bytes
}

/// Where the way back lies while its trial is open: one page further than it ran.
pub fn way_back(layout: &Layout, length: u32) -> Region {
    layout.slot(Slot::Candidate).part(layout.erase, length)
}

fn offer_mark() -> [u8; OFFER] {
    let mut mark = [0; OFFER];
    Writer::new(&mut mark)
        .bytes(OFFER_MAGIC)
        .bytes(&shortened(&Digest::of(OFFER_MAGIC)));
    mark
}

fn file_mark(file: &Digest) -> [u8; FILE] {
    let mut mark = [0; FILE];
    Writer::new(&mut mark)
        .bytes(FILE_MAGIC)
        .bytes(&file.0)
        .bytes(&shortened(&Digest::of(&file.0)));
    mark
}

/// Bytes of what an application returns.
pub const RETURNED: usize = 32;
const FILE: usize = 64;
const FILE_MAGIC: &[u8; 16] = b"cuff upload of 1";
const OFFER: usize = 32;
const OFFER_MAGIC: &[u8; 16] = b"cuff candidate 1";
const OFFER_AT: u32 = 64;
const REFUSED_AT: u32 = 128;
const REFUSED: usize = 4;
const REFUSED_TAG: u16 = 0x4e4f;
