//! What Bedrock answers in one piece, and the frames that leave us.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| llmlite_translator_fuzz::sse(data));
