//! See `cuff_fuzz::decode::canonical_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::canonical_json(data));
