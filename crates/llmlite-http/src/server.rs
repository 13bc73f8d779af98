//! The accept loop, one task a connection, and the drain at the end.

use std::{
    convert::Infallible,
    future::Future,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::{RequestId, body::Body, impatient::Impatient};

/// Between being told to stop at once and being cut.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request. It must not fail: an error is an answer too.
    fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        id: RequestId,
    ) -> impl Future<Output = Response<Body>> + Send;
}

/// What one server takes on at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at a time; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Headers in a request.
    pub headers: usize,
    /// Bytes of a request's line and headers.
    pub header_bytes: usize,
    /// How long a connection may be silent before or between requests. It must be longer than
    /// the load balancer's, or that sends a request into a connection that is being closed.
    pub idle: Duration,
    /// How long a client may take nothing of an answer before its connection is closed.
    pub stall: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            headers: 64,
            header_bytes: 16 * 1024,
            idle: Duration::from_secs(75),
            stall: Duration::from_secs(60),
        }
    }
}

/// Tells a server, and whatever else it is handed to, to come to an end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    gently: CancellationToken,
    at_once: CancellationToken,
}

impl Stop {
    /// Nothing is to stop yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Take no more work, finish what is under way.
    pub fn gently(&self) {
        self.gently.cancel();
    }

    /// Finish nothing any more.
    pub fn at_once(&self) {
        self.gently.cancel();
        self.at_once.cancel();
    }

    /// Whether no more work is to be taken.
    pub fn is_stopping(&self) -> bool {
        self.gently.is_cancelled()
    }

    /// Waits until no more work is to be taken.
    pub async fn stopping(&self) {
        self.gently.cancelled().await;
    }

    /// Waits until nothing is to be finished any more.
    pub async fn stopped(&self) {
        self.at_once.cancelled().await;
    }
}

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drained {
    /// Every connection had its answer.
    Clean,
    /// So many connections were cut.
    Cut(usize),
}

/// Serves `listener` until `stop` says so, then finishes what is under way for at most `drain`.
pub async fn serve<H: Handler>(
    listener: TcpListener,
    limits: Limits,
    handler: Arc<H>,
    stop: Stop,
    drain: Duration,
) -> Drained {
    let connections = TaskTracker::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    let server = Arc::new(Server {
        http: protocol(&limits),
        stall: limits.stall,
        handler,
        stop: stop.clone(),
        cut: AtomicUsize::new(0),
    });
    loop {
        let place = Arc::clone(&places).acquire_owned();
        let accepted = async { (place.await, listener.accept().await) };
        let (place, accepted) = tokio::select! {
            biased;
            () = stop.stopping() => break,
            both = accepted => both,
        };
        match (place, accepted) {
            (Ok(place), Ok((socket, _))) => {
                connections.spawn(Arc::clone(&server).connection(socket, place));
            }
            (_, Err(error)) => pause_after(&error).await,
            (Err(_), _) => break,
        }
    }
    // Whoever the kernel let in before the door closed is served as well.
    while let Ok(Ok((socket, _))) = timeout(Duration::ZERO, listener.accept()).await {
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => drop(connections.spawn(Arc::clone(&server).connection(socket, place))),
            Err(_) => break,
        }
    }
    drop(listener);
    connections.close();
    let limit = async {
        tokio::select! {
            () = sleep(drain) => {}
            () = stop.stopped() => {}
        }
    };
    tokio::select! {
        biased;
        () = connections.wait() => {}
        () = limit => {
            stop.at_once();
            connections.wait().await;
        }
    }
    match server.cut.load(Ordering::Relaxed) {
        0 => Drained::Clean,
        cut => Drained::Cut(cut),
    }
}

fn protocol(limits: &Limits) -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        // hyper runs this timer between requests too, so it is the idle limit.
        .header_read_timeout(limits.idle)
        .max_headers(limits.headers)
        .max_header_size(limits.header_bytes)
        .max_buf_size(64 * 1024);
    http
}

/// A full table of open files passes; a loop that spins until then would not help.
async fn pause_after(error: &io::Error) {
    warn!(%error, "cannot accept a connection");
    sleep(Duration::from_millis(50)).await;
}

struct Server<H> {
    http: http1::Builder,
    stall: Duration,
    handler: Arc<H>,
    stop: Stop,
    cut: AtomicUsize,
}

impl<H: Handler> Server<H> {
    async fn connection(self: Arc<Self>, socket: TcpStream, _place: OwnedSemaphorePermit) {
        if let Err(error) = socket.set_nodelay(true) {
            debug!(%error, "connection is gone before its first request");
            return;
        }
        let service = service_fn(|request: Request<Incoming>| {
            let handler = Arc::clone(&self.handler);
            async move {
                let id = RequestId::new();
                let mut response = handler.handle(request, id.clone()).await;
                crate::reply::identify(&mut response, &id);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = self
            .http
            .serve_connection(TokioIo::new(Impatient::new(socket, self.stall)), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            biased;
            ended = connection.as_mut() => ended,
            () = self.stop.stopping() => {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = self.last_words() => {
                        self.cut.fetch_add(1, Ordering::Relaxed);
                        return;
                    }
                }
            }
        };
        if let Err(error) = ended {
            debug!(%error, "connection ended early");
        }
    }

    /// Told to stop at once, whoever answers still gets the time to say so.
    async fn last_words(&self) {
        self.stop.stopped().await;
        sleep(LAST_WORDS).await;
    }
}
