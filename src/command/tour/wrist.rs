//! A simulated wearable's life in order: made, provisioned, updated, confirmed.

use super::guide::{Guide, says};
use super::step::Ending;

/// From a blank unit to one that runs the first release.
pub fn tell_first(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.chapter("On a wrist");
    guide.step("A blank wearable, simulated", |scene| {
        scene.cuff(
            "sim new ../wearable --board qemu-an386",
            says("a blank qemu-an386"),
        )?;
        Ok(Ending::Done)
    })?;
    guide.step("The factory tells it whom to trust", |scene| {
        scene.cuff(
            "device provision sim:../wearable ../band-1.4.0.sealed --serial B-0001 --hardware band-a",
            says("is band band-a, serial B-0001").and("trusts root 1, ").and("jump: band/1.4.0 runs"),
        )?;
        Ok(Ending::Done)
    })?;
    guide.step("It boots what was signed", |scene| {
        scene.cuff(
            "device verify sim:../wearable ../band-1.4.0.sealed",
            says("signers say the same").and("whole"),
        )?;
        scene.cuff("sim boot ../wearable", says("jump: band/1.4.0 runs"))?;
        Ok(Ending::Done)
    })
}

/// The second release, tried and confirmed.
pub fn tell_update(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.step("The desk asks the bootloader's own judge", |scene| {
        scene.cuff(
            "device info sim:../wearable --save ../before.json",
            says("saved "),
        )?;
        scene.cuff(
            "verify ../band-1.5.0.sealed --for ../before.json",
            says("boot: B-0001 installs and boots it"),
        )?;
        Ok(Ending::Done)
    })?;
    guide.step("The wearable tries it", |scene| {
        scene.cuff(
            "device push sim:../wearable ../band-1.5.0.sealed",
            says("trial: band/1.5.0 starts, 1 of 3").and("accepted"),
        )?;
        Ok(Ending::Done)
    })?;
    guide.step("It confirms; the next boot installs it", |scene| {
        scene.cuff(
            "sim boot ../wearable",
            says("confirm: band/1.5.0 is installed, security counter 8")
                .and("jump: band/1.5.0 runs"),
        )?;
        Ok(Ending::Done)
    })
}
