//! The demo band: samples 25 times a second, sleeps in between, and says the heart rate on its serial line.
//!
//! Takes the board after the bootloader's jump; gives lines such as `band 1.0.0: 144 bpm`. Talks to no radio. On trial it
//! confirms once it has counted its first ten seconds of heart beats, and that page is all the flash it writes. Built as
//! `sick` it stops there instead; built as `evil` it goes for what belongs to the bootloader, and says what became of it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(all(target_os = "none", feature = "evil"))]
mod evil;
#[cfg(all(target_os = "none", not(feature = "an505")))]
mod line;

#[cfg(target_os = "none")]
mod band {
    use core::panic::PanicInfo;
    use core::sync::atomic::{AtomicBool, Ordering};

    use confirm::Ticket;
    use cortex_m::Peripherals;
    use cortex_m::asm::wfi;
    use cortex_m::interrupt;
    use cortex_m::peripheral::SCB;
    use cortex_m::peripheral::syst::SystClkSource;
    use cortex_m_rt::{entry, exception};
    use demo_app::beat::Beats;
    use demo_app::sensor::Sensor;
    use demo_app::{SAMPLES_PER_SECOND, VERSION};
    #[cfg(not(feature = "an505"))]
    use mps2::an386::{CLOCK, UART0, WATCHDOG};
    #[cfg(feature = "an505")]
    use mps2::an505::{CLOCK, UART0, WATCHDOG};
    use mps2::psram::Psram;
    use mps2::serial::Serial;
    use mps2::watchdog::Watchdog;

    mod board {
        #![allow(
            dead_code,
            clippy::unreadable_literal,
            reason = "generated; an application needs less of it than the bootloader"
        )]
        include!(concat!(env!("OUT_DIR"), "/board.rs"));
    }
    #[cfg(not(feature = "an505"))]
    use crate::line::{Host, listen};
    #[cfg(not(feature = "an505"))]
    use board::BOOTLOADER;
    use board::{FLASH, LAYOUT, RETAINED};

    const UNIT: usize = LAYOUT.program as usize;

    static SAMPLE_DUE: AtomicBool = AtomicBool::new(false);

    #[entry]
    fn main() -> ! {
        let Some(mut core) = Peripherals::take() else {
            SCB::sys_reset()
        };
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(CLOCK / SAMPLES_PER_SECOND - 1);
        core.SYST.clear_current();
        core.SYST.enable_interrupt();
        core.SYST.enable_counter();

        // SAFETY: the UART of this board, opened once.
        let serial = unsafe { Serial::open(UART0, CLOCK) };
        // SAFETY: the watchdog that the bootloader has started; nothing else here feeds it.
        let watchdog = unsafe { Watchdog::at(WATCHDOG) };
        serial.text("band ");
        serial.text(VERSION);
        // SAFETY: where the board's description keeps RAM for it.
        let mut ticket = unsafe { Ticket::take(RETAINED) };
        serial.text(if ticket.is_some() {
            " started on trial\n"
        } else {
            " started\n"
        });
        // SAFETY: the board's PSRAM, opened once; this program is executed from a slot it does not write to.
        let mut flash = unsafe { Psram::<{ LAYOUT.flash_length() as usize }, UNIT>::at(FLASH) };
        #[cfg(feature = "evil")]
        crate::evil::act(&flash, &LAYOUT, &serial);

        // On the chip with two sides trust store and log are out of an application's sight, and only recovery serves.
        #[cfg(not(feature = "an505"))]
        // SAFETY: where the board's description keeps RAM for it.
        let mut host = unsafe { Host::new(RETAINED, BOOTLOADER, ticket.as_ref()) };
        #[cfg(not(feature = "an505"))]
        listen(&serial);

        let (mut sensor, mut beats) = (Sensor::default(), Beats::default());
        loop {
            // What arrives between the look and the sleep wakes all the same: it is held back, not lost.
            interrupt::disable();
            if !serial.has_byte() && !SAMPLE_DUE.load(Ordering::Relaxed) {
                wfi();
            }
            // SAFETY: no critical section is open.
            unsafe { interrupt::enable() };
            #[cfg(not(feature = "an505"))]
            host.serve(&mut flash, &LAYOUT, &serial);
            if !SAMPLE_DUE.swap(false, Ordering::Relaxed) {
                continue;
            }
            watchdog.feed();
            let Some(rate) = beats.take(sensor.sample()) else {
                continue;
            };
            serial.text("band ");
            serial.text(VERSION);
            serial.text(": ");
            serial.number(rate);
            serial.text(" bpm\n");
            if cfg!(feature = "sick") {
                // It hangs before it has found out that it is well; the watchdog does the rest.
                loop {
                    wfi();
                }
            }
            if let Some(ticket) = ticket.take() {
                serial.text(match ticket.hand_in(&mut flash, &LAYOUT) {
                    Ok(()) => "band confirms\n",
                    Err(_) => "band could not write its confirm\n",
                });
            }
        }
    }

    /// A byte has arrived. The main loop takes it; here it has only woken the core.
    #[cfg(not(feature = "an505"))]
    #[exception]
    unsafe fn DefaultHandler(_: i16) {
        // SAFETY: the UART of this board.
        unsafe { Serial::taken_back(UART0) };
    }

    #[exception]
    fn SysTick() {
        SAMPLE_DUE.store(true, Ordering::Relaxed);
    }

    /// The watchdog's last warning.
    #[exception]
    unsafe fn NonMaskableInt() -> ! {
        SCB::sys_reset()
    }

    /// A band that has lost its way starts again; during a trial that is how the old image comes back.
    #[panic_handler]
    fn panic(_: &PanicInfo) -> ! {
        SCB::sys_reset()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {}
