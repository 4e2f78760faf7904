//! A model of NOR flash: what a simulated wearable and every power-cut test run on.
//!
//! Takes any byte storage, gives a driver that clears bits only, erases whole pages to 0xFF, refuses to program a unit
//! twice, counts operations, and loses power at a chosen one, torn in a chosen way. It never forgives.

use core::ops::Range;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::flash::Flash;

/// NOR flash over `S`, for instance `Vec<u8>`, `&mut [u8]` or a mapped file.
#[derive(Clone, Debug)]
pub struct Nor<S> {
    storage: S,
    program: u32,
    erase: u32,
    operations: u64,
    cut: Option<Cut>,
    dark: bool,
    unreadable: Range<u32>,
}

/// When power goes, and what becomes of the operation it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// How many more operations are done whole; the next one is torn.
    pub after: u64,
    /// What is left of it.
    pub tear: Tear,
}

/// What a cut leaves of one program unit or one page erase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// Nothing happened.
    Nothing,
    /// The first half happened.
    Half,
    /// Every bit that was to change did or did not, chosen by the seed.
    Random(u64),
    /// All of it happened, and nothing after.
    Complete,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Nor<S> {
    /// Flash with these contents.
    pub fn new(storage: S, program: u32, erase: u32) -> Self {
        Self {
            storage,
            program: program.max(1),
            erase: erase.max(1),
            operations: 0,
            cut: None,
            dark: false,
            unreadable: 0..0,
        }
    }

    /// Program units and page erases done since the model was made.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Arms a cut.
    pub fn cut(&mut self, cut: Cut) {
        self.cut = Some(cut);
    }

    /// Whether power is gone.
    pub fn is_dark(&self) -> bool {
        self.dark
    }

    /// Power comes back; an armed cut is forgotten.
    pub fn power_on(&mut self) {
        self.dark = false;
        self.cut = None;
    }

    /// Reads in this range fail from now on, as an external chip that came loose.
    pub fn make_unreadable(&mut self, range: Range<u32>) {
        self.unreadable = range;
    }

    /// What an attacker with a soldering iron sees and changes.
    pub fn raw(&mut self) -> &mut [u8] {
        self.storage.as_mut()
    }

    /// The contents.
    pub fn contents(&self) -> &[u8] {
        self.storage.as_ref()
    }

    fn slice(&mut self, offset: u32, length: u32) -> Result<&mut [u8], Broken> {
        let start = usize::try_from(offset).map_err(|_| Broken::OutOfBounds)?;
        let length = usize::try_from(length).map_err(|_| Broken::OutOfBounds)?;
        let end = start.checked_add(length).ok_or(Broken::OutOfBounds)?;
        self.storage
            .as_mut()
            .get_mut(start..end)
            .ok_or(Broken::OutOfBounds)
    }

    fn readable(&self, offset: u32, length: u32) -> Result<(), Broken> {
        if self.dark {
            return Err(Broken::NoPower);
        }
        let end = offset.saturating_add(length);
        if offset < self.unreadable.end && self.unreadable.start < end {
            return Err(Broken::Unreadable);
        }
        Ok(())
    }

    /// One operation: how it is torn, if power goes now.
    fn operation(&mut self) -> Result<Option<Tear>, Broken> {
        if self.dark {
            return Err(Broken::NoPower);
        }
        let torn = match &mut self.cut {
            Some(cut) if cut.after == 0 => Some(cut.tear),
            Some(cut) => {
                cut.after = cut.after.saturating_sub(1);
                None
            }
            None => None,
        };
        self.operations = self.operations.saturating_add(1);
        self.dark = torn.is_some();
        Ok(torn)
    }

    fn change(
        &mut self,
        offset: u32,
        length: u32,
        target: impl Fn(usize, u8) -> u8,
    ) -> Result<(), Broken> {
        let torn = self.operation()?;
        let cells = self.slice(offset, length)?;
        let half = cells.len() / 2;
        let mut noise = Noise::new(torn, offset);
        for (index, cell) in cells.iter_mut().enumerate() {
            let wanted = target(index, *cell);
            *cell = match torn {
                None | Some(Tear::Complete) => wanted,
                Some(Tear::Half) if index < half => wanted,
                Some(Tear::Nothing | Tear::Half) => *cell,
                Some(Tear::Random(_)) => {
                    let changing = *cell ^ wanted;
                    *cell ^ (changing & noise.next())
                }
            };
        }
        if torn.is_some() {
            Err(Broken::NoPower)
        } else {
            Ok(())
        }
    }
}

impl<S> ErrorType for Nor<S> {
    type Error = Broken;
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> ReadNorFlash for Nor<S> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Broken> {
        let length = u32::try_from(bytes.len()).map_err(|_| Broken::OutOfBounds)?;
        self.readable(offset, length)?;
        bytes.copy_from_slice(self.slice(offset, length)?);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.storage.as_ref().len()
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> NorFlash for Nor<S> {
    // The units are chosen when the model is made; the checks below are the real ones.
    const WRITE_SIZE: usize = 1;
    const ERASE_SIZE: usize = 1;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Broken> {
        if !from.is_multiple_of(self.erase) || !to.is_multiple_of(self.erase) {
            return Err(Broken::NotAligned);
        }
        let mut at = from;
        while at < to {
            self.change(at, self.erase, |_, _| 0xff)?;
            at = at.saturating_add(self.erase);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Broken> {
        let unit = usize::try_from(self.program).map_err(|_| Broken::OutOfBounds)?;
        if !offset.is_multiple_of(self.program) || !bytes.len().is_multiple_of(unit) {
            return Err(Broken::NotAligned);
        }
        let mut at = offset;
        for piece in bytes.chunks(unit) {
            if self
                .slice(at, self.program)?
                .iter()
                .any(|cell| *cell != 0xff)
            {
                return Err(Broken::WrittenTwice);
            }
            self.change(at, self.program, |index, cell| {
                cell & piece.get(index).copied().unwrap_or(0xff)
            })?;
            at = at.saturating_add(self.program);
        }
        Ok(())
    }
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> Flash for Nor<S> {
    fn mapped(&self, offset: u32, length: u32) -> Option<&[u8]> {
        self.readable(offset, length).ok()?;
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        self.storage.as_ref().get(start..end)
    }
}

/// What the model refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Beyond the end.
    OutOfBounds,
    /// Not at a unit.
    NotAligned,
    /// A program unit that is not blank.
    WrittenTwice,
    /// A range that was made unreadable.
    Unreadable,
    /// Power is gone.
    NoPower,
}

impl NorFlashError for Broken {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::WrittenTwice | Self::Unreadable | Self::NoPower => NorFlashErrorKind::Other,
        }
    }
}

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::OutOfBounds => "beyond the end of flash",
            Self::NotAligned => "not at the start of a program or erase unit",
            Self::WrittenTwice => "the program unit was already written since the last erase",
            Self::Unreadable => "this part of flash cannot be read",
            Self::NoPower => "the power is gone",
        })
    }
}

impl core::error::Error for Broken {}

/// Repeatable noise (splitmix64), so that a torn bit falls the same way each time a test runs.
struct Noise(u64);

impl Noise {
    fn new(tear: Option<Tear>, offset: u32) -> Self {
        match tear {
            Some(Tear::Random(seed)) => Self(seed ^ u64::from(offset)),
            _ => Self(0),
        }
    }

    fn next(&mut self) -> u8 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (word >> 56) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flash() -> Nor<[u8; 2048]> {
        Nor::new([0xff; 2048], 8, 1024)
    }

    #[test]
    fn a_unit_is_programmed_once() {
        let mut flash = flash();
        assert_eq!(flash.write(8, &[0xf0; 8]), Ok(()));
        assert_eq!(flash.write(8, &[0x00; 8]), Err(Broken::WrittenTwice));
        assert_eq!(flash.write(4, &[0x00; 8]), Err(Broken::NotAligned));
        assert_eq!(flash.erase(0, 1024), Ok(()));
        assert_eq!(flash.write(8, &[0x00; 8]), Ok(()));
        assert_eq!(flash.operations(), 3);
    }

    #[test]
    fn a_cut_tears_exactly_one_operation_and_then_it_is_dark() {
        for (tear, left) in [
            (Tear::Nothing, [0xff; 8]),
            (Tear::Half, [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]),
            (Tear::Complete, [0; 8]),
        ] {
            let mut flash = flash();
            flash.cut(Cut { after: 1, tear });
            assert_eq!(flash.write(0, &[0; 24]), Err(Broken::NoPower));
            assert!(flash.is_dark());
            assert_eq!(flash.mapped(0, 8), None);
            flash.power_on();
            assert_eq!(flash.mapped(0, 8), Some(&[0; 8][..]));
            assert_eq!(flash.mapped(8, 8), Some(&left[..]));
            assert_eq!(flash.mapped(16, 8), Some(&[0xff; 8][..]));
        }
    }

    #[test]
    fn a_random_tear_only_moves_bits_that_were_to_move() {
        let mut flash = flash();
        flash.cut(Cut {
            after: 0,
            tear: Tear::Random(7),
        });
        assert!(flash.write(0, &[0x0f; 8]).is_err());
        flash.power_on();
        assert!(
            flash
                .contents()
                .iter()
                .take(8)
                .all(|cell| cell & 0x0f == 0x0f)
        );
        assert!(flash.contents().iter().take(8).any(|cell| *cell != 0xff));
    }
}
