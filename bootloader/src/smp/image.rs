//! The image group: which image is where, in the words stock tools know.
//!
//! Takes the trust record and the offer, gives two slots; `test` of what was uploaded is a no-op, because a complete upload
//! marks itself, and `confirm` is refused.

use cuff_verifier::{digest::Digest, evidence::Evidence, verdict::Reason};

use super::{
    Mode, Rc, Refusal,
    cbor::{Arguments, Writer},
};
use crate::{
    flash::{Chip, Flash},
    layout::Slot,
    record::Record,
    slot::{self, Offer},
    trust,
};

/// What a slot is to the unit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// What the next boot starts, unless it finds something better.
    Boots { confirmed: bool, running: bool },
    /// What comes back if the trial fails.
    WayBack,
    /// A complete upload, to be judged at the next reset.
    Offered,
    /// What was judged and refused.
    Refused,
}

#[inline(never)]
fn write(slot: u64, version: &str, hash: &Digest, part: Part, out: &mut Writer<'_>) {
    let (confirmed, active) = match part {
        Part::Boots { confirmed, running } => (confirmed, running),
        Part::WayBack => (true, false),
        Part::Offered | Part::Refused => (false, false),
    };
    out.map(8).text("slot").uint(slot);
    out.text("version").text(version);
    out.text("hash").bytes(&hash.0);
    out.text("bootable").boolean(part != Part::Refused);
    out.text("pending").boolean(part == Part::Offered);
    out.text("confirmed").boolean(confirmed);
    out.text("active").boolean(active);
    out.text("permanent").boolean(false);
}

/// Both slots; an empty list when the unit trusts nobody.
#[inline(never)]
pub(super) fn state<F: Flash>(chip: &mut Chip<'_, F>, mode: Mode, out: &mut Writer<'_>) {
    let record = trust::look(chip).record().copied();
    let installed = record.as_ref().and_then(|record| record.installed);
    let trial = record.as_ref().and_then(|record| record.trial);
    let first = record.as_ref().and_then(Record::expected);
    let boots = Part::Boots {
        confirmed: trial.is_none(),
        running: mode == Mode::Application,
    };
    let way_back = installed.filter(|_| trial.is_some());
    let part = match slot::offer(chip) {
        Offer::Open => Some(Part::Offered),
        Offer::Refused(_) => Some(Part::Refused),
        Offer::None => None,
    };
    // During a trial the way back lies there, whatever an upload left behind.
    let upload = part
        .filter(|_| trial.is_none())
        .and_then(|part| Some((part, slot::file(chip)?)));
    let second = way_back.is_some() || upload.is_some();
    let count = u8::from(first.is_some()).saturating_add(u8::from(second));
    out.map(1).text("images").array(count);
    if let Some(image) = first {
        write(0, short(image.release.as_str()), &image.sha256, boots, out);
    }
    if let Some(image) = way_back {
        let version = short(image.release.as_str());
        write(1, version, &image.sha256, Part::WayBack, out);
    } else if let Some((part, file)) = upload {
        write(1, claimed(chip), &file, part, out);
    }
}

/// `test` and `confirm`.
#[inline(never)]
pub(super) fn set_state<F: Flash>(
    chip: &mut Chip<'_, F>,
    arguments: &Arguments<'_>,
) -> Result<(), Refusal> {
    if arguments.confirm == Some(true) {
        return Err(Reason::ConfirmByHost.into());
    }
    let file = slot::file(chip).filter(|_| slot::offer(chip) == Offer::Open);
    match (arguments.hash, file) {
        (Some(hash), Some(file)) if hash == file.0 => Ok(()),
        (None, _) => Err(Rc::Invalid.into()),
        _ => Err(Rc::NoEntry.into()),
    }
}

/// How large the slots are, and that uploads go to the second one.
#[inline(never)]
pub(super) fn slots<F: Flash>(chip: &Chip<'_, F>, out: &mut Writer<'_>) {
    let size = u64::from(chip.layout().largest_image());
    out.map(1).text("images").array(1);
    out.map(2).text("image").uint(0).text("slots").array(2);
    out.map(2).text("slot").uint(0).text("size").uint(size);
    out.map(3).text("slot").uint(1).text("size").uint(size);
    out.text("upload_image_id").uint(0);
}

/// The release that the evidence beside an upload names. Nobody has judged it.
fn claimed<'c, F: Flash>(chip: &'c Chip<'_, F>) -> &'c str {
    chip.mapped(chip.layout().evidence(Slot::Candidate))
        .and_then(|memory| Evidence::parse(memory).ok())
        .map(|evidence| short(evidence.path()))
        .filter(|path| path.len() <= LONGEST)
        .unwrap_or("?")
}

/// `1.4.0` of `band/1.4.0`.
fn short(release: &str) -> &str {
    release.split_once('/').map_or(release, |(_, name)| name)
}

/// As in a trust record.
const LONGEST: usize = 95;
