//! The security counter: only up, in mirrors, one unit an increment.

use cuff_bootloader::{counter, flash::Chip, layout::Layout, nor::Nor, plan::HandOver};
use cuff_verifier::version::{Counter, MAX_INTEGER};

use crate::wearable::{SMALL, layout, unit};

static LAYOUTS: [Layout; 3] = [SMALL, layout(4, 1024), layout(8, 4096)];

fn blank(layout: &Layout) -> Nor<Vec<u8>> {
    Nor::new(
        vec![0xff; layout.flash_length() as usize],
        layout.program,
        layout.erase,
    )
}

#[test]
fn every_value_is_reached_and_mirrored_over_many_page_turns() {
    for layout in &LAYOUTS {
        let mut flash = blank(layout);
        let mut chip = Chip::new(&mut flash, layout);
        let units = u64::from(layout.erase / layout.program);
        for target in (0..3 * units).step_by(3) {
            counter::raise(&mut chip, Counter(target)).expect("raised");
            let held = counter::look(&mut chip);
            assert_eq!(held.value, Some(Counter(target)));
            assert!(held.mirrored);
        }
    }
}

#[test]
fn an_increment_is_one_unit_in_each_mirror() {
    let mut flash = blank(&SMALL);
    counter::raise(&mut Chip::new(&mut flash, &SMALL), Counter(5)).expect("raised");
    let before = flash.operations();
    counter::raise(&mut Chip::new(&mut flash, &SMALL), Counter(6)).expect("raised");
    assert_eq!(flash.operations(), before + 2);
}

#[test]
fn it_never_goes_down() {
    let mut flash = blank(&SMALL);
    let mut chip = Chip::new(&mut flash, &SMALL);
    counter::raise(&mut chip, Counter(9)).expect("raised");
    counter::raise(&mut chip, Counter(3)).expect("nothing to do");
    assert_eq!(counter::look(&mut chip).value, Some(Counter(9)));
}

#[test]
fn a_large_jump_turns_the_page() {
    let mut flash = blank(&SMALL);
    let mut chip = Chip::new(&mut flash, &SMALL);
    counter::raise(&mut chip, Counter(1)).expect("raised");
    counter::raise(&mut chip, Counter(1_000_000)).expect("raised");
    let held = counter::look(&mut chip);
    assert_eq!(held.value, Some(Counter(1_000_000)));
    assert!(held.mirrored);
}

#[test]
fn what_cannot_be_reached_is_said_before() {
    assert!(counter::can_reach(Counter(MAX_INTEGER)));
    assert!(!counter::can_reach(Counter(MAX_INTEGER + 1)));
    let mut flash = blank(&SMALL);
    assert!(counter::raise(&mut Chip::new(&mut flash, &SMALL), Counter(u64::MAX)).is_err());
    assert_eq!(flash.operations(), 0);
}

#[test]
fn a_torn_unit_counts_as_used_and_the_larger_mirror_counts() {
    let (_, mut unit) = unit();
    assert_eq!(unit.counter(), Some(1));
    // Pages 2 and 3 hold the value after provisioning; whichever it is, spoil the next unit of one page.
    let used = (0..counter::PAGES)
        .find(|index| {
            let page = unit.layout.counter_page(*index);
            unit.flash.contents()[page.offset as usize] != 0xff
        })
        .expect("a page is in use");
    unit.damage(unit.layout.counter_page(used), 48);
    assert_eq!(unit.counter(), Some(2));
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
    assert!(unit.see().counter.mirrored, "the other mirror follows");
    assert_eq!(unit.counter(), Some(2));
}

#[test]
fn one_lost_mirror_is_rebuilt_and_two_are_rebuilt_from_the_record() {
    for lost in [1usize, 2] {
        let (_, mut unit) = unit();
        let pages: Vec<u32> = (0..counter::PAGES)
            .filter(|index| {
                let page = unit.layout.counter_page(*index);
                unit.flash.contents()[page.offset as usize] != 0xff
            })
            .collect();
        for page in pages.into_iter().take(lost) {
            unit.damage(unit.layout.counter_page(page), 0);
        }
        assert_eq!(unit.boot(), HandOver::Jump { trial: None });
        assert_eq!(unit.counter(), Some(1));
        assert!(unit.see().counter.mirrored);
    }
}
