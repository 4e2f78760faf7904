//! Whether the metadata of a product fits the boards it runs on.
//!
//! Takes the evidence each offer needs from the oldest supported root on, refuses naming role and bytes. A repository that
//! outgrows its boards must be stopped at the desk, not noticed in the field.

use super::desk::Desk;
use super::preflight::{Device, PreflightError, View};
use crate::board::catalogue::{Catalogue, CatalogueError};
use crate::board::{Board, BoardError};
use crate::name::Product as ProductName;
use crate::role::pipeline::Draft;
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

/// Judges every offer of a product as its oldest device does, and holds its evidence against the boards.
pub fn check(view: &View, desk: &Desk, product: &Draft) -> Result<Option<Need>, CapacityError> {
    let Draft::Product(name, _) = product else {
        return Ok(None);
    };
    let wanted = desk.settings().product(name);
    // Without any root to start from the device was made with the first one there is.
    let newest = view.roots.keys().next_back().copied().unwrap_or(1);
    if wanted.oldest_root > newest {
        return Err(CapacityError::NoSuchRoot {
            product: name.clone(),
            oldest: wanted.oldest_root,
            newest,
        });
    }
    let mut bytes = 0;
    for device in Device::offers(product) {
        bytes = bytes.max(view.judge_as_device(wanted.oldest_root, &device)?);
    }
    let mut smallest: Option<(String, u64)> = None;
    for board in &wanted.boards {
        let room = room(desk, board).map_err(|source| CapacityError::NoSuchBoard {
            product: name.clone(),
            board: board.clone(),
            source: Box::new(source),
        })?;
        if smallest.as_ref().is_none_or(|(_, least)| room < *least) {
            smallest = Some((board.clone(), room));
        }
    }
    if let Some((board, room)) = smallest.as_ref().filter(|(_, room)| bytes > *room) {
        let (role, length) = view.largest(wanted.oldest_root, name);
        return Err(CapacityError::TooLarge {
            product: name.clone(),
            bytes,
            board: board.clone(),
            room: *room,
            oldest: wanted.oldest_root,
            role,
            length,
        });
    }
    Ok(Some(Need {
        product: name.clone(),
        bytes,
        board: smallest,
    }))
}

/// Bytes of evidence a board has room for: one of ours by name, or a description beside cuff.toml by path.
fn room(desk: &Desk, name: &str) -> Result<u64, RoomError> {
    if Path::new(name)
        .extension()
        .is_none_or(|extension| extension != "toml")
    {
        return Ok(Catalogue::embedded()?.get(name)?.evidence);
    }
    let text = std::fs::read_to_string(desk.root().join(name))?;
    Ok(Board::read(name, &text)?.evidence)
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
