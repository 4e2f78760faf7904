//! The first record, and layouts that cannot be used.

use cuff_bootloader::{
    layout::{Layout, Misfit},
    log::Kind,
    plan::HandOver,
    provision::{First, Unprovisioned, provision},
};
use cuff_verifier::{time::Instant, verdict::Reason, version::Counter};

use crate::{
    signer::{Release, Repository},
    wearable::{SMALL, Wearable, identity, unit},
};

fn provisioned(
    unit: &mut Wearable,
    repository: &Repository,
    release: &Release,
    image: &[u8],
    floor: Instant,
) -> Result<(), Unprovisioned> {
    let first = First {
        identity: identity(),
        root: &repository.first_root(),
        evidence: &repository.evidence(&release.path(), 2),
        image,
        floor,
        counter: Counter(0),
        bootloader: 1,
    };
    provision(&mut unit.chip(), &first).map(|_| ())
}

#[test]
fn a_unit_begins_with_what_the_verifier_accepts_only() {
    let (mut repository, mut unit) = unit();
    let new = Release::new("1.1", 2, 2000);
    repository.release(new.clone());
    let before = unit.flash.contents().to_vec();
    let mut image = new.image.clone();
    image[3] ^= 1;
    for (image, floor, reason) in [
        (&image, Instant(0), Reason::ImageDigest),
        (&new.image, Instant(2_000_000_000), Reason::RootExpired),
    ] {
        let answer = provisioned(&mut unit, &repository, &new, image, floor);
        assert_eq!(answer, Err(Unprovisioned::Refused(reason)));
        assert_eq!(unit.flash.contents(), before, "nothing was written");
    }
}

#[test]
fn a_unit_that_is_provisioned_again_keeps_floor_counter_log_and_sequence() {
    let (mut repository, mut unit) = unit();
    let mut early = repository.clone();
    let new = Release::new("1.1", 7, 2000);
    repository.release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    let id = unit.boot_to_trial();
    unit.confirm(id).expect("confirmed");
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
    let before = unit.record();
    early.publish();
    early.issued = 1;
    let release = early.releases[0].clone();
    provisioned(&mut unit, &early, &release, &release.image, Instant(0)).expect("again");
    let after = unit.record();
    assert_eq!(after.floor, before.floor);
    assert_eq!(after.counter, before.counter);
    assert!(after.sequence > before.sequence);
    assert_eq!(unit.logged(Kind::Installed), 1, "the log goes on");
    assert_eq!(unit.logged(Kind::Provisioned), 2);
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
    assert!(unit.runs(&release));
}

#[test]
fn a_unit_starts_from_newer_roots_in_the_evidence() {
    let mut repository = Repository::new();
    repository
        .release(Release::new("1.0", 1, 2000))
        .renew_root();
    let mut unit = Wearable::new(&SMALL, &repository);
    assert_eq!(unit.record().root.version, 2);
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
}

#[test]
fn every_misfit_is_named() {
    const PAGE: u32 = SMALL.erase;
    let changes: [(Change, Misfit); 18] = [
        (|it| it.program = 2, Misfit::ProgramUnit),
        (|it| it.program = 0, Misfit::ProgramUnit),
        (|it| it.erase = 1000, Misfit::EraseUnit),
        (|it| it.erase = 0, Misfit::EraseUnit),
        (|it| it.trials = 0, Misfit::Trials),
        (|it| it.boot.length = 0, Misfit::Alignment),
        (|it| it.inbox.offset += 4, Misfit::Alignment),
        (
            |it| it.candidate.offset = 0u32.wrapping_sub(PAGE),
            Misfit::Alignment,
        ),
        (|it| it.trust.offset += PAGE, Misfit::Overlap),
        (|it| it.trust.length -= 2 * PAGE, Misfit::Trust),
        (|it| it.largest_root = 4000, Misfit::Trust),
        (|it| it.counter.length -= PAGE, Misfit::Counter),
        (|it| it.active.length -= PAGE, Misfit::Slots),
        (|it| it.evidence = 11 * PAGE, Misfit::Evidence),
        (|it| it.evidence = 100, Misfit::Evidence),
        (|it| it.journal.length -= PAGE, Misfit::Journal),
        (|it| it.log.length -= 2 * PAGE, Misfit::Log),
        (|it| it.inbox.length = PAGE, Misfit::Inbox),
    ];
    for (change, misfit) in changes {
        let mut layout = SMALL;
        change(&mut layout);
        assert_eq!(layout.check(), Err(misfit), "{misfit}");
    }
}

#[test]
fn a_layout_that_does_not_fit_does_not_boot() {
    let (_, mut unit) = unit();
    unit.layout = &BAD;
    assert_eq!(unit.boot(), HandOver::Recovery(Reason::FlashFault));
}

type Change = fn(&mut Layout);

static BAD: Layout = Layout {
    program: 0,
    ..SMALL
};
