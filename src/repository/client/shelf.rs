//! A shelf for fetched files: put there once, lent out until the shelf goes.
//!
//! The verifier's stages borrow every file they were built from; here those files lie still while others are fetched.

use std::cell::{Cell, OnceCell};

/// Files that stay where they are.
#[derive(Debug)]
pub struct Shelf {
    places: Vec<OnceCell<Vec<u8>>>,
    taken: Cell<usize>,
}

impl Shelf {
    /// A shelf with room for so many files.
    pub fn new(room: usize) -> Self {
        Self {
            places: (0..room).map(|_| OnceCell::new()).collect(),
            taken: Cell::new(0),
        }
    }

    /// Keeps a file; nothing when the shelf is full.
    pub fn keep(&self, bytes: Vec<u8>) -> Option<&[u8]> {
        let place = self.places.get(self.taken.get())?;
        self.taken.set(self.taken.get() + 1);
        Some(place.get_or_init(|| bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_while_others_come_and_the_shelf_ends() {
        let shelf = Shelf::new(2);
        let one = shelf.keep(vec![1]).unwrap();
        let two = shelf.keep(vec![2]).unwrap();
        assert_eq!((one, two), (&[1][..], &[2][..]));
        assert_eq!(shelf.keep(vec![3]), None);
    }
}
