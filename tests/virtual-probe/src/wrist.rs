//! What runs on the chip where no compiled bootloader was written: the bootloader's own library at the desk, over the chip's
//! memory, and an application that confirms.
//!
//! It begins at a reset when the boot region opens with [`BOOTLOADER`]; the core meanwhile spins in that region, as a bootloader
//! that holds does. It takes its requests from the mailbox in RAM and answers there, so a probe sees no difference.

use std::convert::Infallible;
use std::io;

use cuff_bootloader::boot::boot;
use cuff_bootloader::flash::{Chip, Flash};
use cuff_bootloader::layout::Layout;
use cuff_bootloader::mailbox::{LENGTH, MAIL, Mailbox};
use cuff_bootloader::plan::HandOver;
use cuff_bootloader::record::TrialId;
use cuff_bootloader::report::Report;
use cuff_bootloader::upload;
use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};

use crate::port::{FLASH, FLASH_LENGTH};
use crate::qemu::Qemu;

/// A bootloader image: stack, an entry that spins, and the words that say who it is.
pub const BOOTLOADER: [u8; 32] =
    *b"\x00\x00\x02\x20\x11\x00\x00\x21cuffwrst\xfe\xe7\xfe\xe7a bootloader";

/// The wearable around the chip.
pub struct Wrist {
    layout: Layout,
    /// Whether the application confirms.
    pub healthy: bool,
    /// The id handed over at the jump.
    trial: Option<TrialId>,
    /// What was decided before the host let it go on.
    held: Option<HandOver>,
}

impl Wrist {
    /// A wearable on a board.
    pub fn new(layout: Layout) -> Self {
        Self {
            layout,
            healthy: true,
            trial: None,
            held: None,
        }
    }

    /// Where the state word of the mailbox stands.
    pub fn state_word() -> u32 {
        MAILBOX + 32
    }

    /// The core came out of reset: boots, and holds if it was asked.
    pub fn reset(&mut self, machine: &mut Qemu) -> io::Result<()> {
        (self.trial, self.held) = (None, None);
        let mut head = [0; 16];
        machine.read(FLASH, &mut head)?;
        if head != BOOTLOADER[..16] {
            return Ok(());
        }
        let mut mail = Mailbox([0; MAIL]);
        machine.read(MAILBOX, &mut mail.0)?;
        let asked = mail.asked();
        let mut flash = Memory::of(machine)?;
        let mut chip = Chip::new(&mut flash, &self.layout);
        let ended = boot(&mut chip, VERSION);
        let answer =
            asked.and_then(|nonce| Mailbox::answer(&Report::of(&mut chip, VERSION, ended, nonce)));
        flash.store(machine)?;
        if let Some(answer) = answer {
            machine.write(MAILBOX, &answer.0)?;
            self.held = Some(ended.hand_over);
            return Ok(());
        }
        self.jump(ended.hand_over, machine)
    }

    /// The host let the bootloader go on.
    pub fn released(&mut self, machine: &mut Qemu) -> io::Result<()> {
        match self.held.take() {
            Some(hand_over) => self.jump(hand_over, machine),
            None => Ok(()),
        }
    }

    /// The application runs, and on trial it returns the id it was handed.
    fn jump(&mut self, hand_over: HandOver, machine: &mut Qemu) -> io::Result<()> {
        let HandOver::Jump { trial: Some(id) } = hand_over else {
            return Ok(());
        };
        self.trial = Some(id);
        if !self.healthy {
            return Ok(());
        }
        let mut flash = Memory::of(machine)?;
        upload::confirm(&mut Chip::new(&mut flash, &self.layout), id)
            .map_err(|refused| io::Error::other(refused.to_string()))?;
        flash.store(machine)
    }
}

/// A copy of the chip's flash, by the rules of NOR.
struct Memory {
    before: Vec<u8>,
    bytes: Vec<u8>,
}

impl Memory {
    fn of(machine: &mut Qemu) -> io::Result<Self> {
        let mut bytes = vec![0; FLASH_LENGTH as usize];
        machine.read(FLASH, &mut bytes)?;
        Ok(Self {
            before: bytes.clone(),
            bytes,
        })
    }

    fn store(&self, machine: &mut Qemu) -> io::Result<()> {
        let pages = self.before.chunks(PAGE).zip(self.bytes.chunks(PAGE));
        for ((before, after), address) in pages.zip((FLASH..).step_by(PAGE)) {
            if before != after {
                machine.write(address, after)?;
            }
        }
        Ok(())
    }
}

impl ErrorType for Memory {
    type Error = Infallible;
}

impl ReadNorFlash for Memory {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, out: &mut [u8]) -> Result<(), Infallible> {
        out.copy_from_slice(&self.bytes[offset as usize..][..out.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for Memory {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = PAGE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Infallible> {
        self.bytes[from as usize..to as usize].fill(0xff);
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Infallible> {
        let place = &mut self.bytes[offset as usize..][..bytes.len()];
        for (old, new) in place.iter_mut().zip(bytes) {
            *old &= new;
        }
        Ok(())
    }
}

impl Flash for Memory {
    fn mapped(&self, offset: u32, length: u32) -> Option<&[u8]> {
        self.bytes.get(offset as usize..)?.get(..length as usize)
    }
}

const PAGE: usize = 4096;
const VERSION: u64 = 1;
/// The last bytes of the board's RAM.
const MAILBOX: u32 = 0x2004_0000 - LENGTH;
