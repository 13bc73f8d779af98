//! Bodies: reading one within bounds, and answering with one.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::{sync::mpsc, time::timeout};

/// The body of an answer: nothing, all at once, or piece by piece.
#[derive(Debug)]
pub enum Body {
    /// Nothing, or everything that there is.
    Whole(Option<Bytes>),
    /// Pieces as they come, each sent at once.
    ///
    /// The channel is bounded by whoever made it; when the client is gone its receiver is
    /// dropped.
    Pieces(mpsc::Receiver<Bytes>),
}

impl Body {
    /// A body of these bytes.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }

    /// No body.
    pub fn empty() -> Self {
        Self::Whole(None)
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Pieces(pieces) => pieces
                .poll_recv(cx)
                .map(|piece| piece.map(|b| Ok(Frame::data(b)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |b| b.len() as u64))
            }
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// Why a request's body could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadError {
    /// It is longer than `limit` bytes.
    TooLarge {
        /// The most that is read, in bytes.
        limit: usize,
    },
    /// It did not arrive in time.
    TooSlow,
    /// The client broke off, or the transfer encoding is wrong.
    Broken,
}

/// Reads a whole body of at most `limit` bytes that arrives within `within`.
///
/// # Errors
///
/// When it is too large, too slow or broken off. Of one that is too large, the rest is read and
/// thrown away for a while, because a client that is still sending does not see the answer.
pub async fn read(mut body: Incoming, limit: usize, within: Duration) -> Result<Bytes, ReadError> {
    let declared = hyper::body::Body::size_hint(&body).lower();
    match timeout(within, read_up_to(&mut body, limit, declared)).await {
        Err(_) => Err(ReadError::TooSlow),
        Ok(Err(ReadError::TooLarge { limit })) => {
            discard(body, limit).await;
            Err(ReadError::TooLarge { limit })
        }
        Ok(result) => result,
    }
}

async fn read_up_to(body: &mut Incoming, limit: usize, declared: u64) -> Result<Bytes, ReadError> {
    if declared > limit as u64 {
        return Err(ReadError::TooLarge { limit });
    }
    // Most bodies are one piece, and need no copy.
    let mut first = None;
    let mut joined = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| ReadError::Broken)?.into_data() else {
            continue;
        };
        let so_far = joined.len() + first.as_ref().map_or(0, Bytes::len);
        if so_far + data.len() > limit {
            return Err(ReadError::TooLarge { limit });
        }
        if so_far == 0 {
            first = Some(data);
            continue;
        }
        if let Some(first) = first.take() {
            // A declared length is not yet worth that much memory: nothing may follow.
            joined.reserve(usize::try_from(declared).unwrap_or(limit).min(1 << 20));
            joined.extend_from_slice(&first);
        }
        joined.extend_from_slice(&data);
    }
    Ok(first.unwrap_or_else(|| joined.freeze()))
}

/// Reads and throws away a body that nobody wants: a client that is still sending when its
/// connection is closed may never see the answer. It does so for five seconds, and for four times
/// the bytes that a body may have.
pub async fn discard(mut body: Incoming, limit: usize) {
    const LINGER: Duration = Duration::from_secs(5);
    let mut left = limit.saturating_mul(4);
    let drained = timeout(LINGER, async {
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    });
    // Whether it all came or not, the answer is the same.
    drained.await.unwrap_or_default();
}
