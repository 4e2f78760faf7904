//! See `cuff_fuzz::flash::flash`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cuff_fuzz::flash::flash(data));
