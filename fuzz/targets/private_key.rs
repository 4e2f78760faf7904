//! See `cuff_fuzz::decode::private_key`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::private_key(data));
