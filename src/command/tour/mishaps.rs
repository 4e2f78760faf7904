//! Mishaps: a power cut in the middle of an install, a release that never confirms, and the log that kept it all.

use std::path::Path;

use cuff_bootloader::nor::{Cut, Tear};
use cuff_verifier::verdict::Reason;

use super::attacks::candidate;
use super::guide::{Guide, leaves, says};
use super::step::Ending;
use crate::console::Exit;
use crate::device::event::{Event, Why};
use crate::device::link::Link;
use crate::device::sim::Sim;

pub fn tell(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.chapter("Mishaps");
    guide.step("Power is cut while the slots are swapped", |scene| {
        let operations = amid_the_swap(scene.folder())?;
        scene.cuff(
            &format!("sim cut ../wearable --after {operations}"),
            says(&format!("will lose power after {operations}")),
        )?;
        scene.cuff(
            "device push sim:../wearable ../band-1.6.0.sealed",
            leaves(Exit::LinkLost, "the device went away: power was cut"),
        )?;
        Ok(Ending::PowerLost)
    })?;
    guide.step("It goes on where it was, and confirms", |scene| {
        scene.cuff(
            "sim boot ../wearable",
            says("trial: band/1.6.0 starts, 1 of 3").and("confirms its trial"),
        )?;
        scene.cuff(
            "device verify sim:../wearable ../band-1.6.0.sealed",
            says("whole"),
        )?;
        scene.cuff(
            "sim boot ../wearable",
            says("confirm: band/1.6.0 is installed, security counter 9"),
        )?;
        Ok(Ending::Recovered)
    })?;
    guide.step("A sick release: the one before comes back", |scene| {
        scene.cuff(
            "device push sim:../wearable ../band-1.7.0.sealed",
            says("trial: band/1.7.0 starts, 1 of 3"),
        )?;
        scene.cuff(
            "sim boot ../wearable --sick --times 3",
            leaves(Exit::TrialReverted, "revert: band/1.6.0 is back").and("jump: band/1.6.0 runs"),
        )?;
        Ok(Ending::Reverted)
    })?;
    guide.step("The tamper log kept all of it, in a chain", |scene| {
        let told = REFUSED
            .iter()
            .fold(says("log whole: ends at record"), |expected, reason| {
                expected.and(format!("candidate refused: {}", Why::from(*reason)))
            });
        scene.cuff("device log sim:../wearable", told.and("never confirmed"))?;
        Ok(Ending::Done)
    })
}

/// What the attacks left in the log.
const REFUSED: [Reason; 7] = [
    Reason::UnderThreshold,
    Reason::RepeatedSignature,
    Reason::ImageDigest,
    Reason::CounterRollback,
    Reason::TimestampRollback,
    Reason::OtherHardware,
    Reason::ProductExpired,
];

/// After how many flash operations of a push the bootloader is amid swapping the slots, found on copies of the wearable
/// in memory.
fn amid_the_swap(folder: &Path) -> anyhow::Result<u64> {
    let rehearse = |after: Option<u64>| {
        let mut sim = Sim::rehearse(&folder.join("wearable"))?;
        let (evidence, image) = candidate(folder, &mut sim)?;
        if let Some(after) = after {
            let tear = Tear::Half;
            sim.arm(Cut { after, tear })?;
        }
        sim.write_candidate(&evidence, &image, &mut |_| ())?;
        let written = sim.operations();
        let events = sim.boot()?.events;
        anyhow::Ok((written, sim.operations(), events))
    };
    let (written, whole, _) = rehearse(None)?;
    let amid = |events: &[Event]| {
        let any = |what: fn(&Event) -> bool| events.iter().any(what);
        any(|event| matches!(event, Event::Swapping { .. }))
            && any(|event| matches!(event, Event::PowerLost { .. }))
            && !any(|event| matches!(event, Event::TrialStarted { .. }))
    };
    let mut found = Vec::new();
    for after in (written..whole).step_by(usize::try_from((whole - written) / 16)?.max(1)) {
        if amid(&rehearse(Some(after))?.2) {
            found.push(after);
        }
    }
    found
        .get(found.len() / 2)
        .copied()
        .ok_or_else(|| anyhow::anyhow!("no flash operation of the push lies amid the swap"))
}
