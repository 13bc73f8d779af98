//! As much of HTTP/1.1 as a measured connection needs.

use std::io::{self, Read};

use memchr::memmem;

/// Makes the bytes of a request.
pub fn request(
    method: &str,
    path: &str,
    host: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// What the upstream wants to know of a request.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// The path with its query.
    pub path: String,
    /// Bytes of head and body together.
    pub length: usize,
}

/// The head at the begin of `buffer`, if it is complete.
///
/// # Errors
/// When it is no HTTP/1.1.
pub fn request_head(buffer: &[u8]) -> io::Result<Option<RequestHead>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(buffer).map_err(invalid)? else {
        return Ok(None);
    };
    let path = request.path.unwrap_or_default().to_owned();
    let body = content_length(request.headers).unwrap_or(0);
    Ok(Some(RequestHead {
        path,
        length: head + body,
    }))
}

/// How a response's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// After so many bytes.
    Length(usize),
    /// With the empty chunk.
    Chunked,
}

/// What the load generator wants to know of a response.
#[derive(Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// The status code.
    pub status: u16,
    /// Bytes of the head.
    pub length: usize,
    /// How its body ends.
    pub framing: Framing,
}

/// The head at the begin of `buffer`, if it is complete.
///
/// # Errors
/// When it is no HTTP/1.1, or its body has no end of its own.
pub fn response_head(buffer: &[u8]) -> io::Result<Option<ResponseHead>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(length) = response.parse(buffer).map_err(invalid)? else {
        return Ok(None);
    };
    let framing = if is_chunked(response.headers) {
        Framing::Chunked
    } else {
        let length = content_length(response.headers);
        Framing::Length(length.ok_or_else(|| invalid("a body without an end"))?)
    };
    Ok(Some(ResponseHead {
        status: response.code.unwrap_or_default(),
        length,
        framing,
    }))
}

/// Finds the end of a chunked body as it arrives.
#[derive(Debug, Default)]
pub struct Chunks {
    /// Where the next chunk's size begins, counted from the begin of the body.
    next: usize,
}

impl Chunks {
    /// Whether `body`, all that has arrived of it so far, is complete.
    ///
    /// # Errors
    /// When it is not chunked as it should be.
    pub fn is_complete(&mut self, body: &[u8]) -> io::Result<bool> {
        loop {
            let Some(rest) = body.get(self.next..) else {
                return Ok(false);
            };
            let size = httparse::parse_chunk_size(rest).map_err(|_| invalid("a bad chunk"))?;
            let httparse::Status::Complete((head, size)) = size else {
                return Ok(false);
            };
            let size = usize::try_from(size).map_err(invalid)?;
            if size == 0 {
                return Ok(rest.len() >= head + 2);
            }
            self.next += head + size + 2;
        }
    }
}

/// Reads what has arrived to the end of `buffer`, and says how much that was.
///
/// # Errors
/// When the connection fails.
pub fn read_more(socket: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut piece = [0; 16 * 1024];
    let read = socket.read(&mut piece)?;
    buffer.extend(piece.iter().take(read));
    Ok(read)
}

/// Looks for `text` in what arrives, without looking at any byte twice.
#[derive(Debug)]
pub struct Search {
    finder: memmem::Finder<'static>,
    seen: usize,
}

impl Search {
    /// Looks for `text`.
    pub fn new(text: &str) -> Self {
        Self {
            finder: memmem::Finder::new(text).into_owned(),
            seen: 0,
        }
    }

    /// Begins again with another text to look through.
    pub fn reset(&mut self) {
        self.seen = 0;
    }

    /// Whether it is in `text`, which has only grown since the last call.
    pub fn found(&mut self, text: &[u8]) -> bool {
        let overlap = self.finder.needle().len().saturating_sub(1);
        let from = self.seen.saturating_sub(overlap);
        self.seen = text.len();
        text.get(from..)
            .is_some_and(|new| self.finder.find(new).is_some())
    }
}

fn content_length(headers: &[httparse::Header<'_>]) -> Option<usize> {
    let header = headers
        .iter()
        .find(|h| h.name.eq_ignore_ascii_case("content-length"))?;
    std::str::from_utf8(header.value).ok()?.trim().parse().ok()
}

fn is_chunked(headers: &[httparse::Header<'_>]) -> bool {
    headers.iter().any(|h| {
        h.name.eq_ignore_ascii_case("transfer-encoding") && h.value.eq_ignore_ascii_case(b"chunked")
    })
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests;
