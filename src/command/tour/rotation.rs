//! A key is stolen: it is taken away from every role, and devices learn of it without a new image.

use super::attacker;
use super::guide::{Guide, says};
use super::kit::Later;
use super::releases::{PUBLISH, built_and_staged, sealed};
use super::step::Ending;

pub fn tell(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.chapter("Alice's laptop is stolen");
    // What a thief, or a mirror that was never updated, still has.
    attacker::keep_mirror(guide.folder())?;
    guide.step("A new key takes her old one's place", |scene| {
        let folder = scene.folder().to_owned();
        scene.cuff_in(&folder, "key new alice-2", says("private "))?;
        for role in ["root", "targets", "band"] {
            scene.cuff(
                &format!("role add-key {role} ../alice-2.pub"),
                says("staged"),
            )?;
            scene.cuff(&format!("role remove-key {role} alice"), says("staged"))?;
        }
        Ok(Ending::Done)
    })?;
    guide.step("Signed without the stolen key", |scene| {
        scene.reviewed_and_signed(&["bob", "carol", "alice-2"])?;
        scene.cuff(
            PUBLISH,
            says("wrote 6 objects")
                .and("root v2")
                .and("targets v2")
                .and("band v3"),
        )?;
        Ok(Ending::Done)
    })?;
    guide.step("The wearable learns it, without an image", |scene| {
        scene.cuff(
            "fetch published band/1.5.0 --sealed -o ../rotation.sealed",
            says("wrote ../rotation.sealed").and("verified under root v2"),
        )?;
        scene.cuff(
            "device push sim:../wearable ../rotation.sealed --trust-only",
            says("trust: root 2 (new)").and("jump: band/1.5.0 runs"),
        )?;
        Ok(Ending::Done)
    })?;
    guide.step("Three more releases, signed by the new key", |scene| {
        for later in &LATER {
            built_and_staged(scene, later)?;
        }
        scene.reviewed_and_signed(&["alice-2", "bob"])?;
        scene.cuff(PUBLISH, says("band v4"))?;
        for later in &LATER {
            sealed(scene, &format!("band/{}", later.version))?;
        }
        Ok(Ending::Done)
    })
}

/// One for other hardware, one that is installed, one that turns out to be sick.
const LATER: [Later; 3] = [
    Later {
        version: "1.5.1",
        counter: 8,
        hardware: "band-b",
        firmware: "demo-app.elf",
    },
    Later {
        version: "1.6.0",
        counter: 9,
        hardware: "band-a",
        firmware: "demo-app-2.elf",
    },
    Later {
        version: "1.7.0",
        counter: 10,
        hardware: "band-a",
        firmware: "demo-app.elf",
    },
];
