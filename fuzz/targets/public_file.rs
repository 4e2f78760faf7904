//! See `cuff_fuzz::decode::public_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::public_file(data));
