//! The interrupt vectors of a bootloader: one, never enabled.
//!
//! The generic table has an entry for every interrupt a core may have, up to 1.9 KiB of flash that nobody uses here.

unsafe extern "C" {
    fn DefaultHandler();
}

// SAFETY: the linker script takes this symbol, in this section, for the interrupt vectors, and wants at least one.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [unsafe extern "C" fn(); 1] = [DefaultHandler];
