//! The demo band: samples 25 times a second, sleeps in between, and says the heart rate on its serial line.
//!
//! Takes the board after the bootloader's jump; gives lines such as `band 1.0.0: 144 bpm`. Talks to no radio. On trial it
//! confirms once it has counted its first ten seconds of heart beats, and that page is all the flash it writes. Built as
//! `sick` it stops there instead; built as `evil` it goes for what belongs to the bootloader, and says what became of it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod chip;
#[cfg(all(target_os = "none", feature = "evil"))]
mod evil;
#[cfg(all(target_os = "none", not(feature = "an505")))]
mod line;

#[cfg(target_os = "none")]
mod board {
    #![allow(
        dead_code,
        clippy::unreadable_literal,
        reason = "generated; an application needs less of it than the bootloader"
    )]
    include!(concat!(env!("OUT_DIR"), "/board.rs"));
}

#[cfg(target_os = "none")]
mod band {
    use core::panic::PanicInfo;

    use confirm::Ticket;
    use cortex_m::asm::wfi;
    use cortex_m::peripheral::SCB;
    use cortex_m_rt::entry;
    use demo_app::VERSION;
    use demo_app::beat::Beats;
    use demo_app::sensor::Sensor;

    use crate::board::{LAYOUT, RETAINED};
    use crate::chip::{Hardware, flash, sample_due};
    #[cfg(not(feature = "an505"))]
    use crate::line::Host;

    #[entry]
    fn main() -> ! {
        // SAFETY: opened once, here.
        let hardware = unsafe { Hardware::open() };
        hardware.text("band ");
        hardware.text(VERSION);
        // SAFETY: where the board's description keeps RAM for it.
        let mut ticket = unsafe { Ticket::take(RETAINED) };
        hardware.text(if ticket.is_some() {
            " started on trial\n"
        } else {
            " started\n"
        });
        // SAFETY: opened once; this program is executed from a slot it does not write to.
        let mut flash = unsafe { flash() };
        #[cfg(feature = "evil")]
        crate::evil::act(&flash, &LAYOUT, &hardware);

        // On the chip with two sides trust store and log are out of an application's sight, and only recovery serves.
        #[cfg(not(feature = "an505"))]
        // SAFETY: where the board's description keeps RAM for it.
        let mut host = unsafe { Host::new(RETAINED, ticket.as_ref()) };
        #[cfg(not(feature = "an505"))]
        hardware.listen();

        let (mut sensor, mut beats) = (Sensor::default(), Beats::default());
        loop {
            hardware.sleep();
            #[cfg(not(feature = "an505"))]
            host.serve(&mut flash, &LAYOUT, &hardware);
            if !sample_due() {
                continue;
            }
            hardware.feed();
            let Some(rate) = beats.take(sensor.sample()) else {
                continue;
            };
            hardware.text("band ");
            hardware.text(VERSION);
            hardware.text(": ");
            hardware.number(rate);
            hardware.text(" bpm\n");
            if cfg!(feature = "sick") {
                // It hangs before it has found out that it is well; the watchdog does the rest.
                loop {
                    wfi();
                }
            }
            if let Some(ticket) = ticket.take() {
                hardware.text(match ticket.hand_in(&mut flash, &LAYOUT) {
                    Ok(()) => "band confirms\n",
                    Err(_) => "band could not write its confirm\n",
                });
            }
        }
    }

    /// A band that has lost its way starts again; during a trial that is how the old image comes back.
    #[panic_handler]
    fn panic(_: &PanicInfo) -> ! {
        SCB::sys_reset()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {}
