//! What clients send: read, translated for several models, and held against Claude's rules.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| llmlite_translator_fuzz::request(data));
