//! The boards cuff knows: four of its own, and those the user brings with `--board FILE`.
//! Gives boards by name; a foreign description never replaces one of ours.

use super::{Board, BoardError};

/// Our descriptions, as they stand in `boards/`.
pub const EMBEDDED: [(&str, &str); 4] = [
    (
        "qemu-an505",
        include_str!("../../boards/qemu-an505/board.toml"),
    ),
    (
        "qemu-an386",
        include_str!("../../boards/qemu-an386/board.toml"),
    ),
    ("microbit", include_str!("../../boards/microbit/board.toml")),
    ("nrf52840", include_str!("../../boards/nrf52840/board.toml")),
];

/// Boards by name.
#[derive(Debug, Clone)]
pub struct Catalogue {
    boards: Vec<Board>,
}

impl Catalogue {
    /// The embedded boards.
    pub fn embedded() -> Result<Self, BoardError> {
        let read = |(name, text)| Board::read(&format!("boards/{name}/board.toml"), text);
        Ok(Self {
            boards: EMBEDDED.into_iter().map(read).collect::<Result<_, _>>()?,
        })
    }

    /// Adds a description of the user's own.
    pub fn add(&mut self, board: Board) -> Result<(), CatalogueError> {
        if self.boards.iter().any(|known| known.name == board.name) {
            return Err(CatalogueError::NameTaken { name: board.name });
        }
        self.boards.push(board);
        Ok(())
    }

    /// The board called `name`.
    pub fn get(&self, name: &str) -> Result<&Board, CatalogueError> {
        self.boards
            .iter()
            .find(|board| board.name == name)
            .ok_or_else(|| CatalogueError::Unknown {
                name: name.to_owned(),
                known: self.names().collect::<Vec<_>>().join(", "),
            })
    }

    /// The names of the user's own boards, in the order they were added.
    pub fn foreign(&self) -> impl Iterator<Item = &str> {
        self.names().skip(EMBEDDED.len())
    }

    /// All names, ours first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.boards.iter().map(|board| board.name.as_str())
    }
}

/// A name that leads to no board, or to two.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogueError {
    /// Nobody described it.
    #[error("no board is called \"{}\": known are {known}; describe another with --board FILE", name.escape_debug())]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// Two descriptions would answer to one name.
    #[error("a board called \"{name}\" is already described: give yours a name of its own")]
    NameTaken {
        /// The name.
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use cuff_verifier::release::Kind;

    #[test]
    fn our_boards_are_sound_and_called_as_their_folders() {
        let catalogue = Catalogue::embedded().unwrap();
        for (name, _) in EMBEDDED {
            let board = catalogue.get(name).unwrap();
            let room = board.room(Kind::Application);
            assert_eq!(room.length + board.evidence, board.regions.active.length);
        }
    }

    #[test]
    fn a_foreign_board_cannot_take_our_name() {
        let mut catalogue = Catalogue::embedded().unwrap();
        let twin = catalogue.get("microbit").unwrap().clone();
        assert!(matches!(
            catalogue.add(twin),
            Err(CatalogueError::NameTaken { .. })
        ));
        assert!(matches!(
            catalogue.get("nrf53"),
            Err(CatalogueError::Unknown { .. })
        ));
    }
}
