//! See `cuff_fuzz::decode::evidence`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::evidence(data));
