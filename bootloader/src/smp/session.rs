//! An upload under way: one file of evidence and image, or evidence alone, in pieces.
//!
//! Takes pieces in order, gives where it is; a piece from elsewhere in the file changes nothing and is answered with the place
//! that is wanted. The same file, by its digest, goes on where it was, also after a reset. Another file is refused while one
//! is under way, and takes its place only when it is begun twice with nothing of the first one in between.

use cuff_verifier::{
    digest::{Digest, Hasher},
    evidence,
    sure::Sure,
    verdict::Reason,
};

use super::{
    Mode, Rc, Refusal, Role, Stand,
    cbor::{Arguments, Writer},
};
use crate::{
    carry,
    flash::{Chip, Flash},
    judge::{self, Place},
    layout::Slot,
    log::Kind,
    slot::{self, Offer},
    trust,
    upload::{self, Candidate, Inbox},
};

/// What is under way.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "no alloc: there is nowhere else to put it"
)]
pub(super) enum Session {
    /// Nothing.
    None,
    /// A file is complete; its length, should its last piece come again.
    Complete(u32),
    /// An upload.
    Open(Upload),
}

/// A file on its way.
#[derive(Debug)]
pub(super) struct Upload {
    file: Digest,
    /// Whether `file` is the digest of the whole, rather than only its name.
    proven: bool,
    length: u32,
    evidence: u32,
    at: u32,
    hasher: Hasher,
    way: Way,
    /// Who wanted to begin meanwhile.
    rival: Option<Digest>,
}

#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "no alloc: there is nowhere else to put it"
)]
enum Way {
    /// Evidence and image, to the candidate slot.
    Candidate(Candidate),
    /// Evidence alone, to the inbox.
    Message(Inbox),
    /// Recovery: evidence to the inbox first, to be judged there.
    Announcing(Inbox),
}

/// What a first piece says of its file.
struct File<'a> {
    digest: Digest,
    proven: bool,
    length: u32,
    evidence: u32,
    data: &'a [u8],
}

impl Session {
    /// One piece.
    pub(super) fn upload<F: Flash, R: Role>(
        &mut self,
        chip: &mut Chip<'_, F>,
        stand: &Stand<'_, R>,
        arguments: &Arguments<'_>,
        message: bool,
        out: &mut Writer<'_>,
    ) -> Result<(), Refusal> {
        let off = arguments.off.ok_or(Rc::Invalid)?;
        let data = arguments.data.ok_or(Rc::Invalid)?;
        let (at, matches) = if off == 0 {
            let file = File::read(chip, arguments, data, message)?;
            self.begin(chip, stand, &file)?
        } else {
            self.go_on(chip, stand, off, data)?
        };
        out.map(if matches.is_some() { 2 } else { 1 });
        out.text("off").uint(u64::from(at));
        if let Some(matches) = matches {
            out.text("match").boolean(matches);
        }
        Ok(())
    }

    fn begin<F: Flash, R: Role>(
        &mut self,
        chip: &mut Chip<'_, F>,
        stand: &Stand<'_, R>,
        file: &File<'_>,
    ) -> Result<(u32, Option<bool>), Refusal> {
        if file.has_image() {
            upload::refuse_during_trial(chip)?;
        }
        if let Self::Open(upload) = self
            && upload.at > 0
        {
            if upload.file == file.digest && upload.length == file.length {
                return Ok((upload.at, None));
            }
            if upload.rival != Some(file.digest) {
                upload.rival = Some(file.digest);
                return Err(Reason::UploadUnderWay.into());
            }
        }
        *self = Self::None;
        if file.is_offered(chip) {
            return Ok((file.length, Some(true)));
        }
        let upload = match file.resume(chip, stand)? {
            Some(upload) => upload,
            None => file.start(chip, stand)?,
        };
        let at = upload.at;
        *self = Self::Open(upload);
        if at > 0 {
            return Ok((at, None));
        }
        self.go_on(chip, stand, 0, file.data)
    }

    fn go_on<F: Flash, R: Role>(
        &mut self,
        chip: &mut Chip<'_, F>,
        stand: &Stand<'_, R>,
        off: u64,
        data: &[u8],
    ) -> Result<(u32, Option<bool>), Refusal> {
        let upload = match core::mem::replace(self, Self::None) {
            Self::Open(upload) => upload,
            // The answer to the last piece was lost.
            Self::Complete(length) => {
                *self = Self::Complete(length);
                let end = off.saturating_add(data.len() as u64);
                let again = end == u64::from(length);
                return Ok(if again {
                    (length, Some(true))
                } else {
                    (0, None)
                });
            }
            Self::None => return Ok((0, None)),
        };
        if off != u64::from(upload.at) || data.is_empty() {
            let at = upload.at;
            *self = Self::Open(upload);
            return Ok((at, None));
        }
        let upload = upload.take(chip, stand, data)?;
        if upload.at < upload.length {
            let at = upload.at;
            *self = Self::Open(upload);
            return Ok((at, None));
        }
        let length = upload.length;
        let matches = upload.finish(chip)?;
        if matches != Some(false) {
            *self = Self::Complete(length);
        }
        Ok((length, matches))
    }
}

impl<'a> File<'a> {
    /// Reads the first piece, and refuses what has no room, before anything is touched.
    fn read<F: Flash>(
        chip: &Chip<'_, F>,
        arguments: &Arguments<'a>,
        data: &'a [u8],
        message: bool,
    ) -> Result<Self, Refusal> {
        let length = arguments.len.ok_or(Rc::Invalid)?;
        let length = u32::try_from(length).map_err(|_| Reason::ImageTooLarge)?;
        let (magic, rest) = data.split_first_chunk::<8>().ok_or(Rc::Invalid)?;
        if magic != evidence::MAGIC {
            return Err(Reason::EvidenceMagic.into());
        }
        let evidence = u32::from_le_bytes(*rest.first_chunk().ok_or(Rc::Invalid)?);
        let image = length
            .checked_sub(evidence)
            .ok_or(Reason::EvidenceTruncated)?;
        let layout = chip.layout();
        let room = match image {
            0 => layout.inbox_evidence(),
            _ => layout.evidence(Slot::Candidate),
        };
        if evidence > room.length {
            return Err(Reason::EvidenceTooLarge.into());
        }
        if image > layout.largest_image() {
            return Err(Reason::ImageTooLarge.into());
        }
        if message && image > 0 {
            return Err(Rc::Invalid.into());
        }
        let sha = match arguments.sha {
            Some(sha) => Some(Digest(sha.try_into().map_err(|_| Rc::Invalid)?)),
            None => None,
        };
        Ok(Self {
            digest: sha.unwrap_or_else(|| Digest::of(data)),
            proven: sha.is_some(),
            length,
            evidence,
            data,
        })
    }

    fn has_image(&self) -> bool {
        self.length > self.evidence
    }

    /// Whether it came whole already and waits to be judged.
    fn is_offered<F: Flash>(&self, chip: &mut Chip<'_, F>) -> bool {
        self.has_image()
            && self.proven
            && slot::began_with(chip, &self.digest)
            && slot::offer(chip) == Offer::Open
    }

    /// Goes on with what a reset interrupted. Recovery judges its evidence again: an application may have stored it.
    fn resume<F: Flash, R: Role>(
        &self,
        chip: &mut Chip<'_, F>,
        stand: &Stand<'_, R>,
    ) -> Result<Option<Upload>, Refusal> {
        if !self.proven || !self.has_image() {
            return Ok(None);
        }
        let Some((candidate, done)) = Candidate::resume(chip, &self.digest)? else {
            return Ok(None);
        };
        let Some(image) = u32::try_from(done)
            .ok()
            .and_then(|done| done.checked_sub(self.evidence))
        else {
            return Ok(None);
        };
        if R::JUDGES && stand.mode.mode() == Mode::Recovery {
            self.judge(chip, stand, Place::Candidate)?;
        }
        let mut hasher = Hasher::new();
        let layout = chip.layout();
        chip.absorb(layout.evidence(Slot::Candidate), self.evidence, &mut hasher)?;
        chip.absorb(layout.image(Slot::Candidate), image, &mut hasher)?;
        Ok(Some(Upload {
            at: self.evidence.saturating_add(image),
            hasher,
            ..self.upload(Way::Candidate(candidate))
        }))
    }

    fn start<F: Flash, R: Role>(
        &self,
        chip: &mut Chip<'_, F>,
        stand: &Stand<'_, R>,
    ) -> Result<Upload, Refusal> {
        let way = match (self.has_image(), stand.mode.mode()) {
            (false, _) => Way::Message(Inbox::begin(chip)?),
            (true, Mode::Recovery) if R::JUDGES => Way::Announcing(Inbox::begin(chip)?),
            (true, _) => Way::Candidate(Candidate::begin(chip, &self.digest)?),
        };
        Ok(self.upload(way))
    }

    fn upload(&self, way: Way) -> Upload {
        Upload {
            file: self.digest,
            proven: self.proven,
            length: self.length,
            evidence: self.evidence,
            at: 0,
            hasher: Hasher::new(),
            way,
            rival: None,
        }
    }

    fn judge<F: Flash, R: Role>(
        &self,
        chip: &mut Chip<'_, F>,
        stand: &Stand<'_, R>,
        place: Place,
    ) -> Result<(), Refusal> {
        judge(
            chip,
            stand,
            place,
            self.length.saturating_sub(self.evidence),
        )
    }
}

impl Upload {
    fn take<F: Flash, R: Role>(
        mut self,
        chip: &mut Chip<'_, F>,
        stand: &Stand<'_, R>,
        data: &[u8],
    ) -> Result<Self, Refusal> {
        let length = u32::try_from(data.len()).map_err(|_| Rc::Invalid)?;
        if length > self.length.saturating_sub(self.at) {
            return Err(Rc::Invalid.into());
        }
        self.rival = None;
        self.hasher.update(data);
        let missing = self.evidence.saturating_sub(self.at);
        let missing = usize::try_from(missing).map_err(|_| Rc::Invalid)?;
        let (evidence, image) = data
            .split_at_checked(missing.min(data.len()))
            .unwrap_or((data, &[]));
        if !evidence.is_empty() {
            match &mut self.way {
                Way::Candidate(candidate) => candidate.evidence(chip, evidence)?,
                Way::Message(inbox) | Way::Announcing(inbox) => inbox.write(chip, evidence)?,
            }
        }
        self.at = self.at.saturating_add(length);
        if self.at >= self.evidence {
            self.way = match self.way {
                Way::Announcing(inbox) if R::JUDGES => {
                    inbox.finish(chip)?;
                    let expected = self.length.saturating_sub(self.evidence);
                    judge(chip, stand, Place::Inbox, expected)?;
                    // The message stays there: the next boot keeps the trust it brings, whatever becomes of the image.
                    Way::Candidate(Candidate::announced(chip, &self.file)?)
                }
                way => way,
            };
        }
        if let (Way::Candidate(candidate), false) = (&mut self.way, image.is_empty()) {
            candidate.image(chip, image)?;
        }
        Ok(self)
    }

    /// Offers what came; `Some(false)` when it is not what was to come, and then it is forgotten.
    fn finish<F: Flash>(self, chip: &mut Chip<'_, F>) -> Result<Option<bool>, Refusal> {
        let found = self.hasher.finish();
        if self.proven && found != self.file {
            if let Way::Candidate(_) = self.way {
                upload::erase(chip)?;
            }
            return Ok(Some(false));
        }
        match self.way {
            Way::Candidate(candidate) => candidate.finish(chip)?,
            Way::Message(inbox) | Way::Announcing(inbox) => inbox.finish(chip)?,
        }
        Ok(self.proven.then_some(true))
    }
}

/// Judges announced evidence; what is refused is logged and gone.
fn judge<F: Flash, R: Role>(
    chip: &mut Chip<'_, F>,
    stand: &Stand<'_, R>,
    place: Place,
    image: u32,
) -> Result<(), Refusal> {
    let banks = trust::look(chip);
    let record = banks.record().ok_or(Reason::TrustDamaged)?;
    let held = carry::counter(chip, record);
    let announced = judge::announced(chip, record, held, stand.bootloader, place);
    let answer = match announced {
        Ok(announced) if Sure::twice(&announced, |announced| announced.length == image).holds() => {
            return Ok(());
        }
        Ok(_) => Reason::ImageLength,
        Err(reason) => reason,
    };
    carry::note(
        chip,
        record,
        Kind::RefusedEvidence,
        u32::from(answer.code()),
    );
    match place {
        Place::Inbox => chip.clear(chip.layout().inbox_evidence())?,
        Place::Candidate => upload::erase(chip)?,
    }
    Err(answer.into())
}
