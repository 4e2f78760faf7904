//! The NOR model, mirrored into a file operation by operation.
//!
//! Takes what the bootloader writes and erases, applies the model's rules, and puts the changed bytes into the file before
//! it answers. A process that dies leaves a file that is valid NOR: at worst one page erase is torn, as by a power cut.
//! Only a crash of the whole machine may lose what its disk had not been told to keep.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

use cuff_bootloader::flash::Flash;
use cuff_bootloader::nor::{Broken, Cut, Nor};
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

/// Flash in memory, and in a file unless this is a rehearsal.
#[derive(Debug)]
pub struct FileFlash {
    nor: Nor<Vec<u8>>,
    file: Option<File>,
    failure: Option<io::Error>,
}

impl FileFlash {
    /// Flash with these contents; `file` holds the same bytes.
    pub fn new(contents: Vec<u8>, file: Option<File>, program: u32, erase: u32) -> Self {
        Self {
            nor: Nor::new(contents, program, erase),
            file,
            failure: None,
        }
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        self.nor.operations()
    }

    /// Arms a cut.
    pub fn cut(&mut self, cut: Cut) {
        self.nor.cut(cut);
    }

    /// Whether power is gone.
    pub fn is_dark(&self) -> bool {
        self.nor.is_dark()
    }

    /// Why the file could not be kept, once.
    pub fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    /// Puts the changed bytes into the file, whatever became of the operation.
    fn keep(&mut self, from: u32, to: u32) -> Result<(), Broken> {
        if self.failure.is_some() {
            return Err(Broken::NoPower);
        }
        let Some(file) = &mut self.file else {
            return Ok(());
        };
        let range = usize::try_from(from)
            .ok()
            .zip(usize::try_from(to).ok())
            .and_then(|(from, to)| self.nor.contents().get(from..to))
            .ok_or(Broken::OutOfBounds)?;
        let written = file
            .seek(SeekFrom::Start(u64::from(from)))
            .and_then(|_| file.write_all(range));
        written.map_err(|error| {
            self.failure = Some(error);
            Broken::NoPower
        })
    }
}

impl ErrorType for FileFlash {
    type Error = Broken;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Broken> {
        self.nor.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.nor.capacity()
    }
}

impl NorFlash for FileFlash {
    // The board's units are checked by the model.
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Broken> {
        let done = self.nor.erase(from, to);
        self.keep(from, to)?;
        done
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Broken> {
        let done = self.nor.write(offset, bytes);
        let end = u32::try_from(bytes.len())
            .ok()
            .and_then(|length| offset.checked_add(length))
            .ok_or(Broken::OutOfBounds)?;
        self.keep(offset, end)?;
        done
    }
}

impl Flash for FileFlash {
    fn mapped(&self, offset: u32, length: u32) -> Option<&[u8]> {
        self.nor.mapped(offset, length)
    }
}
