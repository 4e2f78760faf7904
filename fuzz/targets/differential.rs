//! See `cuff_fuzz::other::differential`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::other::differential(data));
