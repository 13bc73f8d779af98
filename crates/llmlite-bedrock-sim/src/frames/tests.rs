use super::*;

const MESSAGE_START: &str = "
    000000760000005296d5fade0b3a6576656e742d7479706507000c6d65737361676553746172740d3a636f6e74656e742d74797065070010
    6170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22726f6c65223a22617373697374616e74
    227d6fa8c599";
const CONTENT_BLOCK_DELTA: &str = "
    0000009e00000057fe1b824f0b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d7479
    70650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22636f6e74656e74426c6f63
    6b496e646578223a302c2264656c7461223a7b2274657874223a224869227d2c2270223a22616263227d9343f010";
const THROTTLING: &str = "
    0000008800000061de0175f40f3a657863657074696f6e2d747970650700137468726f74746c696e67457863657074696f6e0d3a636f6e74
    656e742d747970650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d74797065070009657863657074696f6e7b226d
    657373616765223a22736c6f7720646f776e227d832ee072";
const INTERNAL_ERROR: &str = "
    0000005800000048154692c10b3a6572726f722d636f646507000d496e7465726e616c4572726f720e3a6572726f722d6d65737361676507
    0004626f6f6d0d3a6d6573736167652d747970650700056572726f72f9da682d";

#[track_caller]
fn check(made: &Bytes, golden: &str, length: usize) {
    let hex: String = made.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, golden.split_whitespace().collect::<String>());
    assert_eq!(made.len(), length);
    let frame = decode(&mut made.as_ref()).unwrap().unwrap();
    assert!(["event", "exception", "error"].contains(&frame.header(":message-type")));
}

#[test]
fn frames_equal_the_vectors_that_other_decoders_accept() {
    let delta = br#"{"contentBlockIndex":0,"delta":{"text":"Hi"},"p":"abc"}"#;
    let start = event("messageStart", br#"{"role":"assistant"}"#);
    check(&start, MESSAGE_START, 118);
    check(&event("contentBlockDelta", delta), CONTENT_BLOCK_DELTA, 158);
    let slow = exception("throttlingException", br#"{"message":"slow down"}"#);
    check(&slow, THROTTLING, 136);
    check(&error("InternalError", "boom"), INTERNAL_ERROR, 88);
}

#[test]
fn a_corrupted_frame_is_refused_by_its_checksum() {
    let frame = corrupted(&event("chunk", b"{}"));
    let refused = decode(&mut frame.as_ref()).unwrap_err();
    assert_eq!(refused, FrameError::MessageChecksum);

    let mut bytes = event("chunk", b"{}").to_vec();
    bytes[3] ^= 1;
    let refused = decode(&mut bytes.as_slice()).unwrap_err();
    assert_eq!(refused, FrameError::PreludeChecksum);
}

#[test]
fn a_reader_gets_the_same_frames_wherever_the_bytes_are_split() {
    let wire = [
        event("chunk", b"{\"a\":1}"),
        event("chunk", b""),
        exception("x", b"{}"),
    ]
    .concat();
    for split in 0..wire.len() {
        let mut first = &wire[..split];
        let mut payloads = Vec::new();
        while let Some(frame) = decode(&mut first).unwrap() {
            payloads.push(frame.payload);
        }
        let joined = [first, &wire[split..]].concat();
        let mut second = joined.as_slice();
        while let Some(frame) = decode(&mut second).unwrap() {
            payloads.push(frame.payload);
        }
        assert_eq!(
            payloads,
            [b"{\"a\":1}".to_vec(), b"".to_vec(), b"{}".to_vec()]
        );
    }
}
