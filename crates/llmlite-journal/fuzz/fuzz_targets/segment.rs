//! What a disk may hold where a segment should be.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| llmlite_journal_fuzz::segment(data));
