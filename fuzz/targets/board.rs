//! See `cuff_fuzz::decode::board`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::board(data));
