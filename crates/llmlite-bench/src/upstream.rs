//! A Bedrock that costs next to nothing: every answer is made before the first request.
//!
//! It reads no more of a request than its path and length, and checks no signature; the
//! simulator does that.
//! A thread per connection, so that a pause between two deltas is a precise sleep.

pub mod answers;

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use crate::load::http::{self, RequestHead};
use answers::{Pace, StreamAnswer};

/// Answers on `listener` until the process ends.
///
/// # Errors
/// When the listener fails.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    let answers = Arc::new(Answers::new());
    loop {
        let (socket, _) = listener.accept()?;
        let answers = Arc::clone(&answers);
        // A peer that goes away ends its own thread and nothing else.
        thread::Builder::new()
            .name("upstream".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || connection(socket, &answers))?;
    }
}

/// Tells the upstream at `address` how to stream from now on.
///
/// # Errors
/// When it cannot be reached or does not agree.
pub fn set_pace(address: SocketAddr, pace: Pace) -> io::Result<()> {
    let request = http::request(
        "POST",
        &format!("/pace/{}/{}", pace.deltas, pace.gap.as_micros()),
        "upstream",
        &[],
        b"",
    );
    let mut socket = TcpStream::connect(address)?;
    socket.write_all(&request)?;
    let mut answer = [0; 64];
    let read = socket.read(&mut answer)?;
    if answer
        .get(..read)
        .is_some_and(|a| a.starts_with(b"HTTP/1.1 200 "))
    {
        Ok(())
    } else {
        Err(io::Error::other("the upstream refused its new pace"))
    }
}

struct Answers {
    whole: Vec<u8>,
    stream: Mutex<Arc<StreamAnswer>>,
}

impl Answers {
    fn new() -> Self {
        Self {
            whole: answers::whole(),
            stream: Mutex::new(Arc::new(StreamAnswer::new(Pace::default()))),
        }
    }

    fn stream(&self) -> MutexGuard<'_, Arc<StreamAnswer>> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn connection(mut socket: TcpStream, answers: &Answers) {
    let mut buffer = Vec::with_capacity(64 * 1024);
    // Nobody waits for the reason: a reset connection is how a load run ends.
    while let Ok(true) = exchange(&mut socket, &mut buffer, answers) {}
}

/// Answers one request. `false` means that the peer closed the connection.
fn exchange(socket: &mut TcpStream, buffer: &mut Vec<u8>, answers: &Answers) -> io::Result<bool> {
    socket.set_nodelay(true)?;
    let Some(head) = read_request(socket, buffer)? else {
        return Ok(false);
    };
    let path = head.path.as_str();
    if path.ends_with("/invoke") {
        socket.write_all(&answers.whole)?;
    } else if path.ends_with("/invoke-with-response-stream") {
        let answer = Arc::clone(&answers.stream());
        write_stream(socket, &answer)?;
    } else if let Some(pace) = path.strip_prefix("/pace/").and_then(parse_pace) {
        *answers.stream() = Arc::new(StreamAnswer::new(pace));
        socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
    } else {
        socket.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")?;
    }
    Ok(true)
}

fn write_stream(socket: &mut TcpStream, answer: &StreamAnswer) -> io::Result<()> {
    socket.write_all(&answer.opening)?;
    for delta in 0..answer.pace.deltas {
        if !answer.pace.gap.is_zero() && delta > 0 {
            thread::sleep(answer.pace.gap);
        }
        socket.write_all(answer.delta(delta))?;
    }
    socket.write_all(&answer.closing)
}

fn parse_pace(path: &str) -> Option<Pace> {
    let (deltas, gap) = path.split_once('/')?;
    Some(Pace {
        deltas: deltas.parse().ok()?,
        gap: Duration::from_micros(gap.parse().ok()?),
    })
}

/// Reads one request and throws its body away. `None` means that there is no further one.
fn read_request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<RequestHead>> {
    buffer.clear();
    let head = loop {
        if let Some(head) = http::request_head(buffer)? {
            break head;
        }
        if http::read_more(socket, buffer)? == 0 {
            return Ok(None);
        }
    };
    while buffer.len() < head.length {
        if http::read_more(socket, buffer)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

#[cfg(test)]
mod tests;
