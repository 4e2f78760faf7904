//! See `cuff_fuzz::serial::smp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::serial::smp(data));
