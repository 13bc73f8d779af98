//! `application/vnd.amazon.eventstream`: the framing of every streamed answer.
//!
//! A frame is length, header length, checksum of those two, headers, payload, checksum of all.
//! Numbers are big-endian, checksums are CRC-32 (IEEE).

use std::{error::Error, fmt};

use bytes::{BufMut, Bytes, BytesMut};

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
const STRING: u8 = 7;

/// A frame of the ordinary kind: `payload` is a JSON document of type `event_type`.
pub fn event(event_type: &str, payload: &[u8]) -> Bytes {
    let headers = [
        (":event-type", event_type),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    encode(&headers, payload)
}

/// A frame by which the service says that the stream failed, named as AWS names its exceptions.
pub fn exception(exception_type: &str, payload: &[u8]) -> Bytes {
    let headers = [
        (":exception-type", exception_type),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ];
    encode(&headers, payload)
}

/// The older way of saying that the stream failed: a code and a message, and no payload.
pub fn error(code: &str, message: &str) -> Bytes {
    let headers = [
        (":error-code", code),
        (":error-message", message),
        (":message-type", "error"),
    ];
    encode(&headers, b"")
}

/// The same frame with its last checksum off by one bit.
pub fn corrupted(frame: &Bytes) -> Bytes {
    let mut bytes = BytesMut::from(frame.as_ref());
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    bytes.freeze()
}

/// One frame as its reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Names and values of the string headers, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// What stands between the headers and the last checksum.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The value of a header, or `""` when the frame does not carry it.
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Reads one frame from the front of `bytes` and moves past it.
///
/// `Ok(None)` means that the frame is not complete yet; `bytes` is untouched then.
pub fn decode(bytes: &mut &[u8]) -> Result<Option<Frame>, FrameError> {
    let Some((prelude, _)) = bytes.split_at_checked(PRELUDE) else {
        return Ok(None);
    };
    let mut fields = prelude.chunks_exact(4).map(big_endian);
    let (total, headers) = (
        fields.next().unwrap_or_default() as usize,
        fields.next().unwrap_or_default() as usize,
    );
    let (covered, claimed) = prelude.split_at(PRELUDE - CHECKSUM);
    if crc32fast::hash(covered) != big_endian(claimed) {
        return Err(FrameError::PreludeChecksum);
    }
    if total < PRELUDE + headers + CHECKSUM {
        return Err(FrameError::Lengths);
    }
    let Some((frame, rest)) = bytes.split_at_checked(total) else {
        return Ok(None);
    };
    let (covered, claimed) = frame.split_at(total - CHECKSUM);
    if crc32fast::hash(covered) != big_endian(claimed) {
        return Err(FrameError::MessageChecksum);
    }
    let (headers, payload) = covered.split_at(PRELUDE).1.split_at(headers);
    let headers = read_headers(headers).ok_or(FrameError::Headers)?;
    *bytes = rest;
    Ok(Some(Frame {
        headers,
        payload: payload.to_vec(),
    }))
}

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// The checksum over the two lengths does not fit.
    PreludeChecksum,
    /// The checksum over the frame does not fit.
    MessageChecksum,
    /// The headers alone are longer than the frame.
    Lengths,
    /// A header is cut short or is no string.
    Headers,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PreludeChecksum => "checksum of the prelude does not fit",
            Self::MessageChecksum => "checksum of the frame does not fit",
            Self::Lengths => "headers are longer than the frame",
            Self::Headers => "a header is cut short or no string",
        })
    }
}

impl Error for FrameError {}

fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let header_bytes: usize = headers.iter().map(|(k, v)| 4 + k.len() + v.len()).sum();
    let total = PRELUDE + header_bytes + payload.len() + CHECKSUM;
    let mut out = BytesMut::with_capacity(total);
    put_length(&mut out, total);
    put_length(&mut out, header_bytes);
    out.put_u32(crc32fast::hash(&out));
    for (name, value) in headers {
        out.put_u8(u8::try_from(name.len()).expect("header names are constants of this file"));
        out.put_slice(name.as_bytes());
        out.put_u8(STRING);
        out.put_u16(u16::try_from(value.len()).expect("header values are names and short texts"));
        out.put_slice(value.as_bytes());
    }
    out.put_slice(payload);
    out.put_u32(crc32fast::hash(&out));
    out.freeze()
}

fn put_length(out: &mut BytesMut, length: usize) {
    out.put_u32(u32::try_from(length).expect("one event is far shorter than 4 GiB"));
}

fn big_endian(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

fn read_headers(mut bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    while let Some((&length, rest)) = bytes.split_first() {
        let (name, rest) = rest.split_at_checked(usize::from(length))?;
        let (&kind, rest) = rest.split_first()?;
        let (length, rest) = rest.split_at_checked(2)?;
        let (value, rest) = rest.split_at_checked(big_endian(length) as usize)?;
        if kind != STRING {
            return None;
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        headers.push((text(name)?, text(value)?));
        bytes = rest;
    }
    Some(headers)
}

#[cfg(test)]
mod tests;
