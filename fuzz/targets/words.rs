//! See `cuff_fuzz::decode::words`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::words(data));
