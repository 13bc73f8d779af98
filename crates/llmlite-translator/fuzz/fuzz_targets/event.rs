//! What Bedrock streams: one event a line, fed to decoders of several requests.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| llmlite_translator_fuzz::event(data));
