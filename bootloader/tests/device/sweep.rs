//! Power goes at every single flash operation of every story; something signed still boots.
//!
//! Each operation is torn in four ways. The smallest layout is swept whole, the others with a stride that CI can afford;
//! `CUFF_SWEEP=whole` takes every operation of every layout.

use cuff_bootloader::{
    layout::Layout,
    nor::{Cut, Tear},
};

use crate::{
    story::{ALL, Stop, Story, World, run},
    traced::Operation,
    wearable::{Boot, SMALL, honest, layout},
};

static OTHERS: [Layout; 5] = [
    layout(4, 1024),
    layout(8, 1024),
    layout(4, 4096),
    layout(8, 4096),
    layout(16, 4096),
];

/// Plays a story whole, then cuts it at every `stride`th operation, and gives the number of points swept.
pub fn sweep(
    story: &Story,
    layout: &'static Layout,
    boot: Boot,
    stride: usize,
) -> Result<usize, String> {
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
    let mut points = 0;
    for (nth, operation) in operations.iter().enumerate() {
        ready.confirmed |= played.confirmed_at == Some(nth);
        if nth % stride == 0 {
            ready
                .witness()
                .map_err(|stop| told(&format!("before operation {nth}"), stop))?;
            for tear in tears(nth) {
                // Now and then power goes twice.
                let second = (points % 5 == 0).then(|| Cut {
                    after: (nth * 7919 % operations.len()) as u64,
                    tear,
                });
                let how = || format!("operation {nth} torn {tear:?}, then {second:?}");
                cut_once(story, &ready, operation, tear, second, points % 16 == 0)
                    .map_err(|stop| told(&how(), stop))?;
                points += 1;
            }
        }
        ready.unit.flash.redo(operation);
    }
    Ok(points)
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

fn whole() -> bool {
    std::env::var("CUFF_SWEEP").is_ok_and(|how| how == "whole")
}

fn sweep_small(stories: &[Story]) {
    for story in stories {
        let points = sweep(story, &SMALL, honest, 1).unwrap_or_else(|broken| panic!("{broken}"));
        println!("{points:6} points: {}", story.name);
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

#[test]
fn other_pages_and_program_units() {
    for layout in &OTHERS {
        let mut points = 0;
        for (nth, story) in ALL.iter().enumerate() {
            let stride = if whole() { 1 } else { 61 + nth };
            points +=
                sweep(story, layout, honest, stride).unwrap_or_else(|broken| panic!("{broken}"));
        }
        println!(
            "{points:6} points: program unit {}, page {}",
            layout.program, layout.erase
        );
    }
}
