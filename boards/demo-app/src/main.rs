//! The demo band: samples 25 times a second, sleeps in between, and says the heart rate on its serial line.
//!
//! Takes the board after the bootloader's jump; gives lines such as `band 1.0.0: 144 bpm`. Talks to no radio
//! and writes no flash.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod serial;

#[cfg(target_os = "none")]
mod band {
    use core::panic::PanicInfo;
    use core::sync::atomic::{AtomicBool, Ordering};

    use cortex_m::Peripherals;
    use cortex_m::asm::wfi;
    use cortex_m::peripheral::SCB;
    use cortex_m::peripheral::syst::SystClkSource;
    use cortex_m_rt::{entry, exception};
    use demo_app::beat::Beats;
    use demo_app::sensor::Sensor;
    use demo_app::{SAMPLES_PER_SECOND, VERSION};

    use crate::serial::Serial;

    /// The MPS2 core clock, in hertz.
    const CORE_CLOCK: u32 = 25_000_000;

    static SAMPLE_DUE: AtomicBool = AtomicBool::new(false);

    #[entry]
    fn main() -> ! {
        let Some(mut core) = Peripherals::take() else {
            SCB::sys_reset()
        };
        core.SYST.set_clock_source(SystClkSource::Core);
        core.SYST.set_reload(CORE_CLOCK / SAMPLES_PER_SECOND - 1);
        core.SYST.clear_current();
        core.SYST.enable_interrupt();
        core.SYST.enable_counter();

        let serial = Serial::open();
        serial.text("band ");
        serial.text(VERSION);
        serial.text(" started\n");

        let (mut sensor, mut beats) = (Sensor::default(), Beats::default());
        loop {
            wfi();
            if SAMPLE_DUE.swap(false, Ordering::Relaxed)
                && let Some(rate) = beats.take(sensor.sample())
            {
                serial.text("band ");
                serial.text(VERSION);
                serial.text(": ");
                serial.number(rate);
                serial.text(" bpm\n");
            }
        }
    }

    #[exception]
    fn SysTick() {
        SAMPLE_DUE.store(true, Ordering::Relaxed);
    }

    /// A band that has lost its way starts again; during a trial that is how the old image comes back.
    #[panic_handler]
    fn panic(_: &PanicInfo) -> ! {
        SCB::sys_reset()
    }
}

#[cfg(not(target_os = "none"))]
fn main() {}
