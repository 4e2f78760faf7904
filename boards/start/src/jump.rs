//! The jump into the application.
//!
//! Takes a place in flash whose contents were judged; gives it the processor, as after a reset. An image whose first two
//! words are no stack and no entry of its own is none.

use core::ops::Range;
use core::ptr;

use cortex_m::peripheral::SCB;

/// An image that can be run.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    vectors: *const u32,
    /// Where its vector table lies.
    pub table: u32,
    /// The stack pointer it begins with.
    pub stack: u32,
    /// Its first instruction, with the Thumb bit.
    pub entry: u32,
}

impl Image {
    /// The image of `length` bytes at `address`, if its stack lies in `ram` and its entry in itself.
    ///
    /// # Safety
    ///
    /// `length` bytes, at least two words, can be read at `address`, which is aligned to a word.
    pub unsafe fn at(address: usize, length: usize, ram: Range<usize>) -> Option<Self> {
        let vectors: *const u32 = ptr::with_exposed_provenance(address);
        // SAFETY: the caller promises two words there.
        let (stack, entry) = unsafe { (vectors.read_volatile(), vectors.add(1).read_volatile()) };
        let image = Self {
            vectors,
            table: u32::try_from(address).ok()?,
            stack,
            entry,
        };
        let (stack, entry) = (stack as usize, entry as usize);
        let in_ram = stack > ram.start && stack <= ram.end && stack.is_multiple_of(8);
        let in_image = entry & 1 == 1 && entry > address && entry < address.wrapping_add(length);
        (in_ram && in_image).then_some(image)
    }

    /// Runs it with the rights this program has.
    ///
    /// # Safety
    ///
    /// Nothing of the calling program is needed any more, and none of its interrupts is enabled.
    pub unsafe fn run(self) -> ! {
        // SAFETY: the vector table register takes any address of a table; `at` has looked at this one. With the main stack
        // pointer and the entry from there, the processor is as after a reset into the image.
        unsafe {
            (*SCB::PTR).vtor.write(self.table);
            cortex_m::asm::dsb();
            cortex_m::asm::isb();
            cortex_m::asm::bootload(self.vectors)
        }
    }
}
