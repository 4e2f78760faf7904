//! The NOR model, and every operation it was asked for.
//!
//! Takes what the bootloader does, gives a list of operations that can be done again one by one, the last one torn.

use std::ops::{Deref, DerefMut};

use cuff_bootloader::{
    flash::Flash,
    nor::{Broken, Cut, Nor, Tear},
};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

#[derive(Clone, Debug)]
pub struct Traced {
    nor: Nor<Vec<u8>>,
    pub trace: Vec<Operation>,
}

/// One program unit, or one page erase.
#[derive(Clone, Debug)]
pub enum Operation {
    Program(u32, Vec<u8>),
    Erase(u32, u32),
}

impl Operation {
    /// What it is, and where.
    pub fn names(&self) -> (&'static str, u32) {
        match self {
            Self::Program(at, _) => ("program", *at),
            Self::Erase(at, _) => ("erase", *at),
        }
    }
}

impl Traced {
    pub fn new(nor: Nor<Vec<u8>>) -> Self {
        Self {
            nor,
            trace: Vec::new(),
        }
    }

    /// The contents alone.
    pub fn untraced(&self) -> Self {
        Self::new(self.nor.clone())
    }

    /// Does an operation again.
    pub fn redo(&mut self, operation: &Operation) {
        match operation {
            Operation::Program(offset, bytes) => self.nor.write(*offset, bytes),
            Operation::Erase(from, to) => self.nor.erase(*from, *to),
        }
        .expect("it went well the first time");
    }

    /// Loses power in an operation, and gets it back.
    pub fn tear(&mut self, operation: &Operation, tear: Tear) {
        self.nor.cut(Cut { after: 0, tear });
        let _dark = match operation {
            Operation::Program(offset, bytes) => self.nor.write(*offset, bytes),
            Operation::Erase(from, to) => self.nor.erase(*from, *to),
        };
        self.nor.power_on();
    }
}

impl Deref for Traced {
    type Target = Nor<Vec<u8>>;

    fn deref(&self) -> &Self::Target {
        &self.nor
    }
}

impl DerefMut for Traced {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.nor
    }
}

impl ErrorType for Traced {
    type Error = Broken;
}

impl ReadNorFlash for Traced {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Broken> {
        self.nor.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.nor.capacity()
    }
}

impl NorFlash for Traced {
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Broken> {
        let before = self.nor.operations();
        self.trace.push(Operation::Erase(from, to));
        let done = self.nor.erase(from, to);
        assert!(
            self.nor.operations() - before <= 1,
            "the bootloader erases page by page"
        );
        done
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Broken> {
        let before = self.nor.operations();
        self.trace.push(Operation::Program(offset, bytes.to_vec()));
        let done = self.nor.write(offset, bytes);
        assert!(
            self.nor.operations() - before <= 1,
            "the bootloader programs unit by unit"
        );
        // The model would refuse a second write; what it did not refuse was no rule of NOR.
        assert_ne!(done, Err(Broken::WrittenTwice));
        done
    }
}

impl Flash for Traced {
    fn mapped(&self, offset: u32, length: u32) -> Option<&[u8]> {
        self.nor.mapped(offset, length)
    }
}
