//! The same story on a chip: a Cortex-M4F in QEMU runs our bootloader's program and the demo band.
//!
//! The wearable is a folder between two powers: the factory and the desk use it as they use any simulated one, and what the chip
//! does is heard on its serial line, then read from its flash.

use std::fs;

use super::attacker::Forgery;
use super::emulator::Emulator;
use super::guide::{Guide, Scene, says};
use super::kit::{self, Later};
use super::releases::{PUBLISH, built_and_staged, sealed};
use super::step::Ending;
use crate::device::link::Link;
use crate::device::shipment::{Message, Shipment};
use crate::device::sim::Sim;
use crate::device::unit::Standing;
use cuff_verifier::verdict::Reason;

/// How many steps this adds.
pub const STEPS: usize = 6;

pub fn tell(guide: &mut Guide<'_>, emulator: &Emulator) -> anyhow::Result<()> {
    guide.chapter("On a chip: the bootloader's program on a Cortex-M4F, in QEMU");
    guide.step("A second wearable, and its first boot", |scene| {
        scene.cuff(
            "sim new ../chip --board qemu-an386",
            says("a blank qemu-an386"),
        )?;
        scene.cuff(
            "device provision sim:../chip ../band-1.5.0.sealed --serial B-0002 --hardware band-a",
            says("is band band-a, serial B-0002"),
        )?;
        powered(scene, emulator, "", &["band 1.0.0 started"])?;
        Ok(Ending::Done)
    })?;
    guide.step("The stolen key is taken away, on the chip", |scene| {
        write(scene, "rotation", true)?;
        powered(
            scene,
            emulator,
            "rotation.sealed, without its image, is written; ",
            &["band 1.0.0 started"],
        )?;
        scene.cuff("device info sim:../chip", says("root 2"))?;
        Ok(Ending::Done)
    })?;
    guide.step(
        "An update: tried, confirmed by the band, installed",
        |scene| {
            write(scene, "band-1.6.0", false)?;
            let said = ["band 1.1.0 started on trial", "band confirms"];
            powered(scene, emulator, "band-1.6.0.sealed is written; ", &said)?;
            powered(scene, emulator, "", &["band 1.1.0 started"])?;
            scene.cuff("device info sim:../chip", says("band/1.6.0"))?;
            Ok(Ending::Done)
        },
    )?;
    guide.step("One signature short, on the chip", |scene| {
        let folder = scene.folder().to_owned();
        let short = Forgery {
            signers: &["bob"],
            dates: None,
        };
        let (evidence, image) = short.make(&folder, &folder.join("desk/published"))?.raw()?;
        Sim::open(&folder.join("chip"))?.write_candidate(&evidence, &image, &mut |_| ())?;
        powered(
            scene,
            emulator,
            "a forgery with bob's signature alone is written; ",
            &["band 1.1.0 started"],
        )?;
        let reason = Reason::UnderThreshold;
        let why = format!(
            "candidate refused: {reason} (reason {}, {})",
            reason.code(),
            reason.name()
        );
        scene.cuff(
            "device log sim:../chip",
            says(&why).and("log whole").because(reason),
        )?;
        Ok(Ending::RefusedByDevice)
    })?;
    guide.step(
        "A sick release: the watchdog brings the one before back",
        |scene| {
            kit::lay_out_sick(scene.folder())?;
            built_and_staged(scene, &SICK)?;
            scene.reviewed_and_signed(&["alice-2", "bob"])?;
            scene.cuff(PUBLISH, says("band v5"))?;
            sealed(scene, "band/1.8.0")?;
            write(scene, "band-1.8.0", false)?;
            let trial = "band 1.1.0 started on trial";
            powered(
                scene,
                emulator,
                "band-1.8.0.sealed is written; ",
                &[trial, trial, trial, "band 1.1.0 started\n"],
            )?;
            Ok(Ending::Reverted)
        },
    )?;
    guide.step("The tamper log of the chip, in a chain", |scene| {
        scene.cuff(
            "device log sim:../chip",
            says("log whole: ends at record").and("never confirmed"),
        )?;
        Ok(Ending::Done)
    })
}

/// Powers the chip until it has said the last of these lines; every one must have been said, in this order.
fn powered(
    scene: &mut Scene<'_>,
    emulator: &Emulator,
    before: &str,
    lines: &[&str],
) -> anyhow::Result<()> {
    let last = lines.last().copied().unwrap_or_default();
    let said = emulator.run(&scene.folder().join("chip"), last)?;
    let mut rest = said.as_str();
    for line in lines {
        let (_, after) = rest.split_once(line).ok_or_else(|| {
            anyhow::anyhow!("expected the chip to say `{line}`; it said:\n{said}")
        })?;
        rest = after;
    }
    let heard: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    scene.deed(&format!("{before}the chip gets power"), heard.join("; "));
    Ok(())
}

/// Writes what a push would, and leaves the boot to the chip.
fn write(scene: &mut Scene<'_>, name: &str, trust_only: bool) -> anyhow::Result<()> {
    let mut sim = Sim::open(&scene.folder().join("chip"))?;
    let shipment = Shipment::open(fs::read(scene.folder().join(format!("{name}.sealed")))?)?;
    let unit = sim.unit()?;
    let Standing::Provisioned(knowledge) = &unit.standing else {
        anyhow::bail!("the wearable is not provisioned");
    };
    let goods = if trust_only {
        None
    } else {
        shipment.goods("band", None)?
    };
    let root = knowledge.record.root.version;
    for message in shipment.messages(sim.layout(), root, "band", goods.as_ref())? {
        match message {
            Message::Roots(evidence) | Message::Trust(evidence) => {
                sim.write_inbox(&evidence, &mut |_| ())?;
            }
            Message::Candidate { evidence, image } => {
                sim.write_candidate(&evidence, &image, &mut |_| ())?;
            }
        }
    }
    Ok(())
}

/// A release that hangs after its first ten seconds, and never confirms.
const SICK: Later = Later {
    version: "1.8.0",
    counter: 11,
    hardware: "band-a",
    firmware: "demo-app-sick.elf",
};
