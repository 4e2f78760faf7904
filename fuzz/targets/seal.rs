//! See `cuff_fuzz::decode::seal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::seal(data));
