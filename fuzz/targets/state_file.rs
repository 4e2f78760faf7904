//! See `cuff_fuzz::decode::state_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::state_file(data));
