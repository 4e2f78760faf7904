//! Whether the metadata of a product fits the boards it runs on.
//!
//! Takes the evidence each offer needs from the newest root on, refuses naming role and bytes. A repository that
//! outgrows its boards must be stopped at the desk, not noticed in the field: on publishing, where the evidence is judged,
//! and already on staging, where its length can be foreseen.

use super::bench::{Bench, BenchError};
use super::desk::Desk;
use super::preflight::{Offer, PreflightError, View};
use crate::board::catalogue::{Catalogue, CatalogueError};
use crate::board::{Board, BoardError};
use crate::name::Product as ProductName;
use crate::role::canonical::CanonicalError;
use crate::role::name::{ReleaseName, RoleName};
use crate::role::pipeline::{Draft, Staged};
use crate::role::product::Product;
use crate::role::snapshot::Snapshot;
use crate::role::timestamp::Timestamp;
use crate::role::wire::{FileMeta, Hex, Utc};
use cuff_bootloader::layout::Layout;
use cuff_verifier::threshold::MAX_SIGNERS;
use std::path::Path;

/// Bytes of evidence a product needs, and the smallest area of its boards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The product.
    pub product: ProductName,
    /// The most any of its offers needs.
    pub bytes: u64,
    /// The board with the least room, if any is named.
    pub board: Option<(String, u64)>,
}

impl Need {
    /// What to say when three quarters of the room are taken: early enough to do something about it.
    pub fn warning(&self) -> Option<String> {
        let (board, room) = self.board.as_ref()?;
        let percent = self.bytes.saturating_mul(100) / room.max(&1);
        (percent >= TIGHT).then(|| {
            format!(
                "its evidence takes {} of the {room} bytes on {board} ({percent} %): `cuff yank` the releases no device needs any more",
                self.bytes
            )
        })
    }
}

/// Judges every offer of a product that was not made `before` as its oldest device does, and holds its evidence against the
/// boards.
pub fn check(
    view: &View,
    desk: &Desk,
    name: &ProductName,
    product: &Product,
    before: Option<&Product>,
) -> Result<Need, CapacityError> {
    let oldest = oldest(view, desk, name)?;
    for offer in Offer::new_in(name, product, before) {
        view.judge_as_device(oldest, &offer)?;
    }
    hold(view, desk, name, oldest, Some(product))
}

/// What a product will need once everything staged is signed by as many as it takes; exact but for the digits of versions
/// that `publish` chooses.
pub fn foresee(bench: &Bench<'_>, product: &ProductName) -> Result<Need, CapacityError> {
    let view = foreseen(bench)?;
    let oldest = oldest(&view, bench.desk(), product)?;
    hold(&view, bench.desk(), product, oldest, bench.product(product))
}

/// The repository as it would be published, with room for signatures that nobody has made yet.
fn foreseen(bench: &Bench<'_>) -> Result<View, CapacityError> {
    let mut view = bench
        .published()
        .map(super::published::Published::view)
        .unwrap_or_default();
    let first = view.roots.keys().next().copied().unwrap_or(1);
    for version in 1..first {
        let path = bench.desk().metadata().join(RoleName::Root.file(version));
        if let Ok(file) = std::fs::read(path) {
            view.roots.insert(version, file);
        }
    }
    let file = |staged: &Staged| {
        let asked = bench.authorities(&staged.draft().name());
        let asked = asked.iter().map(|authority| authority.threshold).max();
        let signatures = asked.unwrap_or(1).max(staged.signatures().len() as u64);
        staged.foreseen(signatures.min(MAX_SIGNERS as u64))
    };
    let mut versions = Vec::new();
    for (role, staged) in &bench.staging().roles {
        match role {
            RoleName::Root => view.roots.insert(staged.draft().version(), file(staged)),
            _ => view.roles.insert(role.clone(), file(staged)),
        };
        versions.push((role, staged.draft().version()));
    }
    let version = |role: &RoleName| {
        let staged = versions.iter().find(|(name, _)| *name == role);
        let published = || bench.published().map_or(1, |there| there.version(role));
        staged.map_or_else(published, |(_, version)| *version)
    };
    let next = |role: &RoleName| bench.published().map_or(1, |there| there.version(role) + 1);
    let pins = view.roles.iter();
    let mut snapshot = Snapshot::of(
        pins.map(|(role, file)| (role.clone(), FileMeta::of(file, version(role)))),
        next(&RoleName::Snapshot),
        bench.expiry(&RoleName::Snapshot)?,
    );
    snapshot.fleet = Some(Hex([0; 32]));
    // Any digest: all are of one length.
    let snapshot = snapshot.vouching(Hex::sha256(b""));
    view.snapshot = file(&Draft::Snapshot(snapshot).stage()?);
    let timestamp = Timestamp::of(
        FileMeta::of(&view.snapshot, next(&RoleName::Snapshot)),
        next(&RoleName::Timestamp),
        Utc(bench.now()),
        bench.expiry(&RoleName::Timestamp)?,
    );
    view.timestamp = file(&Draft::Timestamp(timestamp).stage()?);
    Ok(view)
}

/// The oldest root a device of this product may trust.
fn oldest(view: &View, desk: &Desk, product: &ProductName) -> Result<u64, CapacityError> {
    let oldest = desk.settings().product(product).oldest_root;
    // Without any root to start from the device was made with the first one there is.
    let newest = view.roots.keys().next_back().copied().unwrap_or(1);
    if oldest > newest {
        return Err(CapacityError::NoSuchRoot {
            product: product.clone(),
            oldest,
            newest,
        });
    }
    Ok(oldest)
}

/// Holds the longest evidence of a product against its boards: that of the release with the longest name.
fn hold(
    view: &View,
    desk: &Desk,
    name: &ProductName,
    oldest: u64,
    product: Option<&Product>,
) -> Result<Need, CapacityError> {
    let releases = product.map(|role| role.targets.keys().map(ReleaseName::to_string));
    let longest = releases.and_then(|names| names.max_by_key(String::len));
    let offer = longest.unwrap_or_else(|| format!("{name}/"));
    // What must fit in one piece. Earlier roots go before it, in steps, where they do not fit beside it.
    let newest = view.roots.keys().next_back().copied().unwrap_or(oldest);
    let bytes = view.evidence(newest, name, &offer)?.len() as u64;
    let wanted = desk.settings().product(name);
    let mut smallest: Option<(String, u64)> = None;
    for board in &wanted.boards {
        let room = room(desk.root(), board).map_err(|source| CapacityError::NoSuchBoard {
            product: name.clone(),
            board: board.clone(),
            source: Box::new(source),
        })?;
        if let Some((version, length)) = view.root_longer_than(oldest, room.root)? {
            return Err(CapacityError::RootTooLarge {
                version,
                length,
                product: name.clone(),
                board: board.clone(),
                room: room.root,
            });
        }
        if smallest
            .as_ref()
            .is_none_or(|(_, least)| room.evidence < *least)
        {
            smallest = Some((board.clone(), room.evidence));
        }
    }
    if let Some((board, room)) = smallest.as_ref().filter(|(_, room)| bytes > *room) {
        let (role, length) = view.largest(newest, name);
        return Err(CapacityError::TooLarge {
            product: name.clone(),
            bytes,
            board: board.clone(),
            room: *room,
            oldest: newest,
            role,
            length,
        });
    }
    Ok(Need {
        product: name.clone(),
        bytes,
        board: smallest,
    })
}

/// What a board has room for.
pub struct Room {
    /// Bytes of evidence, in the tail of a slot. The inbox is larger.
    pub evidence: u64,
    /// Bytes of the `signed` part of one root, in a bank of the trust store.
    pub root: u64,
}

impl Room {
    fn on(board: &Board) -> Self {
        Self {
            evidence: board.evidence,
            root: board.largest_root().into(),
        }
    }
}

/// The layouts of all boards that are named for a product.
pub fn layouts(desk: &Desk, name: &ProductName) -> Result<Vec<Layout>, CapacityError> {
    let mut layouts = Vec::new();
    for board in desk.settings().product(name).boards {
        let no_board = |source: RoomError| CapacityError::NoSuchBoard {
            product: name.clone(),
            board: board.clone(),
            source: Box::new(source),
        };
        let described = describe(desk.root(), &board).map_err(no_board)?;
        // A description is held against the bootloader when it is read.
        layouts.extend(described.layout());
    }
    Ok(layouts)
}

/// What a board has room for: one of ours by name, or a description by its path from the folder of cuff.toml.
pub fn room(folder: &Path, name: &str) -> Result<Room, RoomError> {
    Ok(Room::on(&describe(folder, name)?))
}

fn describe(folder: &Path, name: &str) -> Result<Board, RoomError> {
    if Path::new(name)
        .extension()
        .is_none_or(|extension| extension != "toml")
    {
        return Ok(Catalogue::embedded()?.get(name)?.clone());
    }
    let text = std::fs::read_to_string(folder.join(name))?;
    Ok(Board::read(name, &text)?)
}

/// Metadata that does not fit.
#[derive(Debug, thiserror::Error)]
pub enum CapacityError {
    /// Too large for a board.
    #[error(
        "the evidence for {product} needs {bytes} bytes from root v{oldest} on, but board {board} has room for {room}; the largest part is {role} with {length} bytes"
    )]
    TooLarge {
        /// The product.
        product: ProductName,
        /// Bytes of evidence.
        bytes: u64,
        /// The board with the least room.
        board: String,
        /// Its room.
        room: u64,
        /// The oldest supported root.
        oldest: u64,
        /// The largest file.
        role: String,
        /// Its length.
        length: u64,
    },
    /// A root that no trust store of a board can hold.
    #[error("root v{version} signs {length} bytes, but board {board} of {product} can keep {room}")]
    RootTooLarge {
        /// The version of the root.
        version: u64,
        /// Bytes of its `signed` part.
        length: u64,
        /// The product.
        product: ProductName,
        /// The board.
        board: String,
        /// Its room.
        room: u64,
    },
    /// A typing mistake in cuff.toml.
    #[error("cuff.toml names board `{board}` for {product}, and its description cannot be used")]
    NoSuchBoard {
        /// The product.
        product: ProductName,
        /// The board.
        board: String,
        /// Why.
        source: Box<RoomError>,
    },
    /// A typing mistake in cuff.toml.
    #[error(
        "cuff.toml sets oldest-root = {oldest} for {product}, but the newest root is v{newest}"
    )]
    NoSuchRoot {
        /// The product.
        product: ProductName,
        /// The setting.
        oldest: u64,
        /// The newest root.
        newest: u64,
    },
    /// Refused altogether.
    #[error(transparent)]
    Preflight(#[from] PreflightError),
    /// What is staged cannot be written.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
    /// The working directory.
    #[error(transparent)]
    Bench(#[from] BenchError),
}

/// A board without a usable description.
#[derive(Debug, thiserror::Error)]
pub enum RoomError {
    /// Not one of ours.
    #[error(transparent)]
    Unknown(#[from] CatalogueError),
    /// Not a description.
    #[error(transparent)]
    Board(#[from] BoardError),
    /// Not readable.
    #[error(transparent)]
    Read(#[from] std::io::Error),
}

/// Percent of the room from which on people are warned.
const TIGHT: u64 = 75;
