//! One connection that asks the same question over and over.

use std::{
    io::{self, Write},
    net::TcpStream,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::{
    Question,
    http::{self, Chunks, Framing, ResponseHead, Search},
};
use crate::clock;

/// Longer than any answer of a measured run, so that a stuck one is a failure and not a hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// When the parts of an answer had arrived.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) first: Instant,
    pub(super) end: Instant,
}

pub(super) struct Connection {
    question: Question,
    socket: TcpStream,
    buffer: Vec<u8>,
    first: Search,
}

impl Connection {
    pub(super) fn open(question: &Question) -> io::Result<Self> {
        Ok(Self {
            socket: connect(question)?,
            buffer: Vec::with_capacity(64 * 1024),
            first: Search::new(&question.first),
            question: question.clone(),
        })
    }

    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.socket = connect(&self.question)?;
        Ok(())
    }

    /// Asks once, and rests between two reads once the answer has begun. Adds the bytes of the
    /// answer to `received` as they come.
    ///
    /// Anything but a complete and right answer is an error.
    pub(super) fn exchange(&mut self, rest: Duration, received: &AtomicU64) -> io::Result<Timing> {
        self.socket.write_all(&self.question.request)?;
        self.buffer.clear();
        self.first.reset();
        let head = self.read_head(received)?;
        let mut chunks = Chunks::default();
        let mut first = None;
        loop {
            let body = self.buffer.get(head.length..).unwrap_or_default();
            if first.is_none() && self.first.found(body) {
                first = Some(clock::now());
            }
            let complete = match head.framing {
                Framing::Length(length) => body.len() >= length,
                Framing::Chunked => chunks.is_complete(body)?,
            };
            if complete {
                let end = clock::now();
                self.check(&head)?;
                let first = first.ok_or_else(|| io::Error::other("the answer lacks its begin"))?;
                return Ok(Timing { first, end });
            }
            if first.is_some() && !rest.is_zero() {
                thread::sleep(rest);
            }
            self.read(received)?;
        }
    }

    fn read_head(&mut self, received: &AtomicU64) -> io::Result<ResponseHead> {
        loop {
            self.read(received)?;
            if let Some(head) = http::response_head(&self.buffer)? {
                return Ok(head);
            }
        }
    }

    fn read(&mut self, received: &AtomicU64) -> io::Result<()> {
        match http::read_more(&mut self.socket, &mut self.buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                received.fetch_add(read as u64, Relaxed);
                Ok(())
            }
        }
    }

    fn check(&self, head: &ResponseHead) -> io::Result<()> {
        let body = self.buffer.get(head.length..).unwrap_or_default();
        if head.status != 200 {
            let body = String::from_utf8_lossy(body);
            return Err(io::Error::other(format!("status {}: {body}", head.status)));
        }
        // Only the end is searched: a framed text of this size does not lie further back.
        let tail = body
            .get(body.len().saturating_sub(2048)..)
            .unwrap_or_default();
        if memchr::memmem::find(tail, self.question.last.as_bytes()).is_none() {
            return Err(io::Error::other("the answer lacks its end"));
        }
        Ok(())
    }
}

fn connect(question: &Question) -> io::Result<TcpStream> {
    let socket = TcpStream::connect(question.address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}
