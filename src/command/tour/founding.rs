//! The tour's beginning: keys, and a repository where two of three decide.

use super::guide::{Guide, says};
use super::step::Ending;

pub fn tell(guide: &mut Guide<'_>) -> anyhow::Result<()> {
    guide.chapter("Keys and a repository");
    let folder = guide.folder().to_owned();
    guide.step("Three people and a build server make keys", |scene| {
        for name in ["alice", "bob", "carol", "online"] {
            scene.cuff_in(
                &folder,
                &format!("key new {name}"),
                says("private ").and("encrypted"),
            )?;
        }
        Ok(Ending::Done)
    })?;
    guide.step("A repository: two of three, two products", |scene| {
        scene.cuff_in(
            &folder,
            INIT,
            says("staged, unsigned: root, targets, band, scale"),
        )?;
        Ok(Ending::Done)
    })
}

const INIT: &str = "init desk --key root=alice.pub,bob.pub,carol.pub --threshold root=2 --key band=alice.pub,bob.pub \
                    --key scale=bob.pub,carol.pub --online online.pub";
