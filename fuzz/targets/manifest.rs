//! See `cuff_fuzz::decode::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::manifest(data));
