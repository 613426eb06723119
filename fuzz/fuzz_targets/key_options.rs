//! See `TARGETS` in ../bodies/src/lib.rs.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| adit_fuzz_bodies::run("key_options", data));
