//! How releases come to be published: built, staged, reviewed, signed by enough people, and not before.

use super::guide::{Guide, Scene, leaves, says};
use super::kit::{Later, write_manifest};
use super::step::Ending;
use crate::console::Exit;

/// The first release of each product.
pub fn tell_first(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.chapter("The first releases");
    guide.step("Firmware becomes bundles", |scene| {
        for release in ["band-1.4.0", "scale-0.9.2"] {
            let product = release.split('-').next().unwrap_or_default();
            let typed = format!("build ../manifests/{product}.toml -o ../{release}.cuff");
            scene.cuff(&typed, says("image ").and("written "))?;
        }
        Ok(Ending::Done)
    })?;
    guide.step("Both are staged", |scene| {
        scene.cuff("stage ../band-1.4.0.cuff", says("band/1.4.0 staged"))?;
        scene.cuff("stage ../scale-0.9.2.cuff", says("scale/0.9.2 staged"))?;
        Ok(Ending::Done)
    })?;
    guide.step("Alice reviews and signs; one is too few", |scene| {
        scene.reviewed_and_signed(&["alice"])?;
        let too_few = leaves(Exit::No, "root has 1 of the 2 signatures");
        scene.cuff(PUBLISH, too_few)?;
        Ok(Ending::RefusedAtDesk)
    })?;
    guide.step("Bob and Carol review and sign", |scene| {
        scene.reviewed_and_signed(&["bob", "carol"])?;
        Ok(Ending::Done)
    })?;
    guide.step("The repository is published", |scene| {
        scene.cuff("status", says("staged release scale/0.9.2"))?;
        scene.cuff(PUBLISH, says("wrote 9 objects"))?;
        scene.cuff("check published", says("healthy: 0 errors, 0 warnings"))?;
        Ok(Ending::Done)
    })?;
    guide.step("The band's release is sealed for the factory", |scene| {
        sealed(scene, "band/1.4.0")
    })
}

/// The band's second release.
pub fn tell_next(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.chapter("The next release");
    guide.step("Built, reviewed, signed twice, published", |scene| {
        built_and_staged(scene, &NEXT)?;
        scene.reviewed_and_signed(&["alice", "bob"])?;
        scene.cuff(PUBLISH, says("band v2"))?;
        sealed(scene, "band/1.5.0")
    })
}

/// Builds and stages a later release of the band.
pub fn built_and_staged(scene: &mut Scene<'_>, later: &Later) -> anyhow::Result<()> {
    write_manifest(scene.folder(), later)?;
    let version = later.version;
    scene.cuff(
        &format!("build ../manifests/band-{version}.toml -o ../band-{version}.cuff"),
        says("image ").and("written "),
    )?;
    scene.cuff(
        &format!("stage ../band-{version}.cuff"),
        says(&format!("band/{version} staged")),
    )?;
    Ok(())
}

/// Fetches a release as one file: `band/1.4.0` becomes `../band-1.4.0.sealed`.
pub fn sealed(scene: &mut Scene<'_>, release: &str) -> anyhow::Result<Ending> {
    let file = release.replace('/', "-");
    scene.cuff(
        &format!("fetch published {release} --sealed -o ../{file}.sealed"),
        says(&format!("wrote ../{file}.sealed")).and("verified under root "),
    )?;
    Ok(Ending::Done)
}

pub const PUBLISH: &str = "publish --online-key ../online.key";

const NEXT: Later = Later {
    version: "1.5.0",
    counter: 8,
    hardware: "band-a",
    firmware: "demo-app.elf",
};
