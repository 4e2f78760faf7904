//! Attacks, each refused with its number: by the wearable's bootloader, or before it by the client.
//!
//! Where the client would refuse first, the attacker goes around it and writes to the device without cuff.

use std::fs;
use std::path::Path;

use anyhow::Context;
use cuff_verifier::verdict::Reason;

use super::attacker::{Forged, Forgery, IMPLANT, MIRROR};
use super::guide::{Guide, Scene, device_refuses, leaves, says};
use super::step::Ending;
use crate::bundle::seal::Seal;
use crate::console::Exit;
use crate::device::link::Link;
use crate::device::shipment::{Message, Shipment};
use crate::device::sim::Sim;
use crate::device::unit::Standing;

/// What the wearable runs all the while.
const RUNS: &str = "band/1.5.0";
/// What is published now, in the tour's folder.
const PUBLISHED: &str = "desk/published";
/// How to get around the client.
const WITHOUT_CUFF: &str = "written into the candidate slot over the wire, without cuff";

pub fn tell(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.chapter("Attacks, by someone who owns the store and the online key");
    keys(guide)?;
    images(guide)?;
    history(guide)
}

/// Whose keys, and how many.
fn keys(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.step("Control: with enough keys it would run", |scene| {
        forged(scene, &["alice-2", "bob"], "control")?;
        scene.cuff(
            "device info sim:../wearable --save ../now.json",
            says("saved "),
        )?;
        scene.cuff(
            "verify ../control.sealed --for ../now.json",
            says("boot: B-0001 installs and boots it"),
        )?;
        Ok(Ending::Done)
    })?;
    guide.step("One signature short", |scene| {
        forged(scene, &["bob"], "short")?;
        let reason = Reason::UnderThreshold;
        let same_words = format!("reason {} ({}): {reason}", reason.code(), reason.name());
        scene.cuff(
            "verify ../short.sealed --for ../now.json",
            leaves(Exit::No, &same_words),
        )?;
        pushed(scene, "short", reason)
    })?;
    guide.step("The same key twice", |scene| {
        let forged = forged(scene, &["bob", "bob"], "twice")?;
        scene.cuff(
            "device push sim:../wearable ../twice.sealed",
            leaves(Exit::Refused, "two signatures stand under one key id"),
        )?;
        let (evidence, image) = forged.raw()?;
        Sim::open(&scene.folder().join("wearable"))?.write_candidate(
            &evidence,
            &image,
            &mut |_| (),
        )?;
        scene.deed(WITHOUT_CUFF, format!("{IMPLANT}, as it is"));
        booted(scene, Reason::RepeatedSignature)
    })?;
    guide.step("The other product's keys", |scene| {
        forged(scene, &["bob", "carol"], "scale-keys")?;
        pushed(scene, "scale-keys", Reason::UnderThreshold)
    })?;
    guide.step("The stolen key, after the rotation", |scene| {
        // Made from the old mirror, it holds where nobody has heard of the rotation: this is what the rotation is for.
        forged_from(scene, MIRROR, &["alice", "bob"], "stolen-old")?;
        scene.cuff(
            "verify ../stolen-old.sealed --for ../before.json",
            says("boot: B-0001 installs and boots it"),
        )?;
        forged(scene, &["alice", "bob"], "stolen")?;
        pushed(scene, "stolen", Reason::UnderThreshold)
    })
}

/// Genuine metadata, and something else with it.
fn images(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.step("A tampered image", |scene| {
        tampered_seal(scene.folder())?;
        scene.cuff(
            "device push sim:../wearable ../tampered.sealed",
            leaves(Exit::No, "is not the file that its metadata lists"),
        )?;
        let what = written(scene.folder(), |image| {
            let middle = image.len() / 2;
            if let Some(byte) = image.get_mut(middle) {
                *byte ^= 1;
            }
            format!("band/1.6.0, with one bit of byte {middle} turned over")
        })?;
        scene.deed(WITHOUT_CUFF, what);
        booted(scene, Reason::ImageDigest)
    })?;
    guide.step("A truncated update", |scene| {
        let sealed = fs::read(scene.folder().join("band-1.6.0.sealed"))?;
        fs::write(
            scene.folder().join("cut.sealed"),
            sealed.get(..sealed.len() / 2).unwrap_or_default(),
        )?;
        scene.cuff(
            "device push sim:../wearable ../cut.sealed",
            leaves(Exit::No, "not a sealed bundle"),
        )?;
        let what = written(scene.folder(), |image| {
            let whole = image.len();
            image.truncate(whole / 2);
            format!("band/1.6.0, {} of {whole} bytes", image.len())
        })?;
        scene.deed(WITHOUT_CUFF, what);
        booted(scene, Reason::ImageDigest)
    })
}

/// Genuine, but old, or for somebody else.
fn history(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.step("An older security counter", |scene| {
        scene.cuff(
            "fetch published band/1.4.0 --sealed -o ../older.sealed",
            says("counter 7, for band-a").and("wrote ../older.sealed"),
        )?;
        pushed(scene, "older", Reason::CounterRollback)
    })?;
    guide.step("Older metadata", |scene| {
        scene.cuff(
            &format!("fetch ../{MIRROR} band/1.5.0 --sealed -o ../mirror.sealed"),
            leaves(Exit::No, "which was trusted before").and("nothing was fetched"),
        )?;
        pushed(scene, "band-1.5.0", Reason::TimestampRollback)
    })?;
    guide.step("A release for other hardware", |scene| {
        pushed(scene, "band-1.5.1", Reason::OtherHardware)
    })?;
    guide.step("A release that expired long ago", |scene| {
        let folder = scene.folder().to_owned();
        let old = Forgery {
            signers: &["alice-2", "bob"],
            dates: Some(("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")),
        };
        let sealed = old.make(&folder, &folder.join(PUBLISHED))?.seal()?;
        fs::write(folder.join("expired.sealed"), sealed.as_bytes())?;
        scene.deed(
            "what alice and bob signed in 2020, to expire in 2021",
            IMPLANT.to_owned(),
        );
        pushed(scene, "expired", Reason::ProductExpired)
    })
}

/// Forges from what is published now, and says so.
fn forged(scene: &mut Scene<'_>, signers: &[&str], name: &str) -> anyhow::Result<Forged> {
    forged_from(scene, PUBLISHED, signers, name)
}

fn forged_from(
    scene: &mut Scene<'_>,
    repository: &str,
    signers: &[&str],
    name: &str,
) -> anyhow::Result<Forged> {
    let folder = scene.folder().to_owned();
    let forgery = Forgery {
        signers,
        dates: None,
    };
    let forged = forgery.make(&folder, &folder.join(repository))?;
    fs::write(
        folder.join(format!("{name}.sealed")),
        forged.seal()?.as_bytes(),
    )?;
    let signers = signers.join(" and ");
    scene.deed(
        &format!("the attacker forges {name}.sealed, on top of {repository}"),
        format!("{IMPLANT}, signed as band by {signers}"),
    );
    Ok(forged)
}

fn pushed(scene: &mut Scene<'_>, name: &str, reason: Reason) -> anyhow::Result<Ending> {
    scene.cuff(
        &format!("device push sim:../wearable ../{name}.sealed"),
        device_refuses(reason, RUNS),
    )?;
    Ok(Ending::RefusedByDevice)
}

fn booted(scene: &mut Scene<'_>, reason: Reason) -> anyhow::Result<Ending> {
    scene.cuff("sim boot ../wearable", device_refuses(reason, RUNS))?;
    Ok(Ending::RefusedByDevice)
}

/// Writes band/1.6.0 into the candidate slot, its image changed, without the client's checks.
fn written(folder: &Path, change: impl FnOnce(&mut Vec<u8>) -> String) -> anyhow::Result<String> {
    let mut sim = Sim::open(&folder.join("wearable"))?;
    let (evidence, mut image) = candidate(folder, &mut sim)?;
    let what = change(&mut image);
    sim.write_candidate(&evidence, &image, &mut |_| ())?;
    Ok(what)
}

/// What a push of band/1.6.0 would write.
pub fn candidate(folder: &Path, sim: &mut Sim) -> anyhow::Result<(Vec<u8>, Vec<u8>)> {
    let shipment = Shipment::open(fs::read(folder.join("band-1.6.0.sealed"))?)?;
    let goods = shipment.goods("band", None)?;
    let unit = sim.unit()?;
    let Standing::Provisioned(knowledge) = &unit.standing else {
        anyhow::bail!("the wearable is not provisioned");
    };
    let root = knowledge.record.root.version;
    let messages = shipment.messages(sim.layout(), root, "band", goods.as_ref())?;
    match messages.into_iter().next_back() {
        Some(Message::Candidate { evidence, image }) => Ok((evidence, image)),
        _ => anyhow::bail!("band-1.6.0.sealed holds no image"),
    }
}

/// The sealed bundle of band/1.6.0 with the image of another release in it.
fn tampered_seal(folder: &Path) -> anyhow::Result<()> {
    let genuine = Seal::open(fs::read(folder.join("band-1.6.0.sealed"))?)?;
    let other = fs::read(folder.join("band-1.5.0.cuff"))?;
    let files = genuine
        .entries()
        .map(|(name, bytes)| {
            let bytes = if name.starts_with("targets/") {
                &other
            } else {
                bytes
            };
            (name.to_owned(), bytes.to_vec())
        })
        .collect();
    fs::write(
        folder.join("tampered.sealed"),
        Seal::pack(&files)?.as_bytes(),
    )
    .context("cannot write")
}
