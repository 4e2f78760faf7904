//! A wearable on the desk: a NOR model, a layout, and what the world does to it.
//!
//! Takes uploads, cuts and resets, gives hand-overs. Its boot can be replaced by a wrong one (see `mutants`).

use cuff_bootloader::{
    boot::{self, Ended},
    carry::look,
    counter,
    field::Text,
    flash::Chip,
    layout::{Layout, Region, Slot},
    log::{self, Line},
    nor::Nor,
    plan::{HandOver, Seen},
    provision::{First, provision},
    record::{Identity, Record, TrialId},
    trust::{self, Banks},
    upload::{self, Refused},
};
use cuff_verifier::{time::Instant, verdict::Reason, version::Counter};

use crate::{
    signer::{Release, Repository},
    traced::Traced,
};

pub const BOOTLOADER: u64 = 1;
pub type Flash = Traced;
pub type Boot = fn(&mut Chip<'_, Flash>) -> Ended;

/// The release every unit leaves the factory with.
pub fn old() -> Release {
    Release::new("1.0", 1, 2000)
}

/// A repository and a unit that runs its only release.
pub fn unit() -> (Repository, Wearable) {
    let mut repository = Repository::new();
    repository.release(old());
    let unit = Wearable::new(&SMALL, &repository);
    (repository, unit)
}

/// Everything small: pages of `erase` bytes, images of up to three pages.
pub const fn layout(program: u32, erase: u32) -> Layout {
    let evidence = 8192;
    let slot = evidence + 4 * erase;
    let bank = if erase > 3072 { erase } else { 3072 };
    let mut at = 0;
    let mut next = [Region::new(0, 0); 8];
    let lengths = [
        erase,
        2 * bank,
        4 * erase,
        2 * erase,
        4 * erase,
        evidence + erase,
        slot,
        slot,
    ];
    let mut index = 0;
    while index < 8 {
        next[index] = Region::new(at, lengths[index]);
        at += lengths[index];
        index += 1;
    }
    Layout {
        program,
        erase,
        evidence,
        trials: 2,
        largest_root: 2304,
        boot: next[0],
        trust: next[1],
        counter: next[2],
        journal: next[3],
        log: next[4],
        inbox: next[5],
        active: next[6],
        candidate: next[7],
    }
}

pub const SMALL: Layout = layout(16, 1024);
const _: () = assert!(SMALL.check().is_ok());
const _: () = assert!(layout(4, 1024).check().is_ok());
const _: () = assert!(layout(8, 4096).check().is_ok());
const _: () = assert!(layout(16, 4096).check().is_ok());

#[derive(Clone)]
pub struct Wearable {
    pub flash: Flash,
    pub layout: &'static Layout,
    pub boot: Boot,
}

pub fn honest(chip: &mut Chip<'_, Flash>) -> Ended {
    boot::boot(chip, BOOTLOADER)
}

pub fn identity() -> Identity {
    Identity {
        product: Text::new("band").expect("short"),
        hardware: Text::new("band-a").expect("short"),
        serial: Text::new("unit-0001").expect("short"),
    }
}

impl Wearable {
    /// A unit fresh from the factory, running the first release of `repository`.
    pub fn new(layout: &'static Layout, repository: &Repository) -> Self {
        let size = usize::try_from(layout.flash_length()).expect("fits");
        let flash = Traced::new(Nor::new(vec![0xff; size], layout.program, layout.erase));
        let mut unit = Self {
            flash,
            layout,
            boot: honest,
        };
        let release = &repository.releases[0];
        let root = repository.first_root();
        let first = First {
            identity: identity(),
            root: &root,
            evidence: &repository.evidence(&release.path(), 2),
            image: &release.image,
            floor: Instant(0),
            counter: Counter(0),
            bootloader: BOOTLOADER,
        };
        provision(&mut unit.chip(), &first).expect("provisioned");
        unit
    }

    pub fn chip(&mut self) -> Chip<'_, Flash> {
        Chip::new(&mut self.flash, self.layout)
    }

    pub fn boot(&mut self) -> HandOver {
        self.boot_and_tell().hand_over
    }

    pub fn boot_and_tell(&mut self) -> Ended {
        let boot = self.boot;
        boot(&mut self.chip())
    }

    /// Boots, and insists on a trial.
    pub fn boot_to_trial(&mut self) -> TrialId {
        match self.boot() {
            HandOver::Jump { trial: Some(id) } => id,
            other => panic!("expected a trial, got {other:?}"),
        }
    }

    pub fn offer(&mut self, repository: &Repository, release: &Release) -> Result<(), Refused> {
        self.offer_from(repository, release, 2)
    }

    pub fn offer_from(
        &mut self,
        repository: &Repository,
        release: &Release,
        first_root: u64,
    ) -> Result<(), Refused> {
        let evidence = repository.evidence(&release.path(), first_root);
        upload::candidate(&mut self.chip(), &evidence, &release.image)
    }

    pub fn send(&mut self, evidence: &[u8]) -> Result<(), Refused> {
        upload::inbox(&mut self.chip(), evidence)
    }

    pub fn confirm(&mut self, id: TrialId) -> Result<(), Refused> {
        upload::confirm(&mut self.chip(), id)
    }

    pub fn see(&mut self) -> Seen {
        look(&mut self.chip())
    }

    pub fn record(&mut self) -> Record {
        *trust::look(&mut self.chip())
            .record()
            .expect("a trusted record")
    }

    pub fn is_at_rest(&mut self) -> bool {
        matches!(trust::look(&mut self.chip()), Banks::Equal(_))
    }

    pub fn counter(&mut self) -> Option<u64> {
        counter::look(&mut self.chip()).value.map(|value| value.0)
    }

    /// Whether the active slot holds exactly this image.
    pub fn runs(&self, release: &Release) -> bool {
        let start = self.layout.image(Slot::Active).offset as usize;
        self.flash.contents()[start..start + release.image.len()] == release.image[..]
    }

    pub fn log(&mut self) -> Vec<Line> {
        let mut lines = Vec::new();
        log::read(&mut self.chip(), |line| lines.push(line)).expect("readable");
        lines
    }

    /// How often the ring (not the page of firsts) names this kind.
    pub fn logged(&mut self, kind: log::Kind) -> usize {
        let is = |line: &Line| matches!(line, Line::Entry(entry) if entry.kind == kind as u8);
        self.log().iter().filter(|line| is(line)).count()
    }

    /// The reasons under this kind, oldest first.
    pub fn reasons(&mut self, kind: log::Kind) -> Vec<Reason> {
        let reason = |line: Line| match line {
            Line::Entry(entry) if entry.kind == kind as u8 => {
                Reason::from_code(u16::try_from(entry.argument).ok()?)
            }
            _ => None,
        };
        self.log().into_iter().filter_map(reason).collect()
    }

    /// Flips bits that NOR can clear, as an attacker or time does.
    pub fn damage(&mut self, region: Region, at: u32) {
        let index = (region.offset + at) as usize;
        self.flash.raw()[index] = 0;
        self.flash.raw()[index + 1] = 0;
    }
}
