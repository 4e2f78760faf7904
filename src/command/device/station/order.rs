//! What every unit of a batch gets, verified before the first probe is opened. Not a command of its own.
//!
//! Takes the station's description and the sealed bundle it names, gives an [`Order`]. It opens no network connection.

use std::path::Path;
use std::time::Duration;

use cuff_verifier::digest::Digest;
use cuff_verifier::judge::Known;
use cuff_verifier::time::Instant;
use cuff_verifier::verdict::{Reason, Verdict};

use crate::board::Board;
use crate::bundle::seal::MAX_SEAL;
use crate::command::device::{after, one_release, unshipped};
use crate::command::{boards, given};
use crate::console::{Advice, Console, Exit, advised};
use crate::device::provision::{Pin, newest_root};
use crate::device::shipment::{Goods, Shipment};
use crate::device::station::Station;
use crate::device::station::order::Order;
use crate::instant;
use crate::judgement::{Room, Trust, Update, bootloader, judge};

/// Verifies everything that every unit gets.
pub fn order(console: &Console, station: &Station, base: &Path) -> anyhow::Result<Order> {
    let board = match boards::named(&station.board) {
        Ok(board) => board,
        Err(_) => boards::named(&base.join(&station.board).display().to_string())?,
    };
    let bytes = given::read(&base.join(&station.sealed), MAX_SEAL)?;
    let bundle = Digest::of(&bytes);
    let shipment = Shipment::open(bytes).map_err(unshipped)?;
    let goods = |release: &str| one_release(&shipment, Some(release), "name it in the station");
    let (first, boot) = (goods(&station.release)?, goods(&station.bootloader)?);
    let metadata = shipment.metadata().map_err(unshipped)?;
    let (root, version) = newest_root(&metadata, &Pin::Fingerprint(station.root))
        .exit(Exit::Refused)
        .rule("pinned-root-missing")
        .help("fetch a sealed bundle that begins at the pinned root, or check root-sha256 over a way you trust")?;
    let evidence = |path: &str| -> anyhow::Result<Vec<u8>> {
        metadata
            .evidence(path, version)
            .map_err(|error| unshipped(error.into()))
    };
    let known = Known::of_new_unit(&station.product, &station.hardware, board.bootloader, &root);
    let trust = evidence(&format!("{}/", station.product))?;
    let of_release = evidence(&first.path)?;
    let judged = judge(
        &known,
        &Update {
            evidence: &of_release,
            image: Some(first.bundle.image()),
        },
        Some(Room::on(&board)),
    );
    if let Verdict::Refuse(reason) = judged.verdict {
        return Err(refused(&first.path, reason));
    }
    judge_bootloader(&known, &evidence(&boot.path)?, &boot, &board)?;
    if let Trust::Chain(moved) = judged.trust {
        freshness(console, station, moved.floor)?;
    }
    Ok(Order {
        product: station.product.clone(),
        hardware: station.hardware.clone(),
        root,
        trust,
        evidence: of_release,
        release: first.path.clone(),
        image: first.bundle.image().to_vec(),
        bootloader: boot.path.clone(),
        boot: boot.bundle.image().to_vec(),
        bundle,
        confirm: Duration::from_secs(station.confirm),
        board,
    })
}

fn judge_bootloader(
    known: &Known<'_>,
    evidence: &[u8],
    boot: &Goods,
    board: &Board,
) -> anyhow::Result<()> {
    bootloader(known, evidence, boot.bundle.image())
        .map_err(|reason| refused(&boot.path, reason))?;
    if boot.bundle.image().len() as u64 > board.regions.boot.length {
        return Err(refused(&boot.path, Reason::ImageTooLarge));
    }
    Ok(())
}

fn refused(path: &str, reason: Reason) -> anyhow::Error {
    advised(
        anyhow::anyhow!(
            "{path} of the sealed bundle is refused: {reason} (reason {}, {})",
            reason.code(),
            reason.name()
        ),
        Exit::Refused,
        reason.name(),
        after(reason),
    )
}

/// The bundle's newest signed date is all the time there is; how old it is, this machine's clock says.
fn freshness(console: &Console, station: &Station, floor: Instant) -> anyhow::Result<()> {
    let now = instant::now().exit(Exit::Unknown).rule("clock")?;
    let Some(age) = instant::between(floor, now) else {
        console.note(format!(
            "the sealed bundle was signed on {floor}, which this machine's clock has not reached"
        ));
        return Ok(());
    };
    let days = age.seconds() / 86_400;
    console.note(format!(
        "the sealed bundle was signed on {floor}, {days} days ago"
    ));
    match station.max_bundle_age {
        Some(most) if age > most => Err(advised(
            anyhow::anyhow!(
                "the sealed bundle is {days} days old, and this station takes none older than {most}"
            ),
            Exit::No,
            "bundle-too-old",
            "fetch it again with `cuff fetch --sealed`",
        )),
        _ => Ok(()),
    }
}
