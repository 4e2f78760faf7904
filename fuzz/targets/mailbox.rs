//! See `cuff_fuzz::decode::mailbox`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::decode::mailbox(data));
