//! See `cuff_fuzz::decode::trust_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::trust_record(data));
