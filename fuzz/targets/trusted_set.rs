//! See `cuff_fuzz::trusted::trusted_set`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::trusted::trusted_set(data));
