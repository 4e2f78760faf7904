//! Power goes at every single flash operation of every story; something signed still boots.
//!
//! Each operation is torn in four ways. The smallest layout is swept whole, the others with a stride that CI can afford;
//! `CUFF_SWEEP=all` takes every operation of every layout. What was swept is printed, for `cargo xtask sweep power` to add up.

use std::collections::BTreeSet;

use cuff_bootloader::{
    layout::{Layout, Slot},
    nor::{Cut, Tear},
    trust::Bank,
};

use crate::{
    story::{ALL, Stop, Story, World, run},
    traced::Operation,
    wearable::{Boot, SMALL, honest, layout},
};

/// What a sweep went through without a loss.
#[derive(Default)]
pub struct Swept {
    /// Cuts.
    pub points: usize,
    /// Those after which power went a second time.
    pub twice: usize,
    /// What was going on (story and place in flash), which operation was met, and what was left of it.
    pub triples: BTreeSet<[&'static str; 4]>,
}

impl Swept {
    fn print(&self, layout: &Layout, story: &str) {
        let (program, erase) = (layout.program, layout.erase);
        let (points, twice) = (self.points, self.twice);
        println!("swept\t{program}\t{erase}\t{story}\t{points}\t{twice}");
        for triple in &self.triples {
            println!("triple\t{}", triple.join("\t"));
        }
    }
}

/// Plays a story whole, then cuts it at every `stride`th operation.
pub fn sweep(
    story: &Story,
    layout: &'static Layout,
    boot: Boot,
    stride: usize,
) -> Result<Swept, String> {
    let told = |how: &str, stop: Stop| match stop {
        Stop::Dark => format!("{}: {how}: no power", story.name),
        Stop::Broken(what) => format!("{}: {how}: {what}", story.name),
    };
    let mut ready = (story.prepare)(layout);
    ready.unit.boot = boot;
    ready.unit.flash = ready.unit.flash.untraced();
    let mut played = ready.clone();
    run(story, &mut played).map_err(|stop| told("uncut", stop))?;
    if !(story.ends_well)(&mut played) {
        return Err(format!("{}: uncut: it does not end well", story.name));
    }
    let operations = played.unit.flash.trace;
    let mut swept = Swept::default();
    for (nth, operation) in operations.iter().enumerate() {
        ready.confirmed |= played.confirmed_at == Some(nth);
        if nth % stride == 0 {
            ready
                .witness()
                .map_err(|stop| told(&format!("before operation {nth}"), stop))?;
            for tear in tears(nth) {
                // Now and then power goes twice.
                let second = swept.points.is_multiple_of(5).then(|| Cut {
                    after: (nth * 7919 % operations.len()) as u64,
                    tear,
                });
                let how = || format!("operation {nth} torn {tear:?}, then {second:?}");
                let again = swept.points.is_multiple_of(16);
                cut_once(story, &ready, operation, tear, second, again)
                    .map_err(|stop| told(&how(), stop))?;
                swept.points += 1;
                swept.twice += usize::from(second.is_some());
                let (what, at) = operation.names();
                swept
                    .triples
                    .insert([story.name, place(layout, at), what, name(tear)]);
            }
        }
        ready.unit.flash.redo(operation);
    }
    Ok(swept)
}

/// Tears one operation, lets the unit settle, and, when asked, plays the whole story once more.
fn cut_once(
    story: &Story,
    ready: &World,
    operation: &Operation,
    tear: Tear,
    second: Option<Cut>,
    again: bool,
) -> Result<(), Stop> {
    let mut world = ready.clone();
    world.unit.flash.tear(operation, tear);
    world.witness()?;
    if let Some(second) = second {
        world.unit.flash.cut(second);
        match world.settle() {
            Err(Stop::Dark) => {
                world.unit.flash.power_on();
                world.witness()?;
            }
            other => other?,
        }
        world.unit.flash.power_on();
    }
    world.settle()?;
    if again {
        run(story, &mut world)?;
        if !(story.ends_well)(&mut world) {
            return Err(Stop::Broken("the same again does not end well".into()));
        }
    }
    Ok(())
}

fn tears(nth: usize) -> [Tear; 4] {
    [
        Tear::Nothing,
        Tear::Half,
        Tear::Random(nth as u64),
        Tear::Complete,
    ]
}

fn name(tear: Tear) -> &'static str {
    match tear {
        Tear::Nothing => "nothing",
        Tear::Half => "half",
        Tear::Random(_) => "random",
        Tear::Complete => "complete",
    }
}

/// Where in flash an operation was.
fn place(layout: &Layout, at: u32) -> &'static str {
    let places = [
        ("trust bank A", layout.bank(Bank::A)),
        ("trust bank B", layout.bank(Bank::B)),
        ("counter", layout.counter),
        ("journal", layout.journal),
        ("log, first of each kind", layout.log_page(0)),
        ("log", layout.log),
        ("confirmation", layout.confirmation()),
        ("inbox", layout.inbox),
        ("active image", layout.image(Slot::Active)),
        ("active evidence", layout.evidence(Slot::Active)),
        ("spare page", layout.spare()),
        ("candidate image", layout.image(Slot::Candidate)),
        ("candidate evidence", layout.evidence(Slot::Candidate)),
    ];
    places
        .iter()
        .find(|(_, region)| (region.offset..region.end()).contains(&at))
        .map_or("elsewhere", |(name, _)| name)
}

pub fn whole() -> bool {
    std::env::var("CUFF_SWEEP").is_ok_and(|how| how == "all")
}

fn sweep_small(stories: &[Story]) {
    for story in stories {
        sweep(story, &SMALL, honest, 1)
            .unwrap_or_else(|broken| panic!("{broken}"))
            .print(&SMALL, story.name);
    }
}

#[test]
fn every_operation_of_an_update_on_small_pages() {
    sweep_small(&ALL[..1]);
}

#[test]
fn every_operation_of_a_sick_update_on_small_pages() {
    sweep_small(&ALL[1..2]);
}

#[test]
fn every_operation_of_trust_changes_on_small_pages() {
    sweep_small(&ALL[2..4]);
}

#[test]
fn every_operation_of_all_else_on_small_pages() {
    sweep_small(&ALL[4..]);
}

/// A sample of every story, or with `CUFF_SWEEP=all` each operation.
fn sweep_layout(layout: &'static Layout) {
    for (nth, story) in ALL.iter().enumerate() {
        let stride = if whole() { 1 } else { 61 + nth };
        sweep(story, layout, honest, stride)
            .unwrap_or_else(|broken| panic!("{broken}"))
            .print(layout, story.name);
    }
}

#[test]
fn program_unit_4_page_1024() {
    static LAYOUT: Layout = layout(4, 1024);
    sweep_layout(&LAYOUT);
}

#[test]
fn program_unit_8_page_1024() {
    static LAYOUT: Layout = layout(8, 1024);
    sweep_layout(&LAYOUT);
}

#[test]
fn program_unit_4_page_4096() {
    static LAYOUT: Layout = layout(4, 4096);
    sweep_layout(&LAYOUT);
}

#[test]
fn program_unit_8_page_4096() {
    static LAYOUT: Layout = layout(8, 4096);
    sweep_layout(&LAYOUT);
}

#[test]
fn program_unit_16_page_4096() {
    static LAYOUT: Layout = layout(16, 4096);
    sweep_layout(&LAYOUT);
}
