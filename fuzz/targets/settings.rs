//! See `cuff_fuzz::decode::settings`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::settings(data));
